"""What becomes of batches that fail, beyond what the contract suite can bring about:
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from slstest.embedded.event_sources.base import NotInvoked, Throttled
from slstest.embedded.event_sources.settings import StreamSettings

if TYPE_CHECKING:
    from tests.unit.embedded.streams.conftest import Call, World


def fail(call: Call) -> None:
    raise ValueError("bad")


@pytest.mark.parametrize("problem", [Throttled, NotInvoked])
def test_what_the_function_did_not_see_uses_up_no_retry_and_splits_no_batch(
    world: World, problem: type[Exception]
) -> None:
    throttles = iter(range(5))

    def handler(call: Call) -> None:
        if next(throttles, None) is not None:
            raise problem("no concurrency left")

    world.handler = handler
    world.poll(maximum_retry_attempts=0, bisect_batch_on_function_error=True, enable=False)
    world.put("A", "a", "b")
    assert world._poller is not None
    world._poller.enable()
    world.settle()
    assert world.batches()[-1] == ["a", "b"]
    assert world.calls[-1].attempt == 1
    assert world.discarded == []


def test_throttled_records_go_to_the_destination_when_they_are_too_old(world: World) -> None:
    def handler(call: Call) -> None:
        raise Throttled

    world.handler = handler
    world.poll(maximum_record_age=60, maximum_retry_attempts=0)
    world.put("A", "a")
    world.settle()
    assert world.discarded == [("RecordAgeExceeded", ["a"])]
    assert world.now() == 60


def test_both_halves_of_a_batch_are_given_up_at_their_own_time(world: World) -> None:
    world.handler = fail
    world.poll(maximum_retry_attempts=1, bisect_batch_on_function_error=True, enable=False)
    world.put("A", "a", "b")
    assert world._poller is not None
    world._poller.enable()
    world.settle()
    assert world.batches() == [["a", "b"], ["a"], ["a"], ["b"], ["b"]]
    assert world.discarded == [
        ("RetryAttemptsExhausted", ["a"]),
        ("RetryAttemptsExhausted", ["b"]),
    ]
    assert [discarded.invocations for discarded in world.discards] == [2, 2]


def test_of_what_was_split_only_the_records_that_are_too_old_are_given_up(world: World) -> None:
    def handler(call: Call) -> Any:
        if "old" in call.data:
            raise ValueError

    world.handler = handler
    poller = world.poll(bisect_batch_on_function_error=True, maximum_record_age=60, enable=False)
    world.put("A", "old")
    world.advance(30)
    world.put("A", "young")
    poller.enable()
    world.settle()
    assert world.discarded == [("RecordAgeExceeded", ["old"])]
    assert world.batches()[0] == ["old", "young"]
    assert world.batches()[-1] == ["young"]
    assert world.now() == 60


def test_old_records_are_told_of_in_portions_of_the_batch_size(world: World) -> None:
    poller = world.poll(batch_size=2, maximum_record_age=60, enable=False)
    world.put("A", "a", "b", "c")
    world.advance(60)
    world.put("A", "d")
    poller.enable()
    world.settle()
    assert world.discarded == [
        ("RecordAgeExceeded", ["a", "b"]),
        ("RecordAgeExceeded", ["c"]),
    ]
    assert world.batches() == [["d"]]


def test_a_page_of_records_that_are_all_too_old_does_not_end_the_reading(world: World) -> None:
    poller = world.poll(batch_size=1, maximum_record_age=60, enable=False)
    world.put("A", *(str(number) for number in range(10)))
    world.advance(60)
    poller.enable()
    world.settle()
    assert [data for _, discarded in world.discarded for data in discarded] == [
        str(number) for number in range(10)
    ]


def test_what_waits_behind_records_that_are_too_old_is_read(world: World) -> None:
    poller = world.poll(batch_size=2, maximum_batching_window=300, maximum_record_age=60)
    world.put("A", "old")
    world.quiesce()
    poller.disable()
    world.advance(60)
    world.put("A", "young")
    poller.update(StreamSettings(batch_size=1, maximum_record_age=60))
    poller.enable()
    world.settle()
    assert world.discarded == [("RecordAgeExceeded", ["old"])]
    assert world.batches() == [["young"]]


def test_a_lower_age_holds_for_a_batch_that_waits_for_its_retry(world: World) -> None:
    world.handler = fail
    poller = world.poll()
    world.put("A", "a")
    world.advance(40)
    poller.update(StreamSettings(maximum_record_age=60))
    world.settle()
    assert world.discarded == [("RecordAgeExceeded", ["a"])]
    assert world.now() == 60


def test_a_mapping_disabled_between_the_halves_of_a_batch_goes_on_with_the_second(
    world: World,
) -> None:
    def handler(call: Call) -> None:
        if len(call.data) > 1:
            raise ValueError
        if call.data == ["a"]:
            poller.disable()

    world.handler = handler
    poller = world.poll(bisect_batch_on_function_error=True, enable=False)
    world.put("A", "a", "b")
    poller.enable()
    world.settle()
    assert world.batches() == [["a", "b"], ["a"]]
    poller.enable()
    world.settle()
    assert world.batches() == [["a", "b"], ["a"], ["b"]]


def test_a_report_gives_the_rest_of_a_batch_all_its_retries(world: World) -> None:
    def handler(call: Call) -> Any:
        bad = [each for each in call.event["Records"] if each["data"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each["sequenceNumber"]} for each in bad]}

    world.handler = handler
    poller = world.poll(report_batch_item_failures=True, maximum_retry_attempts=2, enable=False)
    world.put("A", "a", "bad", "c")
    poller.enable()
    world.settle()
    assert world.batches() == [["a", "bad", "c"]] + [["bad", "c"]] * 3
    assert [call.attempt for call in world.calls] == [1, 1, 2, 3]
    assert world.discarded == [("RetryAttemptsExhausted", ["bad", "c"])]
