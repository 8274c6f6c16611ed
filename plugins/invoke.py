"""Plain invocation as the event source: the marker and the fixture ``invoke_event``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError, FunctionError

from .markers import Marker, check_type, declare, required

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slstest.environment import Environment
    from slstest.functions.function import Function
    from slstest.invocation import Invocation

INVOCATION_TYPES = ("RequestResponse", "Event")


@dataclass(frozen=True)
class InvokeEventRequest:
    """What the marker asks for."""

    payloads: tuple[Any, ...]
    """The payload, or nothing."""
    invocation_type: str
    configuration: dict[str, Any]


def read_invoke_event(
    *payload: Any,
    invocation_type: str = "RequestResponse",
    maximum_retry_attempts: int | None = None,
    maximum_event_age_in_seconds: int | None = None,
    destination_config: dict[str, Any] | None = None,
) -> InvokeEventRequest:
    """Invoke the function under test before the test's body starts. payload is whatever JSON
    can say; without it the test calls invoke_event.send(payload). invocation_type is
    "RequestResponse" (the default) or "Event", which invokes asynchronously, with Lambda's
    retries, and waits until they are over. maximum_retry_attempts,
    maximum_event_age_in_seconds and destination_config are those of
    PutFunctionEventInvokeConfig, for the type "Event".
    """
    if len(payload) > 1:
        raise ConfigurationError(
            f"takes one payload, not {len(payload)}; call invoke_event.send(payload) in the test "
            "for more"
        )
    check_type("invocation_type", invocation_type, str)
    if invocation_type not in INVOCATION_TYPES:
        raise ConfigurationError(
            f"argument 'invocation_type' takes {' or '.join(INVOCATION_TYPES)}, not "
            f"{invocation_type!r}"
        )
    given = {
        "maximum_retry_attempts": maximum_retry_attempts,
        "maximum_event_age_in_seconds": maximum_event_age_in_seconds,
        "destination_config": destination_config,
    }
    configuration = {name: value for name, value in given.items() if value is not None}
    if configuration and invocation_type != "Event":
        raise ConfigurationError(
            f"argument {next(iter(configuration))!r} is for invocation_type='Event'"
        )
    return InvokeEventRequest(payload, invocation_type, configuration)


INVOKE_EVENT = Marker("invoke_event", read_invoke_event, example='invoke_event({"page": "/home"})')


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, INVOKE_EVENT)


@dataclass
class InvokeEvent:
    """The function under test, and what its latest invocation came to."""

    function: Function
    _environment: Environment
    _invocation_type: str
    _response: Any = None
    _failure: FunctionError | None = None
    _error: Any = None

    @property
    def response(self) -> Any:
        """What the latest invocation returned; None for one of the type Event.

        Raises :class:`slstest.errors.FunctionError` where it failed.
        """
        if self._failure is not None:
            raise self._failure
        return self._response

    @property
    def error(self) -> Any:
        """None, or Lambda's error document of the latest invocation; for one of the type
        Event that of its last attempt."""
        return self._error

    @property
    def invocations(self) -> Sequence[Invocation]:
        """The finished invocations of the function under test, oldest first."""
        return self.function.invocations

    def send(self, payload: Any) -> Sequence[Invocation]:
        """Invoke the function, wait until nothing is under way any more, and return the
        invocations of it that finished meanwhile.

        A function that fails is not an error here: see :attr:`response` and :attr:`error`.
        Raises :class:`slstest.errors.NotSettled` where work is still under way after the
        time of ``--sls-timeout``.
        """
        before = len(self.invocations)
        self._response = self._failure = self._error = None
        if self._invocation_type == "Event":
            self.function.invoke_async(payload)
        else:
            try:
                self._response = self.function.invoke(payload)
            except FunctionError as failure:
                self._failure, self._error = failure, failure.payload
        self._environment.settle()
        caused = self.invocations[before:]
        if self._invocation_type == "Event" and caused:
            self._error = caused[-1].error
        return caused


@pytest.fixture
def invoke_event(
    request: pytest.FixtureRequest, sls: Environment, sls_function: Function
) -> InvokeEvent:
    """The function under test, invoked as the marker ``invoke_event`` says.

    The invocation is over before the test's body starts. Has ``.function``, ``.response``
    (raises FunctionError where the invocation failed), ``.error``, ``.invocations`` and
    ``.send(payload)``.
    """
    use = required(request.node, INVOKE_EVENT)
    event = InvokeEvent(sls_function, sls, use.value.invocation_type)
    with use.blamed():
        if use.value.configuration:
            sls_function.configure_async(**sls.format(use.value.configuration))
        for payload in use.value.payloads:
            event.send(payload)
    return event
