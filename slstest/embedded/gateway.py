"""The embedded cloud's dispatch: who answers a request, and who has to hear of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

from slstest.embedded.logs import LogBuffer
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.refusals import refusal

CODE_PATH = "/_slstest/code/"
"""Where a function's package is downloaded from, by the function's name."""


class Service(Protocol):
    """Answers requests."""

    def handle(self, request: AwsRequest) -> AwsResponse: ...


class State(Protocol):
    """Answers the requests of all services that keep state."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse: ...


class FunctionService(Service, Protocol):
    """Answers Lambda's requests."""

    def download(self, function_name: str) -> AwsResponse: ...


class StreamReaders(Protocol):
    """Hears of records that were put."""

    def has_readers(self) -> bool: ...

    def is_read(self, stream: str) -> bool: ...

    def stream_written(self, stream: str, shard_ids: set[str] | None) -> None: ...


class Gateway:
    """Routes a request to Lambda's service or to the one that keeps all other state."""

    def __init__(
        self,
        lambda_service: FunctionService,
        state: State,
        logs: LogBuffer,
        readers: StreamReaders,
        before_each: Callable[[AwsRequest], None],
    ) -> None:
        self._lambda = lambda_service
        self._state = state
        self._logs = logs
        self._readers = readers
        self._before_each = before_each

    def handle(self, request: AwsRequest) -> AwsResponse:
        """Answer one request, from whichever door it came."""
        if (logged_at := self._logs.writing()) is not None:
            return self._state.handle(request, at=logged_at)
        self._before_each(request)
        if request.path.startswith(CODE_PATH):
            return self._lambda.download(request.path[len(CODE_PATH) :])
        if request.service == "lambda":
            return self._lambda.handle(request)
        if request.service == "logs":
            self._logs.flush()
        refused = refusal(request, self._readers.is_read)
        if refused is not None:
            return refused
        answer = self._state.handle(request)
        if request.service == "kinesis" and answer.status < 300 and self._readers.has_readers():
            self._tell_stream_readers(request, answer)
        return answer

    def _tell_stream_readers(self, request: AwsRequest, answer: AwsResponse) -> None:
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
