"""The runtime that executes every environment in a process of its own."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from pathlib import Path

from slstest.errors import ConfigurationError
from slstest.runtimes.base import EnvironmentSpec
from slstest.runtimes.process import interpreters
from slstest.runtimes.process.environment import ProcessEnvironment
from slstest.runtimes.process.launcher import Interpreter, Launcher
from slstest.runtimes.process.runtime_api import RuntimeApi
from slstest.runtimes.process.sandbox import Sandbox
from slstest.runtimes.variables import function_variables

INIT_TIMEOUT = 10.0
"""Seconds that AWS lets an initialisation take
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html)."""

_PROGRAMS = ("/usr/local/bin", "/usr/bin", "/bin", "/opt/bin")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class ProcessRuntime:
    """Runs Python functions as AWS does: with awslambdaric, in processes of their own.

    What a function sees of the test's own environment: where this Python finds its shared
    libraries (``LD_LIBRARY_PATH``) and certificates (``SSL_CERT_FILE``, ``SSL_CERT_DIR``), and
    nothing else. What it can do to the machine is what the test's user can.

    Where it is not AWS: modules that boto3 imports are imported already, ``HOME`` is set, to a
    folder that does not exist, memory counts what exceeds a bare Python with awslambdaric, and
    between two invocations the process is not frozen. Where ``/tmp`` is private, see
    :attr:`private_tmp`, a function can read what the host has there, but what it writes there
    the test does not see. On macOS, daemons that a handler detached from its process are not
    found.
    """

    name = "process"

    def __init__(
        self, *, init_timeout: float = INIT_TIMEOUT, allow_private_tmp: bool = True
    ) -> None:
        """``init_timeout``: seconds that an initialisation may take before it is repeated
        within the first invocation. ``allow_private_tmp``: False where mounting over ``/tmp``
        is unwanted even in a mount namespace; see :attr:`private_tmp`."""
        self._init_timeout = init_timeout
        self._allow_private_tmp = allow_private_tmp
        self._owner = os.getpid()
        self._lock = threading.Lock()
        self._launchers: dict[Interpreter, Launcher] = {}
        self._environments: set[ProcessEnvironment] = set()

    def prestart(self) -> None:
        """Begin, without waiting, what the first environment needs: half a second of imports."""
        self._launcher(interpreters.running()).prestart()

    @property
    def private_tmp(self) -> bool:
        """Whether ``/tmp`` itself is private to each environment on this machine.

        Where it is not, only the folder that ``TMPDIR`` names is, which :mod:`tempfile` uses.
        Waits until the zygote has started.
        """
        return self._launcher(interpreters.running()).private_tmp

    def check(self, spec: EnvironmentSpec) -> None:
        """Raise :class:`slstest.errors.UnsupportedRuntime` for what cannot be run here."""
        interpreters.find(spec.runtime, spec.function_name)

    def start(self, spec: EnvironmentSpec) -> ProcessEnvironment:
        """Begin to initialise an environment and return at once."""
        interpreter = interpreters.find(spec.runtime, spec.function_name)
        code = spec.code.resolve()
        if not code.is_dir():
            raise ConfigurationError(
                f"the code of the function {spec.function_name} is not a folder: {spec.code}"
            )
        launcher = self._launcher(interpreter)

        def launch(init_timeout: float | None) -> Sandbox:
            with contextlib.ExitStack() as undo:
                undo.callback((api := RuntimeApi()).close)
                sandbox = launcher.launch(
                    api,
                    handler=spec.handler,
                    code=code,
                    variables=_variables(spec, code, api.address, interpreter),
                    memory_size=spec.memory_size,
                    init_timeout=init_timeout,
                )
                undo.pop_all()
            return sandbox

        environment = ProcessEnvironment(spec, launch, self._init_timeout, self._forget)
        with self._lock:
            self._environments.add(environment)
        return environment

    def close(self) -> None:
        """End every environment, and wait until no process, port or folder of them is left.

        Does nothing in a fork of the process that made the runtime.
        """
        if os.getpid() != self._owner:
            return
        with self._lock:
            environments = list(self._environments)
            launchers = list(self._launchers.values())
            self._launchers.clear()
        for environment in environments:
            environment.close()
        for launcher in launchers:
            launcher.close()

    def _launcher(self, interpreter: Interpreter) -> Launcher:
        with self._lock:
            if interpreter not in self._launchers:
                self._launchers[interpreter] = Launcher(interpreter, self._allow_private_tmp)
            return self._launchers[interpreter]

    def _forget(self, environment: ProcessEnvironment) -> None:
        with self._lock:
            self._environments.discard(environment)


def _variables(
    spec: EnvironmentSpec, code: Path, runtime_api: str, interpreter: Interpreter
) -> dict[str, str]:
    """The environment of the process, but for what only the process itself knows."""
    libraries = [str(code), str(code / "lib"), "/opt/lib"]
    if "LD_LIBRARY_PATH" in os.environ:
        libraries.append(os.environ["LD_LIBRARY_PATH"])
    programs = [str(Path(interpreter.executable).parent), *_PROGRAMS]
    host = {
        "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        "PATH": os.pathsep.join(programs),
    }
    if sys.platform == "darwin" and "DYLD_LIBRARY_PATH" in os.environ:
        host["DYLD_LIBRARY_PATH"] = os.environ["DYLD_LIBRARY_PATH"]
    certificates = {name: os.environ[name] for name in _CERTIFICATES if name in os.environ}
    # The zygote fills in the runtime's folder, which is another one for each Python.
    own = function_variables(spec, code, runtime_api=runtime_api, runtime_dir="", host=host)
    return {**certificates, **own}
