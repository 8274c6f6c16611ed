"""The embedded cloud's time and its background work.

All waiting in the embedded cloud goes through one :class:`Scheduler`. It knows what is
running and which timers are set, so it can say when nothing is under way any more, and when
a test waits and only timers are left it skips to the next one instead of sleeping.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from slstest.errors import NotSettled

T = TypeVar("T")

_LOOK_AGAIN = 0.25
"""Seconds after which a waiting test looks again although work is still running."""

_IDLE_WORKER_LIFETIME = 30.0
"""Seconds for which an idle thread is kept for the next task."""


@dataclass(order=True)
class Timer:
    """A task due at a moment of the cloud's time."""

    due: float
    order: int
    what: str = field(compare=False)
    task: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)


@dataclass
class _Task:
    what: str
    run: Callable[[], None]


class _Interrupted(Exception):
    """The foreground was interrupted (Ctrl-C, a closed cloud) before it could answer."""


class _Call:
    """A function handed to the foreground, and the wait for its result."""

    def __init__(self, run: Callable[[], object]) -> None:
        self._run = run
        self._done = threading.Event()
        self._result: object = None
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._result = self._run()
        except Exception as error:
            self._error = error
        except BaseException:
            self._error = _Interrupted()
            raise
        finally:
            self._done.set()

    def cancel(self, error: BaseException) -> None:
        self._error = error
        self._done.set()

    def result(self) -> object:
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result


class Scheduler:
    """Runs tasks on background threads, fires timers, and owns the time.

    ``present`` tells the real time in seconds since the epoch. The cloud's time is the
    present plus what has been skipped since the last :meth:`reset`.
    """

    def __init__(self, present: Callable[[], float] = time.time, *, skips: bool = True) -> None:
        """Without ``skips`` time is the present always, and whoever waits really does."""
        self._present = present
        self._skips = skips
        self._skipped = 0.0
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._work_ready = threading.Condition(lock)
        self._timer_set = threading.Condition(lock)
        self._timers: list[Timer] = []
        self._order = itertools.count()
        self._tasks: deque[_Task] = deque()
        self._running: dict[int, str] = {}
        self._guests: dict[int, str] = {}
        self._last_guest = time.monotonic()
        self._idle_workers = 0
        self._foreground: deque[_Call] = deque()
        self._foreground_depth = 0
        self._home = threading.get_ident()
        self._local = threading.local()
        self._timer_thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._closed = False

    # -- time ---------------------------------------------------------------------------

    def now(self) -> float:
        """The cloud's time, in seconds since the epoch."""
        return self._present() + self._skipped

    def reset(self) -> None:
        """Return to the present. Call it only when nothing is under way, and on the thread
        that is going to wait: it becomes the foreground."""
        with self._changed:
            self._home = threading.get_ident()
            self._skipped = 0.0
            self._timers = []

    def finish(self, timeout: float) -> None:
        """Drop every timer and wait for the end of what is running.

        Raises :class:`slstest.errors.NotSettled` where that does not end, and what went wrong
        in the background since somebody waited last.
        """
        with self._changed:
            self._timers = []
        self.quiesce(timeout)

    def advance(self, seconds: float, timeout: float) -> None:
        """Move the time forward by ``seconds``, doing what falls due on the way in order."""
        target = self.now() + seconds
        self.quiesce(timeout)
        while (due := self._next_due()) is not None and due <= target:
            self._skip_to(due)
            self.quiesce(timeout)
        self._skip_to(target)
        self.quiesce(timeout)

    # -- work ---------------------------------------------------------------------------

    def submit(self, what: str, task: Callable[[], None]) -> None:
        """Run ``task`` on a background thread; ``what`` names it to whoever waits for it."""
        with self._changed:
            if self._closed:
                return
            self._enqueue(what, task)

    def call_at(self, due: float, what: str, task: Callable[[], None]) -> Timer:
        """Run ``task`` in the background when the cloud's time reaches ``due``."""
        with self._changed:
            timer = Timer(due, next(self._order), what, task)
            if self._closed:
                timer.cancelled = True
                return timer
            heapq.heappush(self._timers, timer)
            if self._timer_thread is None:
                self._timer_thread = threading.Thread(
                    target=self._fire_timers, name="slstest-clock", daemon=True
                )
                self._timer_thread.start()
            self._timer_set.notify()
            self._changed.notify_all()
            return timer

    def call_later(self, delay: float, what: str, task: Callable[[], None]) -> Timer:
        """Run ``task`` in the background after ``delay`` seconds of the cloud's time."""
        return self.call_at(self.now() + delay, what, task)

    def cancel(self, timer: Timer) -> None:
        """Forget a timer; one that has fired stays fired."""
        with self._changed:
            timer.cancelled = True
            self._changed.notify_all()

    def run_in_foreground(self, run: Callable[[], T]) -> T:
        """Run ``run`` on the thread that waits for the cloud and return its result.

        Threads other than the scheduler's own run it themselves: the test's thread, and the
        threads that a handler started.
        """
        if not getattr(self._local, "worker", False):
            return self._run_here(run)
        call = _Call(run)
        with self._changed:
            if self._closed:
                raise _Interrupted
            self._foreground.append(call)
            self._changed.notify_all()
        return call.result()  # type: ignore[return-value]

    def run_waiting_foreground_calls(self) -> None:
        """Run what waits for the foreground, if this is its thread and has nothing to do."""
        if threading.get_ident() != self._home or self._foreground_depth:
            return
        while self._foreground:
            self._run_one_foreground_call()

    @property
    def runs_foreground_call(self) -> bool:
        """Whether a call that was handed to the foreground is being run right now."""
        return self._foreground_depth > 0

    @contextmanager
    def under_way(self, what: str) -> Iterator[None]:
        """Count what this thread does as work: a request from outside."""
        me = threading.get_ident()
        with self._changed:
            self._guests[me] = what
        try:
            yield
        finally:
            self._leave(me)

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Do not count a request that waits for the cloud to do something."""
        me = threading.get_ident()
        what = self._leave(me)
        try:
            yield
        finally:
            if what is not None:
                with self._changed:
                    self._guests[me] = what

    # -- waiting ------------------------------------------------------------------------

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        """See :meth:`slstest.clouds.base.Cloud.moments`."""
        deadline = time.monotonic() + timeout
        while True:
            quiet = self._wait_until_quiet(min(deadline, time.monotonic() + _LOOK_AGAIN))
            yield
            if time.monotonic() >= deadline:
                return
            if quiet and not self._skip_to_next_timer():
                if not patient:
                    return
                self._wait_for_change(min(deadline, time.monotonic() + _LOOK_AGAIN))

    def quiesce(self, timeout: float) -> None:
        """Wait until nothing runs and nothing is due; timers in the future stay."""
        if not self._wait_until_quiet(time.monotonic() + timeout):
            raise NotSettled(self._explain(timeout))

    def settle(self, timeout: float) -> None:
        """Wait until nothing runs and no timer is left, skipping from timer to timer."""
        deadline = time.monotonic() + timeout
        while True:
            if not self._wait_until_quiet(deadline) or time.monotonic() >= deadline:
                if self.pending():
                    raise NotSettled(self._explain(timeout))
                return
            if not self._skip_to_next_timer():
                return

    def attend(
        self, report: Callable[[BaseException], None], *, skip_after: float | None = None
    ) -> None:
        """Stand in for the test that waits, where there is none, until the scheduler is closed.

        What goes wrong in the background is handed to ``report``. With ``skip_after`` time
        skips to the next timer whenever nothing runs and the last request from outside ended
        that many seconds ago.
        """
        while True:
            with self._changed:
                while self._failure is None and not self._closed:
                    patience = None if skip_after is None else self._until_skip(skip_after)
                    if patience is None or patience > 0:
                        self._changed.wait(patience)
                    else:
                        self._skip_to_next_timer()
                if self._failure is None:
                    return
                failure, self._failure = self._failure, None
            report(failure)

    def pending(self) -> list[str]:
        """What is under way, in words."""
        with self._changed:
            now = self.now()
            running = [
                *self._guests.values(),
                *self._running.values(),
                *(task.what for task in self._tasks),
            ]
            timers = [
                f"{timer.what} (due in {max(0.0, timer.due - now):.0f} s)"
                for timer in sorted(self._timers)
                if not timer.cancelled
            ]
            return running + timers

    def close(self) -> None:
        """Drop every timer and task that has not begun, and let the threads end."""
        with self._changed:
            self._closed = True
            self._timers = []
            self._tasks.clear()
            while self._foreground:
                self._foreground.popleft().cancel(_Interrupted())
            for condition in (self._changed, self._work_ready, self._timer_set):
                condition.notify_all()

    # -- inside -------------------------------------------------------------------------

    def _explain(self, timeout: float) -> str:
        pending = self.pending()
        listed = "\n".join(f"  - {what}" for what in pending[:20])
        more = f"\n  ... and {len(pending) - 20} more" if len(pending) > 20 else ""
        return f"not settled after {timeout:g} s; still under way:\n{listed}{more}"

    def _enqueue(self, what: str, task: Callable[[], None]) -> None:
        self._tasks.append(_Task(what, task))
        if self._idle_workers >= len(self._tasks):
            self._work_ready.notify()
        else:
            threading.Thread(target=self._work, name="slstest-worker", daemon=True).start()

    def _work(self) -> None:
        self._local.worker = True
        me = threading.get_ident()
        while True:
            with self._changed:
                self._idle_workers += 1
                until = time.monotonic() + _IDLE_WORKER_LIFETIME
                while not self._tasks and not self._closed and time.monotonic() < until:
                    self._work_ready.wait(max(0.0, until - time.monotonic()))
                self._idle_workers -= 1
                if not self._tasks:
                    return
                task = self._tasks.popleft()
                self._running[me] = task.what
            try:
                task.run()
            except _Interrupted:
                pass  # the thread that waits for the cloud already raises what stopped it
            except Exception as error:
                with self._changed:
                    self._failure = self._failure or error
            finally:
                with self._changed:
                    del self._running[me]
                    self._changed.notify_all()

    def _fire_timers(self) -> None:
        with self._changed:
            while not self._closed:
                self._release_due_timers()
                due = self._next_due()
                self._timer_set.wait(None if due is None else max(0.0, due - self.now()))

    def _release_due_timers(self) -> None:
        now = self.now()
        while self._timers and (self._timers[0].cancelled or self._timers[0].due <= now):
            timer = heapq.heappop(self._timers)
            if not timer.cancelled:
                self._enqueue(timer.what, timer.task)

    def _next_due(self) -> float | None:
        with self._changed:
            while self._timers and self._timers[0].cancelled:
                heapq.heappop(self._timers)
            return self._timers[0].due if self._timers else None

    def _skip_to_next_timer(self) -> bool:
        """Go to the next timer, or wait a moment for it; False where there is none."""
        due = self._next_due()
        if due is None:
            return False
        if self._skips:
            self._skip_to(due)
        else:
            wait = max(0.0, min(due - self.now(), _LOOK_AGAIN))
            self._wait_for_change(time.monotonic() + wait)
        return True

    def _skip_to(self, moment: float) -> None:
        with self._changed:
            self._skipped += max(0.0, moment - self.now())
            self._release_due_timers()
            self._timer_set.notify()
            self._changed.notify_all()

    def _wait_until_quiet(self, deadline: float) -> bool:
        """Wait for the end of all work that is running or due; False at the deadline."""
        while True:
            if self._foreground and not self._foreground_depth:
                self._run_one_foreground_call()
                continue
            with self._changed:
                self._release_due_timers()
                if self._failure is not None:
                    failure, self._failure = self._failure, None
                    raise failure
                if self._is_quiet() and not self._foreground:
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if not self._foreground:
                    self._changed.wait(left)

    def _is_quiet(self) -> bool:
        return not self._tasks and not self._running and not self._guests

    def _until_skip(self, skip_after: float) -> float | None:
        """Seconds until time may skip to the next timer; None while something must change."""
        self._release_due_timers()
        if not self._is_quiet() or self._next_due() is None:
            return None
        return max(0.0, self._last_guest + skip_after - time.monotonic())

    def _leave(self, guest: int) -> str | None:
        with self._changed:
            what = self._guests.pop(guest, None)
            if what is not None:
                self._last_guest = time.monotonic()
                if self._is_quiet():
                    self._changed.notify_all()
            return what

    def _wait_for_change(self, deadline: float) -> None:
        with self._changed:
            self._changed.wait(max(0.0, deadline - time.monotonic()))

    def _run_one_foreground_call(self) -> None:
        with self._changed:
            if not self._foreground:
                return
            call = self._foreground.popleft()
        self._run_here(call.run)

    def _run_here(self, run: Callable[[], T]) -> T:
        """Run something that must not be interrupted by other calls for the foreground."""
        if threading.get_ident() != self._home:
            return run()
        self._foreground_depth += 1
        try:
            return run()
        finally:
            self._foreground_depth -= 1
