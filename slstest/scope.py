"""What everything that one environment creates has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slstest.calls import troubles
from slstest.clouds.base import TellsUndelivered
from slstest.errors import ConfigurationError
from slstest.invocation import Invocation
from slstest.ledger import Entry, Ledger
from slstest.naming import Names
from slstest.report.text import invocations_text, logs_text, undelivered_text

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud


@dataclass(frozen=True)
class History:
    """What has happened so far, as far as it could be read, for whoever tells of a failure."""

    functions: Mapping[str, Sequence[Invocation]]
    """The finished invocations, by the functions' labels."""
    undelivered: Sequence[str]
    """What one service could not deliver to another, where the cloud tells."""
    unread: str
    """That the invocations, or some of them, could not be read, and why; empty where they
    were."""


class Scope:
    """The cloud, the names, the ledger and the account of one environment."""

    def __init__(self, cloud: Cloud, names: Names, ledger: Ledger, timeout: float) -> None:
        self.cloud = cloud
        self.names = names
        self.ledger = ledger
        self.timeout = timeout
        """Seconds that an expectation waits where the test gives no ``timeout=``."""
        self.entries: list[Entry] = []
        self._labels: dict[str, int] = {}
        self._functions: dict[str, str] = {}

    def limit(self, timeout: float | None) -> float:
        """The seconds to wait for an expectation.

        Raises :class:`slstest.errors.ConfigurationError` for what is no number of seconds.
        """
        if timeout is None:
            return self.timeout
        if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout >= 0:
            raise ConfigurationError(f"timeout= is a number of seconds, not {timeout!r}")
        return timeout

    def label(self, wanted: str) -> str:
        """``wanted`` the first time, then ``wanted-2`` and so on: what messages call it."""
        count = self._labels[wanted] = self._labels.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted}-{count}"

    def tags(self) -> dict[str, str]:
        """Tags for a resource that may outlive the process, {} for one that cannot."""
        return self.names.tags(self.cloud.owner) if self.ledger.outlives_the_process else {}

    @contextmanager
    def creating(self, kind: str, name: str, **detail: str) -> Iterator[Entry]:
        """Write ``name`` down, then create it in the body.

        A body that raises :class:`slstest.errors.ConfigurationError` has created nothing;
        after any other error teardown looks whether there is something to delete.
        """
        entry = self.ledger.enter(kind, name, self.names, self.cloud, **detail)
        self.entries.append(entry)
        try:
            yield entry
        except ConfigurationError:
            self.ledger.strike(entry)
            raise

    def add_function(self, label: str, name: str) -> None:
        """Account for the invocations of a function."""
        self._functions[label] = name

    def invocations(self) -> dict[str, tuple[Invocation, ...]]:
        """What has finished so far, by the functions' labels, without waiting for more."""
        return {
            label: tuple(self.cloud.invocations(name)) for label, name in self._functions.items()
        }

    def undelivered(self) -> tuple[str, ...]:
        """What one service could not deliver to another, where the cloud tells."""
        return tuple(self.cloud.undelivered()) if isinstance(self.cloud, TellsUndelivered) else ()

    def history(self) -> History:
        """What has finished so far. Never raises for the cloud's sake: what is to be told of a
        failure must not take its place."""
        functions: dict[str, tuple[Invocation, ...]] = {}
        unread = ""
        try:
            for label, name in self._functions.items():
                functions[label] = tuple(self.cloud.invocations(name))
        except troubles() as error:
            unread = f"what the functions did could not be read: {error}"
        return History(functions, self.undelivered(), unread)

    def story(self) -> str:
        """What the functions did and what did not reach them, for the end of a message that says
        what is wrong."""
        history = self.history()
        parts = [
            invocations_text(history.functions, rows=8),
            history.unread,
            undelivered_text(history.undelivered, rows=8),
            logs_text(history.functions, lines=30),
        ]
        return "\n\n".join(part for part in parts if part)
