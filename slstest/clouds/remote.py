"""A cloud outside this process, in real time, with the functions run by the cloud itself.

Nobody tells when such a cloud is idle. What can be seen is asked for, again and again: the
functions' logs, the queues that they read, and that nothing has changed for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from slstest.clouds.connection import Connection
from slstest.clouds.services import check_service
from slstest.clouds.watching import MessageCounts, time_is_real
from slstest.errors import NotSettled
from slstest.functions.recorded import InvocationLog

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation

Look = Callable[[], "tuple[list[str], object]"]
"""Tells what is under way, and whatever changes when something has happened."""


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
        self._sources: set[str] = set()
        self._queues = MessageCounts(connection.client)
        events = connection.client("lambda").meta.events
        events.register("after-call.lambda.CreateFunction", self._function_made)
        events.register("after-call.lambda.CreateEventSourceMapping", self._mapping_made)

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
        self._sources.clear()

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
        self._wait(timeout, self._under_way, self._quiet)

    def advance(self, seconds: float) -> None:
        raise time_is_real(self.name)

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        log = self._logs.get(function_name)
        return () if log is None else tuple(log.read().finished)

    def close(self) -> None:
        self._connection.close()

    # -- inside -------------------------------------------------------------------------

    def _function_made(self, parsed: dict[str, Any], **_: Any) -> None:
        name = parsed.get("FunctionName")
        if name:
            self._logs[name] = InvocationLog(lambda: self.client("logs"), name)

    def _mapping_made(self, parsed: dict[str, Any], **_: Any) -> None:
        if "EventSourceArn" in parsed:
            self._sources.add(parsed["EventSourceArn"])

    def _wait(self, timeout: float, look: Look, quiet: float) -> None:
        """Wait until nothing that can be seen is under way, and for so long nothing changed."""
        deadline = time.monotonic() + timeout
        before: object = None
        since = time.monotonic()
        while True:
            under_way, picture = look()
            now = time.monotonic()
            if under_way or picture != before:
                before, since = picture, now
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
            time.sleep(min(self.pace.look, max(0.0, deadline - now)))

    def _running(self) -> tuple[list[str], object]:
        logs = {name: log.read() for name, log in self._logs.items()}
        running = [f"invocation {each} of {name}" for name in logs for each in logs[name].running]
        return running, [(name, len(told.finished)) for name, told in logs.items()]

    def _under_way(self) -> tuple[list[str], object]:
        running, picture = self._running()
        return running + self._queues.waiting(self._sources), picture
