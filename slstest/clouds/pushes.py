"""What the services of a cloud elsewhere push, brought to functions that run here.

The harness names a queue where the function would have been named. Its messages become the events
that the service would have given the function, and are invoked asynchronously, as the service
would have done: what becomes of an event is then Lambda's matter.

A further service is an entry of ``TRANSLATIONS``.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slstest.clouds.base import Relay
from slstest.embedded.event_sources.base import name_in
from slstest.embedded.event_sources.sqs import SqsPoller
from slstest.embedded.event_sources.sqs_settings import QueueSettings
from slstest.embedded.function_host import FunctionHost
from slstest.embedded.resource_policies import Access, UnreadablePolicy
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sns.notification import event_of
from slstest.embedded.undelivered import UndeliveredNotes
from slstest.errors import ConfigurationError
from slstest.runtimes.base import InvocationOutcome

Translate = Callable[[str, Relay], "str | None"]
"""Makes of the body of a message the event that the function would have got, as JSON; None where
the function would have got nothing. Raises ``ValueError`` or ``LookupError`` where the body is not
of the service."""


def s3_event(body: str, relay: Relay) -> str | None:
    """The body is the event; but a queue gets a test message as well:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""
    document = json.loads(body)
    if document.get("Event") == "s3:TestEvent":
        return None
    if "Records" not in document:
        raise LookupError("Records")
    return body


def sns_event(body: str, relay: Relay) -> str:
    """The body is the notification without its envelope:
    https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html"""
    document = event_of(json.loads(body), relay.subscription_arn)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


TRANSLATIONS: Mapping[str, Translate] = {"s3": s3_event, "sns": sns_event}
"""By the service that pushes."""

_DONE = InvocationOutcome(b"null", None, (), 0.0)


@dataclass(frozen=True)
class _Reading:
    relay: Relay
    poller: SqsPoller


_ONE_BY_ONE = QueueSettings(maximum_concurrency=1)


class Relays:
    """Reads the queues, and hands what came to the functions."""

    def __init__(
        self,
        client: Callable[[str], Any],
        scheduler: Scheduler,
        host: FunctionHost,
        undelivered: UndeliveredNotes,
    ) -> None:
        """``client`` gives the boto3 client of a service."""
        self._client = client
        self._scheduler = scheduler
        self._host = host
        self._undelivered = undelivered
        self._lock = threading.Lock()
        self._readings: dict[str, _Reading] = {}
        """By the ARN of the queue."""
        self._received = 0

    def add(self, relay: Relay) -> None:
        """Begin to read a queue, until :meth:`end` says that it is not needed any more."""

        def deliver(event: bytes, attempt: int, request_id: str | None = None) -> InvocationOutcome:
            for record in json.loads(event)["Records"]:
                self._deliver(record["body"], relay)
            return _DONE

        poller = SqsPoller(
            relay.queue_arn,
            _ONE_BY_ONE,
            self._client("sqs"),
            self._scheduler,
            invoke=deliver,
            next_return=None,
            function=lambda: name_in(relay.function_arn),
        )
        with self._lock:
            self._readings[relay.queue_arn] = _Reading(relay, poller)
        poller.enable()

    def end(self, queue_arn: str) -> None:
        """Read a queue no more; one that is not read is fine."""
        with self._lock:
            reading = self._readings.pop(queue_arn, None)
        if reading is not None:
            reading.poller.disable()

    def look(self) -> None:
        """See whether there is news in any queue."""
        for poller in self.pollers():
            if poller.lost:
                self.end(poller.arn)
            else:
                poller.look()

    def check_publish(self, params: Mapping[str, Any], **_: Any) -> None:
        """Refuse a message of Publish or PublishBatch that says something else to functions than
        to queues: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, MessageStructure."""
        with self._lock:
            relays = [reading.relay for reading in self._readings.values()]
        is_relayed = any(relay.source_arn == params.get("TopicArn") for relay in relays)
        if is_relayed:
            for each in params.get("PublishBatchRequestEntries", [params]):
                _check_message(each)

    def pollers(self) -> list[SqsPoller]:
        """Those that read the queues."""
        with self._lock:
            return [reading.poller for reading in self._readings.values()]

    def received(self) -> int:
        """A number that grows with every message."""
        with self._lock:
            return self._received

    def close(self) -> None:
        """Read nothing more."""
        for poller in self.pollers():
            self.end(poller.arn)

    # -- inside -------------------------------------------------------------------------

    def _deliver(self, body: str, relay: Relay) -> None:
        with self._lock:
            self._received += 1
        try:
            event = TRANSLATIONS[relay.service](body, relay)
        except (ValueError, LookupError, AttributeError) as error:
            self._note(relay, f"not a message of {relay.service} ({error!r}): {body[:200]}")
            return
        if event is None:
            return
        function = self._host.store.find(name_in(relay.function_arn))
        if function is None:
            self._note(relay, "there is no such function")
        elif problem := self._objection(relay):
            self._note(relay, problem)
        else:
            self._host.events.enqueue(function, event.encode(), str(uuid.uuid4()))

    def _objection(self, relay: Relay) -> str | None:
        """Why the function's policy does not let the service in."""
        access = Access(
            f"{relay.service}.amazonaws.com",
            "lambda:InvokeFunction",
            relay.function_arn,
            {
                "aws:SourceArn": relay.source_arn,
                "aws:SourceAccount": relay.function_arn.split(":")[4],
            },
        )
        try:
            if self._host.policies.allow(relay.function_arn, access):
                return None
        except UnreadablePolicy as error:
            return f"the function's policy: {error}"
        return (
            f"the function's policy does not allow {access.service} to do {access.action} with "
            f"aws:SourceArn {relay.source_arn}"
        )

    def _note(self, relay: Relay, problem: str) -> None:
        self._undelivered.note(
            f"{relay.source_arn} could not deliver to {relay.function_arn}: {problem}"
        )


def _check_message(entry: Mapping[str, Any]) -> None:
    if entry.get("MessageStructure") != "json":
        return
    try:
        told: Any = json.loads(entry.get("Message", ""))
    except ValueError:
        return  # SNS refuses it
    if not isinstance(told, dict):
        return
    default = told.get("default")
    if told.get("lambda", default) != told.get("sqs", default):
        raise ConfigurationError(
            "Publish: the message says something else to functions than to queues "
            '(MessageStructure="json"); a function that runs on this machine gets the topic\'s '
            "messages by way of a queue. Say the same to both, or use --sls-runtime cloud."
        )
