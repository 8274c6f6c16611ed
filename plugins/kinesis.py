"""Kinesis as the event source: the marker and the fixture ``kinesis_event``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError

from .markers import Marker, ResourceRequest, check_type, declare, required
from .resources import check_shard_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slstest.environment import Environment
    from slstest.functions.function import Function
    from slstest.functions.mapping import EventSourceMapping
    from slstest.invocation import Invocation
    from slstest.resources.stream import Stream


@dataclass(frozen=True)
class KinesisEventRequest:
    """What the marker asks for."""

    records: tuple[Any, ...]
    partition_key: str | None
    shard_count: int
    stream: str | None
    mapping: dict[str, Any]


def read_kinesis_event(
    *records: Any,
    partition_key: str | None = None,
    shard_count: int | None = None,
    stream: str | None = None,
    **mapping: Any,
) -> KinesisEventRequest:
    """Records that reach the function under test through a Kinesis stream, before the test's
    body starts. A record that is a dict or a list goes as JSON, a str as UTF-8, bytes as they
    are; without any the test calls kinesis_event.send(...). partition_key is that of every
    record (by default each has its own); shard_count is that of the throwaway stream
    (default 1); stream is the name of an sls_stream to take instead. Everything else is a
    parameter of CreateEventSourceMapping in snake case, such as batch_size or
    maximum_retry_attempts.
    """
    for record in records:
        check_type("records", record, dict, list, str, bytes)
    check_type("partition_key", partition_key, str, type(None))
    check_type("stream", stream, str, type(None))
    if shard_count is not None:
        check_shard_count(shard_count)
        if stream is not None:
            raise ConfigurationError(
                "arguments 'stream' and 'shard_count' exclude each other; give shard_count to "
                f"the marker sls_stream({stream!r})"
            )
    return KinesisEventRequest(records, partition_key, shard_count or 1, stream, mapping)


def _makes(wanted: KinesisEventRequest) -> list[ResourceRequest]:
    if wanted.stream is not None:
        return []
    return [ResourceRequest("stream", None, {"shard_count": wanted.shard_count})]


KINESIS_EVENT = Marker(
    "kinesis_event",
    read_kinesis_event,
    example='kinesis_event({"page": "/home"}, batch_size=2)',
    makes=_makes,
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, KINESIS_EVENT)


@dataclass(frozen=True)
class KinesisEvent:
    """A Kinesis stream that triggers the function under test."""

    stream: Stream
    function: Function
    mapping: EventSourceMapping
    """The event source mapping between the two: ``.uuid``, ``.update(...)``, ..."""
    _environment: Environment
    _partition_key: str | None

    @property
    def invocations(self) -> Sequence[Invocation]:
        """The finished invocations of the function under test, oldest first."""
        return self.function.invocations

    def send(self, *records: Any, partition_key: str | None = None) -> Sequence[Invocation]:
        """Put records into the stream, wait until nothing is under way any more, and return
        the invocations that finished meanwhile.

        Raises :class:`slstest.errors.NotSettled` where work is still under way after the
        time of ``--sls-timeout``.
        """
        before = len(self.invocations)
        key = self._partition_key if partition_key is None else partition_key
        self.stream.put(*records, partition_key=key)
        self._environment.settle()
        return self.invocations[before:]


@pytest.fixture
def kinesis_event(
    request: pytest.FixtureRequest, sls: Environment, sls_function: Function
) -> KinesisEvent:
    """A Kinesis stream mapped to the function under test, as the marker ``kinesis_event`` says.

    The marker's records have been put and everything they caused is over before the test's
    body starts. Has ``.stream``, ``.function``, ``.mapping``, ``.invocations`` and
    ``.send(*records)``, which returns the invocations that the records caused.
    """
    use = required(request.node, KINESIS_EVENT)
    wanted = use.value
    with use.blamed():
        if wanted.stream is None:
            stream = sls.stream(shard_count=wanted.shard_count)
        else:
            stream = _stream_named(sls, wanted.stream)
        mapping = sls_function.triggered_by(stream, **sls.format(wanted.mapping))
        event = KinesisEvent(stream, sls_function, mapping, sls, wanted.partition_key)
        if wanted.records:
            event.send(*wanted.records)
    return event


def _stream_named(environment: Environment, name: str) -> Stream:
    found: Stream = environment[name]
    if found.kind != "stream":
        raise ConfigurationError(
            f"argument 'stream' names the {found}; give the name of an sls_stream"
        )
    return found
