"""Ends a running function from outside: when its time is over or its environment is closed.

A function in a process of its own is killed. Here an exception is raised in the thread that
runs it: on the main thread by a signal, which also ends a blocking call such as
``time.sleep``, elsewhere by CPython's asynchronous exceptions, which wait for the next line of
Python. A function that catches the first exception gets another one as soon as it goes on.
"""

from __future__ import annotations

import ctypes
import math
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_GRACE = 0.1
"""Seconds that a function has for its ``finally`` blocks before it is interrupted again."""

_AGAIN = 0.01
"""Seconds between the interruptions after that."""

_LATE_SIGNAL = 1.0
"""Seconds to wait for a signal that was sent: a function may have blocked it."""

_lock = threading.Lock()
_set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
_trip = ctypes.pythonapi.PyErr_SetInterruptEx


class Interrupted(BaseException):
    """Raised inside a function to end it."""


@dataclass(eq=False)
class Watch:
    """One run of a function on one thread."""

    over: object
    """The reason to be given when the time is over."""
    limit: float | None
    """Seconds; None for no limit."""
    reason: Any = None
    """Why the function is to end; None as long as it may go on."""
    thread: int = 0
    due: float = math.inf
    """When it is interrupted next, on the monotonic clock."""
    armed: bool = False
    held: int = 0
    """Above 0 while the thread does something on the function's behalf."""
    interruptions: int = 0
    by_exception: bool = False
    """Whether it was interrupted in a way that can arrive after its end."""


class _Watches(threading.local):
    """The watches over the runs on one thread, outermost first."""

    def __init__(self) -> None:
        self.stack: list[Watch] = []


_mine = _Watches()


def current_watch() -> Watch | None:
    """The watch over the innermost run on this thread."""
    return _mine.stack[-1] if _mine.stack else None


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep the function that runs on this thread, if one does, from being ended in here.

    For what a function's calls set going in this process and what must not be left half
    done, such as the embedded cloud's answer. A function whose time runs out in here is
    ended on the way out.
    """
    watch = current_watch()
    if watch is None:
        yield
        return
    with _lock:
        watch.held += 1
    try:
        yield
    finally:
        with _lock:
            watch.held -= 1
    if watch.reason is not None and watch.armed and not watch.held:
        raise Interrupted


class _InterruptedAgain(Interrupted):
    """Raised in a thread other than the main one in a function that caught the first one, and
    once more as soon as it goes on: no ``except BaseException`` in a loop keeps it alive."""

    def __init__(self) -> None:
        super().__init__()
        watch = current_watch()
        caught_in_the_end = sys._getframe(1).f_code is Watchdog.run.__code__
        if watch is not None and watch.armed and not watch.held and not caught_in_the_end:
            thread, exception = _asynchronous(watch.thread, _InterruptedAgain)
            # Unpacking makes the call without a call of Python's own, after which the
            # interpreter would raise the exception in here already.
            (_,) = map(_set_exception, [thread], [exception])


def _asynchronous(thread: int, exception: type[BaseException]) -> tuple[Any, Any]:
    return ctypes.c_ulong(thread), ctypes.py_object(exception)


class _MainThreadSignal:
    """The signal that interrupts the main thread, while a function runs there."""

    # Of all signals the one whose default is to do nothing: arriving late it does no harm.
    number = getattr(signal, "SIGURG", None)

    def __init__(self) -> None:
        self.installed = False
        self.in_flight = False
        self._previous: Any = None
        self._random = random.Random()
        self._pass_over = 0

    def install(self) -> bool:
        """Take the signal over; False where that cannot be undone or is not possible."""
        if self.number is None or threading.current_thread() is not threading.main_thread():
            return False
        self._previous = signal.getsignal(self.number)
        if self._previous is None:  # somebody's handler in C, which Python cannot put back
            return False
        signal.signal(self.number, self._arrived)
        self.installed = True
        return True

    def uninstall(self) -> None:
        assert self.number is not None
        self.installed = False
        patience = time.monotonic() + _LATE_SIGNAL
        while self.in_flight and time.monotonic() < patience:
            time.sleep(0)
        self.in_flight = False
        signal.signal(self.number, self._previous)

    def send(self) -> None:
        if not self.in_flight:
            assert self.number is not None
            self.in_flight = True
            signal.pthread_kill(threading.main_thread().ident or 0, self.number)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        self.in_flight = False
        watch = current_watch()
        if watch is None or not watch.armed or watch.held or watch.reason is None:
            return
        if frame is not None and frame.f_code is Watchdog.run.__code__:
            return
        if watch.interruptions > 1:
            # It caught the first one. From now on it gets one more whenever it goes on, so
            # that no ``except BaseException`` in a loop keeps it alive; not always at the
            # first opportunity, which CPython 3.12 may count to the ``try`` of that loop.
            now = self._pass_over == 0
            self._pass_over = self._random.randrange(3) if now else self._pass_over - 1
            (_,) = map(_trip, [number])  # unpacked as in _InterruptedAgain
            if not now:
                return
        raise Interrupted


_main_thread = _MainThreadSignal()


class Watchdog:
    """Watches runs of functions. Its thread starts with the first limit."""

    def __init__(self) -> None:
        self._changed = threading.Condition(_lock)
        self._watched: set[Watch] = set()
        self._wakes_at = -math.inf
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, watch: Watch, function: Callable[[], T]) -> T:
        """Call ``function`` on this thread and return its result.

        Raises :class:`Interrupted` where it was ended, or should have been and ended by
        itself all the same; ``watch.reason`` then says why. A function that runs on the
        thread of another one needs :func:`uninterrupted` around it.
        """
        signalled = not _mine.stack and _main_thread.install()
        _mine.stack.append(watch)
        try:
            try:
                self._begin(watch)
                result = function()
            finally:
                watch.armed = False  # first of all: no more is sent from here on
                while True:
                    try:
                        self._forget(watch)
                        break
                    except Interrupted:  # one that was sent before
                        continue
        except KeyboardInterrupt:
            raise
        except BaseException:
            if watch.reason is None:
                raise
            raise Interrupted from None
        finally:
            # An exception that came before the first step of that above has skipped the rest of it.
            while watch.armed or watch in self._watched:
                watch.armed = False
                with suppress(Interrupted):
                    self._forget(watch)
            _mine.stack.pop()
            if signalled:
                _main_thread.uninstall()
        if watch.reason is not None:
            raise Interrupted
        return result

    def interrupt(self, watch: Watch, reason: object) -> None:
        """End a run for ``reason``, now and as often as it takes; from any thread."""
        with self._changed:
            if watch.armed:
                watch.reason = reason
                watch.due = time.monotonic()
                self._watch(watch)

    def pause(self) -> None:
        """Lift every limit of the functions that run now: a debugger has taken over."""
        with self._changed:
            for watch in self._watched:
                watch.due = math.inf
            self._watched.clear()

    def close(self) -> None:
        """End the watchdog's thread."""
        with self._changed:
            self._closed = True
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    # -- inside -------------------------------------------------------------------------

    def _begin(self, watch: Watch) -> None:
        watch.thread = threading.get_ident()
        watch.armed = True
        if watch.limit is not None:
            with self._changed:
                watch.due = time.monotonic() + watch.limit
                self._watch(watch)

    def _forget(self, watch: Watch) -> None:
        with self._changed:
            self._watched.discard(watch)
            if watch.reason is None and time.monotonic() >= watch.due:
                watch.reason = watch.over
        if watch.by_exception:
            _set_exception(ctypes.c_ulong(watch.thread), None)  # take back what is on its way

    def _watch(self, watch: Watch) -> None:
        self._watched.add(watch)
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(
                target=self._keep_watch, name="slstest-watchdog", daemon=True
            )
            self._thread.start()
        elif watch.due < self._wakes_at:
            self._changed.notify()

    def _keep_watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                for watch in self._watched:
                    if watch.due <= now:
                        self._interrupt(watch)
                        watch.due = now + (_GRACE if watch.interruptions == 1 else _AGAIN)
                self._wakes_at = min((watch.due for watch in self._watched), default=math.inf)
                self._changed.wait(
                    None if self._wakes_at == math.inf else max(0.0, self._wakes_at - now)
                )

    def _interrupt(self, watch: Watch) -> None:
        if not watch.armed:
            return
        if watch.reason is None:
            watch.reason = watch.over
        if watch.held:
            return
        watch.interruptions += 1
        if _main_thread.installed and watch.thread == threading.main_thread().ident:
            _main_thread.send()
        else:
            watch.by_exception = True
            exception = Interrupted if watch.interruptions == 1 else _InterruptedAgain
            _set_exception(*_asynchronous(watch.thread, exception))
