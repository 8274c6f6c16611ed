"""Reads a Kinesis stream through the Kinesis API.

https://docs.aws.amazon.com/streams/latest/dev/developing-consumers-with-sdk.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from slstest.embedded.event_sources.filters import FilterCriteria
from slstest.embedded.event_sources.records import StreamRecord, kinesis_record
from slstest.embedded.event_sources.stream_reader import (
    Page,
    Position,
    ShardInfo,
    ShardNotFound,
    StreamNotFound,
)

_READ_LIMIT = 10_000
"""Records that one GetRecords may answer with."""


class KinesisReader:
    """Reads one stream, for itself or for one of its registered consumers.

    A consumer of AWS has records pushed to it, which changes how soon they come, and whose
    throughput they take up: https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html.
    Where records are never throttled, and whoever reads is woken, it reads as everybody does.
    """

    batch_info = "KinesisBatchInfo"

    def __init__(self, source_arn: str, client: Any, role_arn: Callable[[], str]) -> None:
        """``role_arn`` tells the role in whose name the stream is read."""
        self.arn = source_arn
        self.stream_arn = source_arn.partition("/consumer/")[0]
        self._is_consumer = "/consumer/" in source_arn
        self._stream = self.stream_arn.rpartition("/")[2]
        self.name = f"stream {self._stream}"
        self._client = client
        self._role_arn = role_arn
        self._beginnings: dict[str, float] = {}
        """By shard, the moment at which to begin, where there is one."""

    def shards(self) -> Sequence[ShardInfo]:
        with self._not_found_told():
            self._ask_for_consumer()
            pages = self._client.get_paginator("list_shards").paginate(StreamName=self._stream)
            return [_shard_info(shard) for answer in pages for shard in answer["Shards"]]

    def open(self, shard_id: str, position: Position) -> str:
        arguments: dict[str, Any] = {"ShardIteratorType": position.type}
        if position.timestamp is not None:
            arguments = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": position.timestamp}
            self._beginnings[shard_id] = int(position.timestamp * 1000) / 1000
        if position.sequence_number is not None:
            arguments["StartingSequenceNumber"] = position.sequence_number
        with self._not_found_told(shard_id):
            answer = self._client.get_shard_iterator(
                StreamName=self._stream, ShardId=shard_id, **arguments
            )
        return str(answer["ShardIterator"])

    def read(self, iterator: str, shard_id: str) -> Page | None:
        try:
            with self._not_found_told(shard_id):
                answer = self._client.get_records(ShardIterator=iterator, Limit=_READ_LIMIT)
        except self._client.exceptions.ExpiredIteratorException:
            return None
        found = answer["Records"]
        role_arn = self._role_arn() if found else ""
        records = [kinesis_record(record, shard_id, self.arn, role_arn) for record in found]
        if shard_id in self._beginnings:
            # boto3 sends timestamps without their fractions of a second.
            beginning = self._beginnings[shard_id]
            records = [record for record in records if record.arrived >= beginning]
        return Page(
            records,
            answer.get("NextShardIterator"),
            answer["MillisBehindLatest"] == 0 and len(found) < _READ_LIMIT,
        )

    def passes(self, record: StreamRecord, filters: FilterCriteria) -> bool:
        """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html: a pattern
        names ``data``, and whatever else it names, beside one another."""
        if not filters.filters:
            return True
        document = json.loads(record.document)
        fields = document | document.pop("kinesis")
        try:
            text = base64.b64decode(fields["data"]).decode()
        except UnicodeDecodeError:
            text = None
        return filters.passes_with(fields, "data", text)

    def retention(self) -> float:
        with self._not_found_told():
            self._ask_for_consumer()
            summary = self._client.describe_stream_summary(StreamName=self._stream)
        return float(summary["StreamDescriptionSummary"]["RetentionPeriodHours"] * 3600)

    def _ask_for_consumer(self) -> None:
        if self._is_consumer:
            self._client.describe_stream_consumer(ConsumerARN=self.arn)

    @contextmanager
    def _not_found_told(self, shard_id: str | None = None) -> Iterator[None]:
        missing = self._client.exceptions.ResourceNotFoundException
        try:
            yield
        except missing as error:
            if shard_id is not None:
                self.shards()
                raise ShardNotFound(shard_id) from error
            raise StreamNotFound(self.arn) from error


def _shard_info(shard: dict[str, Any]) -> ShardInfo:
    parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
    return ShardInfo(shard["ShardId"], tuple(parent for parent in parents if parent))
