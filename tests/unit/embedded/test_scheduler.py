from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from slstest.embedded.scheduler import Scheduler
from slstest.errors import NotSettled

PRESENT = 1_700_000_000.0


@pytest.fixture
def scheduler() -> Iterator[Scheduler]:
    """A scheduler whose present stands still, so that only skipping moves its time."""
    scheduler = Scheduler(present=lambda: PRESENT)
    scheduler.reset()
    yield scheduler
    scheduler.close()


def wait_for(event: threading.Event) -> None:
    event.wait()


def test_time_is_the_present_until_something_is_skipped(scheduler: Scheduler) -> None:
    assert scheduler.now() == PRESENT


def test_settling_waits_for_running_work(scheduler: Scheduler) -> None:
    release, done = threading.Event(), []

    def work() -> None:
        release.wait()
        done.append(True)

    scheduler.submit("work", work)
    threading.Timer(0.01, release.set).start()
    scheduler.settle(10)
    assert done == [True]


def test_settling_waits_for_the_work_that_work_begins(scheduler: Scheduler) -> None:
    done: list[int] = []

    def work(depth: int) -> None:
        done.append(depth)
        if depth < 5:
            scheduler.submit("more", lambda: work(depth + 1))

    scheduler.submit("work", lambda: work(0))
    scheduler.settle(10)
    assert done == [0, 1, 2, 3, 4, 5]


def test_settling_skips_from_timer_to_timer_in_the_order_they_are_due(
    scheduler: Scheduler,
) -> None:
    fired: list[tuple[str, float]] = []

    def fire(name: str) -> None:
        fired.append((name, scheduler.now() - PRESENT))

    for name, delay in (("late", 3600.0), ("early", 60.0), ("middle", 120.0)):
        scheduler.call_later(delay, name, partial(fire, name))
    scheduler.settle(10)
    assert fired == [("early", 60.0), ("middle", 120.0), ("late", 3600.0)]


def test_settling_gives_up_naming_what_is_under_way(scheduler: Scheduler) -> None:
    release = threading.Event()
    scheduler.submit("records of shard 1", lambda: wait_for(release))
    scheduler.call_later(90, "retry 2 of a batch", lambda: None)
    with pytest.raises(NotSettled) as raised:
        scheduler.settle(0.01)
    release.set()
    assert "records of shard 1" in str(raised.value)
    assert "retry 2 of a batch (due in 90 s)" in str(raised.value)


def test_a_cancelled_timer_neither_fires_nor_counts(scheduler: Scheduler) -> None:
    fired: list[bool] = []
    timer = scheduler.call_later(60, "never", lambda: fired.append(True))
    scheduler.cancel(timer)
    assert scheduler.pending() == []
    scheduler.settle(10)
    assert (fired, scheduler.now()) == ([], PRESENT)


def test_quiescing_leaves_future_timers_alone(scheduler: Scheduler) -> None:
    fired: list[bool] = []
    scheduler.call_later(60, "later", lambda: fired.append(True))
    scheduler.quiesce(10)
    assert (fired, scheduler.now()) == ([], PRESENT)


def test_finishing_drops_timers_and_tells_what_went_wrong(scheduler: Scheduler) -> None:
    fired: list[bool] = []

    def fail() -> None:
        raise ValueError("broken inside")

    scheduler.call_later(60, "never", lambda: fired.append(True))
    scheduler.submit("work", fail)
    with pytest.raises(ValueError, match="broken inside"):
        scheduler.finish(10)
    scheduler.finish(10)
    assert (fired, scheduler.pending()) == ([], [])


def test_advancing_fires_what_falls_due_on_the_way_and_no_more(scheduler: Scheduler) -> None:
    fired: list[float] = []

    def again() -> None:
        fired.append(scheduler.now() - PRESENT)
        scheduler.call_later(60, "again", again)

    scheduler.call_later(60, "again", again)
    scheduler.advance(150, 10)
    assert fired == [60.0, 120.0]
    assert scheduler.now() == PRESENT + 150


def test_moments_end_when_nothing_can_change_any_more(scheduler: Scheduler) -> None:
    fired: list[bool] = []
    scheduler.call_later(60, "once", lambda: fired.append(True))
    seen = [list(fired) for _ in scheduler.moments(10)]
    assert seen == [[], [True]]


def test_patient_moments_go_on_for_effects_from_outside(scheduler: Scheduler) -> None:
    seen = 0
    for _ in scheduler.moments(30, patient=True):
        seen += 1
        if seen == 3:
            break
    assert seen == 3


def test_a_moment_comes_while_work_goes_on_for_long(scheduler: Scheduler) -> None:
    release = threading.Event()
    scheduler.submit("long work", lambda: wait_for(release))
    for _ in scheduler.moments(30):
        release.set()
    assert scheduler.pending() == []


def test_a_failure_in_background_work_reaches_whoever_waits(scheduler: Scheduler) -> None:
    def fail() -> None:
        raise ValueError("broken inside")

    scheduler.submit("work", fail)
    with pytest.raises(ValueError, match="broken inside"):
        scheduler.settle(10)


def test_the_foreground_is_the_thread_that_waits(scheduler: Scheduler) -> None:
    ran_on: list[int] = []

    def work() -> None:
        scheduler.run_in_foreground(lambda: ran_on.append(threading.get_ident()))

    scheduler.submit("work", work)
    scheduler.settle(10)
    assert ran_on == [threading.get_ident()]


def test_a_foreground_call_gives_its_result_and_its_error_back(scheduler: Scheduler) -> None:
    results: list[object] = []

    def work() -> None:
        results.append(scheduler.run_in_foreground(lambda: 42))
        try:
            scheduler.run_in_foreground(lambda: 1 // 0)
        except ZeroDivisionError as error:
            results.append(str(error))

    scheduler.submit("work", work)
    scheduler.settle(10)
    assert results == [42, "integer division or modulo by zero"]


def test_an_interrupt_in_the_foreground_stops_the_waiting_thread_once(
    scheduler: Scheduler,
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    scheduler.submit("work", lambda: scheduler.run_in_foreground(interrupted))
    with pytest.raises(KeyboardInterrupt):
        scheduler.settle(10)
    scheduler.settle(10)


def test_timers_fire_in_real_time_while_nobody_waits() -> None:
    scheduler = Scheduler()
    fired = threading.Event()
    scheduler.call_later(0.01, "soon", fired.set)
    assert fired.wait(10)
    scheduler.close()


def test_a_closed_scheduler_does_nothing_more() -> None:
    scheduler = Scheduler()
    scheduler.close()
    scheduler.submit("work", lambda: pytest.fail("must not run"))
    scheduler.call_later(0, "timer", lambda: pytest.fail("must not run"))
    scheduler.settle(1)
