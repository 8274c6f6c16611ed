"""Reads the stream of a DynamoDB table through the API of DynamoDB Streams.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from slstest.embedded.event_sources.filters import FilterCriteria
from slstest.embedded.event_sources.records import StreamRecord, dynamodb_record
from slstest.embedded.event_sources.stream_reader import (
    Page,
    Position,
    ShardInfo,
    StreamNotFound,
)

_READ_LIMIT = 1_000
"""Records that one GetRecords may answer with."""

_SURELY_WHOLE = 200_000
"""Bytes of records that are not cut off for their size: the limit is 1 MB, and a record has at
most two images of 400 KB."""

_RETENTION = 24 * 3600.0


class DynamoDbReader:
    """Reads one stream."""

    batch_info = "DDBStreamBatchInfo"

    def __init__(self, stream_arn: str, client: Any) -> None:
        self.arn = self.stream_arn = stream_arn
        self.name = f"the stream of table {stream_arn.split('/')[1]}"
        self._client = client
        self._latest: dict[str, str | None] = {}
        """The last sequence number that was seen of each shard when it was opened at its end."""
        self._beginnings: dict[str, int] = {}
        """By shard, the second before which its records are too old, where there is one."""

    def shards(self) -> Sequence[ShardInfo]:
        with self._not_found_told():
            found: list[ShardInfo] = []
            arguments: dict[str, Any] = {}
            while True:
                answer = self._client.describe_stream(StreamArn=self.arn, **arguments)
                description = answer["StreamDescription"]
                found += map(_shard_info, description["Shards"])
                last = description.get("LastEvaluatedShardId")
                if last is None:
                    return found
                arguments["ExclusiveStartShardId"] = last

    def open(self, shard_id: str, position: Position) -> str:
        with self._not_found_told():
            if position.type != "LATEST":
                return self._open(shard_id, position)
            if position.timestamp is None:
                return self._open_latest(shard_id)
            self._beginnings[shard_id] = int(position.timestamp)
            last = self._latest.get(shard_id)
            if last is None:
                return self._open(shard_id, Position("TRIM_HORIZON"))
            return self._open(shard_id, Position("AFTER_SEQUENCE_NUMBER", sequence_number=last))

    def read(self, iterator: str, shard_id: str) -> Page | None:
        errors = self._client.exceptions
        try:
            with self._not_found_told():
                answer = self._client.get_records(ShardIterator=iterator, Limit=_READ_LIMIT)
        except (errors.ExpiredIteratorException, errors.TrimmedDataAccessException):
            return None
        found = answer["Records"]
        size = sum(record["dynamodb"]["SizeBytes"] for record in found)
        beginning = self._beginnings.get(shard_id, 0)
        records = [dynamodb_record(record, self.arn) for record in found]
        return Page(
            [record for record in records if record.arrived >= beginning],
            answer.get("NextShardIterator"),
            not found or (len(found) < _READ_LIMIT and size < _SURELY_WHOLE),
        )

    def passes(self, record: StreamRecord, filters: FilterCriteria) -> bool:
        """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html: a pattern is of
        the record as the function gets it."""
        return not filters.filters or filters.passes(json.loads(record.document))

    def retention(self) -> float:
        return _RETENTION

    # -- inside -------------------------------------------------------------------------

    def _open(self, shard_id: str, position: Position) -> str:
        arguments = {}
        if position.sequence_number is not None:
            arguments["SequenceNumber"] = position.sequence_number
        try:
            answer = self._client.get_shard_iterator(
                StreamArn=self.arn,
                ShardId=shard_id,
                ShardIteratorType=position.type,
                **arguments,
            )
        except self._client.exceptions.TrimmedDataAccessException:
            # What is not kept any more is lost; what is kept begins after it.
            return self._open(shard_id, Position("TRIM_HORIZON"))
        return str(answer["ShardIterator"])

    def _open_latest(self, shard_id: str) -> str:
        """An iterator at the end, and the last record before it remembered.

        The API has no iterator that says "as of then", which it takes to open the shard anew
        after the first iterator has expired, 15 minutes later: a timestamp tells whole seconds. On
        AWS the last record may not be found, as an empty page need not be the end. What is
        read then besides is left out by its timestamp.
        """
        self._latest[shard_id] = None
        iterator: str | None = self._open(shard_id, Position("TRIM_HORIZON"))
        while iterator is not None and (page := self.read(iterator, shard_id)) is not None:
            if page.records:
                self._latest[shard_id] = page.records[-1].sequence_number
            iterator = None if page.at_end else page.next_iterator
        return self._open(shard_id, Position("LATEST"))

    @contextmanager
    def _not_found_told(self) -> Iterator[None]:
        try:
            yield
        except self._client.exceptions.ResourceNotFoundException as error:
            raise StreamNotFound(self.arn) from error


def _shard_info(shard: dict[str, Any]) -> ShardInfo:
    parent = shard.get("ParentShardId")
    return ShardInfo(shard["ShardId"], (parent,) if parent else ())
