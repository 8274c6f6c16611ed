"""Resources of the coming tests, created while the present one runs.

A table takes ten seconds to become active on AWS, a stream longer. Whoever knows which tests come
(the pytest plugin does) says what each will ask for; its environment then finds it made.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slstest.errors import TeardownError
from slstest.naming import Names
from slstest.resources.base import Resource
from slstest.resources.stream import Stream, create_stream
from slstest.resources.table import Table, create_table
from slstest.scope import Scope
from slstest.teardown import delete_entries

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud
    from slstest.ledger import Ledger

CREATORS: dict[str, Callable[..., Resource]] = {
    Stream.kind: create_stream,
    Table.kind: create_table,
}
"""What is worth creating ahead: everything else is there within a moment."""

AT_ONCE = 4
"""How many resources are being created ahead at a time."""


@dataclass(frozen=True)
class Wanted:
    """A resource that a test asks its environment for."""

    kind: str
    name: str | None
    arguments: Mapping[str, Any]
    """Those of the function that creates it, defaults included."""


def wanted(kind: str, method: Callable[..., Any], *given: Any, **named: Any) -> Wanted:
    """What a call of a method of :class:`slstest.environment.Environment` asks for.

    Raises :class:`TypeError` for arguments that the method does not take.
    """
    bound = inspect.signature(method).bind(None, *given, **named)
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    del arguments["self"]
    name, arguments["settings"] = arguments.pop("name"), arguments.pop("parameters")
    return Wanted(kind, name, arguments)


class Prepared:
    """What is being created for one environment, which takes over the scope with it."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self._made: list[tuple[Wanted, Future[Resource]]] = []

    def create(self, wanted: Wanted, pool: ThreadPoolExecutor) -> None:
        """Begin to create a resource."""
        label = wanted.name or wanted.kind
        make = CREATORS[wanted.kind]
        self._made.append((wanted, pool.submit(make, self.scope, label, **wanted.arguments)))

    def take(self, wanted: Wanted) -> Resource | None:
        """A resource as wanted that nobody has taken, waited for until it is ready; None where
        none was begun. Raises what creating it has raised."""
        for number, (candidate, made) in enumerate(self._made):
            if candidate == wanted:
                # Only what is done is taken: Ctrl-C while it waits leaves it to stop().
                wait([made])
                del self._made[number]
                return made.result()
        return None

    def stop(self) -> None:
        """Begin nothing more, and wait for what was begun; what creating it has raised is of
        no interest where nobody takes it."""
        for _, made in self._made:
            if not made.cancel():
                made.exception()
        self._made.clear()


class Ahead:
    """Creates what coming environments ask for, in threads."""

    def __init__(
        self,
        cloud: Cloud,
        ledger: Ledger,
        run: str,
        worker: str,
        timeout: float,
        owner: str = "",
    ) -> None:
        """The arguments are those of the environments to come."""
        self._cloud = cloud
        self._ledger = ledger
        self._run = run
        self._worker = worker
        self._timeout = timeout
        self._owner = owner
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="slstest-ahead")
        self._prepared: dict[str, Prepared] = {}

    def prepare(self, test: str, label: str, wishes: Sequence[Wanted]) -> None:
        """Begin to create what a test will ask for. ``label`` is that of its environment."""
        names = Names(self._run, self._worker, label, self._owner)
        scope = Scope(self._cloud, names, self._ledger, self._timeout)
        prepared = self._prepared[test] = Prepared(scope)
        for wish in wishes:
            prepared.create(wish, self._pool)

    def claim(self, test: str) -> Prepared | None:
        """What was prepared for a test; its environment deletes it."""
        return self._prepared.pop(test, None)

    def drop(self, test: str) -> None:
        """Delete what a test has not claimed.

        Raises :class:`slstest.errors.TeardownError` for what could not be deleted.
        """
        prepared = self.claim(test)
        if prepared is not None:
            prepared.stop()
            delete_entries(self._cloud, self._ledger, prepared.scope.entries)

    def close(self) -> None:
        """Delete what nobody has claimed.

        Raises :class:`slstest.errors.TeardownError` for what could not be deleted.
        """
        failures = []
        for test in list(self._prepared):
            try:
                self.drop(test)
            except TeardownError as error:
                failures.append(error)
        self._pool.shutdown()
        if failures:
            raise TeardownError("\n".join(map(str, failures)))
