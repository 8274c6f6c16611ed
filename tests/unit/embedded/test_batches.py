from __future__ import annotations

from datetime import datetime, timezone

import pytest

from slstest.embedded.event_sources.batches import PAYLOAD_LIMIT, fitting
from slstest.embedded.event_sources.lane import Lane
from slstest.embedded.event_sources.records import StreamRecord, event_of, kinesis_record

LIMIT = 6_291_456


def record(document: str) -> StreamRecord:
    return StreamRecord(document, "1", 0.0, len(document) + 1, "key")


def lane_of(*sizes: int) -> Lane:
    lane = Lane()
    for size in sizes:
        lane.append(record('"' + "x" * (size - 2) + '"'))
    return lane


def fitting_in(lane: Lane, count: int = 100) -> tuple[int, bool]:
    return fitting(lane.buffer, count, PAYLOAD_LIMIT, float("inf"))


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


@pytest.mark.parametrize(("last", "expected"), [(0, (3, False)), (1, (2, True))])
def test_a_batch_may_have_6_mb_to_the_byte(last: int, expected: tuple[int, bool]) -> None:
    left = LIMIT - len('{"Records":[]}') - 2_000_000 - 1 - 2_000_000 - 1
    lane = lane_of(2_000_000, 2_000_000, left - 1 + last)
    assert fitting_in(lane) == expected
    batch = lane.take(expected[0])
    assert len(event_of(batch.records)) <= LIMIT
    assert lane.size == sum(each.size for each in lane.buffer)


def test_a_record_that_exceeds_6_mb_alone_is_a_batch_of_its_own() -> None:
    lane = lane_of(LIMIT, 10)
    assert fitting_in(lane) == (1, True)
    assert [each.size for each in lane.take(1).records] == [LIMIT + 1]


def test_a_batch_has_no_more_records_than_asked_for() -> None:
    assert fitting_in(lane_of(10, 10, 10), 2) == (2, True)
    assert fitting_in(lane_of(10, 10), 3) == (2, False)
