"""Lambda on this machine: functions, what runs them, and what triggers them.

It stands in front of whatever answers all other services: moto on the embedded cloud, and a
cloud elsewhere where functions run here on events from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slstest.embedded.deliveries import Deliveries
from slstest.embedded.destinations import Destinations
from slstest.embedded.faults import InjectedFaults
from slstest.embedded.gateway import CODE_PATH
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
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.scratch import Scratch
from slstest.embedded.undelivered import UndeliveredNotes
from slstest.fault import Redelivered

if TYPE_CHECKING:
    from slstest.embedded.event_sources.sqs import NextReturn
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


@dataclass(frozen=True)
class Surroundings:
    """What answers the other services."""

    partition: str
    """That of the region, as ARNs name it."""
    region: str
    account_id: str
    client: Callable[[str], Any]
    """Gives the client of a service, by boto3's name."""
    lambda_model: Any
    """botocore's model of Lambda."""
    lambda_url: Callable[[], str]
    """Where Lambda's own requests are answered."""
    aws_variables: Callable[[str, str], Mapping[str, str]]
    """The variables with which a function of this name reaches everything in this role."""
    next_return: NextReturn | None
    """When a message of a queue becomes visible again; see
    :class:`slstest.embedded.event_sources.sqs.SqsPoller`."""


class FunctionHost:
    """The functions of one cloud, and everything that Lambda does for them."""

    def __init__(
        self,
        runtime: RuntimeFactory,
        scheduler: Scheduler,
        undelivered: UndeliveredNotes,
        surroundings: Surroundings,
    ) -> None:
        client = surroundings.client
        partition = surroundings.partition
        region, account_id = surroundings.region, surroundings.account_id
        self._surroundings = surroundings
        self._scratch = Scratch()
        self._code = CodeStore(self._scratch.folder)
        self._runtime = runtime(Backstage(scheduler, self._code, self._scratch.folder))
        self.store = FunctionStore(partition, region, account_id)
        self.logs = LogBuffer(lambda: client("logs"))
        self.faults = InjectedFaults(lambda name: client(name).meta.service_model)
        self._deliveries = Deliveries()
        self._pool = EnvironmentPool(
            self._runtime,
            self._code,
            lambda function: surroundings.aws_variables(function.name, function.settings["Role"]),
            region,
            scheduler.now,
        )
        self.policies = FunctionPolicies(self.store)
        concurrency = Concurrency(self.store)
        self._invoker = Invoker(
            self._pool, scheduler, self.logs, concurrency, self.faults, self._deliveries
        )
        self._destinations = Destinations(client, undelivered)
        self.events = EventQueue(self._invoker, scheduler, self._destinations)
        self.mappings = MappingService(
            partition,
            region,
            account_id,
            self.store,
            self._invoker,
            scheduler,
            client,
            surroundings.next_return,
            self._destinations,
        )
        self.service = LambdaService(
            surroundings.lambda_model,
            self.store,
            self._code,
            self._pool,
            self._invoker,
            self.mappings,
            self.policies,
            scheduler.now,
            self._fetch_object,
            self._code_url,
            self.events,
            self._destinations,
            concurrency,
        )

    def forget(self) -> None:
        """An environment has ended: drop what was remembered for its test."""
        self.faults.clear()
        self._deliveries.forget()

    def tidy(self, idle: float) -> None:
        """Give back what functions have not used for so many real seconds: execution
        environments, as Lambda does, and the unpacked code of former versions. Forget what was
        invoked and delivered so far, which is kept for tests that ask."""
        self._pool.reap(idle)
        for function in self.store.all():
            function.invocations.clear()
        self._deliveries.forget()
        packages = {function.package.sha256 for function in self.store.all()}
        self._code.reap(idle, packages, self._pool.code_folders())

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        function = self.store.find(function_name)
        return tuple(function.invocations) if function is not None else ()

    def activity(self) -> int:
        """A number that grows with every invocation."""
        return sum(len(function.invocations) for function in self.store.all())

    def redeliver(self) -> Sequence[Redelivered]:
        """See :class:`slstest.fault.FaultyCloud`."""
        return [
            self._invoker.redeliver(function, delivery)
            for delivery in self._deliveries.all()
            if (function := self.store.find(delivery.function_name)) is not None
        ]

    def stop(self) -> None:
        """Deliver nothing more, and end what runs."""
        self.faults.close()
        self.mappings.close()

    def end_environments(self) -> None:
        """End everything that runs for a function."""
        for function in self.store.all():
            self._pool.drop(function, running=True)
        self._runtime.close()

    def delete_files(self) -> None:
        """Delete the temporary files, once nobody uses them any more."""
        self._scratch.close()

    # -- inside -------------------------------------------------------------------------

    def _fetch_object(self, source: Mapping[str, Any]) -> bytes:
        version = {"VersionId": source["S3ObjectVersion"]} if "S3ObjectVersion" in source else {}
        answer = self._surroundings.client("s3").get_object(
            Bucket=source["S3Bucket"], Key=source["S3Key"], **version
        )
        content: bytes = answer["Body"].read()
        return content

    def _code_url(self, function: Function) -> str:
        return f"{self._surroundings.lambda_url()}{CODE_PATH}{function.name}"
