from __future__ import annotations

from datetime import datetime, timezone

import pytest

from slstest.embedded.event_sources.records import StreamRecord, event_of, kinesis_record
from slstest.embedded.event_sources.shard import Shard

LIMIT = 6_291_456


def record(document: str) -> StreamRecord:
    return StreamRecord(document, "1", 0.0, len(document) + 1)


def shard_of(*sizes: int) -> Shard:
    shard = Shard("shardId-000000000000", "TRIM_HORIZON")
    for size in sizes:
        shard.append(record('"' + "x" * (size - 2) + '"'))
    return shard


def test_the_size_of_an_event_is_the_sum_of_its_records_and_their_commas() -> None:
    records = [
        kinesis_record(
            {
                "Data": data,
                "PartitionKey": key,
                "SequenceNumber": "49545115243490985018280067714973144582180062593244200961",
                "ApproximateArrivalTimestamp": datetime(2024, 1, 1, tzinfo=timezone.utc),
            },
            "shardId-000000000000",
            "arn:aws:kinesis:us-east-1:123456789012:stream/clicks",
            "arn:aws:iam::123456789012:role/lambda",
        )
        for data, key in ((b"", "k"), (b"\x00\xff" * 100, "clé"))
    ]
    expected = len('{"Records":[]}') - 1 + sum(each.size for each in records)
    assert len(event_of(records)) == expected


@pytest.mark.parametrize(("last", "taken"), [(0, 3), (1, 2)])
def test_a_batch_may_have_6_mb_to_the_byte(last: int, taken: int) -> None:
    left = LIMIT - len('{"Records":[]}') - 2_000_000 - 1 - 2_000_000 - 1
    shard = shard_of(2_000_000, 2_000_000, left - 1 + last)
    assert shard.is_full(100) == (last == 1)
    shard.take_batch(100)
    assert len(shard.batch) == taken
    assert len(event_of(shard.batch)) <= LIMIT
    assert shard.size == sum(each.size for each in shard.buffer)


def test_a_record_that_exceeds_6_mb_alone_is_a_batch_of_its_own() -> None:
    shard = shard_of(LIMIT, 10)
    shard.take_batch(100)
    assert [each.size for each in shard.batch] == [LIMIT + 1]


def test_a_batch_has_no_more_records_than_asked_for() -> None:
    shard = shard_of(10, 10, 10)
    shard.take_batch(2)
    assert (len(shard.batch), len(shard.buffer)) == (2, 1)
