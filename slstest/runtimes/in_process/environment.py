"""One function that runs in this process: its initialisation and its invocations."""

from __future__ import annotations

import contextvars
import os
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

from slstest.runtimes import log_lines
from slstest.runtimes.base import EnvironmentSpec, InvocationOutcome, InvocationRequest
from slstest.runtimes.in_process.debugger import (
    Debugging,
    Terminal,
    breakpoints,
    is_raised_by_a_debugger,
)
from slstest.runtimes.in_process.handler import (
    Ending,
    Exited,
    Failed,
    Handler,
    Killed,
    TimedOut,
    call,
    exit_status,
    load,
)
from slstest.runtimes.in_process.loggers import Loggers
from slstest.runtimes.in_process.modules import OwnModules
from slstest.runtimes.in_process.outcomes import (
    Initialisation,
    tell,
    tell_failed_initialisation,
)
from slstest.runtimes.in_process.output import FunctionLog, lambda_handler
from slstest.runtimes.in_process.stage import STAGE
from slstest.runtimes.in_process.watchdog import Interrupted, Watch, Watchdog, uninterrupted
from slstest.runtimes.in_process.world import (
    Attribute,
    ImportPath,
    Variables,
    Warnings,
    WorkingDirectory,
    World,
    Wrapped,
)
from slstest.runtimes.variables import function_variables

T = TypeVar("T")

_INIT_LIMIT = 10.0
"""Seconds after which Lambda breaks the initialisation off, to repeat it within the first
invocation: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""

_MODULES_OF_ENDINGS = frozenset({"builtins", "asyncio.exceptions", "concurrent.futures._base"})


class Foreground(Protocol):
    """Runs something on the thread that waits for the cloud, and returns its result."""

    def __call__(self, run: Callable[[], T], /) -> T: ...


@dataclass(frozen=True)
class Surroundings:
    """What the environments of one runtime have in common."""

    run_in_foreground: Foreground
    watchdog: Watchdog
    debugging: Debugging
    variables: Mapping[str, str]
    """Those of the process."""


class InProcessEnvironment:
    """See :class:`slstest.runtimes.base.ExecutionEnvironment`.

    ``task_root`` is the folder that the function runs from, ``scratch`` an empty one that it
    has for temporary files; ``closed`` is called once, when it is over.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        task_root: Path,
        scratch: Path,
        surroundings: Surroundings,
        closed: Callable[[InProcessEnvironment], None],
    ) -> None:
        self._spec = spec
        self._scratch = scratch
        self._run_in_foreground = surroundings.run_in_foreground
        self._watchdog = surroundings.watchdog
        self._debugging = surroundings.debugging
        self._on_close = closed
        self._log = FunctionLog()
        self._request_id = ""
        self._context = contextvars.Context()
        self._handler: Handler | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._running: Watch | None = None
        self._closed = False
        self._dead = False

        folders = [task_root] if task_root == spec.code else [task_root, spec.code]
        self._modules = OwnModules(folders)
        terminal = Terminal(self._debugging, self._log)
        variables = function_variables(spec, task_root, host=surroundings.variables)
        self._world = World(
            Variables({"TMPDIR": str(scratch), **variables}),
            [
                terminal,
                WorkingDirectory(task_root),
                ImportPath([str(task_root)], [str(folder) for folder in folders[1:]]),
                self._modules,
                Loggers(lambda_handler(self._log, lambda: self._request_id)),
                Warnings(),
                Attribute("tempfile", "tempdir", lambda: str(scratch)),
                Attribute("boto3", "DEFAULT_SESSION", _session),
                Wrapped(sys, "dont_write_bytecode", lambda _: True),
                Wrapped(sys, "unraisablehook", lambda _: sys.__unraisablehook__),
                Wrapped(threading, "excepthook", lambda _: threading.__excepthook__),
                Wrapped(os, "_exit", self._exit_instead_of),
                *breakpoints(terminal),
            ],
        )

    def invoke(self, request: InvocationRequest) -> InvocationOutcome:
        return self._run_in_foreground(lambda: self._invoke(request))

    def close(self) -> None:
        with self._lock:
            if self._closed:
                return
            self._closed = True
            running, busy = self._running, self._busy
        if running is not None:
            self._watchdog.interrupt(running, Killed())
        if not busy:
            self._clean_up()

    # -- inside -------------------------------------------------------------------------

    def _invoke(self, request: InvocationRequest) -> InvocationOutcome:
        with self._lock:
            if self._busy:
                raise RuntimeError("an execution environment handles one invocation at a time")
            if self._closed or self._dead:
                self._log.append(log_lines.start(request.request_id, self._spec.version))
                return tell(self._log, self._spec, request, Killed(), 0.0, None)
            self._busy = True
            self._dead = True  # until the invocation has ended well
        try:
            with uninterrupted(), STAGE.held_by(self._world):
                outcome = self._perform(request)
            self._dead = not outcome.alive
            return outcome
        finally:
            if STAGE.is_empty():
                self._debugging.end()
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._busy = False
            closed = self._closed
        if closed:
            self._clean_up()

    def _perform(self, request: InvocationRequest) -> InvocationOutcome:
        spec, log = self._spec, self._log
        os.environ["_X_AMZN_TRACE_ID"] = request.trace_id
        initialisation: Initialisation | None = None
        began = time.monotonic()
        ending: bytes | Ending | None = None
        if self._handler is None:
            ending, initialisation = self._initialise()
            began = time.monotonic()
            if initialisation.repeated:
                began -= initialisation.duration / 1000
        log.append(log_lines.start(request.request_id, spec.version))
        if ending is None:
            self._request_id = request.request_id
            left = began + spec.timeout - time.monotonic()
            deadline = time.time() + left
            called, _ = self._watched(left, lambda: self._call(request, deadline))
            ending = called
        duration = (time.monotonic() - began) * 1000
        return tell(log, spec, request, ending, duration, initialisation)

    def _call(self, request: InvocationRequest, deadline: float) -> bytes | Failed:
        assert self._handler is not None
        return call(self._handler, request, deadline, self._log)

    def _initialise(self) -> tuple[Ending | None, Initialisation]:
        """Load the handler, a second time where the first took too long."""
        spec, log = self._spec, self._log
        self._request_id = ""
        log.append(log_lines.init_start(spec.runtime, spec.function_arn))
        loaded, duration = self._watched(_INIT_LIMIT, self._load)
        repeated = isinstance(loaded, TimedOut)
        if repeated:
            tell_failed_initialisation(log, TimedOut(), duration, "init")
            self._modules.reload()
            loaded, duration = self._watched(spec.timeout, self._load)
        if loaded is not None:
            phase = "invoke" if repeated else "init"
            tell_failed_initialisation(log, loaded, duration, phase)
        return loaded, Initialisation(duration, repeated, succeeded=loaded is None)

    def _load(self) -> Failed | None:
        handler = load(self._spec.handler, self._log)
        if isinstance(handler, Failed):
            return handler
        self._handler = handler
        return None

    def _watched(self, limit: float, function: Callable[[], T]) -> tuple[T | Ending, float]:
        """Run one phase; return its result or how it ended, and the milliseconds it took."""
        watch = Watch(TimedOut(), None if self._debugging.active else limit)
        with self._lock:
            if self._closed:
                return Killed(), 0.0
            self._running = watch
        began = time.perf_counter()
        result: T | Ending
        try:
            with _no_event_loop():
                result = self._watchdog.run(watch, lambda: self._context.run(function))
        except Interrupted:
            result = watch.reason
        except SystemExit as error:
            result = Exited(exit_status(error.code))
        except BaseException as error:
            if not self._is_the_functions(error):
                raise
            traceback.print_exc()
            result = Exited(1)
        finally:
            self._running = None
        return result, (time.perf_counter() - began) * 1000

    def _is_the_functions(self, error: BaseException) -> bool:
        """Whether an exception that no handler should raise ends the function's process, and
        not the work of whoever runs this one: Ctrl-C, the debugger, the test runner."""
        if isinstance(error, KeyboardInterrupt) or is_raised_by_a_debugger(error):
            return False
        kind = type(error)
        return (
            isinstance(error, Exception)
            or kind.__module__ in _MODULES_OF_ENDINGS
            or self._modules.defines(kind)
        )

    def _exit_instead_of(self, exit_process: Callable[[int], NoReturn]) -> Callable[[int], Any]:
        process = os.getpid()

        def _exit(status: int) -> NoReturn:
            if os.getpid() != process:  # a child that the function forked
                exit_process(status)
            watch = self._running
            if watch is None:
                raise SystemExit(status)
            self._watchdog.interrupt(watch, Exited(status & 0xFF))
            if watch.thread != threading.get_ident():
                raise SystemExit(status)  # which ends a thread without a word
            raise Interrupted

        return _exit

    def _clean_up(self) -> None:
        self._handler = None
        self._modules.forget()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._on_close(self)


def _session() -> Any:
    from slstest.runtimes.in_process.sessions import EnvironmentSession

    return EnvironmentSession()


@contextmanager
def _no_event_loop() -> Iterator[None]:
    """Hide the event loop of an asynchronous test: a handler may run one of its own."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        yield
        return
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)
