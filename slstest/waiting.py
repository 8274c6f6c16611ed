"""Waiting for what only asking can tell: a table to become active, a mapping to be gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from slstest.errors import SlstestError

T = TypeVar("T")

READY_TIMEOUT = 300.0
"""Seconds that a cloud may take to make or delete something."""


@dataclass(frozen=True)
class Pace:
    """How many seconds pass between two questions to a cloud."""

    first_pause: float = 0.005
    """Before it is asked again for the first time; then each pause is longer."""
    longest_pause: float = 1.0
    look: float = 0.1
    """Between two looks for new records, messages and log lines."""


def wait_until(
    what: str,
    ask: Callable[[], T | None],
    timeout: float = READY_TIMEOUT,
    pace: Pace = Pace(),
) -> T:
    """Ask until the answer is not None, and return it.

    By default asks a few milliseconds apart at first, then less and less often, up to once a
    second. Raises :class:`slstest.errors.SlstestError` naming ``what`` after ``timeout``
    seconds.
    """
    deadline = time.monotonic() + timeout
    pause = pace.first_pause
    while (answer := ask()) is None:
        if time.monotonic() + pause > deadline:
            raise SlstestError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, pace.longest_pause)
    return answer
