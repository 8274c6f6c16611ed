"""A cloud outside this process, in real time, with the functions run by the cloud itself.

Nobody tells when such a cloud is idle. What can be seen is asked for, again and again: the
functions' logs, the queues that they read, and that nothing has changed for a while.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from slstest.clouds.connection import Connection
from slstest.clouds.event_retries import EventRetries
from slstest.clouds.services import check_service
from slstest.clouds.stream_starts import StreamStart, source_of, stream_of
from slstest.clouds.watching import MessageCounts, time_is_real
from slstest.errors import ConfigurationError, NotSettled
from slstest.functions.recorded import InvocationLog, Told, json_log_unreadable

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation

_ENABLED = "slstest-enabled"
"""In the context of a call that creates or updates a mapping, whether it enables it."""

_EVENT_OF = "slstest-event-of"
"""In the context of a call that invokes a function asynchronously, the function's name."""

_RETRIES_OF = "slstest-retries-of"
"""In the context of a call that sets how a function is invoked asynchronously, its name."""

_LOG_GROUP = "slstest-log-group"
"""In the context of a call that creates or updates a function, the log group that it is given."""

_WINDOW = "slstest-window"
"""In the context of a call that updates a mapping, the batching window that it is given."""

_BEGINNING = 5.0
"""Seconds within which a cloud begins to read for a new mapping, which takes MiniStack longest, or
ends the first invocation by an event, which a cold start of LocalStack's does. AWS may take far
longer to begin to read a stream, see ``stream_starts.py``."""

Look = Callable[[], "tuple[list[str], object]"]
"""Tells what is under way, and whatever changes when something has happened."""


@dataclass(frozen=True)
class _Mapping:
    source: str
    """The ARN."""
    function: str
    """The name of the function."""
    enabled: float
    """When, on the monotonic clock."""
    invocations: int
    """How often the function had been invoked by then."""
    batches: int
    """How often of these with records of the source."""
    window: float
    """Seconds for which what came is held back until there is more."""
    start: StreamStart | None
    """Of a stream that may be read much later."""


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
        self._batches: Counter[tuple[str, str]] = Counter()
        """How often of these with records of an event source, by its ARN."""
        self._mappings: dict[str, _Mapping] = {}
        """Those that are enabled, by their UUIDs."""
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
            "after-call.lambda.DeleteEventSourceMapping": self._mapping_deleted,
        }
        for operation in ("Put", "Update", "Delete"):
            name = f"lambda.{operation}FunctionEventInvokeConfig"
            heard[f"before-parameter-build.{name}"] = _note_whose_retries
            heard[f"after-call.{name}"] = self._retries_set
        for operation in ("CreateFunction", "UpdateFunctionConfiguration"):
            heard[f"before-parameter-build.lambda.{operation}"] = self._note_logging
            heard[f"after-call.lambda.{operation}"] = self._function_set
        for operation in ("CreateEventSourceMapping", "UpdateEventSourceMapping"):
            heard[f"before-parameter-build.lambda.{operation}"] = _note_settings
            heard[f"after-call.lambda.{operation}"] = self._mapping_set
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
        self._mappings.clear()
        self._events.clear()
        self._retries.forget()
        self._counts.clear()
        self._batches.clear()

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
        held_back = max((mapping.window for mapping in self._mappings.values()), default=0.0)
        self._wait(timeout, self._under_way, self._quiet + held_back)

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

    def _mapping_set(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        enabled = context[_ENABLED]
        if enabled and "EventSourceArn" in parsed:
            function = parsed["FunctionArn"].rpartition(":")[2]
            source = parsed["EventSourceArn"]
            window = parsed.get("MaximumBatchingWindowInSeconds", 0)
            self._mappings[parsed["UUID"]] = _Mapping(
                source,
                function,
                time.monotonic(),
                self._counts.get(function, 0),
                self._batches[function, stream_of(source)],
                window if context[_WINDOW] is None else context[_WINDOW],
                self._start(parsed),
            )
        elif enabled is False:
            self._mappings.pop(parsed.get("UUID", ""), None)
        elif parsed.get("UUID") in self._mappings:
            known = self._mappings[parsed["UUID"]]
            if known.start is not None:
                known.start.hear(parsed)
            if context[_WINDOW] is not None:
                self._mappings[parsed["UUID"]] = replace(known, window=context[_WINDOW])

    def _start(self, mapping: dict[str, Any]) -> StreamStart | None:
        patience = self._connection.slow_start
        if patience is None or ":sqs:" in mapping["EventSourceArn"]:
            return None
        return StreamStart(self._connection.client, mapping, patience)

    def _mapping_deleted(self, parsed: dict[str, Any], **_: Any) -> None:
        self._mappings.pop(parsed.get("UUID", ""), None)

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
        self._batches = Counter(
            (name, source)
            for name, told in logs.items()
            for source in map(source_of, told.finished)
        )
        for name, events in self._events.copy().items():
            age = time.monotonic() - events.latest
            if self._counts.get(name, 0) < events.invocations and age < _BEGINNING:
                running.append(f"an event that has invoked {name} {age:.1f} s ago")
        return running, self._counts

    def _under_way(self) -> tuple[list[str], object]:
        logs = self._read_logs()
        running, picture = self._running_in(logs)
        mappings = list(self._mappings.values())
        under_way = running + self._queues.waiting({mapping.source for mapping in mappings})
        under_way += [each for each in map(self._beginning, mappings) if each]
        for name, told in logs.items():
            under_way += self._retries.due(name, told.finished)
        return under_way, picture

    def _beginning(self, mapping: _Mapping) -> str | None:
        """A mapping that nobody may have read yet, in words. What waits in a queue is counted."""
        age = time.monotonic() - mapping.enabled
        first = f"the first look at {mapping.source}, by a mapping that is {age:.1f} s old"
        if mapping.start is not None:
            batches = self._batches[mapping.function, stream_of(mapping.source)]
            if mapping.start.is_awaited(age, seen=batches > mapping.batches):
                return f"{first}, which AWS has not begun to read"
        if ":sqs:" in mapping.source or age >= _BEGINNING:
            return None
        if self._counts.get(mapping.function, 0) > mapping.invocations:
            return None
        return first


def _note_event(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    if params.get("InvocationType") == "Event":
        context[_EVENT_OF] = str(params.get("FunctionName")).rpartition(":")[2]


def _note_whose_retries(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context[_RETRIES_OF] = str(params.get("FunctionName")).rpartition(":")[2]


def _note_settings(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    by_default = True if model.name == "CreateEventSourceMapping" else None
    context[_ENABLED] = params.get("Enabled", by_default)
    context[_WINDOW] = params.get("MaximumBatchingWindowInSeconds")
