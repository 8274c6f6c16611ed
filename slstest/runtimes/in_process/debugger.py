"""A function's output and a debugger share the terminal.

On stage ``sys.stdout`` is the function's log, which would swallow the prompt of a debugger.
From the moment that one starts, what the function prints is shown as well, and what the
debugger prints is kept out of the log.
"""

from __future__ import annotations

import bdb
import functools
import pdb
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TextIO

from slstest.runtimes.in_process.output import FunctionLog, FunctionStream
from slstest.runtimes.in_process.watchdog import Watchdog
from slstest.runtimes.in_process.world import Wrapped

_INVOCATION = "slstest.runtimes.in_process.handler"
"""The module that calls the handler: what is further down the stack is not the function."""


def is_raised_by_a_debugger(error: BaseException) -> bool:
    """Whether an exception says that the user quits, in whatever words of the debugger."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "bdb":
            return True
        trace = trace.tb_next
    return False


class Debugging:
    """Whether a debugger is in use: always, or since a breakpoint was hit."""

    def __init__(self, watchdog: Watchdog, *, always: bool) -> None:
        self._watchdog = watchdog
        self._always = always
        self._breakpoint_hit = False

    @property
    def active(self) -> bool:
        return self._always or self._breakpoint_hit or _is_traced_by_a_debugger()

    def begin(self) -> None:
        """A breakpoint was hit: from now on nothing on stage has a time limit."""
        self._breakpoint_hit = True
        self._watchdog.pause()

    def end(self) -> None:
        """The last function has left the stage."""
        self._breakpoint_hit = False


def _is_traced_by_a_debugger() -> bool:
    return isinstance(getattr(sys.gettrace(), "__self__", None), bdb.Bdb)


class Terminal:
    """Lets a debugger use the terminal of the process while a function is on stage."""

    def __init__(self, debugging: Debugging, log: FunctionLog) -> None:
        self._debugging = debugging
        self._log = log
        self._own = {
            name: FunctionStream(functools.partial(self._write, name))
            for name in ("stdout", "stderr")
        }
        self._surroundings: dict[str, TextIO] = {}
        self._taps: list[TextIO] = []
        self._starting: tuple[FrameType, int] | None = None

    def put_on(self) -> None:
        for name, own in self._own.items():
            self._surroundings[name] = getattr(sys, name)
            setattr(sys, name, own)
        if self._debugging.active:
            self._share()

    def take_off(self) -> None:
        for stream in self._taps:
            del stream.write
        for name, own in self._own.items():
            # A test runner may have put its own stream there for a debugger that goes on.
            if not self._taps or getattr(sys, name) is own:
                setattr(sys, name, self._surroundings[name])
            own.show_on(None)
        self._taps = []
        self._starting = None

    def breakpoint_hit(self, frame: FrameType) -> None:
        """Make the terminal ready; ``frame`` is the one that is about to call the debugger."""
        self._starting = (frame, frame.f_lasti)
        self._debugging.begin()
        if not self._taps:
            self._share()

    # -- inside -------------------------------------------------------------------------

    def _write(self, name: str, data: bytes) -> None:
        if not self._taps or not self._writer_is_debugger():
            self._log.feed(name, data)

    def _share(self) -> None:
        for name, own in self._own.items():
            own.show_on(self._surroundings[name])
        # A test runner that suspends its capturing for the debugger puts streams of its own
        # in the place of the function's, so that the log listens at those, too.
        for name in self._own:
            for stream in (self._surroundings[name], getattr(sys, f"__{name}__")):
                self._tap(name, stream)

    def _tap(self, name: str, stream: TextIO | None) -> None:
        if stream is None or any(stream is tapped for tapped in self._taps):
            return
        write = stream.write

        def write_and_log(text: str) -> int:
            if not self._writer_is_debugger():
                self._log.feed(name, text.encode("utf-8", "backslashreplace"))
            return write(text)

        try:
            stream.write = write_and_log  # type: ignore[method-assign]
        except AttributeError:
            return  # a stream that takes no attributes is shown and not listened to
        self._taps.append(stream)

    def _writer_is_debugger(self) -> bool:
        """Whether what is being written comes from the debugger and not from the function."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            module = frame.f_globals.get("__name__")
            if module == "bdb":
                return True
            if module == _INVOCATION:
                return False
            if self._starting == (frame, frame.f_lasti):
                return True
            frame = frame.f_back
        return False


class _Breakpoint:
    """A debugger's entry that gets the terminal ready first.

    Debuggers stop in the frame that called them. A property is evaluated before the call
    and leaves no frame of its own between the function and the debugger.
    """

    def __init__(self, enter: Callable[..., Any], ready: Callable[[FrameType], None]) -> None:
        self._enter = enter
        self._ready = ready

    @property
    def __call__(self) -> Callable[..., Any]:
        self._ready(sys._getframe(1))
        return self._enter


def breakpoints(terminal: Terminal) -> list[Wrapped]:
    """The pieces that make ``breakpoint()`` and ``pdb.set_trace()`` work on stage."""

    def wrap(enter: Callable[..., Any]) -> Callable[..., Any]:
        return _Breakpoint(enter, terminal.breakpoint_hit)

    return [Wrapped(sys, "breakpointhook", wrap), Wrapped(pdb, "set_trace", wrap)]
