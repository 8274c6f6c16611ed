"""All services but Lambda: moto, and in front of it what we answer in its place.

Each layer answers the requests that are its own and hands on the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slstest.embedded.dynamodb.state import DynamoDbState
from slstest.embedded.dynamodb.time_to_live import TimeToLive
from slstest.embedded.function_host import FunctionHost
from slstest.embedded.kinesis.service import KinesisService
from slstest.embedded.kinesis.templates import StreamTemplates
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.moto_backend import ACCOUNT_ID, MotoBackend, account_of
from slstest.embedded.s3_notifications.destinations import (
    FunctionDestination,
    QueueDestination,
    TopicDestination,
)
from slstest.embedded.s3_notifications.service import S3Notifications
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sns.functions import Functions
from slstest.embedded.sns.state import Topics
from slstest.embedded.sqs.waiting import LongPolling, QueueWatch
from slstest.embedded.undelivered import UndeliveredNotes

if TYPE_CHECKING:
    from botocore.session import Session


class Services:
    """The services of one embedded cloud. They tell its functions of what happens."""

    def __init__(
        self,
        region: str,
        host: FunctionHost,
        scheduler: Scheduler,
        undelivered: UndeliveredNotes,
        client: Callable[[str], Any],
        endpoint_url: Callable[[], str],
        models: Session,
    ) -> None:
        """``client`` gives clients of this cloud, ``models`` botocore's models of services."""
        from slstest.embedded.s3_notifications.state import S3State
        from slstest.embedded.sqs.state import SqsState

        self._scheduler = scheduler
        self._moto = MotoBackend(scheduler.now)
        watch = QueueWatch(scheduler, host.mappings)
        self._queues = SqsState(
            scheduler.now,
            endpoint_url,
            watch,
            lambda name: host.faults.strikes("deliver out of order", name),
        )
        self._buckets = S3State()
        self._topics = Topics(
            self._moto,
            self._queues,
            Functions(host.store.find, host.policies.allow, host.events.enqueue),
            scheduler,
            endpoint_url,
            undelivered,
        )
        polled = LongPolling(
            self._topics, self._queues, watch, scheduler, ACCOUNT_ID, self._may_skip
        )
        self._tables = DynamoDbState(
            polled,
            scheduler.now,
            host.mappings,
            lambda: models.get_service_model("dynamodbstreams"),
        )
        self._time_to_live = TimeToLive(
            lambda: self._tables.expiring_tables(ACCOUNT_ID, region),
            lambda: client("dynamodb"),
            self._tables.changes,
            scheduler,
        )
        streams = KinesisService(
            self._tables,
            lambda: models.get_service_model("kinesis"),
            scheduler.now,
            host.mappings,
            account_of,
        )
        notifying = S3Notifications(
            streams,
            self._buckets,
            scheduler,
            {
                "CloudFunction": FunctionDestination(
                    host.store.find, host.policies.allow, host.events.enqueue
                ),
                "Queue": QueueDestination(self._queues),
                "Topic": TopicDestination(client),
            },
            undelivered,
        )
        self._first = StreamTemplates(notifying, streams.perform)

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        return self._first.handle(request, at=at)

    def next_return(self, queue_arn: str) -> float | None:
        """When the next hidden message of a queue becomes visible (seconds since the epoch)."""
        return self._queues.next_return(queue_arn)

    def browse_queue(self, queue_arn: str) -> Sequence[Mapping[str, Any]]:
        """See :class:`slstest.resources.queue_messages.ShowsQueues`."""
        return self._queues.browse(queue_arn)

    def end(self) -> None:
        """An environment has deleted its resources."""
        self._tables.forget_disabled()

    def expire_until(self, moment: float) -> None:
        """Have items be deleted whose time to live is over by then, each in its time."""
        self._time_to_live.watch_until(moment)

    def close(self) -> None:
        """Forget everything, and give moto its own parts back."""
        self._topics.close()
        self._queues.close()
        self._tables.close()
        self._buckets.close()
        self._moto.close()

    def _may_skip(self) -> bool:
        on_main_thread = threading.current_thread() is threading.main_thread()
        return on_main_thread and not self._scheduler.runs_foreground_call
