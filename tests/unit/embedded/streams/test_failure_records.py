"""What an on-failure destination is told:
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from slstest.embedded.event_sources.failure_records import (
    RETRIES_EXHAUSTED,
    TOO_OLD,
    Discarded,
    Origin,
    failure_record,
    send_failure_record,
)
from slstest.embedded.event_sources.records import StreamRecord, event_of

FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"
STREAM = "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"
SHARD = "shardId-00000001573689847184-864758bb"
REQUEST = "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81"
NOW = 1_573_690_429.717
ORIGIN = Origin("uuid", FUNCTION, STREAM, SHARD, "DDBStreamBatchInfo")


def record(number: str, arrived: float) -> StreamRecord:
    document = json.dumps({"n": number})
    return StreamRecord(document, number, arrived, len(document) + 1, "key")


def discarded(*records: StreamRecord, condition: str = RETRIES_EXHAUSTED) -> Discarded:
    return Discarded(records, condition, REQUEST, 1, event_of(records), "Unhandled")


def test_the_record_of_a_table_s_stream_is_that_of_aws_s_example() -> None:
    record_of_one = discarded(record("800000000003126276362", 1_573_690_399))
    assert failure_record(record_of_one, ORIGIN, NOW) == {
        "requestContext": {
            "requestId": REQUEST,
            "functionArn": FUNCTION,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "timestamp": "2019-11-14T00:13:49.717Z",
        "DDBStreamBatchInfo": {
            "shardId": SHARD,
            "startSequenceNumber": "800000000003126276362",
            "endSequenceNumber": "800000000003126276362",
            "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
            "approximateArrivalOfLastRecord": "2019-11-14T00:13:19Z",
            "batchSize": 1,
            "streamArn": STREAM,
        },
    }


@pytest.mark.parametrize(
    ("arrived", "told"),
    [
        (1_573_691_884.835, "2019-11-14T00:38:04.835Z"),
        (1_573_691_884.0049, "2019-11-14T00:38:04.005Z"),
        (1_573_691_884.0001, "2019-11-14T00:38:04Z"),
        (1_573_691_884.9996, "2019-11-14T00:38:05Z"),
    ],
)
def test_arrivals_are_told_to_the_millisecond(arrived: float, told: str) -> None:
    document = failure_record(discarded(record("1", arrived)), ORIGIN, NOW)
    assert document["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == told


def test_records_that_no_invocation_has_seen_have_no_response() -> None:
    told = failure_record(discarded(record("1", 0), condition=TOO_OLD), ORIGIN, NOW)
    assert "responseContext" not in told
    assert told["requestContext"]["approximateInvokeCount"] == 1


class Sent:
    def __init__(self) -> None:
        self.all: list[tuple[str, Mapping[str, Any], str | None]] = []

    def send(self, arn: str, document: Mapping[str, Any], *, object_key: str | None = None) -> None:
        self.all.append((arn, document, object_key))


def test_a_bucket_alone_gets_the_event_and_a_name_for_it() -> None:
    given_up = discarded(record("1", 0), record("2", 1))
    sent = Sent()
    for arn in ("arn:aws:sqs:us-east-2:123456789012:queue", "arn:aws:s3:::bucket"):
        send_failure_record(sent, arn, given_up, ORIGIN, NOW)
    (_, to_queue, no_key), (_, to_bucket, key) = sent.all
    assert no_key is None
    assert {**to_queue, "payload": '{"Records":[{"n": "1"},{"n": "2"}]}'} == to_bucket
    assert key is not None
    assert key.startswith(f"aws/lambda/uuid/{SHARD}/2019/11/14/2019-11-14T00.13.49-")
