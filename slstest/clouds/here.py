"""A cloud outside this process whose functions run here, on the events of that cloud.

Streams and queues are read through the cloud's own APIs by the pollers of the embedded cloud,
what its services push comes by way of queues, and Lambda is answered on this machine: a breakpoint
in a handler stops on a record that went through LocalStack or AWS, and nothing has to be deployed
to debug it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from slstest.clouds.attending import Attendance
from slstest.clouds.base import Relay
from slstest.clouds.connection import Connection
from slstest.clouds.pushes import Relays
from slstest.clouds.services import check_service
from slstest.clouds.sessions import client_at
from slstest.clouds.watching import MessageCounts, time_is_real
from slstest.embedded.doors import Guard, HttpDoor, InProcessDoor
from slstest.embedded.event_sources.sqs import SqsPoller
from slstest.embedded.function_host import FunctionHost, RuntimeFactory, Surroundings
from slstest.embedded.gateway import CODE_PATH
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.undelivered import UndeliveredNotes
from slstest.errors import NotSettled, Unavailable
from slstest.fault import Fault, Redelivered

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation

_LAST_WORK_TIMEOUT = 10.0
"""Seconds for work to end whose functions and sources have been deleted."""

_LOOK_AGAIN = 1.0
"""Seconds after which there is a new look for news, though what was found is still under way."""

_FAULTS_OF_SERVICES = ("fail", "delay", "deliver out of order")


class FunctionsHere:
    """A cloud elsewhere, with Lambda on this machine."""

    creates_at_once = False
    runs_functions = False
    skips_time = False

    def __init__(
        self,
        name: str,
        connection: Connection,
        runtime: RuntimeFactory,
        *,
        in_process_guard: Guard = nullcontext,
        http_guard: Guard = nullcontext,
    ) -> None:
        """Raises :class:`slstest.errors.ConfigurationError` where the cloud cannot be used."""
        self.name = name
        self.region = connection.region
        self.account_id, self.health = connection.examine()
        self.needs_roles = connection.needs_roles
        self.pace = connection.pace
        self.owner = connection.owner
        self.user_id = connection.user_id
        self._connection = connection
        self._interval = connection.pace.look
        self._quiet = connection.quiet_here
        self._push_quiet = connection.quiet_pushes
        self._scheduler = Scheduler(skips=False)
        self._queues = MessageCounts(connection.client)
        self._http = HttpDoor(self.region, self._guarded(http_guard))
        self._in_process = InProcessDoor(
            self._http.endpoint_url, self.region, self._guarded(in_process_guard)
        )
        self._in_process.open()
        # The door is there for sessions that are made while it is open.
        self._session = connection.session_with({"lambda": self._http.endpoint_url})
        self._lambda_client = client_at(self._session, "lambda", self._http.endpoint_url)
        self._undelivered = UndeliveredNotes()
        self._host = FunctionHost(
            runtime,
            self._scheduler,
            self._undelivered,
            Surroundings(
                self._lambda_client.meta.partition,
                self.region,
                self.account_id,
                self._own_client,
                self._lambda_client.meta.service_model,
                lambda: self._http.endpoint_url,
                self._aws_variables,
                next_return=None,
            ),
        )
        self._relays = Relays(connection.client, self._scheduler, self._host, self._undelivered)
        attendance = Attendance(name, self._host, self._relays.check_publish)
        attendance.attend(connection.session)
        attendance.attend(self._session)
        self._http.open()
        self._watched = threading.RLock()
        """Held by whoever looks for news. While somebody waits for the end of all that is under
        way, nobody else may begin something."""
        self._looked = 0.0
        self._ended = threading.Event()
        self._looking = threading.Thread(target=self._look, name="slstest-look", daemon=True)
        self._looking.start()

    @property
    def endpoint_url(self) -> str | None:
        return self._connection.url

    def session(self) -> boto3.Session:
        return self._session

    def client(self, service: str) -> Any:
        if service == "lambda":
            return self._lambda_client
        client = self._own_client(service)
        check_service(self.health, client, self.endpoint_url)
        return client

    def _own_client(self, service: str) -> Any:
        return self._lambda_client if service == "lambda" else self._connection.client(service)

    def begin(self) -> None:
        self._scheduler.reset()
        self._undelivered.forget()

    def end(self) -> None:
        # What is kept of a test is not to be read during the next.
        self._host.mappings.disable_all()
        self._relays.close()
        self._host.forget()
        try:
            self._scheduler.finish(_LAST_WORK_TIMEOUT)
        finally:
            self._host.logs.forget()

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        self._look_once()  # and then whoever looks all the time
        yield from self._scheduler.moments(timeout, patient=True)

    def quiesce(self, timeout: float) -> None:
        if not self._relays.pollers():
            with self._watched:
                self._scheduler.quiesce(timeout)
                self._look_once()  # now that nobody is in the middle of an earlier look
                self._scheduler.quiesce(timeout)
            return

        def under_way(seconds: float) -> list[str]:
            self._scheduler.quiesce(seconds)
            return self._unread(self._relays.pollers())

        self._wait(timeout, under_way)

    def settle(self, timeout: float) -> None:
        self._wait(timeout, self._under_way)

    def advance(self, seconds: float) -> None:
        raise time_is_real(self.name)

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        return self._host.invocations(function_name)

    def inject(self, fault: Fault) -> None:
        if fault.kind in _FAULTS_OF_SERVICES:
            raise Unavailable(
                f"sls.faults: the service is that of the cloud {self.name!r}, which cannot be made "
                f"to {fault.kind}; run the test on the embedded cloud"
            )
        self._host.faults.inject(fault)

    def clear_faults(self) -> None:
        self._host.faults.clear()

    def redeliver(self) -> Sequence[Redelivered]:
        return self._host.redeliver()

    def pending(self) -> Sequence[str]:
        """See :class:`slstest.clouds.base.TellsPending`."""
        return self._scheduler.pending()

    def undelivered(self) -> Sequence[str]:
        """See :class:`slstest.clouds.base.TellsUndelivered`."""
        return self._undelivered.notes()

    def drop_log(self, group: str) -> None:
        """See :class:`slstest.clouds.base.WritesLogs`."""
        self._host.logs.drop(group)

    def relay(self, relay: Relay) -> None:
        """See :class:`slstest.clouds.base.ReceivesPushes`."""
        self._relays.add(relay)

    def end_relay(self, queue_arn: str) -> None:
        """See :class:`slstest.clouds.base.ReceivesPushes`."""
        self._relays.end(queue_arn)

    def close(self) -> None:
        self._ended.set()
        self._looking.join()
        self._relays.close()
        self._host.stop()
        self._scheduler.close()
        self._host.end_environments()
        self._in_process.close()
        self._http.close()
        self._host.delete_files()
        self._connection.close()

    # -- inside -------------------------------------------------------------------------

    def _wait(self, timeout: float, look: Callable[[float], list[str]]) -> None:
        """Wait until nothing is under way, and no service is expected to push any more. ``look``
        tells what is left after so many seconds."""
        deadline = time.monotonic() + timeout
        before: object = None
        since = time.monotonic()
        with self._watched:
            self._look_once()
        while True:
            with self._watched:
                if not self._until_look():
                    self._look_once()
                under_way = look(max(0.0, deadline - time.monotonic()))
            activity = (self._host.activity(), self._relays.received())
            now = time.monotonic()
            if under_way or activity != before:
                before, since = activity, now
            elif now - since >= (self._push_quiet if self._relays.pollers() else self._quiet):
                return
            if now >= deadline:
                listed = "\n".join(
                    f"  - {what}" for what in under_way or ["an invocation that has just ended"]
                )
                raise NotSettled(f"not settled after {timeout:g} s; still under way:\n{listed}")
            self._ended.wait(min(self._until_look(), max(0.0, deadline - time.monotonic())))

    def _under_way(self, seconds: float) -> list[str]:
        try:
            self._scheduler.settle(min(seconds, _LOOK_AGAIN))
        except NotSettled:
            left = self._scheduler.pending()
        else:
            left = []
        pollers = [*self._host.mappings.queue_pollers(), *self._relays.pollers()]
        return [*left, *self._unread(pollers)]

    def _unread(self, pollers: Iterable[SqsPoller]) -> list[str]:
        """The queues that have messages, or that SQS does not know yet, in words."""
        told = []
        for poller in pollers:
            if poller.unknown:
                told.append(f"queue {poller.name}, which SQS does not know")
            told += [f"{each}{poller.trouble}" for each in self._queues.waiting([poller.arn])]
        return told

    def _look(self) -> None:
        pause = self._interval
        while not self._ended.wait(pause):
            pause = self._until_look()
            if pause:
                continue
            pause = self._interval
            if self._watched.acquire(blocking=False):
                try:
                    self._look_once()
                finally:
                    self._watched.release()

    def _until_look(self) -> float:
        """Seconds until the next look is due, whoever had the last one: a stream can be read five
        times a second, by all its readers together."""
        return max(0.0, self._looked + self._interval - time.monotonic())

    def _look_once(self) -> None:
        self._looked = time.monotonic()
        self._host.mappings.look()
        self._relays.look()

    def _guarded(self, guard: Guard) -> Callable[[AwsRequest], AwsResponse]:
        def handle(request: AwsRequest) -> AwsResponse:
            self._scheduler.run_waiting_foreground_calls()
            with guard():
                if request.path.startswith(CODE_PATH):
                    return self._host.service.download(request.path[len(CODE_PATH) :])
                if request.service == "lambda":
                    return self._host.service.handle(request)
                return request.error(
                    501,
                    "NotImplemented",
                    f"only Lambda is answered here; {request.service} is at "
                    f"{self._connection.url or 'AWS'}",
                )

        return handle

    def _aws_variables(self, function_name: str, role_arn: str) -> Mapping[str, str]:
        return {
            **self._connection.variables(function_name, role_arn),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL_LAMBDA": self._http.endpoint_url,
        }
