"""SQS as the event source: the marker and the fixture ``sqs_event``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError

from .markers import Marker, check_type, declare, required

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slstest.environment import Environment
    from slstest.functions.function import Function
    from slstest.functions.mapping import EventSourceMapping
    from slstest.invocation import Invocation
    from slstest.resources.queue import Queue


@dataclass(frozen=True)
class SqsEventRequest:
    """What the marker asks for."""

    bodies: tuple[Any, ...]
    message_group_id: str | None
    fifo: bool
    visibility_timeout: int | None
    queue: str | None
    mapping: dict[str, Any]


def read_sqs_event(
    *bodies: Any,
    message_group_id: str | None = None,
    fifo: bool | None = None,
    visibility_timeout: int | None = None,
    queue: str | None = None,
    **mapping: Any,
) -> SqsEventRequest:
    """Messages that reach the function under test through an SQS queue, before the test's body
    starts. A body that is a dict or a list goes as JSON, a str as it is, bytes as UTF-8;
    without any the test calls sqs_event.send(...). message_group_id is that of every message;
    fifo makes the throwaway queue a FIFO queue; visibility_timeout is the queue's, in seconds
    (default 30), and must not be shorter than the function's timeout. queue is the name of an
    sls_queue to take instead, for example one with a redrive_policy. Everything else is a
    parameter of CreateEventSourceMapping in snake case, such as batch_size or
    function_response_types.
    """
    for body in bodies:
        check_type("bodies", body, dict, list, str, bytes)
    check_type("message_group_id", message_group_id, str, type(None))
    check_type("fifo", fifo, bool, type(None))
    check_type("visibility_timeout", visibility_timeout, int, type(None))
    check_type("queue", queue, str, type(None))
    for argument, value in (("fifo", fifo), ("visibility_timeout", visibility_timeout)):
        if value is not None and queue is not None:
            raise ConfigurationError(
                f"arguments 'queue' and {argument!r} exclude each other; give {argument} to the "
                f"marker sls_queue({queue!r})"
            )
    return SqsEventRequest(bodies, message_group_id, bool(fifo), visibility_timeout, queue, mapping)


SQS_EVENT = Marker("sqs_event", read_sqs_event, example='sqs_event({"order": 1}, batch_size=2)')


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, SQS_EVENT)


@dataclass(frozen=True)
class SqsEvent:
    """An SQS queue that triggers the function under test."""

    queue: Queue
    function: Function
    mapping: EventSourceMapping
    """The event source mapping between the two: ``.uuid``, ``.update(...)``, ..."""
    _environment: Environment
    _message_group_id: str | None

    @property
    def invocations(self) -> Sequence[Invocation]:
        """The finished invocations of the function under test, oldest first."""
        return self.function.invocations

    def send(self, *bodies: Any, message_group_id: str | None = None) -> Sequence[Invocation]:
        """Send messages to the queue, wait until nothing is under way any more, and return the
        invocations that finished meanwhile.

        Raises :class:`slstest.errors.NotSettled` where work is still under way after the
        time of ``--sls-timeout``; a message that the function never handles is retried until
        the queue's retention is over, unless the queue has a redrive policy.
        """
        before = len(self.invocations)
        group = self._message_group_id if message_group_id is None else message_group_id
        self.queue.send(*bodies, message_group_id=group)
        self._environment.settle()
        return self.invocations[before:]


@pytest.fixture
def sqs_event(request: pytest.FixtureRequest, sls: Environment, sls_function: Function) -> SqsEvent:
    """An SQS queue mapped to the function under test, as the marker ``sqs_event`` says.

    The marker's messages have been sent and everything they caused is over before the test's
    body starts. Has ``.queue``, ``.function``, ``.mapping``, ``.invocations`` and
    ``.send(*bodies)``, which returns the invocations that the messages caused.
    """
    use = required(request.node, SQS_EVENT)
    wanted = use.value
    with use.blamed():
        if wanted.queue is None:
            timeout = wanted.visibility_timeout
            given: dict[str, Any] = {} if timeout is None else {"visibility_timeout": timeout}
            queue = sls.queue(fifo=wanted.fifo, **given)
        else:
            queue = sls[wanted.queue]
        mapping = sls_function.triggered_by(queue, **sls.format(wanted.mapping))
        event = SqsEvent(queue, sls_function, mapping, sls, wanted.message_group_id)
        if wanted.bodies:
            event.send(*wanted.bodies)
    return event
