"""What a sweep has found, and whether it may be deleted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from slstest.errors import ConfigurationError
from slstest.ledger import Entry, LedgerFile, this_host

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")

_CLOCKS_DIFFER = 1.0
"""Seconds by which the time of an entry and that of its process may differ."""


@dataclass(frozen=True)
class InLedger:
    """An entry that is not struck."""

    entry: Entry
    file: LedgerFile

    source = "ledger"

    def age(self, now: float) -> float | None:
        """Seconds since it was written."""
        return now - self.entry.time

    def why_left(self, now: float, older_than: float) -> str:
        """Why it is not to be deleted; empty where it is."""
        return why_left(self.entry, now, older_than)


@dataclass(frozen=True)
class Tagged:
    """A resource of the cloud that has our tags."""

    entry: Entry
    created: float | None
    """Seconds since the epoch; None where the service does not tell."""
    expiry: float | None
    """The same, as the tag says; None where there is none."""

    source = "tag"

    def age(self, now: float) -> float | None:
        """Seconds since its creation, where that is known."""
        return None if self.created is None else now - self.created

    def why_left(self, now: float, older_than: float) -> str:
        """Why it is not to be deleted; empty where it is."""
        if self.expiry is not None and self.expiry <= now:
            return ""
        if self.created is not None:
            is_older = now - self.created >= older_than
            return "" if is_older else f"not older than {words(older_than)}"
        if older_than <= 0:
            return ""
        return "its age is not known; --older-than 0s does not ask for it"


Found = InLedger | Tagged


class Made(Protocol):
    """What a process has made."""

    @property
    def pid(self) -> int:
        """The process."""

    @property
    def host(self) -> str:
        """Where it is, as :func:`slstest.ledger.this_host` says it; empty where nobody tells."""

    @property
    def time(self) -> float:
        """When, in seconds since the epoch."""


def why_left(made: Made, now: float, older_than: float, unseen: str = "of another machine") -> str:
    """Why something is not to be deleted; empty where it is. ``unseen`` is why its process
    cannot be seen from here, if it cannot."""
    over = is_over(made)
    if over or now - made.time >= older_than:
        return ""
    if over is None:
        return f"not older than {words(older_than)}, and {unseen}"
    return f"process {made.pid} is still running"


def is_over(made: Made) -> bool | None:
    """Whether the process that made something has ended; None where that cannot be seen from
    here."""
    import psutil

    if made.host != this_host():
        return None
    try:
        process = psutil.Process(made.pid)
        # Another process has its id by now if it began later than the thing was made.
        began = process.create_time()
        return began > made.time + _CLOCKS_DIFFER or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def seconds(text: str) -> float:
    """The seconds of a duration such as ``2h``, ``90m`` or ``1d12h``.

    Raises :class:`slstest.errors.ConfigurationError` for what is none.
    """
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise ConfigurationError(
            f"{text!r} is no duration; give days, hours, minutes or seconds, such as 2h, 90m or "
            "1d12h"
        )
    parts = zip(found.groups(), _UNITS.values(), strict=True)
    return float(sum(int(count or 0) * unit for count, unit in parts))


def words(duration: float) -> str:
    """A duration (seconds) in its two largest units, as :func:`seconds` reads it."""
    left = max(0, int(duration))
    parts = []
    for letter, unit in _UNITS.items():
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count}{letter}")
    return "".join(parts[:2]) or "0s"
