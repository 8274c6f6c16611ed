"""The pieces of a process that each function has its own of, and how they are changed over.

A piece keeps the function's state while it is off stage and the surroundings' while it is on.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from slstest.runtimes.in_process import threads_environ
from slstest.runtimes.in_process.stage import Act


class World:
    """Several pieces as one."""

    def __init__(self, variables: Variables, pieces: Sequence[Act]) -> None:
        self.variables = variables
        self._pieces = [variables, *pieces]

    def put_on(self) -> None:
        on: list[Act] = []
        try:
            for piece in self._pieces:
                piece.put_on()
                on.append(piece)
        except BaseException:
            self._take_off(on)
            raise

    def take_off(self) -> None:
        self._take_off(self._pieces)

    @staticmethod
    def _take_off(pieces: Sequence[Act]) -> None:
        """Take all off, come what may, and then raise the first error."""
        first: BaseException | None = None
        for piece in reversed(pieces):
            try:
                piece.take_off()
            except BaseException as error:
                first = first or error
        if first is not None:
            raise first


class Variables:
    """``os.environ``, with what the C library derives from it.

    While another function shows its variables, because this one invoked it from a thread of
    its own, the other threads of this one go on with theirs (see :mod:`.threads_environ`).
    What the C library has, and child processes get, is that of the function on stage.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._own = dict(variables)
        self._others: dict[str, str] = {}

    def put_on(self) -> None:
        with threads_environ.switching(self):
            self._others = dict(os.environ)
            self._own = threads_environ.kept_for(self) or self._own
            self._show(self._own, self._others)

    def take_off(self) -> None:
        with threads_environ.switching(None):
            self._own = dict(os.environ)
            self._show(self._others, self._own)

    @staticmethod
    def _show(wanted: Mapping[str, str], present: Mapping[str, str]) -> None:
        for name in present.keys() - wanted.keys():
            del os.environ[name]
        for name, value in wanted.items():
            if present.get(name) != value:
                os.environ[name] = value
        if wanted.get("TZ") != present.get("TZ") and hasattr(time, "tzset"):
            time.tzset()


class WorkingDirectory:
    """The current directory."""

    def __init__(self, folder: Path) -> None:
        self._own: str | Path = folder
        self._others: str | None = None

    def put_on(self) -> None:
        self._others = _current_directory()
        os.chdir(self._own)

    def take_off(self) -> None:
        self._own = _current_directory() or self._own
        if self._others is not None:
            os.chdir(self._others)


def _current_directory() -> str | None:
    try:
        return str(Path.cwd())
    except FileNotFoundError:  # deleted under its user
        return None


class ImportPath:
    """``sys.path``: ``first``, then that of the process, then ``last``."""

    def __init__(self, first: Sequence[str], last: Sequence[str]) -> None:
        self._first = first
        self._last = last
        self._own: list[str] | None = None
        self._others: list[str] = []
        self._clean: list[str] = []

    def put_on(self) -> None:
        self._others = sys.path[:]
        self._clean = [*self._first, *self._others, *self._last]
        sys.path[:] = self._clean if self._own is None else self._own
        self._forget_relative()

    def take_off(self) -> None:
        if sys.path == self._clean:
            self._own = None
        else:
            self._own = sys.path[:]
            self._forget_relative()
        sys.path[:] = self._others

    def _forget_relative(self) -> None:
        """Drop what the import system remembers of ``./vendor``: another function's is another."""
        if self._own is not None:
            for entry in self._own:
                if entry and not Path(entry).is_absolute():
                    sys.path_importer_cache.pop(entry, None)


class Attribute:
    """A global of a module that the function has its own of, made by ``make`` at first.

    The module may be one that is not loaded yet; if the function loads it, the others get
    what the module starts with, which is None.
    """

    def __init__(self, module: str, name: str, make: Callable[[], Any]) -> None:
        self._module = module
        self._name = name
        self._make: Callable[[], Any] | None = make
        self._own: Any = None
        self._others: Any = None

    def put_on(self) -> None:
        self._others = None
        module = sys.modules.get(self._module)
        if module is not None:
            if self._make is not None:
                self._own, self._make = self._make(), None
            self._others = getattr(module, self._name)
            setattr(module, self._name, self._own)

    def take_off(self) -> None:
        module = sys.modules.get(self._module)
        if module is not None:
            self._own, self._make = getattr(module, self._name), None
            setattr(module, self._name, self._others)


class Wrapped:
    """An attribute that is wrapped on stage. What the function does to it is not kept."""

    def __init__(self, owner: type | ModuleType, name: str, wrap: Callable[[Any], Any]) -> None:
        self._owner = owner
        self._name = name
        self._wrap = wrap
        self._others: Any = None

    def put_on(self) -> None:
        self._others = getattr(self._owner, self._name)
        setattr(self._owner, self._name, self._wrap(self._others))

    def take_off(self) -> None:
        setattr(self._owner, self._name, self._others)


class Warnings:
    """The warnings filters: those that Python starts with, not those of the tests, which may
    turn into an exception what on Lambda is a line in the log."""

    def __init__(self) -> None:
        self._own: list[Any] | None = None
        self._others = warnings.catch_warnings()

    def put_on(self) -> None:
        self._others = warnings.catch_warnings()
        self._others.__enter__()
        warnings.resetwarnings()
        if self._own is None:
            warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
            for ignored in (
                DeprecationWarning,
                PendingDeprecationWarning,
                ImportWarning,
                ResourceWarning,
            ):
                warnings.filterwarnings("ignore", category=ignored, append=True)
        else:
            warnings.filters = self._own
        warnings.showwarning = _print_warning

    def take_off(self) -> None:
        self._own = list(warnings.filters)
        self._others.__exit__(None, None, None)


def _print_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = warnings.formatwarning(message, category, filename, lineno, line)
    (sys.stderr if file is None else file).write(text)
