"""Finding the Python that a function's runtime asks for."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
import sys

from slstest.errors import UnsupportedRuntime
from slstest.runtimes.process.launcher import Interpreter

_NEEDED = ("awslambdaric", "boto3")
_PROBE = f"import sys, {', '.join(_NEEDED)}; print(sys.executable)"
_PROBE_TIMEOUT = 60


def find(runtime: str, function_name: str) -> Interpreter:
    """The interpreter for a runtime such as ``python3.12``.

    Raises :class:`slstest.errors.UnsupportedRuntime`, which says what to do, where this machine
    has none that can import awslambdaric and boto3.
    """
    asked = re.fullmatch(r"python3\.(\d+)", runtime)
    refusal = f"the function {function_name} has the runtime {runtime}, "
    if asked is None:
        raise UnsupportedRuntime(
            f"{refusal}and the process runtime runs Python functions only. This machine runs "
            f"{running().runtime}. Other runtimes need a cloud that runs them itself, "
            "and are created there through the Lambda API."
        )
    if asked[1] == str(sys.version_info.minor):
        if lacking := _lacking():
            raise UnsupportedRuntime(
                f"{refusal}which is this Python, but it lacks {' and '.join(lacking)}: "
                f"pip install {' '.join(lacking)}"
            )
        return running()
    found, problem = _look_for(runtime)
    if found is None:
        raise UnsupportedRuntime(
            f"{refusal}but {problem}. Tests run in {running().runtime} here: set the function's "
            f"runtime to it, run the tests with {runtime}, or install {runtime} on the PATH with "
            f"'{runtime} -m pip install {' '.join(_NEEDED)}'."
        )
    return Interpreter(found, (3, int(asked[1])))


def running() -> Interpreter:
    """The Python that the test runs in."""
    return Interpreter(sys.executable, sys.version_info[:2])


@functools.cache
def _lacking() -> list[str]:
    """What this Python would need to run functions, and has not."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


@functools.cache
def _look_for(command: str) -> tuple[str | None, str]:
    """The path of another interpreter, or None and what is wrong with it."""
    path = shutil.which(command)
    if path is None:
        return None, f"there is no {command} on the PATH"
    try:
        probe = subprocess.run(
            [path, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None, f"{path} did not start within {_PROBE_TIMEOUT} s"
    if probe.returncode != 0:
        reason = (probe.stderr.strip() or f"exit status {probe.returncode}").splitlines()[-1]
        return None, f"{path} cannot import {' and '.join(_NEEDED)} ({reason})"
    return probe.stdout.strip(), ""
