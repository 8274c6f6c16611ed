from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

import pytest

from slstest.embedded.scheduler import Scheduler
from slstest.errors import NotSettled

PRESENT = 1_700_000_000.0
TIMEOUT = 60.0
"""Seconds, far more than any test waits where nothing is broken."""


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


def test_a_request_from_outside_is_under_way(scheduler: Scheduler) -> None:
    with scheduler.under_way("a request to s3"):
        assert scheduler.pending() == ["a request to s3"]
        with pytest.raises(NotSettled, match="a request to s3"):
            scheduler.settle(0.01)
    scheduler.settle(10)


def test_settling_waits_for_the_end_of_a_request_from_outside(scheduler: Scheduler) -> None:
    begun, release = threading.Event(), threading.Event()
    ended: list[bool] = []

    def request() -> None:
        with scheduler.under_way("a request"):
            begun.set()
            release.wait()
            ended.append(True)

    threading.Thread(target=request, daemon=True).start()
    begun.wait()
    threading.Timer(0.01, release.set).start()
    scheduler.settle(10)
    assert ended == [True]


def test_a_request_that_waits_for_the_cloud_holds_nothing_up(scheduler: Scheduler) -> None:
    with scheduler.under_way("a request to sqs"):
        with scheduler.parked():
            scheduler.settle(10)
        assert scheduler.pending() == ["a request to sqs"]


def test_parking_what_is_no_request_changes_nothing(scheduler: Scheduler) -> None:
    with scheduler.parked():
        pass
    assert scheduler.pending() == []


def fail() -> None:
    raise ValueError("broken inside")


@dataclass
class Attended:
    """A scheduler that serves other programs, and what its attendant has told of it."""

    scheduler: Scheduler
    failures: SimpleQueue[BaseException] = field(default_factory=SimpleQueue)

    def begin(self, skip_after: float | None) -> None:
        self.thread = threading.Thread(
            target=self.scheduler.attend,
            args=(self.failures.put,),
            kwargs={"skip_after": skip_after},
            daemon=True,
        )
        self.thread.start()


@pytest.fixture
def attended(scheduler: Scheduler) -> Attended:
    return Attended(scheduler)


def test_an_attendant_tells_of_each_failure(attended: Attended) -> None:
    attended.begin(None)
    for _ in range(2):
        attended.scheduler.submit("work", fail)
        assert str(attended.failures.get(timeout=TIMEOUT)) == "broken inside"


def test_an_attendant_goes_when_the_scheduler_is_closed(attended: Attended) -> None:
    attended.begin(0.0)
    attended.scheduler.close()
    attended.thread.join(TIMEOUT)
    assert not attended.thread.is_alive()


def test_an_attendant_leaves_time_alone_unless_it_is_told_to_skip(attended: Attended) -> None:
    attended.begin(None)
    attended.scheduler.call_later(3600, "later", lambda: None)
    attended.scheduler.submit("failing work", fail)
    attended.failures.get(timeout=TIMEOUT)
    assert attended.scheduler.now() == PRESENT


def test_an_attendant_skips_from_timer_to_timer_in_the_order_they_are_due(
    attended: Attended,
) -> None:
    fired: SimpleQueue[tuple[str, float]] = SimpleQueue()

    def fire(name: str) -> None:
        fired.put((name, attended.scheduler.now() - PRESENT))

    with attended.scheduler.under_way("the request that sets them"):
        attended.begin(0.0)
        attended.scheduler.call_later(3600, "late", partial(fire, "late"))
        attended.scheduler.call_later(60, "early", partial(fire, "early"))
    assert fired.get(timeout=TIMEOUT) == ("early", 60.0)
    assert fired.get(timeout=TIMEOUT) == ("late", 3600.0)


@pytest.mark.parametrize("busy_with", ["work", "request"])
def test_an_attendant_does_not_skip_while_something_is_under_way(
    attended: Attended, busy_with: str
) -> None:
    scheduler, begun, release = attended.scheduler, threading.Event(), threading.Event()
    moments: SimpleQueue[float] = SimpleQueue()

    def busy() -> None:
        with scheduler.under_way("request") if busy_with == "request" else nullcontext():
            begun.set()
            release.wait()
            moments.put(scheduler.now())

    with scheduler.under_way("the request that begins it"):
        if busy_with == "request":
            threading.Thread(target=busy, daemon=True).start()
        else:
            scheduler.submit("work", busy)
        begun.wait()
        scheduler.call_later(60, "timer", lambda: moments.put(scheduler.now()))
        attended.begin(0.0)
    # What fails meanwhile is told by the thread that would have skipped.
    scheduler.submit("failing work", fail)
    attended.failures.get(timeout=TIMEOUT)
    release.set()
    assert moments.get(timeout=TIMEOUT) == PRESENT
    assert moments.get(timeout=TIMEOUT) == PRESENT + 60


def test_an_attendant_skips_while_a_request_waits_for_the_cloud(attended: Attended) -> None:
    fired = threading.Event()
    with attended.scheduler.under_way("a long poll"):
        attended.scheduler.call_later(60, "its end", fired.set)
        attended.begin(0.0)
        with attended.scheduler.parked():
            assert fired.wait(TIMEOUT)


def test_an_attendant_gives_the_next_request_some_time_to_come(attended: Attended) -> None:
    fired: list[bool] = []
    attended.begin(3600)
    attended.scheduler.call_later(60, "timer", lambda: fired.append(True))
    attended.scheduler.submit("failing work", fail)
    attended.failures.get(timeout=TIMEOUT)
    assert (fired, attended.scheduler.now()) == ([], PRESENT)


def test_a_timer_fires_in_time_although_time_was_skipped_before() -> None:
    attended = Attended(Scheduler())
    fired, release = threading.Event(), threading.Event()
    with attended.scheduler.under_way("the request that sets them"):
        attended.scheduler.call_later(3600, "goes on", lambda: wait_for(release))
        attended.scheduler.call_later(3600.01, "due meanwhile", fired.set)
    attended.begin(0.0)
    assert fired.wait(TIMEOUT)
    release.set()
    attended.scheduler.close()
