from __future__ import annotations

import pytest

from slstest import SlstestError
from slstest.waiting import wait_until


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses made; time passes by them only."""
    slept: list[float] = []
    monkeypatch.setattr("slstest.waiting.time.monotonic", lambda: sum(slept))
    monkeypatch.setattr("slstest.waiting.time.sleep", slept.append)
    return slept


def test_what_is_ready_is_not_waited_for(slept: list[float]) -> None:
    assert wait_until("it", lambda: "ready") == "ready"
    assert slept == []


def test_the_pauses_begin_with_milliseconds_and_end_with_a_second(slept: list[float]) -> None:
    answers = iter([*[None] * 30, "ready"])
    assert wait_until("it", lambda: next(answers)) == "ready"
    assert len(slept) == 30
    assert slept[0] < 0.01
    assert slept == sorted(slept)
    assert slept[-1] == 1.0


def test_waiting_in_vain_says_for_what(slept: list[float]) -> None:
    with pytest.raises(SlstestError, match="waited 2 s in vain for the table to become active"):
        wait_until("the table to become active", lambda: None, timeout=2)
    assert sum(slept) <= 2
