"""Shows each thread the environment variables of the function that it works for.

``os.environ`` belongs to the process, and the function on stage has it. A function that waits
for another one, which it invoked from a thread of its own, may have more threads; they must
not see the other's variables. So the mapping below ``os.environ`` looks up who asks: a thread
of a function that is not on stage finds what that function had when it made room.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary


class _Installation:
    """Who needs the view at the moment."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.users = 0
        self.view: _ThreadsView | None = None


_INSTALLED = _Installation()


def install(asker: Callable[[], object | None]) -> None:
    """Look up from now on who asks; ``asker`` tells whose variables the current thread should
    see, None for those that ``os.environ`` has."""
    with _INSTALLED.lock:
        _INSTALLED.users += 1
        if _INSTALLED.view is None:
            _INSTALLED.view = _ThreadsView(_below(), asker)
            _set_below(_INSTALLED.view)


def uninstall() -> None:
    """Undo one :func:`install`."""
    with _INSTALLED.lock:
        _INSTALLED.users -= 1
        if _INSTALLED.users == 0 and _INSTALLED.view is not None:
            _set_below(_INSTALLED.view.process)
            _INSTALLED.view = None


@contextmanager
def switching(next_shown: object | None) -> Iterator[None]:
    """Exchange the variables of the process in the block, for those of ``next_shown``."""
    view = _INSTALLED.view
    if view is None:
        yield
        return
    view.begin_switch()
    try:
        yield
    finally:
        view.end_switch(next_shown)


def kept_for(owner: object) -> dict[str, str] | None:
    """What threads of ``owner`` have seen, and perhaps changed, while it was put away."""
    view = _INSTALLED.view
    kept = None if view is None else view.kept_for(owner)
    if kept is None:
        return None
    return {os.fsdecode(name): os.fsdecode(value) for name, value in kept.items()}


class _ThreadsView(MutableMapping[Any, Any]):
    """What lies below ``os.environ`` while functions run in this process."""

    def __init__(self, process: MutableMapping[Any, Any], asker: Callable[[], object]) -> None:
        self.process = process
        self._asker = asker
        # Whose variables to show and what they are is one question.
        self._lock = threading.RLock()
        self._shown: object | None = None
        self._switching: int | None = None
        # Weak: a function's variables go with it, and never to one that comes after it.
        self._put_away: WeakKeyDictionary[object, MutableMapping[Any, Any]] = WeakKeyDictionary()

    def begin_switch(self) -> None:
        with self._lock:
            if self._shown is not None:
                self._put_away[self._shown] = dict(self.process)
            self._switching = threading.get_ident()
            self._shown = None

    def end_switch(self, shown: object | None) -> None:
        with self._lock:
            self._shown = shown
            self._switching = None
            if shown is not None:
                self._put_away.pop(shown, None)

    def kept_for(self, owner: object) -> MutableMapping[Any, Any] | None:
        return self._put_away.get(owner)

    def _current(self) -> MutableMapping[Any, Any]:
        if not self._put_away or self._switching == threading.get_ident():
            return self.process
        asker = self._asker()
        if asker is None or asker is self._shown:
            return self.process
        return self._put_away.get(asker, self.process)

    def __getitem__(self, key: Any) -> Any:
        with self._lock:
            return self._current()[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        with self._lock:
            self._current()[key] = value

    def __delitem__(self, key: Any) -> None:
        with self._lock:
            del self._current()[key]

    def __iter__(self) -> Iterator[Any]:
        with self._lock:
            return iter(list(self._current()))

    def __len__(self) -> int:
        with self._lock:
            return len(self._current())


def _below() -> MutableMapping[Any, Any]:
    below: MutableMapping[Any, Any] = os.environ._data  # type: ignore[attr-defined]
    return below


def _set_below(below: MutableMapping[Any, Any]) -> None:
    os.environ._data = below  # type: ignore[attr-defined]
