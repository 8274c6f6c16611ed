"""What programs other than functions see of a stream: shards, sequence numbers, iterators.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from slstest import Environment, Stream

LOW, HIGH = "0", "340282366920938463463374607431768211455"
"""The first hash key and the last one."""
MIDDLE = 2**127
FIRST = "shardId-000000000000"
DAY = 86_400


def put(sls: Environment, stream: Stream, data: str, hash_key: str = LOW) -> Any:
    return sls.client("kinesis").put_record(
        StreamName=stream.name, Data=data, PartitionKey="key", ExplicitHashKey=hash_key
    )


def shards(sls: Environment, stream: Stream) -> list[Any]:
    found: list[Any] = sls.client("kinesis").list_shards(StreamName=stream.name)["Shards"]
    return found


def read(
    sls: Environment,
    stream: Stream,
    shard: str = FIRST,
    kind: str = "TRIM_HORIZON",
    **position: Any,
) -> list[str]:
    """Everything in a shard from a position on, until it is over or read up to now."""
    kinesis = sls.client("kinesis")
    iterator: str | None = kinesis.get_shard_iterator(
        StreamName=stream.name, ShardId=shard, ShardIteratorType=kind, **position
    )["ShardIterator"]
    found: list[str] = []
    while iterator is not None:
        answer = kinesis.get_records(ShardIterator=iterator)
        found += [record["Data"].decode() for record in answer["Records"]]
        if not answer["Records"] and answer["MillisBehindLatest"] == 0:
            break
        iterator = answer.get("NextShardIterator")
    return found


def test_a_hash_key_decides_the_shard(sls: Environment) -> None:
    stream = sls.stream(shard_count=2)
    for shard in shards(sls, stream):
        keys = shard["HashKeyRange"]
        for key in (keys["StartingHashKey"], keys["EndingHashKey"]):
            assert put(sls, stream, key, key)["ShardId"] == shard["ShardId"]
        assert read(sls, stream, shard["ShardId"]) == list(keys.values())


def test_sequence_numbers_grow_within_a_shard(sls: Environment) -> None:
    stream = sls.stream()
    numbers = [int(put(sls, stream, str(number))["SequenceNumber"]) for number in range(5)]
    (shard,) = shards(sls, stream)
    start = int(shard["SequenceNumberRange"]["StartingSequenceNumber"])
    assert sorted({start, *numbers}) == [start, *numbers]


def test_an_iterator_begins_at_its_place(sls: Environment) -> None:
    stream = sls.stream()
    number = [put(sls, stream, each)["SequenceNumber"] for each in "abc"][1]
    at = {"StartingSequenceNumber": number}
    assert read(sls, stream) == ["a", "b", "c"]
    assert read(sls, stream, kind="AT_SEQUENCE_NUMBER", **at) == ["b", "c"]
    assert read(sls, stream, kind="AFTER_SEQUENCE_NUMBER", **at) == ["c"]
    assert read(sls, stream, kind="LATEST") == []
    assert read(sls, stream, kind="AT_TIMESTAMP", Timestamp=0) == ["a", "b", "c"]


def test_a_split_shard_keeps_its_records_and_names_its_children(sls: Environment) -> None:
    kinesis = sls.client("kinesis")
    stream = sls.stream()
    before = put(sls, stream, "before")["SequenceNumber"]
    kinesis.split_shard(StreamName=stream.name, ShardToSplit=FIRST, NewStartingHashKey=str(MIDDLE))
    kinesis.get_waiter("stream_exists").wait(StreamName=stream.name)
    after = put(sls, stream, "after")

    parent, low, high = shards(sls, stream)
    assert int(parent["SequenceNumberRange"]["EndingSequenceNumber"]) > int(before)
    for child, (first, last) in ((low, (LOW, str(MIDDLE - 1))), (high, (str(MIDDLE), HIGH))):
        assert child["ParentShardId"] == FIRST
        assert child["HashKeyRange"] == {"StartingHashKey": first, "EndingHashKey": last}
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]
    assert after["ShardId"] == low["ShardId"]
    assert int(after["SequenceNumber"]) > int(parent["SequenceNumberRange"]["EndingSequenceNumber"])
    assert read(sls, stream, FIRST) == ["before"]
    assert read(sls, stream, low["ShardId"]) == ["after"]


def test_the_end_of_a_shard_tells_where_to_go_on(sls: Environment) -> None:
    kinesis = sls.client("kinesis")
    stream = sls.stream(shard_count=2)
    kinesis.merge_shards(
        StreamName=stream.name, ShardToMerge=FIRST, AdjacentShardToMerge="shardId-000000000001"
    )
    kinesis.get_waiter("stream_exists").wait(StreamName=stream.name)
    iterator = kinesis.get_shard_iterator(
        StreamName=stream.name, ShardId=FIRST, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    answer = kinesis.get_records(ShardIterator=iterator)
    assert answer.get("NextShardIterator") is None
    (child,) = answer["ChildShards"]
    assert child["ShardId"] == "shardId-000000000002"
    assert sorted(child["ParentShards"]) == [FIRST, "shardId-000000000001"]
    assert child["HashKeyRange"] == {"StartingHashKey": LOW, "EndingHashKey": HIGH}


@pytest.mark.needs_clock
def test_records_are_gone_after_the_retention_period(sls: Environment) -> None:
    stream = sls.stream()
    put(sls, stream, "old")
    sls.clock.advance(DAY + 1)
    put(sls, stream, "new")
    assert read(sls, stream) == ["new"]


@pytest.mark.needs_clock
def test_a_longer_retention_period_keeps_them(sls: Environment) -> None:
    stream = sls.stream()
    put(sls, stream, "old")
    sls.client("kinesis").increase_stream_retention_period(
        StreamName=stream.name, RetentionPeriodHours=48
    )
    sls.clock.advance(DAY + 1)
    assert read(sls, stream) == ["old"]


@pytest.mark.needs_clock
def test_an_iterator_is_good_for_five_minutes(sls: Environment) -> None:
    kinesis = sls.client("kinesis")
    stream = sls.stream()
    iterator = kinesis.get_shard_iterator(
        StreamName=stream.name, ShardId=FIRST, ShardIteratorType="LATEST"
    )["ShardIterator"]
    sls.clock.advance(301)
    with pytest.raises(ClientError) as raised:
        kinesis.get_records(ShardIterator=iterator)
    assert raised.value.response["Error"]["Code"] == "ExpiredIteratorException"


def test_a_record_has_at_most_a_mebibyte(sls: Environment) -> None:
    stream = sls.stream()
    put(sls, stream, "x" * (2**20 - len("key")))
    with pytest.raises(ClientError) as raised:
        put(sls, stream, "x" * 2**20)
    assert raised.value.response["Error"]["Code"] in (
        "InvalidArgumentException",
        "ValidationException",
    )


def test_a_stream_on_demand_has_four_shards(sls: Environment) -> None:
    stream = sls.stream(stream_mode_details={"StreamMode": "ON_DEMAND"})
    assert len(shards(sls, stream)) == 4
