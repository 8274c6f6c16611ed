"""The embedded cloud: everything in this process, no Docker, milliseconds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from slstest.clouds.sessions import check_profile, secluded_session
from slstest.embedded.doors import Guard, HttpDoor, InProcessDoor
from slstest.embedded.function_host import FunctionHost, RuntimeFactory, Surroundings
from slstest.embedded.gateway import Gateway
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.moto_backend import ACCOUNT_ID
from slstest.embedded.partitions import partition_of
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.services import Services
from slstest.embedded.status import Status
from slstest.embedded.undelivered import UndeliveredNotes
from slstest.fault import Fault, Redelivered
from slstest.waiting import Pace

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation

_LAST_WORK_TIMEOUT = 10.0
"""Seconds for work to end whose functions and sources have been deleted."""


class EmbeddedCloud:
    """AWS's APIs answered by moto and by a Lambda service of our own.

    One for each process that runs tests; environments follow one another in it. ``runtime``
    makes what executes the functions; ``in_process_guard`` and ``http_guard`` surround the
    answering of a request by the one door and the other, for a runtime that has to know.
    ``listener`` is the loopback socket that is served by HTTP, by default a free port.
    ``on_undelivered`` is told what one service could not deliver to another, and why.
    """

    name = "embedded"
    account_id = ACCOUNT_ID
    creates_at_once = True
    runs_functions = False
    skips_time = True
    needs_roles = False
    pace = Pace()
    owner = ""

    def __init__(
        self,
        runtime: RuntimeFactory,
        *,
        region: str = "us-east-1",
        in_process_guard: Guard = nullcontext,
        http_guard: Guard = nullcontext,
        listener: socket.socket | None = None,
        on_undelivered: Callable[[str], None] | None = None,
    ) -> None:
        from botocore.config import Config

        check_profile()
        self.region = region
        # botocore puts its own user agent together anew for each request, a tenth of the
        # request's time. It would try what is throttled again, and wait in real time for it.
        self._client_config = Config(user_agent="slstest", retries={"total_max_attempts": 1})
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self._scheduler = Scheduler()
        self._http = HttpDoor(region, self._from_outside(self._guarded(http_guard)), listener)
        self._in_process = InProcessDoor(
            self._http.endpoint_url, region, self._guarded(in_process_guard)
        )
        self._in_process.open()
        self._session = secluded_session(
            self.endpoint_url,
            {},
            aws_access_key_id="AKIASLSTESTHARNESS00",
            aws_secret_access_key="slstest",
            region_name=region,
        )
        models = self._session._session
        self._undelivered = UndeliveredNotes(on_undelivered)
        self._host = FunctionHost(
            runtime,
            self._scheduler,
            self._undelivered,
            Surroundings(
                partition_of(region),
                region,
                ACCOUNT_ID,
                self.client,
                models.get_service_model("lambda"),
                lambda: self.endpoint_url,
                self._aws_variables,
                self._next_return,
            ),
        )
        self._services = Services(
            region,
            self._host,
            self._scheduler,
            self._undelivered,
            self.client,
            lambda: self.endpoint_url,
            models,
        )
        self._gateway = Gateway(
            self._host.service,
            self._services,
            self._host.logs,
            Status(region, ACCOUNT_ID),
            self._before_request,
        )
        self._http.open()

    @property
    def endpoint_url(self) -> str:
        return self._http.endpoint_url

    def session(self) -> boto3.Session:
        return self._session

    def client(self, service: str) -> Any:
        with self._clients_lock:
            if service not in self._clients:
                make: Callable[..., Any] = self._session.client
                self._clients[service] = make(
                    service, endpoint_url=self.endpoint_url, config=self._client_config
                )
            return self._clients[service]

    def begin(self) -> None:
        self._scheduler.reset()
        self._undelivered.forget()

    def end(self) -> None:
        self._host.forget()
        self._scheduler.finish(_LAST_WORK_TIMEOUT)
        self._host.logs.forget()
        self._services.end()

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        return self._scheduler.moments(timeout, patient=patient)

    def quiesce(self, timeout: float) -> None:
        self._scheduler.quiesce(timeout)

    def settle(self, timeout: float) -> None:
        self._scheduler.settle(timeout)

    def advance(self, seconds: float, timeout: float = 30.0) -> None:
        self._services.expire_until(self._scheduler.now() + seconds)
        self._scheduler.advance(seconds, timeout)

    def attend(
        self, report: Callable[[BaseException], None], *, skip_after: float | None = None
    ) -> None:
        """Stand in for the test that waits, where the cloud serves other programs.

        Returns when the cloud is closed. See
        :meth:`slstest.embedded.scheduler.Scheduler.attend`.
        """
        self._scheduler.attend(report, skip_after=skip_after)

    def tidy(self, idle: float) -> None:
        """See :meth:`slstest.embedded.function_host.FunctionHost.tidy`."""
        self._host.tidy(idle)

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        return self._host.invocations(function_name)

    def browse_queue(self, queue_arn: str) -> Sequence[Mapping[str, Any]]:
        """See :class:`slstest.resources.queue_messages.ShowsQueues`."""
        return self._services.browse_queue(queue_arn)

    def inject(self, fault: Fault) -> None:
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

    def close(self) -> None:
        self._host.stop()
        self._scheduler.close()
        self._host.end_environments()
        self._in_process.close()
        self._http.close()
        self._services.close()
        self._host.delete_files()

    # -- inside -------------------------------------------------------------------------

    def _guarded(self, guard: Guard) -> Callable[[AwsRequest], AwsResponse]:
        def guarded(request: AwsRequest) -> AwsResponse:
            with guard():
                return self._gateway.handle(request)

        return lambda request: self._host.faults.answer(request, guarded)

    def _from_outside(
        self, handle: Callable[[AwsRequest], AwsResponse]
    ) -> Callable[[AwsRequest], AwsResponse]:
        def counted(request: AwsRequest) -> AwsResponse:
            with self._scheduler.under_way(f"a request to {request.service}"):
                return handle(request)

        return counted

    def _before_request(self, request: AwsRequest) -> None:
        self._scheduler.run_waiting_foreground_calls()

    def _next_return(self, queue_arn: str) -> float | None:
        return self._services.next_return(queue_arn)

    def _aws_variables(self, function_name: str, _role_arn: str) -> Mapping[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "ASIASLSTESTFUNCTION0",
            "AWS_SECRET_ACCESS_KEY": "slstest",
            "AWS_SESSION_TOKEN": function_name,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }
