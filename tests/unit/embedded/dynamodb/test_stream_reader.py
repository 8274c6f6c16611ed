"""Reading a stream whose API answers empty pages on the way, as AWS's may:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html"""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from slstest.embedded.event_sources.dynamodb import DynamoDbReader
from slstest.embedded.event_sources.stream_reader import Position

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/clicks/stream/2024-01-01T00:00:00.000"
SHARD = "shardId-1"
OPENED = 1_700_000_000.5


class SparseStream:
    """The client of a stream with one shard, whose pages hold one record or none."""

    exceptions = SimpleNamespace(
        ResourceNotFoundException=type("ResourceNotFoundException", (Exception,), {}),
        ExpiredIteratorException=type("ExpiredIteratorException", (Exception,), {}),
        TrimmedDataAccessException=type("TrimmedDataAccessException", (Exception,), {}),
    )

    def __init__(self) -> None:
        self._pages: list[dict[str, Any] | None] = []

    def add(self, number: int, created: float) -> None:
        """Add a record behind an empty page."""
        change = {
            "SequenceNumber": str(number),
            "SizeBytes": 10,
            "Keys": {"id": {"S": str(number)}},
            "StreamViewType": "KEYS_ONLY",
            "ApproximateCreationDateTime": datetime.fromtimestamp(int(created), timezone.utc),
        }
        record = {
            "eventID": str(number),
            "eventName": "INSERT",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": change,
        }
        self._pages += [None, record]

    def get_shard_iterator(
        self, *, ShardIteratorType: str, SequenceNumber: str = "", **_: Any
    ) -> dict[str, str]:
        if ShardIteratorType == "AFTER_SEQUENCE_NUMBER":
            numbers = [page and page["dynamodb"]["SequenceNumber"] for page in self._pages]
            return {"ShardIterator": str(numbers.index(SequenceNumber) + 1)}
        start = {"TRIM_HORIZON": 0, "LATEST": len(self._pages)}
        return {"ShardIterator": str(start[ShardIteratorType])}

    def get_records(self, *, ShardIterator: str, Limit: int) -> dict[str, Any]:
        index = int(ShardIterator)
        page = self._pages[index] if index < len(self._pages) else None
        following = min(index + 1, len(self._pages))
        return {"Records": [page] if page else [], "NextShardIterator": str(following)}


@pytest.fixture
def stream() -> SparseStream:
    return SparseStream()


@pytest.fixture
def reader(stream: SparseStream) -> DynamoDbReader:
    return DynamoDbReader(ARN, stream)


def read_on(reader: DynamoDbReader, iterator: str) -> list[str]:
    """The sequence numbers of what the next pages have."""
    found = []
    for _ in range(10):
        page = reader.read(iterator, SHARD)
        assert page
        assert page.next_iterator
        found += [record.sequence_number for record in page.records]
        iterator = page.next_iterator
    return found


def test_from_latest_nothing_is_read_that_was_there(
    stream: SparseStream, reader: DynamoDbReader
) -> None:
    stream.add(1, OPENED - 60)
    iterator = reader.open(SHARD, Position("LATEST"))
    stream.add(2, OPENED + 1)
    assert read_on(reader, iterator) == ["2"]


def test_a_shard_that_is_opened_again_from_latest_has_what_came_since_it_was_first(
    stream: SparseStream, reader: DynamoDbReader
) -> None:
    stream.add(1, OPENED - 60)
    stream.add(2, OPENED - 30)
    reader.open(SHARD, Position("LATEST"))
    stream.add(3, OPENED)
    stream.add(4, OPENED + 1)
    iterator = reader.open(SHARD, Position("LATEST", OPENED))
    assert read_on(reader, iterator) == ["3", "4"]
