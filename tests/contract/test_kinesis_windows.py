"""Tumbling windows: https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from slstest import Environment, Function

pytestmark = pytest.mark.needs_clock  # windows end by the time, and two minutes later

Deploy = Callable[..., Function]
Delivered = Callable[[Function], list[list[Any]]]

LENGTH = 60
PATIENCE = 120
"""Seconds that Lambda waits for more records of a window that is over."""

SUM = """
    import base64, json

    def handler(event, context):
        state = event["state"]
        for record in event["Records"]:
            data = json.loads(base64.b64decode(record["kinesis"]["data"]))
            state["sum"] = state.get("sum", 0) + data
        return {"state": state}
    """


def put(stream: Any, *data: Any) -> None:
    stream.put(*(json.dumps(each) for each in data), partition_key="key")


def into_a_window(sls: Environment) -> datetime:
    """Move the time to where a window has just begun; its start."""
    probe = sls.stream()
    probe.put("probe")
    (record,) = probe.records()
    assert record.arrived is not None
    now = record.arrived.timestamp()
    start = (now // LENGTH + 1) * LENGTH
    sls.clock.advance(seconds=start + 1 - now)
    return datetime.fromtimestamp(start, record.arrived.tzinfo)


def states(function: Function) -> list[tuple[bool, Any]]:
    """Of each invocation whether it was the final one of its window, and the state."""
    events = [each.event for each in function.invocations]
    return [(event["isFinalInvokeForWindow"], event["state"]) for event in events]


def test_a_window_s_event_has_every_field_that_aws_sends(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(SUM)
    start = into_a_window(sls)
    put(stream, 1)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH)
    sls.settle()
    first, last = (each.event for each in function.invocations)
    assert len(first.pop("Records")) == 1
    bounds = {"start": f"{start:%Y-%m-%dT%H:%M:%S}Z"}
    bounds["end"] = f"{start + timedelta(seconds=LENGTH):%Y-%m-%dT%H:%M:%S}Z"
    assert first == {
        "window": bounds,
        "state": {},
        "shardId": "shardId-000000000000",
        "eventSourceARN": stream.arn,
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }
    assert last == {**first, "Records": [], "state": {"sum": 1}, "isFinalInvokeForWindow": True}


def test_state_is_carried_through_a_window_and_dropped_at_its_end(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(SUM)
    into_a_window(sls)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH, batch_size=1)
    put(stream, 1, 2, 3)
    sls.clock.advance(seconds=LENGTH)
    put(stream, 10)
    sls.settle()
    assert states(function) == [
        (False, {}),
        (False, {"sum": 1}),
        (False, {"sum": 3}),
        (True, {"sum": 6}),
        (False, {}),
        (True, {"sum": 10}),
    ]


def test_a_batch_has_records_of_one_window(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    """When they arrived decides, not when they are delivered."""
    stream, function = sls.stream(), deploy(SUM)
    into_a_window(sls)
    put(stream, 1, 2)
    sls.clock.advance(seconds=LENGTH)
    put(stream, 3)
    sls.clock.advance(seconds=2 * LENGTH)
    put(stream, 4)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH)
    sls.settle()
    assert delivered(function) == [[1, 2], [], [3], [], [4], []]
    assert [state for final, state in states(function) if final] == [
        {"sum": 3},
        {"sum": 3},
        {"sum": 4},
    ]


def test_a_window_without_later_records_is_over_two_minutes_after_its_end(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(SUM)
    into_a_window(sls)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH)
    put(stream, 1)
    sls.clock.advance(seconds=LENGTH + PATIENCE - 10)
    assert states(function) == [(False, {})]
    sls.clock.advance(seconds=10)
    assert states(function) == [(False, {}), (True, {"sum": 1})]


def test_each_shard_has_windows_of_its_own(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(shard_count=2), deploy(SUM)
    into_a_window(sls)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH)
    stream.put(*(json.dumps(1) for _ in range(50)))
    sls.settle()
    finals = [each.event for each in function.invocations if each.event["isFinalInvokeForWindow"]]
    assert len({event["shardId"] for event in finals}) == len(finals) == 2
    assert sum(event["state"]["sum"] for event in finals) == 50


def test_a_response_without_state_is_a_failure(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, dead = sls.stream(), sls.queue()
    function = deploy("def handler(event, context): return {'sum': 1}")
    into_a_window(sls)
    put(stream, 1)
    function.triggered_by(
        stream,
        tumbling_window_in_seconds=LENGTH,
        maximum_retry_attempts=1,
        destination_config={"OnFailure": {"Destination": dead.arn}},
    )
    document = dead.expect_message(ANY).body
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert document["responseContext"]["functionError"] is None
    assert delivered(function)[:2] == [[1], [1]]


def test_a_batch_that_failed_is_retried_with_the_state_from_before(
    deploy: Deploy, sls: Environment
) -> None:
    code = """
        import base64, json

        tries = 0

        def handler(event, context):
            global tries
            tries += 1
            state = event["state"]
            state["n"] = state.get("n", 0) + len(event["Records"])
            if tries in (2, 3, 6):
                raise ValueError("not yet")
            return {"state": state}
        """
    stream, function = sls.stream(), deploy(code)
    into_a_window(sls)
    put(stream, 1, 2, 3)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH, batch_size=1)
    sls.settle()
    n = [event_state.get("n", 0) for _, event_state in states(function)]
    assert n == [0, 1, 1, 1, 2, 3, 3]
    finals = [final for final, _ in states(function)]
    assert finals == [False] * 5 + [True] * 2


def test_a_state_of_more_than_1_mb_terminates_its_window_early(
    deploy: Deploy, sls: Environment
) -> None:
    code = """
        def handler(event, context):
            state = event["state"]
            state["n"] = state.get("n", 0) + len(event["Records"])
            state["text"] = "x" * 600_000 * state["n"]
            return {"state": state}
        """
    stream, function = sls.stream(), deploy(code)
    into_a_window(sls)
    put(stream, 1, 2, 3)
    function.triggered_by(stream, tumbling_window_in_seconds=LENGTH, batch_size=1)
    sls.settle()
    events = [each.event for each in function.invocations]
    told = [
        (
            event["isWindowTerminatedEarly"],
            event["isFinalInvokeForWindow"],
            event["state"].get("n", 0),
            len(event["Records"]),
        )
        for event in events
    ]
    assert told == [
        (False, False, 0, 1),
        (False, False, 1, 1),
        (True, False, 2, 0),  # 1.2 MB of state are handed over; then it begins afresh
        (False, False, 0, 1),
        (False, True, 1, 0),
    ]
    assert len({event["window"]["start"] for event in events}) == 1


def test_a_partial_success_keeps_the_state_that_it_returns(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    code = """
        import base64, json

        tries = 0

        def handler(event, context):
            global tries
            tries += 1
            state, failures = event["state"], []
            for record in event["Records"]:
                data = json.loads(base64.b64decode(record["kinesis"]["data"]))
                if data == 2 and tries == 1:
                    failures = [{"itemIdentifier": record["kinesis"]["sequenceNumber"]}]
                    break
                state["sum"] = state.get("sum", 0) + data
            return {"state": state, "batchItemFailures": failures}
        """
    stream, function = sls.stream(), deploy(code)
    into_a_window(sls)
    put(stream, 1, 2, 3)
    function.triggered_by(
        stream,
        tumbling_window_in_seconds=LENGTH,
        function_response_types=["ReportBatchItemFailures"],
    )
    sls.settle()
    assert delivered(function) == [[1, 2, 3], [2, 3], []]
    assert states(function) == [(False, {}), (False, {"sum": 1}), (True, {"sum": 6})]


def test_records_that_are_given_up_leave_the_window_as_it_was(
    deploy: Deploy, sls: Environment
) -> None:
    code = SUM.replace("data = ", "data = 1 // ")  # fails on 0
    stream, function = sls.stream(), deploy(code)
    into_a_window(sls)
    put(stream, 1, 0, 1)
    function.triggered_by(
        stream,
        tumbling_window_in_seconds=LENGTH,
        maximum_retry_attempts=0,
        bisect_batch_on_function_error=True,
    )
    sls.settle()
    assert states(function)[-1] == (True, {"sum": 2})


def test_a_mapping_that_is_disabled_in_a_window_goes_on_with_its_state(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(SUM)
    into_a_window(sls)
    mapping = function.triggered_by(stream, tumbling_window_in_seconds=LENGTH)
    put(stream, 1)
    sls.clock.advance(seconds=1)
    mapping.disable()
    put(stream, 2)
    sls.clock.advance(hours=1)
    assert states(function) == [(False, {})]
    mapping.enable()
    sls.settle()
    assert states(function) == [(False, {}), (False, {"sum": 1}), (True, {"sum": 3})]


def test_a_window_that_is_open_keeps_its_length_when_the_mapping_changes(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    code = SUM.replace('event["state"]', 'event.get("state", {})')
    stream, function = sls.stream(), deploy(code)
    into_a_window(sls)
    mapping = function.triggered_by(stream, tumbling_window_in_seconds=LENGTH)
    put(stream, 1)
    sls.clock.advance(seconds=1)
    mapping.update(tumbling_window_in_seconds=0)
    put(stream, 2)
    sls.clock.advance(seconds=LENGTH)
    put(stream, 3)
    sls.settle()
    assert delivered(function) == [[1], [2], [], [3]]
    windowed = [each.event for each in function.invocations if "window" in each.event]
    assert [event["state"] for event in windowed] == [{}, {"sum": 1}, {"sum": 3}]
