"""Turning a fork of the zygote into an execution environment of Lambda's.

What is set up here is documented at
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html and
https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
"""

from __future__ import annotations

import ctypes
import gc
import os
import resource
import signal
import sys
import time
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import private_tmp
from .preload import Preloaded

HOME = "/home/sbx_user1051"
"""A home that does not exist, as on AWS; the host's has credentials and settings in it."""

_FRAMES = 3
"""The descriptor that awslambdaric writes its log frames to."""

_ZYGOTE_FILES = 1 << 16
"""More than the zygote ever has open."""

_MAX_FILES = 1024  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Order:
    """One execution environment to be."""

    handler: str
    code: str
    variables: dict[str, str]
    own_tmp: bool
    """Whether ``/tmp`` can be its own, see :mod:`.private_tmp`."""
    tmp_folder: str | None
    """The folder for temporary files where it cannot."""


def adopt_orphans() -> None:
    """Become the parent of descendants whose parent ended, so that none escapes (Linux)."""
    if sys.platform == "linux":
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become_environment(
    order: Order, log: int, preloaded: Preloaded, parent: int
) -> Callable[[], None]:
    """Make this process the environment; returns what runs the handler, for ever.

    ``log`` is the descriptor that gets all output.
    """
    os.setsid()
    _connect(log)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order.own_tmp:
        private_tmp.mount(order.code)
    _limit_files()
    adopt_orphans()
    _die_with(parent)
    _set_variables(order, preloaded)
    preloaded.load_client()
    os.umask(0o022)
    os.chdir(order.code)
    _set_modules(order, preloaded)
    gc.enable()
    return _run


def _connect(log: int) -> None:
    """Nothing to read, output and awslambdaric's log frames to ``log``, all else closed."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    if log != _FRAMES:
        os.dup2(log, _FRAMES, inheritable=False)
    os.closerange(_FRAMES + 1, _ZYGOTE_FILES)


def _limit_files() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limit = _MAX_FILES if hard == resource.RLIM_INFINITY else min(_MAX_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _die_with(parent: int) -> None:
    if sys.platform != "linux":
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _set_variables(order: Order, preloaded: Preloaded) -> None:
    variables = {"HOME": HOME, "PYTHONPATH": preloaded.site_folder}
    if order.tmp_folder is not None:
        variables["TMPDIR"] = order.tmp_folder
    variables.update(order.variables)
    variables["LAMBDA_RUNTIME_DIR"] = preloaded.runtime_folder
    variables["_LAMBDA_TELEMETRY_LOG_FD"] = str(_FRAMES)
    time_zone = os.environ.get("TZ")
    os.environ.clear()
    os.environ.update(variables)
    if variables.get("TZ") != time_zone:
        time.tzset()


def _set_modules(order: Order, preloaded: Preloaded) -> None:
    main = types.ModuleType("__main__")
    main.__file__ = f"{preloaded.runtime_folder}/__main__.py"
    sys.modules["__main__"] = main
    sys.argv[:] = [main.__file__, order.handler]
    sys.dont_write_bytecode = True
    own_path = [order.code]
    if "PYTHONPATH" in order.variables:
        own_path += filter(None, order.variables["PYTHONPATH"].split(os.pathsep))
    sys.path[:0] = own_path
    preloaded.adapt_to(own_path, order.variables)


def _run() -> None:
    awslambdaric: Any = sys.modules["awslambdaric.__main__"]
    awslambdaric.main(sys.argv)
