"""Kinesis as an event source: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function, Invocation

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

FAIL_ON_POISON = """
import base64, json

def handler(event, context):
    for record in event["Records"]:
        data = json.loads(base64.b64decode(record["kinesis"]["data"]))
        print(data)
        if data == {"poison": True}:
            raise ValueError("poison")
"""


def data_of(invocation: Invocation) -> list[Any]:
    return [
        json.loads(base64.b64decode(record["kinesis"]["data"]))
        for record in invocation.event["Records"]
    ]


def test_records_arrive_in_batches_of_the_batch_size(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, batch_size=2)
    stream.put({"n": 1}, {"n": 2}, {"n": 3})
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [[{"n": 1}, {"n": 2}], [{"n": 3}]]


def test_an_event_has_every_field_that_aws_sends(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream)
    stream.put({"n": 1}, partition_key="key")
    sls.settle()
    (record,) = function.invocations[0].event["Records"]
    assert set(record) == {
        "kinesis",
        "eventSource",
        "eventVersion",
        "eventID",
        "eventName",
        "invokeIdentityArn",
        "awsRegion",
        "eventSourceARN",
    }
    kinesis = record["kinesis"]
    assert set(kinesis) == {
        "kinesisSchemaVersion",
        "partitionKey",
        "sequenceNumber",
        "data",
        "approximateArrivalTimestamp",
    }
    assert record["eventID"] == f"shardId-000000000000:{kinesis['sequenceNumber']}"
    assert record["eventSourceARN"] == stream.arn
    assert (kinesis["partitionKey"], kinesis["kinesisSchemaVersion"]) == ("key", "1.0")
    assert (record["eventName"], record["awsRegion"]) == ("aws:kinesis:record", "us-east-1")


def test_trim_horizon_delivers_what_was_put_before_the_mapping(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    stream.put({"n": 1})
    function.triggered_by(stream, starting_position="TRIM_HORIZON")
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [[{"n": 1}]]


def test_latest_delivers_only_what_is_put_after_the_mapping(
    deploy: Deploy, sls: Environment
) -> None:
    """Where LATEST is becomes known some time after the mapping was made, and what is put before
    that may be missed: https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""
    stream, function = sls.stream(), deploy(QUIET)
    stream.put({"n": 1})
    function.triggered_by(stream, starting_position="LATEST")
    for n in range(2, 12):
        stream.put({"n": n})
        sls.settle()
        if function.invocations:
            break
    assert [data_of(each) for each in function.invocations] == [[{"n": n}]]


def test_a_batching_window_gathers_records(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, batch_size=10, maximum_batching_window_in_seconds=5)
    stream.put({"n": 1})
    stream.put({"n": 2})
    assert function.invocations == []
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [[{"n": 1}, {"n": 2}]]


def test_a_batching_window_that_was_set_later_is_waited_for(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    mapping = function.triggered_by(stream)
    stream.put({"n": 1})
    function.expect_invoked(times=1)
    mapping.update(maximum_batching_window_in_seconds=5)
    stream.put({"n": 2})
    sls.settle()
    assert data_of(function.invocations[-1])[-1] == {"n": 2}


def test_a_full_batch_does_not_wait_for_the_window(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, batch_size=2, maximum_batching_window_in_seconds=5)
    stream.put({"n": 1}, {"n": 2}, {"n": 3})
    assert [data_of(each) for each in function.expect_invoked()] == [[{"n": 1}, {"n": 2}]]
    sls.settle()
    assert [data_of(each) for each in function.invocations][1:] == [[{"n": 3}]]


def test_order_is_kept_within_a_shard(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(shard_count=4), deploy(QUIET)
    function.triggered_by(stream, batch_size=7)
    for n in range(40):
        stream.put({"n": n}, partition_key=f"key-{n % 8}")
    sls.settle()
    seen: dict[str, list[int]] = {}
    for invocation in function.invocations:
        for record, data in zip(invocation.event["Records"], data_of(invocation), strict=True):
            seen.setdefault(record["kinesis"]["partitionKey"], []).append(data["n"])
    assert seen == {f"key-{k}": list(range(k, 40, 8)) for k in range(8)}


def test_a_batch_is_of_one_shard(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(shard_count=4), deploy(QUIET)
    function.triggered_by(stream)
    stream.put(*({"n": n} for n in range(100)))
    sls.settle()
    for invocation in function.invocations:
        shards = {record["eventID"].split(":")[0] for record in invocation.event["Records"]}
        assert len(shards) == 1
    assert sum(len(data_of(each)) for each in function.invocations) == 100


def test_a_failed_batch_is_tried_again_as_it_was(deploy: Deploy, sls: Environment) -> None:
    stream = sls.stream()
    function = deploy(
        """
        failures = 2

        def handler(event, context):
            global failures
            failures -= 1
            if failures >= 0:
                raise ValueError("not yet")
        """
    )
    function.triggered_by(stream, batch_size=2)
    stream.put({"n": 1}, {"n": 2}, {"n": 3})
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [
        *[[{"n": 1}, {"n": 2}]] * 3,
        [{"n": 3}],
    ]
    assert [each.attempt for each in function.invocations] == [1, 2, 3, 1]


@pytest.mark.needs_clock
def test_a_failing_batch_is_retried_until_its_records_expire(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(FAIL_ON_POISON)
    function.triggered_by(stream, batch_size=1)
    stream.put({"poison": True})
    sls.clock.advance(hours=1)
    stream.put({"n": 2})
    sls.clock.advance(hours=22)
    assert all(each.error for each in function.invocations)
    assert len(function.invocations) > 5
    sls.clock.advance(hours=1)
    assert data_of(function.invocations[-1]) == [{"n": 2}]


def test_a_failing_batch_blocks_its_shard_and_no_other(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(shard_count=2), deploy(FAIL_ON_POISON)
    function.triggered_by(stream, batch_size=1)
    keys = keys_of_two_shards(sls, stream.name)
    stream.put({"poison": True}, partition_key=keys[0])
    function.expect_invoked()
    stream.put({"n": "behind"}, partition_key=keys[0])
    stream.put({"n": "other"}, partition_key=keys[1])
    function.expect_log("other")
    assert [{"n": "behind"}] not in [data_of(each) for each in function.invocations]


def keys_of_two_shards(sls: Environment, stream_name: str) -> list[str]:
    import hashlib

    by_half: dict[bool, str] = {}
    for n in range(100):
        value = int(hashlib.md5(f"key-{n}".encode()).hexdigest(), 16)
        by_half.setdefault(value >= 2**127, f"key-{n}")
    return [by_half[False], by_half[True]]


def test_a_batch_stops_at_its_retries(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(FAIL_ON_POISON)
    function.triggered_by(stream, batch_size=1, maximum_retry_attempts=2)
    stream.put({"poison": True}, {"n": 2})
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [
        *[[{"poison": True}]] * 3,
        [{"n": 2}],
    ]


def test_a_disabled_mapping_delivers_nothing_and_goes_on_where_it_was(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    mapping = function.triggered_by(stream, batch_size=10)
    stream.put({"n": 1})
    sls.settle()
    mapping.disable()
    stream.put({"n": 2}, {"n": 3})
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [[{"n": 1}]]
    mapping.enable()
    sls.settle()
    assert [data_of(each) for each in function.invocations] == [
        [{"n": 1}],
        [{"n": 2}, {"n": 3}],
    ]


def test_a_deleted_mapping_delivers_nothing(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream).delete()
    if not column.ours:
        sls.settle()  # elsewhere a read may be under way
    stream.put({"n": 1})
    sls.settle()
    assert function.invocations == []


def test_two_functions_each_get_every_record(deploy: Deploy, sls: Environment) -> None:
    stream, first, second = sls.stream(), deploy(QUIET), deploy(QUIET + "  # the other")
    first.triggered_by(stream)
    second.triggered_by(stream)
    stream.put({"n": 1}, {"n": 2})
    sls.settle()
    assert [data_of(each) for each in first.invocations] == [[{"n": 1}, {"n": 2}]]
    assert [data_of(each) for each in second.invocations] == [[{"n": 1}, {"n": 2}]]


def test_an_unknown_setting_is_refused_with_the_ones_there_are(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    with pytest.raises(ConfigurationError, match="batch_sise"):
        function.triggered_by(stream, batch_sise=2)
