"""Streams whose shards change while a function reads them.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html: the
records of a parent are to be read before those of its children, or they are out of order.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function, Stream

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

FAIL_TWICE_ON_POISON = """
import base64, json

failures = 2

def handler(event, context):
    global failures
    for record in event["Records"]:
        data = json.loads(base64.b64decode(record["kinesis"]["data"]))
        if data.get("poison") and failures > 0:
            failures -= 1
            raise ValueError("poison")
"""

LOW, HIGH = "0", "340282366920938463463374607431768211455"
"""The first hash key and the last one."""
MIDDLE = str(2**127)


def put(sls: Environment, stream: Stream, hash_key: str, *data: Any) -> None:
    """Put records in the shard that covers a hash key, which is their partition key, too."""
    for each in data:
        sls.client("kinesis").put_record(
            StreamName=stream.name,
            Data=json.dumps(each),
            PartitionKey=hash_key,
            ExplicitHashKey=hash_key,
        )


def split(sls: Environment, stream: Stream, shard: int = 0, hash_key: str = MIDDLE) -> None:
    sls.client("kinesis").split_shard(
        StreamName=stream.name,
        ShardToSplit=f"shardId-{shard:012d}",
        NewStartingHashKey=hash_key,
    )


def merge(sls: Environment, stream: Stream, shard: int, adjacent: int) -> None:
    sls.client("kinesis").merge_shards(
        StreamName=stream.name,
        ShardToMerge=f"shardId-{shard:012d}",
        AdjacentShardToMerge=f"shardId-{adjacent:012d}",
    )


def delivered(function: Function) -> list[tuple[int, Any]]:
    """The shard and the data of each record that was handled with success, in order."""
    return [
        (
            int(record["eventID"].partition(":")[0].partition("-")[2]),
            json.loads(base64.b64decode(record["kinesis"]["data"])),
        )
        for invocation in function.invocations
        if not invocation.error
        for record in invocation.event["Records"]
    ]


def numbers(function: Function) -> list[int]:
    return [data["n"] for _, data in delivered(function)]


def test_records_before_and_after_a_split_are_delivered_once(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream)
    put(sls, stream, LOW, {"n": 1})
    sls.settle()
    split(sls, stream)
    put(sls, stream, LOW, {"n": 2})
    put(sls, stream, HIGH, {"n": 3})
    sls.settle()
    assert sorted(delivered(function), key=str) == [(0, {"n": 1}), (1, {"n": 2}), (2, {"n": 3})]


def test_the_records_of_a_parent_come_before_those_of_its_children(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    put(sls, stream, LOW, *({"n": n} for n in range(5)))
    split(sls, stream)
    put(sls, stream, LOW, *({"n": n} for n in range(5, 10)))
    split(sls, stream, 1, "1000")
    put(sls, stream, LOW, *({"n": n} for n in range(10, 15)))
    function.triggered_by(stream, batch_size=2)
    sls.settle()
    assert numbers(function) == list(range(15))
    assert {shard for shard, _ in delivered(function)} == {0, 1, 3}


def test_a_failing_batch_of_a_parent_holds_up_its_children(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(FAIL_TWICE_ON_POISON)
    function.triggered_by(stream, batch_size=1)
    put(sls, stream, LOW, {"n": 1, "poison": True})
    split(sls, stream)
    put(sls, stream, LOW, {"n": 2})
    put(sls, stream, HIGH, {"n": 3})
    assert delivered(function) == []
    sls.settle()
    assert numbers(function)[0] == 1
    assert sorted(numbers(function)) == [1, 2, 3]


def test_children_wait_for_every_batch_of_a_parent_that_is_handled_in_parallel(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(FAIL_TWICE_ON_POISON)
    function.triggered_by(stream, batch_size=1, parallelization_factor=4)
    put(sls, stream, "1", {"n": 1, "poison": True})
    for key in "2345678":
        put(sls, stream, key, {"n": int(key)})
    split(sls, stream)
    put(sls, stream, "9", {"n": 9})
    assert 9 not in numbers(function)
    sls.settle()
    assert sorted(numbers(function)) == list(range(1, 10))
    assert numbers(function)[-1] == 9


def test_the_child_of_merged_shards_waits_for_both(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(shard_count=2), deploy(FAIL_TWICE_ON_POISON)
    function.triggered_by(stream, batch_size=1)
    put(sls, stream, LOW, {"n": 1})
    put(sls, stream, HIGH, {"n": 2, "poison": True})
    merge(sls, stream, 0, 1)
    put(sls, stream, LOW, {"n": 3})
    assert numbers(function) == [1]
    sls.settle()
    assert numbers(function) == [1, 2, 3]


def test_order_is_kept_by_partition_key_whatever_happens_to_the_shards(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, batch_size=3, parallelization_factor=2)
    count = 0
    for shards in (2, 4, 3, 2, 1):
        for _ in range(2):
            for key in (LOW, MIDDLE, HIGH):
                put(sls, stream, key, {"n": count})
                count += 1
        stream.update_shard_count(shards)
    sls.settle()
    seen: dict[int, list[int]] = {}
    for n in numbers(function):
        seen.setdefault(n % 3, []).append(n)
    assert seen == {key: list(range(key, count, 3)) for key in range(3)}


def test_a_mapping_from_latest_gets_all_that_is_put_into_the_children(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    put(sls, stream, LOW, {"n": 1})
    function.triggered_by(stream, starting_position="LATEST")
    split(sls, stream)
    put(sls, stream, LOW, {"n": 2})
    sls.settle()
    assert numbers(function) == [2]


def test_a_mapping_from_latest_on_a_stream_that_was_resharded_gets_what_is_put_after_it(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    put(sls, stream, LOW, {"n": 1})
    split(sls, stream)
    put(sls, stream, LOW, {"n": 2})
    function.triggered_by(stream, starting_position="LATEST")
    for n in range(3, 20, 2):  # until it is known where LATEST is
        put(sls, stream, LOW, {"n": n})
        put(sls, stream, HIGH, {"n": n + 1})
        sls.settle()
        if len(numbers(function)) > 1:
            break
    assert sorted(numbers(function))[-2:] == [n, n + 1]
    assert min(numbers(function)) > 2


def test_a_mapping_that_is_disabled_while_shards_change_goes_on_where_it_was(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    mapping = function.triggered_by(stream)
    put(sls, stream, LOW, {"n": 1})
    sls.settle()
    mapping.disable()
    put(sls, stream, LOW, {"n": 2})
    split(sls, stream)
    put(sls, stream, LOW, {"n": 3})
    mapping.enable()
    sls.settle()
    assert numbers(function) == [1, 2, 3]


@pytest.mark.needs_clock
def test_a_mapping_goes_on_with_the_children_of_a_shard_that_has_expired(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    mapping = function.triggered_by(stream)
    put(sls, stream, LOW, {"n": 1})
    sls.settle()
    mapping.disable()
    put(sls, stream, LOW, {"n": 2})
    split(sls, stream)
    sls.clock.advance(hours=24)
    put(sls, stream, LOW, {"n": 3})
    mapping.enable()
    sls.settle()
    assert numbers(function) == [1, 3]


def test_the_shards_of_a_stream_are_at_most_doubled(sls: Environment, column: Column) -> None:
    stream = sls.stream()
    problem = "cannot scale up over double" if column.ours else "UpdateShardCount was refused"
    with pytest.raises(ConfigurationError, match=problem):
        stream.update_shard_count(3)


def test_a_stream_on_demand_triggers_a_function(deploy: Deploy, sls: Environment) -> None:
    stream = sls.stream(stream_mode_details={"StreamMode": "ON_DEMAND"})
    function = deploy(QUIET)
    function.triggered_by(stream)
    stream.put(*({"n": n} for n in range(20)))
    sls.settle()
    assert sorted(numbers(function)) == list(range(20))
    assert {shard for shard, _ in delivered(function)} == {0, 1, 2, 3}


def test_a_stream_that_has_come_back_is_read_anew_once_the_mapping_is_enabled_again(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    mapping = function.triggered_by(stream)
    put(sls, stream, LOW, {"n": 1})
    sls.settle()
    kinesis = sls.client("kinesis")
    kinesis.delete_stream(StreamName=stream.name)
    sls.settle()
    assert mapping.state == "Disabled"
    kinesis.create_stream(StreamName=stream.name, ShardCount=2)
    put(sls, stream, LOW, {"n": 2})
    sls.settle()
    assert numbers(function) == [1]
    mapping.enable()
    put(sls, stream, HIGH, {"n": 3})
    sls.settle()
    assert mapping.state == "Enabled"
    assert sorted(numbers(function)) == [1, 2, 3]
