"""How records become batches:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html."""

from __future__ import annotations

import base64
import itertools
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws, Gate


def test_an_event_has_every_field_that_aws_sends(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    aws.map(stream, function)
    put = aws.kinesis.put_record(StreamName=stream, Data=b"\x00\xff", PartitionKey="clé")
    aws.settle()
    (record,) = aws.runtime.calls[0].event["Records"]
    arrived = record["kinesis"].pop("approximateArrivalTimestamp")
    assert isinstance(arrived, float)
    assert abs(arrived - aws.now()) < 60
    assert record == {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "clé",
            "sequenceNumber": put["SequenceNumber"],
            "data": "AP8=",
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{put['ShardId']}:{put['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/lambda",
        "awsRegion": "us-east-1",
        "eventSourceARN": aws.arn(stream),
    }


def test_a_batch_has_as_many_records_as_are_there_up_to_the_batch_size(aws: Aws) -> None:
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=2)
    aws.put(stream, "a", "b", "c")
    aws.settle()
    assert aws.batches() == [["a", "b"], ["c"]]


def test_records_put_before_the_mapping_are_batched_alike(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "a", "b")
    aws.put(stream, "c")
    aws.map(stream, aws.function(), BatchSize=2)
    aws.settle()
    assert aws.batches() == [["a", "b"], ["c"]]


def test_records_put_while_the_function_is_busy_wait_for_the_next_batch(
    aws: Aws, gate: Gate
) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    stream = aws.stream()
    aws.map(stream, aws.function())
    aws.put(stream, "a")
    assert gate.entered.wait(60)
    aws.put(stream, "b")
    aws.put(stream, "c")
    gate.open()
    aws.settle()
    assert aws.batches() == [["a"], ["b", "c"]]


def test_a_batch_has_records_of_one_shard_alone(aws: Aws) -> None:
    stream = aws.stream(shard_count=3)
    aws.map(stream, aws.function())
    for key in aws.keys(stream):
        aws.put(stream, f"{key}-1", f"{key}-2", key=key)
    aws.settle()
    for call in aws.runtime.calls:
        assert len({record["eventID"].split(":")[0] for record in call.event["Records"]}) == 1
    assert sorted(data for batch in aws.batches() for data in batch) == sorted(
        f"{key}-{number}" for key in aws.keys(stream) for number in (1, 2)
    )


def test_two_mappings_of_a_stream_each_get_everything(aws: Aws) -> None:
    stream, one, other = aws.stream(), aws.function(), aws.function()
    aws.map(stream, one, BatchSize=1)
    aws.map(stream, other)
    aws.put(stream, "a", "b")
    aws.settle()
    got = defaultdict(list)
    for call in aws.runtime.calls:
        got[call.spec.function_name].append(call.data)
    assert got == {one: [["a"], ["b"]], other: [["a", "b"]]}


def test_a_function_may_read_several_streams(aws: Aws) -> None:
    streams, function = [aws.stream(), aws.stream()], aws.function()
    for stream in streams:
        aws.map(stream, function)
        aws.put(stream, stream)
    aws.settle()
    assert sorted(aws.batches()) == [[streams[0]], [streams[1]]]


def test_a_record_put_by_the_stream_s_arn_is_delivered(aws: Aws) -> None:
    stream = aws.stream()
    aws.map(stream, aws.function())
    aws.kinesis.put_record(StreamARN=aws.arn(stream), Data=b"a", PartitionKey="k")
    aws.settle()
    assert aws.batches() == [["a"]]


def test_a_window_gathers_records_until_it_is_over(aws: Aws) -> None:
    stream = aws.stream()
    aws.map(stream, aws.function(), MaximumBatchingWindowInSeconds=30)
    began = aws.now()
    aws.put(stream, "a")
    aws.advance(20)
    aws.put(stream, "b")
    aws.advance(5)
    assert aws.batches() == []
    aws.settle()
    assert aws.batches() == [["a", "b"]]
    assert round(aws.runtime.calls[0].moment - began) == 30


def test_a_full_batch_does_not_wait_for_its_window(aws: Aws) -> None:
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=2, MaximumBatchingWindowInSeconds=300)
    aws.put(stream, "a", "b", "c")
    aws.quiesce()
    assert aws.batches() == [["a", "b"]]
    aws.settle()
    assert aws.batches() == [["a", "b"], ["c"]]


def test_the_next_window_begins_when_the_invocation_has_ended(aws: Aws) -> None:
    def slow(event: Any) -> None:
        aws.cloud._scheduler._skip_to(aws.now() + 100)

    aws.runtime.handler = slow
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=2, MaximumBatchingWindowInSeconds=30)
    aws.put(stream, "a", "b", "c")
    aws.settle()
    first, second = aws.runtime.calls
    assert round(second.moment - first.moment) == 130


def test_settling_names_a_window_that_is_open(aws: Aws) -> None:
    stream = aws.stream()
    aws.map(stream, aws.function(), MaximumBatchingWindowInSeconds=300)
    aws.put(stream, "a")
    aws.quiesce()
    (pending,) = aws.cloud._scheduler.pending()
    assert pending.startswith(f"batching window of shardId-000000000000 of stream {stream} (due in")


def test_a_batch_closes_before_its_event_exceeds_6_mb(aws: Aws) -> None:
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=100, MaximumBatchingWindowInSeconds=300)
    megabyte = "x" * 1_000_000
    for _ in range(3):
        aws.put(stream, megabyte, megabyte)
    aws.quiesce()
    # base64 makes 1,333,336 bytes of each: four fit into 6,291,456.
    assert [len(batch) for batch in aws.batches()] == [4]
    aws.settle()
    assert [len(batch) for batch in aws.batches()] == [4, 2]
    assert all(len(call.request.payload) <= 6_291_456 for call in aws.runtime.calls)


def test_ten_thousand_records_of_four_shards_are_each_delivered_once_and_in_order(
    aws: Aws,
) -> None:
    stream = aws.stream(shard_count=4)
    aws.map(stream, aws.function())
    sent: dict[str, list[int]] = defaultdict(list)
    numbers = itertools.count()
    for _ in range(20):
        records = []
        for number in itertools.islice(numbers, 500):
            key = f"visitor-{number % 97}"
            sent[key].append(number)
            records.append({"Data": json.dumps(number).encode(), "PartitionKey": key})
        aws.kinesis.put_records(StreamName=stream, Records=records)
    aws.settle()
    got: dict[str, list[int]] = defaultdict(list)
    for call in aws.runtime.calls:
        assert len(call.event["Records"]) <= 100
        for record in call.event["Records"]:
            data = base64.b64decode(record["kinesis"]["data"])
            got[record["kinesis"]["partitionKey"]].append(json.loads(data))
    assert got == sent


@pytest.mark.parametrize("batch_size", [1, 10_000])
def test_the_smallest_and_the_largest_batch_size_work(aws: Aws, batch_size: int) -> None:
    stream = aws.stream()
    data = [str(number) for number in range(300)]
    aws.put(stream, *data)
    aws.map(stream, aws.function(), BatchSize=batch_size)
    aws.settle()
    assert len(aws.batches()) == -(-len(data) // batch_size)
    assert [each for batch in aws.batches() for each in batch] == data
