"""DynamoDB as the event source: the marker and the fixture ``dynamodb_event``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError

from .markers import Marker, ResourceRequest, check_type, declare, required

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from slstest.environment import Environment
    from slstest.functions.function import Function
    from slstest.functions.mapping import EventSourceMapping
    from slstest.invocation import Invocation
    from slstest.resources.table import Table


@dataclass(frozen=True)
class DynamoDbEventRequest:
    """What the marker asks for."""

    items: tuple[dict[str, Any], ...]
    created: dict[str, Any]
    """The arguments of the throwaway table."""
    table: str | None
    mapping: dict[str, Any]


def read_dynamodb_event(
    *items: dict[str, Any],
    key: str | tuple[str, str] | None = None,
    sort_key: str | tuple[str, str] | None = None,
    stream: bool | str | None = None,
    table: str | None = None,
    **mapping: Any,
) -> DynamoDbEventRequest:
    """Put items into a DynamoDB table whose stream triggers the function under test, before the
    test's body starts. An item is a dict of plain Python; without any the test calls
    dynamodb_event.send(...), or writes to dynamodb_event.table. key (default "id") and
    sort_key are those of the throwaway table, as the marker sls_table has them; stream is the
    view type of its stream (default "NEW_AND_OLD_IMAGES"); table is the name of an sls_table
    to take instead, which must have a stream. Everything else is a parameter of
    CreateEventSourceMapping in snake case, such as batch_size or maximum_retry_attempts.
    """
    for item in items:
        check_type("items", item, dict)
    check_type("key", key, str, tuple, type(None))
    check_type("sort_key", sort_key, str, tuple, type(None))
    check_type("stream", stream, bool, str, type(None))
    check_type("table", table, str, type(None))
    if stream is False:
        raise ConfigurationError(
            "argument 'stream' cannot be False: the stream is what triggers the function"
        )
    given = {"key": key, "sort_key": sort_key, "stream": stream}
    created = {name: value for name, value in given.items() if value is not None}
    if created and table is not None:
        name = next(iter(created))
        raise ConfigurationError(
            f"arguments 'table' and {name!r} exclude each other; give {name} to the marker "
            f"sls_table({table!r})"
        )
    return DynamoDbEventRequest(items, {"stream": True, **created}, table, mapping)


def _makes(wanted: DynamoDbEventRequest) -> list[ResourceRequest]:
    return [ResourceRequest("table", None, wanted.created)] if wanted.table is None else []


DYNAMODB_EVENT = Marker(
    "dynamodb_event",
    read_dynamodb_event,
    example='dynamodb_event({"id": "1", "status": "new"}, batch_size=2)',
    makes=_makes,
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, DYNAMODB_EVENT)


@dataclass(frozen=True)
class DynamoDbEvent:
    """A DynamoDB table whose stream triggers the function under test."""

    table: Table
    function: Function
    mapping: EventSourceMapping
    """The event source mapping between the two: ``.uuid``, ``.update(...)``, ..."""
    _environment: Environment

    @property
    def invocations(self) -> Sequence[Invocation]:
        """The finished invocations of the function under test, oldest first."""
        return self.function.invocations

    def send(self, *items: Mapping[str, Any]) -> Sequence[Invocation]:
        """Put items into the table, wait until nothing is under way any more, and return the
        invocations that finished meanwhile.

        An item that is the same as the one in its place is no change, and invokes nothing.
        Raises :class:`slstest.errors.NotSettled` where work is still under way after the time
        of ``--sls-timeout``.
        """
        before = len(self.invocations)
        self.table.put(*items)
        self._environment.settle()
        return self.invocations[before:]


@pytest.fixture
def dynamodb_event(
    request: pytest.FixtureRequest, sls: Environment, sls_function: Function
) -> DynamoDbEvent:
    """A DynamoDB table whose stream is mapped to the function under test, as the marker
    ``dynamodb_event`` says.

    The marker's items have been put and everything they caused is over before the test's body
    starts. Has ``.table``, ``.function``, ``.mapping``, ``.invocations`` and
    ``.send(*items)``, which returns the invocations that the items caused.
    """
    use = required(request.node, DYNAMODB_EVENT)
    wanted = use.value
    with use.blamed():
        table = sls.table(**wanted.created) if wanted.table is None else _table(sls, wanted.table)
        mapping = sls_function.triggered_by(table, **sls.format(wanted.mapping))
        event = DynamoDbEvent(table, sls_function, mapping, sls)
        if wanted.items:
            event.send(*wanted.items)
    return event


def _table(environment: Environment, name: str) -> Table:
    found: Table = environment[name]
    if found.kind != "table":
        raise ConfigurationError(
            f"argument 'table' names the {found}; give the name of an sls_table"
        )
    return found
