"""What one service could not deliver to another.

On AWS such a failure leaves no trace where a test would look: the message is gone. Here it is
noted, so that a failed test can say why nothing came.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

_KEPT = 100


class UndeliveredNotes:
    """Notes of failed deliveries, oldest first.

    ``tell`` hears of each failure as it happens.
    """

    def __init__(self, tell: Callable[[str], None] | None = None) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._notes: dict[str, int] = {}

    def note(self, what: str) -> None:
        """Remember that something was not delivered, and why."""
        with self._lock:
            if what in self._notes or len(self._notes) < _KEPT:
                self._notes[what] = self._notes.get(what, 0) + 1
        if self._tell is not None:
            self._tell(what)

    def notes(self) -> tuple[str, ...]:
        """Each failure, and how often it happened."""
        with self._lock:
            return tuple(
                what if times == 1 else f"{what} ({times} times)"
                for what, times in self._notes.items()
            )

    def forget(self) -> None:
        with self._lock:
            self._notes.clear()
