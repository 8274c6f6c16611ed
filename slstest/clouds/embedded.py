"""The embedded cloud: everything in this process, no Docker, milliseconds."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slstest.embedded.deliveries import Deliveries
from slstest.embedded.destinations import Destinations
from slstest.embedded.doors import HttpDoor, InProcessDoor
from slstest.embedded.dynamodb.state import DynamoDbState
from slstest.embedded.dynamodb.time_to_live import TimeToLive
from slstest.embedded.faults import InjectedFaults
from slstest.embedded.gateway import CODE_PATH, Gateway
from slstest.embedded.kinesis.service import KinesisService
from slstest.embedded.kinesis.templates import StreamTemplates
from slstest.embedded.lambda_service.code import CodeStore
from slstest.embedded.lambda_service.concurrency import Concurrency
from slstest.embedded.lambda_service.environments import EnvironmentPool
from slstest.embedded.lambda_service.event_queue import EventQueue
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.lambda_service.invocation import Invoker
from slstest.embedded.lambda_service.mappings import MappingService
from slstest.embedded.lambda_service.policy import FunctionPolicies
from slstest.embedded.lambda_service.service import LambdaService
from slstest.embedded.logs import LogBuffer
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.moto_backend import ACCOUNT_ID, MotoBackend, account_of
from slstest.embedded.s3_notifications.destinations import (
    FunctionDestination,
    QueueDestination,
    TopicDestination,
)
from slstest.embedded.s3_notifications.service import S3Notifications
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.scratch import Scratch
from slstest.embedded.sns.state import Topics
from slstest.embedded.sqs.waiting import LongPolling, QueueWatch
from slstest.embedded.status import Status
from slstest.embedded.undelivered import UndeliveredNotes
from slstest.fault import Fault, Redelivered

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation
    from slstest.runtimes.base import Runtime


@dataclass(frozen=True)
class Backstage:
    """What a runtime may need of the cloud that it works for."""

    scheduler: Scheduler
    code: CodeStore
    scratch: Path
    """A folder for temporary files."""


RuntimeFactory = Callable[[Backstage], "Runtime"]

_LAST_WORK_TIMEOUT = 10.0
"""Seconds for work to end whose functions and sources have been deleted."""
Guard = Callable[[], AbstractContextManager[None]]


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
        import boto3
        from botocore.config import Config

        from slstest.embedded.s3_notifications.state import S3State
        from slstest.embedded.sqs.state import SqsState

        self.region = region
        # botocore puts its own user agent together anew for each request, a tenth of the
        # request's time. It would try what is throttled again, and wait in real time for it.
        self._client_config = Config(user_agent="slstest", retries={"total_max_attempts": 1})
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self._scheduler = Scheduler()
        self._scratch = Scratch()
        self._undelivered = UndeliveredNotes(on_undelivered)
        self._code = CodeStore(self._scratch.folder)
        self._runtime = runtime(Backstage(self._scheduler, self._code, self._scratch.folder))
        self._state = MotoBackend(self._scheduler.now)
        self._logs = LogBuffer(lambda: self.client("logs"))
        self._store = FunctionStore(region, ACCOUNT_ID)
        policies = FunctionPolicies(self._store)
        self._faults = InjectedFaults(lambda name: self.client(name).meta.service_model)
        self._deliveries = Deliveries()
        self._pool = EnvironmentPool(
            self._runtime, self._code, self._aws_variables, region, self._scheduler.now
        )
        concurrency = Concurrency(self._store)
        self._invoker = Invoker(
            self._pool,
            self._scheduler,
            self._logs,
            concurrency,
            self._faults,
            self._deliveries,
        )
        self._destinations = Destinations(self.client, self._undelivered)
        self._mappings = MappingService(
            region,
            ACCOUNT_ID,
            self._store,
            self._invoker,
            self._scheduler,
            self.client,
            self._next_return,
            self._destinations,
        )
        watch = QueueWatch(self._scheduler, self._mappings)
        self._queues = SqsState(
            self._scheduler.now,
            lambda: self.endpoint_url,
            watch,
            lambda name: self._faults.strikes("deliver out of order", name),
        )
        self._http = HttpDoor(region, self._from_outside(self._guarded(http_guard)), listener)
        self._buckets = S3State()
        self._in_process = InProcessDoor(
            self._http.endpoint_url, region, self._guarded(in_process_guard)
        )
        self._in_process.open()
        self._session = boto3.Session(
            aws_access_key_id="AKIASLSTESTHARNESS00",
            aws_secret_access_key="slstest",
            region_name=region,
        )
        models = self._session._session
        # Also for clients that a test makes of it without naming an endpoint.
        settings: Any = models.get_component("config_store")
        settings.set_config_variable("endpoint_url", self.endpoint_url)
        events = EventQueue(self._invoker, self._scheduler, self._destinations)
        self._lambda = LambdaService(
            models.get_service_model("lambda"),
            self._store,
            self._code,
            self._pool,
            self._invoker,
            self._mappings,
            policies,
            self._scheduler.now,
            self._fetch_object,
            self._code_url,
            events,
            self._destinations,
            concurrency,
        )
        self._topics = Topics(
            self._state,
            self._queues,
            self._scheduler,
            lambda: self.endpoint_url,
            self._undelivered,
        )
        queues = LongPolling(
            self._topics, self._queues, watch, self._scheduler, ACCOUNT_ID, self._may_skip
        )
        self._dynamodb = DynamoDbState(
            queues,
            self._scheduler.now,
            self._mappings,
            lambda: models.get_service_model("dynamodbstreams"),
        )
        self._time_to_live = TimeToLive(
            lambda: self._dynamodb.expiring_tables(ACCOUNT_ID, region),
            lambda: self.client("dynamodb"),
            self._dynamodb.changes,
            self._scheduler,
        )
        streams = KinesisService(
            self._dynamodb,
            lambda: models.get_service_model("kinesis"),
            self._scheduler.now,
            self._mappings,
            account_of,
        )
        notifying = S3Notifications(
            streams,
            self._buckets,
            self._scheduler,
            {
                "CloudFunction": FunctionDestination(
                    self._store.find, policies.allow, events.enqueue
                ),
                "Queue": QueueDestination(self._queues),
                "Topic": TopicDestination(self.client),
            },
            self._undelivered,
        )
        self._gateway = Gateway(
            self._lambda,
            StreamTemplates(notifying, streams.perform),
            self._logs,
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
        self._faults.clear()
        self._deliveries.forget()
        self._scheduler.finish(_LAST_WORK_TIMEOUT)
        self._logs.forget()
        self._dynamodb.forget_disabled()

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        return self._scheduler.moments(timeout, patient=patient)

    def quiesce(self, timeout: float) -> None:
        self._scheduler.quiesce(timeout)

    def settle(self, timeout: float) -> None:
        self._scheduler.settle(timeout)

    def advance(self, seconds: float, timeout: float = 30.0) -> None:
        self._time_to_live.watch_until(self._scheduler.now() + seconds)
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
        """Give back what functions have not used for so many real seconds: execution
        environments, as Lambda does, and the unpacked code of former versions. Forget what was
        invoked and delivered so far, which is kept for tests that ask."""
        self._pool.reap(idle)
        for function in self._store.all():
            function.invocations.clear()
        self._deliveries.forget()
        packages = {function.package.sha256 for function in self._store.all()}
        self._code.reap(idle, packages, self._pool.code_folders())

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        function = self._store.find(function_name)
        return tuple(function.invocations) if function is not None else ()

    def browse_queue(self, queue_arn: str) -> Sequence[Mapping[str, Any]]:
        """See :class:`slstest.resources.queue_messages.ShowsQueues`."""
        return self._queues.browse(queue_arn)

    def inject(self, fault: Fault) -> None:
        self._faults.inject(fault)

    def clear_faults(self) -> None:
        self._faults.clear()

    def redeliver(self) -> Sequence[Redelivered]:
        return [
            self._invoker.redeliver(function, delivery)
            for delivery in self._deliveries.all()
            if (function := self._store.find(delivery.function_name)) is not None
        ]

    def undelivered(self) -> Sequence[str]:
        """See :class:`slstest.clouds.base.TellsUndelivered`."""
        return self._undelivered.notes()

    def close(self) -> None:
        self._faults.close()
        self._mappings.close()
        self._scheduler.close()
        for function in self._store.all():
            self._pool.drop(function, running=True)
        self._runtime.close()
        self._in_process.close()
        self._http.close()
        self._topics.close()
        self._queues.close()
        self._dynamodb.close()
        self._buckets.close()
        self._state.close()
        self._scratch.close()

    # -- inside -------------------------------------------------------------------------

    def _next_return(self, queue_arn: str) -> float | None:
        return self._queues.next_return(queue_arn)

    def _may_skip(self) -> bool:
        on_main_thread = threading.current_thread() is threading.main_thread()
        return on_main_thread and not self._scheduler.runs_foreground_call

    def _guarded(self, guard: Guard) -> Callable[[AwsRequest], AwsResponse]:
        def guarded(request: AwsRequest) -> AwsResponse:
            with guard():
                return self._gateway.handle(request)

        return lambda request: self._faults.answer(request, guarded)

    def _from_outside(
        self, handle: Callable[[AwsRequest], AwsResponse]
    ) -> Callable[[AwsRequest], AwsResponse]:
        def counted(request: AwsRequest) -> AwsResponse:
            with self._scheduler.under_way(f"a request to {request.service}"):
                return handle(request)

        return counted

    def _before_request(self, request: AwsRequest) -> None:
        self._scheduler.run_waiting_foreground_calls()

    def _aws_variables(self, function: Function) -> Mapping[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "ASIASLSTESTFUNCTION0",
            "AWS_SECRET_ACCESS_KEY": "slstest",
            "AWS_SESSION_TOKEN": function.name,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }

    def _fetch_object(self, source: Mapping[str, Any]) -> bytes:
        version = {"VersionId": source["S3ObjectVersion"]} if "S3ObjectVersion" in source else {}
        answer = self.client("s3").get_object(
            Bucket=source["S3Bucket"], Key=source["S3Key"], **version
        )
        content: bytes = answer["Body"].read()
        return content

    def _code_url(self, function: Function) -> str:
        return f"{self.endpoint_url}{CODE_PATH}{function.name}"
