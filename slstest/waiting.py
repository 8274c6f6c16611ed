"""Waiting for what only asking can tell: a table to become active, a mapping to be gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from slstest.errors import SlstestError

T = TypeVar("T")

READY_TIMEOUT = 300.0
"""Seconds that a cloud may take to make or delete something."""

_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 1.0


def wait_until(what: str, ask: Callable[[], T | None], timeout: float = READY_TIMEOUT) -> T:
    """Ask until the answer is not None, and return it.

    Asks a few milliseconds apart at first, then less and less often, up to once a second.
    Raises :class:`slstest.errors.SlstestError` naming ``what`` after ``timeout`` seconds.
    """
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while (answer := ask()) is None:
        if time.monotonic() + pause > deadline:
            raise SlstestError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return answer
