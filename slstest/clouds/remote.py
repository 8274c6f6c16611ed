"""A cloud outside this process, in real time, with the functions run by the cloud itself.

Nobody tells when such a cloud is idle. What can be seen is asked for, again and again: the
functions' logs, the queues that they read, and that nothing has changed for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slstest.clouds.connection import Connection
from slstest.clouds.event_retries import EventRetries
from slstest.clouds.remote_mappings import RemoteMappings
from slstest.clouds.services import check_service
from slstest.clouds.watching import MessageCounts, time_is_real
from slstest.errors import ConfigurationError, NotSettled
from slstest.functions.recorded import InvocationLog, Told, json_log_unreadable

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation

_EVENT_OF = "slstest-event-of"
"""In the context of a call that invokes a function asynchronously, the function's name."""

_RETRIES_OF = "slstest-retries-of"
"""In the context of a call that sets how a function is invoked asynchronously, its name."""

_LOG_GROUP = "slstest-log-group"
"""In the context of a call that creates or updates a function, the log group that it is given."""

_FIRST_INVOCATION = 5.0
"""Seconds within which a cloud ends the first invocation by an event, of which a cold start of
LocalStack's takes the longest."""

Look = Callable[[], "tuple[list[str], object]"]
"""Tells what is under way, and whatever changes when something has happened."""


@dataclass(frozen=True)
class _Events:
    """What invokes one function asynchronously."""

    latest: float
    """When, on the monotonic clock."""
    invocations: int
    """How often the function will have been invoked when each event has been handled once."""


class RemoteCloud:
    """A cloud elsewhere that runs the functions itself."""

    creates_at_once = False
    runs_functions = True
    skips_time = False

    def __init__(self, name: str, connection: Connection) -> None:
        """Raises :class:`slstest.errors.ConfigurationError` where the cloud cannot be used."""
        self.name = name
        self.region = connection.region
        self.account_id, self.health = connection.examine()
        self.needs_roles = connection.needs_roles
        self.pace = connection.pace
        self.owner = connection.owner
        self._connection = connection
        self._quiet = connection.quiet
        self._logs: dict[str, InvocationLog] = {}
        self._counts: dict[str, int] = {}
        """How often each function had been invoked when it was last looked."""
        self._mappings = RemoteMappings(connection)
        self._events: dict[str, _Events] = {}
        """By the name of the function."""
        self._retries = EventRetries()
        self._queues = MessageCounts(connection.client)
        # Clients of the session that are made from now on hear of it as well.
        self._attend(connection.session.events)
        self._attend(connection.client("lambda").meta.events)

    def _attend(self, events: Any) -> None:
        heard: dict[str, Callable[..., None]] = {
            "before-parameter-build.lambda.Invoke": _note_event,
            "after-call.lambda.Invoke": self._invoked,
            **self._mappings.handlers(),
        }
        for operation in ("Put", "Update", "Delete"):
            name = f"lambda.{operation}FunctionEventInvokeConfig"
            heard[f"before-parameter-build.{name}"] = _note_whose_retries
            heard[f"after-call.{name}"] = self._retries_set
        for operation in ("CreateFunction", "UpdateFunctionConfiguration"):
            heard[f"before-parameter-build.lambda.{operation}"] = self._note_logging
            heard[f"after-call.lambda.{operation}"] = self._function_set
        for event, hear in heard.items():
            # Under an id, so that it happens once.
            events.register(event, hear, unique_id=f"slstest-{event}")

    @property
    def endpoint_url(self) -> str | None:
        return self._connection.url

    def session(self) -> boto3.Session:
        return self._connection.session

    def client(self, service: str) -> Any:
        client = self._connection.client(service)
        check_service(self.health, client, self.endpoint_url)
        return client

    def begin(self) -> None:
        self._logs.clear()
        self._mappings.forget()
        self._events.clear()
        self._retries.forget()
        self._counts.clear()

    def end(self) -> None:
        self.begin()

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        deadline = time.monotonic() + timeout
        pause = self.pace.look / 2
        while True:
            yield
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, self.pace.look * 5)

    def quiesce(self, timeout: float) -> None:
        self._wait(timeout, self._running, self._quiet / 2)

    def settle(self, timeout: float) -> None:
        self._wait(timeout, self._under_way, self._quiet + self._mappings.held_back())

    def advance(self, seconds: float) -> None:
        raise time_is_real(self.name)

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        log = self._logs.get(function_name)
        return () if log is None else tuple(log.read(max_age=self.pace.look).finished)

    def close(self) -> None:
        self._connection.close()

    # -- inside -------------------------------------------------------------------------

    def _note_logging(
        self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        logging = params.get("LoggingConfig") or {}
        ours = str(params.get("FunctionName")).rpartition(":")[2] in self._logs
        if ours and logging.get("LogFormat", "Text") != "Text":
            raise ConfigurationError(f"{model.name}: {json_log_unreadable(self.name)}")
        context[_LOG_GROUP] = logging.get("LogGroup")

    def _function_set(
        self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        name = parsed.get("FunctionName")
        if name and model.name == "CreateFunction":
            self._logs[name] = InvocationLog(lambda: self.client("logs"), name)
        group = parsed.get("LoggingConfig", {}).get("LogGroup") or context[_LOG_GROUP]
        if name in self._logs and group:
            self._logs[name].also_in(group)

    def _invoked(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        for log in self._logs.copy().values():  # one function may have invoked another
            log.expire()
        name = context.get(_EVENT_OF)
        if name is not None and "Error" not in parsed:
            known = self._events[name].invocations if name in self._events else 0
            invocations = max(known, self._counts.get(name, 0)) + 1
            self._events[name] = _Events(time.monotonic(), invocations)
            if request_id := parsed.get("ResponseMetadata", {}).get("RequestId"):
                self._retries.invoked(name, request_id)

    def _retries_set(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        if "Error" not in parsed:
            self._retries.configured(context[_RETRIES_OF], parsed.get("MaximumRetryAttempts"))

    def _wait(self, timeout: float, look: Look, quiet: float) -> None:
        """Wait until nothing that can be seen is under way, and for so long nothing changed."""
        deadline = time.monotonic() + timeout
        before: object = None
        since, pause = time.monotonic(), self.pace.look
        while True:
            under_way, picture = look()
            now = time.monotonic()
            if under_way or picture != before:
                before, since, pause = picture, now, self.pace.look
            elif now - since >= quiet:
                return
            if now >= deadline:
                listed = "\n".join(f"  - {what}" for what in under_way) or (
                    "  - something has changed less than "
                    f"{quiet:g} s ago: an invocation or a message"
                )
                raise NotSettled(
                    f"not settled after {timeout:g} s on the cloud {self.name!r}; still under "
                    f"way:\n{listed}"
                )
            time.sleep(min(pause, max(0.0, deadline - now)))
            pause = min(pause * 1.5, max(self.pace.look, quiet / 4))

    def _running(self) -> tuple[list[str], object]:
        return self._running_in(self._read_logs())

    def _read_logs(self) -> dict[str, Told]:
        # Another thread of the test may deploy functions meanwhile.
        return {name: log.read() for name, log in self._logs.copy().items()}

    def _running_in(self, logs: Mapping[str, Told]) -> tuple[list[str], object]:
        running = [f"invocation {each} of {name}" for name in logs for each in logs[name].running]
        self._counts = {name: len(told.finished) for name, told in logs.items()}
        self._mappings.read(logs)
        for name, events in self._events.copy().items():
            age = time.monotonic() - events.latest
            if self._counts.get(name, 0) < events.invocations and age < _FIRST_INVOCATION:
                running.append(f"an event that has invoked {name} {age:.1f} s ago")
        return running, self._counts

    def _under_way(self) -> tuple[list[str], object]:
        logs = self._read_logs()
        running, picture = self._running_in(logs)
        under_way = running + self._queues.waiting(self._mappings.sources())
        under_way += self._mappings.beginning()
        for name, told in logs.items():
            under_way += self._retries.due(name, told.finished)
        return under_way, picture


def _note_event(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if params.get("InvocationType") == "Event":
        context[_EVENT_OF] = str(params.get("FunctionName")).rpartition(":")[2]


def _note_whose_retries(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_RETRIES_OF] = str(params.get("FunctionName")).rpartition(":")[2]
