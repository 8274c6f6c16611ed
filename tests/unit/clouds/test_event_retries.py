from __future__ import annotations

from typing import Any

import pytest

from slstest.clouds import event_retries
from slstest.clouds.event_retries import EventRetries
from slstest.invocation import Invocation


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(event_retries, "time", clock)
    return clock


@pytest.fixture
def retries(clock: Clock) -> EventRetries:
    made = EventRetries()
    made.invoked("f", "r1")
    return made


def attempt(number: int, error: dict[str, Any] | None, request_id: str = "r1") -> Invocation:
    return Invocation(request_id, {}, None, error, [], 1.0, cold_start=False, attempt=number)


def test_an_event_that_failed_is_tried_again(retries: EventRetries) -> None:
    first = attempt(1, {"errorType": "Error"})
    (told,) = retries.due("f", [first])
    assert told == "retry 1 of an asynchronous invocation of f (60 s after the one that failed)"
    (told,) = retries.due("f", [first, attempt(2, {"errorType": "Error"})])
    assert told == "retry 2 of an asynchronous invocation of f (120 s after the one that failed)"


def test_what_has_succeeded_or_was_tried_three_times_is_not(retries: EventRetries) -> None:
    failed = {"errorType": "Error"}
    assert list(retries.due("f", [attempt(1, None)])) == []
    assert list(retries.due("f", [attempt(1, failed), attempt(2, None)])) == []
    assert (
        list(retries.due("f", [attempt(1, failed), attempt(2, failed), attempt(3, failed)])) == []
    )


def test_what_no_event_has_invoked_is_not(retries: EventRetries) -> None:
    failed = {"errorType": "Error"}
    assert list(retries.due("f", [attempt(1, failed, "r2")])) == []
    assert list(retries.due("g", [attempt(1, failed)])) == []


def test_the_function_s_own_number_of_retries_holds(retries: EventRetries) -> None:
    failed = attempt(1, {"errorType": "Error"})
    retries.configured("f", 0)
    assert list(retries.due("f", [failed])) == []
    retries.configured("f", None)
    assert len(list(retries.due("f", [failed]))) == 1


def test_a_retry_that_does_not_come_is_not_awaited_for_ever(
    retries: EventRetries, clock: Clock
) -> None:
    failed = attempt(1, {"errorType": "Error"})
    assert len(list(retries.due("f", [failed]))) == 1
    clock.now += 79
    assert len(list(retries.due("f", [failed]))) == 1
    clock.now += 2
    assert list(retries.due("f", [failed])) == []
