"""Who is on stage: the one function whose world this process shows at a time.

The variables, the modules and the output of a process belong to all its threads, so only one
function can have its own at a time. A function that invokes another one synchronously, on its
own thread or on one that it started, makes room for it and comes back afterwards; what one
function invokes in parallel runs one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakKeyDictionary

from slstest.runtimes.in_process.watchdog import current_watch


class Act(Protocol):
    """The world of one function."""

    def put_on(self) -> None:
        """Make it the world of this process."""

    def take_off(self) -> None:
        """Put it away as it is now, and restore what was there before."""


class Stage:
    """Gives each act its turn. One for the process, see :data:`STAGE`."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._acts: list[tuple[Act, threading.Thread]] = []
        self._start_thread = threading.Thread.start
        self._patrons: WeakKeyDictionary[threading.Thread, Act] = WeakKeyDictionary()

    @contextmanager
    def held_by(self, act: Act) -> Iterator[None]:
        """Wait for the turn of ``act``, put it on for the block, and take it off."""
        mine = (act, threading.current_thread())
        with self._changed:
            patron = self.patron()
            self._changed.wait_for(lambda: self._is_turn_of(patron))
            self._enter(act)
            self._acts.append(mine)
        try:
            yield
        finally:
            self._leave(mine)

    def patron(self) -> Act | None:
        """On whose behalf the current thread works: the act that runs on it, or the one that
        started it. None for a thread of somebody else's."""
        thread = threading.current_thread()
        for act, its_thread in reversed(self._acts):
            if its_thread is thread:
                return act
        return self._patrons.get(thread)

    def is_empty(self) -> bool:
        with self._changed:
            return not self._acts

    @contextmanager
    def on_behalf_of_the_act(self) -> Iterator[None]:
        """Count the current thread, in the block, as one that the act on stage started.

        For a server's thread that answers a request of that function.
        """
        thread = threading.current_thread()
        with self._changed:
            top = self._top()
            if top is not None:
                self._patrons[thread] = top
        try:
            yield
        finally:
            self._patrons.pop(thread, None)

    # -- inside -------------------------------------------------------------------------

    def _top(self) -> Act | None:
        return self._acts[-1][0] if self._acts else None

    def _is_turn_of(self, patron: Act | None) -> bool:
        return not self._acts or self._top() is patron

    def _enter(self, act: Act) -> None:
        outer = self._top()
        if outer is None:
            self._open()
        else:
            outer.take_off()
        try:
            act.put_on()
        except BaseException:
            self._return_to(outer)
            raise

    def _return_to(self, outer: Act | None) -> None:
        if outer is None:
            self._close()
        else:
            outer.put_on()

    def _leave(self, mine: tuple[Act, threading.Thread]) -> None:
        interrupted: BaseException | None = None
        with self._changed:
            # Ctrl-C must not leave half a function on stage; what is above ends by itself.
            while self._acts[-1] is not mine:
                try:
                    self._changed.wait()
                except KeyboardInterrupt as error:
                    interrupted = error
            self._acts.pop()
            try:
                mine[0].take_off()
            finally:
                self._return_to(self._top())
                self._changed.notify_all()
        if interrupted is not None:
            raise interrupted

    def _open(self) -> None:
        """Remember from now on on whose behalf a thread is started.

        What the cloud starts while it answers a function is its own, not the function's.
        """
        start = self._start_thread = threading.Thread.start

        def start_for_patron(thread: threading.Thread) -> None:
            watch = current_watch()
            patron = self.patron()
            if patron is not None and not (watch is not None and watch.held):
                self._patrons[thread] = patron
            start(thread)

        threading.Thread.start = start_for_patron  # type: ignore[assignment, method-assign]

    def _close(self) -> None:
        threading.Thread.start = self._start_thread  # type: ignore[method-assign]


STAGE = Stage()
