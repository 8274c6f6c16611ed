"""Tumbling windows, beyond what the contract suite shows:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from slstest.embedded.event_sources.batches import Step
from slstest.embedded.event_sources.tumbling import STATE_LIMIT, Window, window_of

if TYPE_CHECKING:
    from tests.unit.embedded.streams.conftest import Call, World

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"


def count(call: Call) -> Any:
    return {"state": {"n": call.event["state"].get("n", 0) + len(call.data)}}


def finals(world: World) -> list[Any]:
    return [call.event["state"] for call in world.calls if call.event["isFinalInvokeForWindow"]]


@pytest.mark.parametrize(
    ("arrived", "length", "start", "end"),
    [
        (0.0, 60, 0, 60),
        (59.999, 60, 0, 60),
        (60.0, 60, 60, 120),
        (1_607_497_475.0, 120, 1_607_497_440, 1_607_497_560),
        (1_607_497_475.0, 900, 1_607_497_200, 1_607_498_100),
    ],
)
def test_windows_follow_one_another_from_the_epoch_on(
    arrived: float, length: int, start: float, end: float
) -> None:
    window = window_of(arrived, length)
    assert (window.start, window.end) == (start, end)


def test_the_bounds_of_a_window_are_those_of_aws_s_example() -> None:
    fields = window_of(1_607_497_475.0, 120).fields("shardId-000000000006", STREAM, Step.RECORDS)
    assert '"window":{"start":"2020-12-09T07:04:00Z","end":"2020-12-09T07:06:00Z"}' in fields


@pytest.mark.parametrize(("size", "too_large"), [(STATE_LIMIT, False), (STATE_LIMIT + 1, True)])
def test_a_state_may_have_1_mb(size: int, too_large: bool) -> None:
    window = Window(0, 60, '"' + "x" * (size - 2) + '"')
    assert window.is_too_large is too_large


def test_records_have_the_room_that_the_state_leaves() -> None:
    small, large = Window(0, 60), Window(0, 60, '"' + "x" * 100_000 + '"')
    assert small.room("s", STREAM) - large.room("s", STREAM) == 100_002 - len("{}")


def test_a_later_record_ends_a_window_at_once(world: World) -> None:
    world.handler = count
    world.poll(tumbling_window=60)
    world.put("A", "a")
    world.advance(60)
    world.put("A", "b")
    world.quiesce()
    assert world.batches() == [["a"], [], ["b"]]
    assert world.now() == 60


def test_a_later_record_completes_the_batch_of_a_window(world: World) -> None:
    world.handler = count
    world.poll(tumbling_window=60, maximum_batching_window=300)
    world.put("A", "a")
    world.advance(60)
    assert world.batches() == []
    world.put("A", "b")
    world.quiesce()
    assert world.batches() == [["a"], []]


def test_no_batch_is_gathered_for_longer_than_its_window_is_open(world: World) -> None:
    world.handler = count
    world.poll(tumbling_window=60, maximum_batching_window=300)
    world.put("A", "a")
    world.settle()
    assert [call.moment for call in world.calls] == [180, 180]
    assert finals(world) == [{"n": 1}]


def test_a_final_invocation_that_fails_is_retried_and_holds_up_what_follows(world: World) -> None:
    tries = iter(range(3))

    def handler(call: Call) -> Any:
        if call.event["isFinalInvokeForWindow"] and next(tries, None) is not None:
            raise ValueError
        return count(call)

    world.handler = handler
    world.poll(tumbling_window=60)
    world.put("A", "a")
    world.advance(60)
    world.put("A", "b")
    world.quiesce()
    assert world.batches() == [["a"], []]
    world.settle()
    assert world.batches() == [["a"], [], [], [], [], ["b"], []]
    assert finals(world) == [{"n": 1}] * 4 + [{"n": 1}]


def test_a_final_invocation_is_given_up_when_its_retries_are_used_up(world: World) -> None:
    """Its records have been processed: there is nothing to tell a destination of."""

    def handler(call: Call) -> Any:
        if call.event["isFinalInvokeForWindow"]:
            raise ValueError
        return count(call)

    world.handler = handler
    world.poll(tumbling_window=60, maximum_retry_attempts=2)
    world.put("A", "a")
    world.advance(60)
    world.put("A", "b")
    world.settle()
    assert world.batches() == [["a"], [], [], [], ["b"], [], [], []]
    assert [call.event["state"] for call in world.calls[4:]] == [{}] + [{"n": 1}] * 3
    assert world.discarded == []


@pytest.mark.parametrize(("settings", "seconds"), [({"maximum_record_age": 60}, 60), ({}, 86_400)])
def test_a_final_invocation_is_tried_for_as_long_as_a_record(
    world: World, settings: dict[str, Any], seconds: int
) -> None:
    def handler(call: Call) -> Any:
        if call.event["isFinalInvokeForWindow"]:
            raise ValueError
        return count(call)

    world.handler = handler
    world.poll(tumbling_window=60, **settings)
    world.put("A", "a")
    world.settle()
    first = next(call.moment for call in world.calls if call.event["isFinalInvokeForWindow"])
    assert first == 180
    assert world.now() - first == seconds


def test_a_state_that_cannot_be_handed_over_early_is_dropped(world: World) -> None:
    def handler(call: Call) -> Any:
        if call.event["isWindowTerminatedEarly"]:
            raise ValueError
        return {"state": "x" * (STATE_LIMIT if "b" in call.data else 1)}

    world.handler = handler
    world.poll(tumbling_window=60, batch_size=1, maximum_retry_attempts=1)
    world.put("A", "a", "b", "c")
    world.settle()
    states = [len(call.event["state"]) for call in world.calls]
    assert world.batches() == [["a"], ["b"], [], [], ["c"], []]
    assert states == [0, 1, STATE_LIMIT, STATE_LIMIT, 0, 1]
    assert [call.event["isWindowTerminatedEarly"] for call in world.calls] == [
        *(False, False, True, True, False, False)
    ]


def test_both_halves_of_a_batch_carry_the_state_on(world: World) -> None:
    def handler(call: Call) -> Any:
        if len(call.data) > 1:
            raise ValueError
        return count(call)

    world.handler = handler
    poller = world.poll(tumbling_window=60, bisect_batch_on_function_error=True, enable=False)
    world.put("A", "a", "b", "c")
    poller.enable()
    world.settle()
    assert finals(world) == [{"n": 3}]
