"""The runtime that ``--sls-runtime in-process`` chooses."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from slstest.errors import UnsupportedRuntime
from slstest.runtimes.base import EnvironmentSpec, ExecutionEnvironment
from slstest.runtimes.in_process import threads_environ
from slstest.runtimes.in_process.debugger import Debugging
from slstest.runtimes.in_process.environment import (
    Foreground,
    InProcessEnvironment,
    Surroundings,
)
from slstest.runtimes.in_process.stage import STAGE
from slstest.runtimes.in_process.watchdog import Watchdog
from slstest.runtimes.in_process.world import Variables, World


def _no_source(code: Path) -> Path | None:
    return None


def _variables_of_the_patron() -> Variables | None:
    act = STAGE.patron()
    return act.variables if isinstance(act, World) else None


class InProcessRuntime:
    """Runs handlers in this process: ``breakpoint()`` stops at the terminal, and coverage
    counts their lines.

    ``run_in_foreground`` runs a function on the thread that waits for the cloud and returns
    its result or raises its exception; called by that thread, or by a thread that a handler
    started, it runs it there. With ``debugging`` nothing has a time limit, and the terminal
    shows what functions print. ``source_of`` maps an unpacked code folder to the folder it
    was packaged from; the function then runs from there, so that debugger and coverage see
    the user's own files. ``scratch`` is a folder for the functions' temporary files, which
    is left as it was; by default one of its own.

    A function has its own environment variables, modules, working directory, import path,
    standard output, loggers, temporary folder and default boto3 session, each kept while its
    environment is warm. It shares everything else with the test's process, therefore:

    - its Python is that of the test, whichever ``python3.x`` it is configured for;
    - ``memory_size`` is not enforced, and memory is reported as 0 MB, not measured;
    - libraries are those of the test's process where it has loaded them already;
    - what it changes in them (monkey patches, signal handlers, the locale) stays changed;
    - while a function that it invoked from a thread of its own runs, its other threads see
      that function's working directory, import path and output; what it invokes in parallel
      runs one after the other;
    - threads that it leaves running go on after its invocation, outside its world;
    - output past ``sys.stdout`` (of child processes, of C code) is not in its log;
    - absolute paths below ``/tmp`` are those of the machine;
    - after its timeout it is interrupted by exceptions, so its ``finally`` blocks run; on a
      thread other than the main one a blocking call ends first.
    """

    name = "in-process"

    def __init__(
        self,
        run_in_foreground: Foreground,
        *,
        debugging: bool = False,
        source_of: Callable[[Path], Path | None] = _no_source,
        scratch: Path | None = None,
    ) -> None:
        watchdog = Watchdog()
        self._surroundings = Surroundings(
            run_in_foreground=run_in_foreground,
            watchdog=watchdog,
            debugging=Debugging(watchdog, always=debugging),
            variables=dict(os.environ),
        )
        threads_environ.install(_variables_of_the_patron)
        self._source_of = source_of
        self._lock = threading.Lock()
        self._environments: set[InProcessEnvironment] = set()
        self._closed_for_good = False
        self._own_scratch = (
            Path(tempfile.mkdtemp(prefix=f"slstest-{os.getpid()}-")) if scratch is None else None
        )
        self._scratch = scratch or self._own_scratch

    def check(self, spec: EnvironmentSpec) -> None:
        if re.fullmatch(r"python3\.\d+", spec.runtime) is None:
            raise UnsupportedRuntime(
                f"the function {spec.function_name!r} has the runtime {spec.runtime!r}, and the "
                "in-process runtime runs python3.x only; run it with --sls-runtime process"
            )

    def start(self, spec: EnvironmentSpec) -> ExecutionEnvironment:
        self.check(spec)
        environment = InProcessEnvironment(
            spec,
            self._source_of(spec.code) or spec.code,
            Path(tempfile.mkdtemp(prefix="tmp-", dir=self._scratch)),
            self._surroundings,
            self._closed,
        )
        with self._lock:
            self._environments.add(environment)
        return environment

    def close(self) -> None:
        with self._lock:
            environments = list(self._environments)
        for environment in environments:
            environment.close()
        self._surroundings.watchdog.close()
        if not self._closed_for_good:
            self._closed_for_good = True
            threads_environ.uninstall()
        if self._own_scratch is not None:
            shutil.rmtree(self._own_scratch, ignore_errors=True)

    def _closed(self, environment: InProcessEnvironment) -> None:
        with self._lock:
            self._environments.discard(environment)
