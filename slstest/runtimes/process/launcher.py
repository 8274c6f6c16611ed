"""The host's side of the zygote: starting it, having it fork, ending it."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slstest.errors import SlstestError
from slstest.runtimes.process.function_log import FunctionLog
from slstest.runtimes.process.runtime_api import RuntimeApi
from slstest.runtimes.process.sandbox import Sandbox
from slstest.runtimes.process.zygote import wire
from slstest.runtimes.process.zygote.child import HOME

# awslambdaric comes first and alone: what it imports is what a function finds imported on AWS.
_PROGRAM = """
import sys
del sys.path[0]
sys.modules["runtime_client"] = None
import awslambdaric.__main__
bare_modules = list(sys.modules)
sys.path.insert(0, sys.argv[1])
from zygote.main import main
del sys.path[0]
main(bare_modules, sys.argv[2])()
"""

_END_TIMEOUT = 10.0
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Interpreter:
    """A Python that can run functions: it can import awslambdaric and boto3."""

    executable: str
    version: tuple[int, int]

    @property
    def runtime(self) -> str:
        """The runtime identifier, for example ``python3.12``."""
        return f"python{self.version[0]}.{self.version[1]}"


class Launcher:
    """Starts sandboxes through a zygote, which it starts when it is first needed."""

    def __init__(self, interpreter: Interpreter, allow_private_tmp: bool) -> None:
        self._interpreter = interpreter
        self._allow_private_tmp = allow_private_tmp
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None
        self._ids = itertools.count(1)

    def prestart(self) -> None:
        """Start the zygote, and do not wait for it."""
        with self._lock:
            self._running()

    @property
    def private_tmp(self) -> bool:
        """Whether sandboxes have a ``/tmp`` of their own; waits for the zygote."""
        with self._lock:
            return self._running().private_tmp()

    def launch(
        self,
        api: RuntimeApi,
        *,
        handler: str,
        code: Path,
        variables: Mapping[str, str],
        memory_size: int,
        init_timeout: float | None,
    ) -> Sandbox:
        """Have a sandbox forked and return at once.

        ``memory_size`` is in megabytes; an initialisation longer than ``init_timeout`` seconds
        is ended. Raises :class:`slstest.errors.SlstestError` where the zygote is gone.
        """
        message = {
            "do": "start",
            "id": (identity := next(self._ids)),
            "handler": handler,
            "code": str(code),
            "variables": dict(variables),
            "memory_limit": memory_size * _MEGABYTE,
            "init_timeout": init_timeout,
        }
        with contextlib.ExitStack() as undo:
            undo.callback((log := FunctionLog()).close)
            ours, theirs = socket.socketpair()
            undo.callback(ours.close)
            with self._lock, theirs:
                zygote = self._running()
                try:
                    zygote.send(message, (log.fileno(), api.listener, theirs.fileno()))
                except OSError:
                    raise zygote.lost() from None
            undo.pop_all()
        return Sandbox(
            api,
            log,
            ours,
            kill=lambda: self._kill(zygote, identity),
            lost=zygote.lost,
            memory_limit=memory_size * _MEGABYTE,
        )

    def close(self) -> None:
        """End all sandboxes and the zygote, and wait until nothing of them is left."""
        with self._lock:
            if self._zygote is not None:
                self._zygote.close()
                self._zygote = None

    def _running(self) -> _Zygote:
        if self._zygote is not None and self._zygote.ended:
            self._zygote.close()
            self._zygote = None
        if self._zygote is None:
            self._zygote = _Zygote(self._interpreter, self._allow_private_tmp)
        return self._zygote

    def _kill(self, zygote: _Zygote, identity: int) -> None:
        # A zygote that is gone has taken its sandboxes with it.
        with self._lock, contextlib.suppress(OSError):
            zygote.send({"do": "kill", "id": identity})


class _Zygote:
    def __init__(self, interpreter: Interpreter, allow_private_tmp: bool) -> None:
        self._folder = Path(tempfile.gettempdir(), f"slstest-{os.getpid()}-{secrets.token_hex(4)}")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self._control, theirs = socket.socketpair()
        self._executable = interpreter.executable
        self._private_tmp: bool | None = None
        self._last_words = ""
        options = {
            "folder": str(self._folder),
            "allow_private_tmp": allow_private_tmp,
        }
        package = str(Path(__file__).parent)
        with theirs:
            # A session of its own: Ctrl-C at the terminal is the test run's, and not for it.
            self._process = subprocess.Popen(
                [interpreter.executable, "-c", _PROGRAM, package, json.dumps(options)],
                stdin=theirs.fileno(),
                stdout=self._errors,
                stderr=self._errors,
                cwd="/",
                env=_interpreter_variables(interpreter),
                start_new_session=True,
            )

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, message: Mapping[str, object], descriptors: tuple[int, ...] = ()) -> None:
        wire.send(self._control, message, descriptors)

    def private_tmp(self) -> bool:
        if self._private_tmp is None:
            greeting = wire.receive(self._control)
            if greeting is None:
                raise self.lost()
            self._private_tmp = bool(greeting[0]["private_tmp"])
        return self._private_tmp

    def lost(self) -> SlstestError:
        """The error that says why the zygote is gone."""
        try:
            status: int | None = self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            status = None
        if not self._errors.closed:
            self._errors.seek(0)
            self._last_words = self._errors.read().decode(errors="replace").strip()
        return SlstestError(
            "the process that starts the functions' execution environments "
            f"({self._executable}) ended unexpectedly, with status {status}. "
            f"It wrote: {self._last_words or 'nothing'}"
        )

    def close(self) -> None:
        self._control.close()
        # While it still imports it listens to nothing else.
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()
        # The zygote removes it, unless it was killed.
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._folder)


def _interpreter_variables(interpreter: Interpreter) -> dict[str, str]:
    """What the interpreter needs to start as it would on AWS; nothing else of the host's."""
    variables = {
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{interpreter.runtime}",
        "HOME": HOME,
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TZ": ":UTC",
    }
    if interpreter.executable == sys.executable and site.ENABLE_USER_SITE:
        variables["PYTHONUSERBASE"] = site.getuserbase()
    if sys.platform == "darwin":
        # Without it the system ends forked processes that use some of its libraries.
        variables["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME"):
        if name in os.environ:
            variables[name] = os.environ[name]
    return variables
