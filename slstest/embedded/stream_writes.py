"""Tells the mappings that read a stream when something was written to it."""

from __future__ import annotations

import json
from typing import Protocol

from slstest.embedded.gateway import State
from slstest.embedded.messages import AwsRequest, AwsResponse


class StreamReaders(Protocol):
    """The mappings that read streams."""

    def has_readers(self) -> bool: ...

    def stream_written(self, stream: str, shard_ids: set[str] | None) -> None:
        """Records came into these shards of a stream (its name or ARN), or it has changed."""


class StreamWrites:
    """Stands in front of what keeps the streams."""

    def __init__(self, state: State, readers: StreamReaders) -> None:
        self._state = state
        self._readers = readers

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        answer = self._state.handle(request, at=at)
        if request.service == "kinesis" and answer.status < 300 and self._readers.has_readers():
            self._tell_readers(request, answer)
        return answer

    def _tell_readers(self, request: AwsRequest, answer: AwsResponse) -> None:
        if request.operation not in ("PutRecord", "PutRecords", "DeleteStream"):
            return
        asked = json.loads(request.content())
        if request.operation == "DeleteStream":
            self._readers.stream_written(asked.get("StreamName") or asked["StreamARN"], None)
            return
        answered = json.loads(answer.body)
        written = answered.get("Records", [answered])
        shard_ids = {record["ShardId"] for record in written if "ShardId" in record}
        self._readers.stream_written(asked.get("StreamName") or asked["StreamARN"], shard_ids)
