"""Queues and their pollers on a clock that only skips, with callables in the place of functions."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from slstest.embedded.doors import InProcessDoor
from slstest.embedded.event_sources.sqs import SqsPoller
from slstest.embedded.event_sources.sqs_settings import QueueSettings
from slstest.embedded.moto_backend import ACCOUNT_ID, MotoBackend
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sqs.state import SqsState
from slstest.embedded.sqs.waiting import LongPolling, QueueWatch
from slstest.runtimes.base import InvocationOutcome

PRESENT = 1_700_000_000.0
REGION = "us-east-1"
ENDPOINT = "http://127.0.0.1:1"
TIMEOUT = 60.0
"""Seconds, far more than any test waits where nothing is broken."""

Handler = Callable[[list[dict[str, Any]]], Any]


class World:
    """A cloud that has nothing but queues, and pollers that call Python."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(present=lambda: PRESENT)
        self.moto = MotoBackend(self.scheduler.now)
        self.watch = QueueWatch(self.scheduler, self)
        self.queues = SqsState(self.scheduler.now, lambda: ENDPOINT, self.watch, lambda _: False)
        polling = LongPolling(
            self.moto, self.queues, self.watch, self.scheduler, ACCOUNT_ID, self._may_skip
        )
        self.requests: list[str] = []
        self.door = InProcessDoor(ENDPOINT, REGION, lambda request: self._handle(polling, request))
        self.door.open()
        session = boto3.Session(
            aws_access_key_id="AKIA", aws_secret_access_key="secret", region_name=REGION
        )
        self._make: Callable[..., Any] = session.client
        self.sqs = self.client("sqs")
        self.pollers: list[tuple[str, SqsPoller]] = []
        self.forget()

    def forget(self) -> None:
        """Begin as a new world."""
        for _, poller in self.pollers:
            poller.disable()
        self.pollers = []
        self.quiesce()
        for queue in self.sqs.list_queues().get("QueueUrls", []):
            self.sqs.delete_queue(QueueUrl=queue)
        self.scheduler.reset()
        self.requests.clear()
        self.batches: list[list[str]] = []
        """The bodies of each invocation, in the order in which they began."""
        self.events: list[dict[str, Any]] = []
        self.moments: list[float] = []
        """When each invocation began, in seconds since the start."""
        self.attempts: list[int] = []
        self._names = itertools.count()
        self.tells = True
        """Whether pollers are told of messages, as by a cloud in this process."""

    # -- what the pollers are for ---------------------------------------------------------

    def queue_written(self, queue_arn: str) -> None:
        for arn, poller in self.pollers:
            if arn == queue_arn and self.tells:
                poller.wake()

    def queue_changed(self, queue_arn: str) -> None:
        for arn, poller in self.pollers:
            if arn == queue_arn and self.tells:
                poller.hidden_changed()

    def poll(
        self,
        queue: str,
        handler: Handler | None = None,
        *,
        enable: bool = True,
        **settings: Any,
    ) -> SqsPoller:
        """Let a callable read a queue: it gets the records, and what it returns is the
        function's response."""
        poller = SqsPoller(
            self.arn(queue),
            QueueSettings(**settings),
            self.sqs,
            self.scheduler,
            invoke=lambda event, attempt, request_id=None: self._invoke(handler, event, attempt),
            next_return=self.queues.next_return if self.tells else None,
            function=lambda: "reader",
        )
        self.pollers.append((self.arn(queue), poller))
        if enable:
            poller.enable()
        return poller

    def _invoke(self, handler: Handler | None, event: bytes, attempt: int) -> InvocationOutcome:
        document = json.loads(event)
        records = document["Records"]
        self.events.append(document)
        self.batches.append([record["body"] for record in records])
        self.moments.append(self.now())
        self.attempts.append(attempt)
        try:
            response = None if handler is None else handler(records)
        except ValueError as error:
            failure = {"errorType": "ValueError", "errorMessage": str(error)}
            return InvocationOutcome(json.dumps(failure).encode(), "Unhandled", (), 1.0)
        return InvocationOutcome(json.dumps(response).encode(), None, (), 1.0)

    def client(self, service: str) -> Any:
        return self._make(service, endpoint_url=ENDPOINT)

    # -- what tests do --------------------------------------------------------------------

    def queue(self, *, fifo: bool = False, **attributes: Any) -> str:
        """Create a queue and return its URL."""
        name = f"queue-{next(self._names)}" + (".fifo" if fifo else "")
        if fifo:
            attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
        texts = {
            key: json.dumps(value) if isinstance(value, dict) else str(value)
            for key, value in attributes.items()
        }
        url: str = self.sqs.create_queue(QueueName=name, Attributes=texts)["QueueUrl"]
        return url

    def redriven(self, max_receive_count: int, **attributes: Any) -> tuple[str, str]:
        """A queue with a dead-letter queue, and that queue."""
        dead = self.queue(fifo=attributes.get("fifo", False))
        policy = {"deadLetterTargetArn": self.arn(dead), "maxReceiveCount": max_receive_count}
        return self.queue(RedrivePolicy=policy, **attributes), dead

    def arn(self, queue: str) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{queue.rpartition('/')[2]}"

    def send(self, queue: str, *bodies: str, group: str | None = None, **entry: Any) -> None:
        """Send messages, ten in a request."""
        grouped = {} if group is None else {"MessageGroupId": group}
        for start in range(0, len(bodies), 10):
            answer = self.sqs.send_message_batch(
                QueueUrl=queue,
                Entries=[
                    {"Id": str(number), "MessageBody": body, **grouped, **entry}
                    for number, body in enumerate(bodies[start : start + 10])
                ],
            )
            assert "Failed" not in answer

    def receive(self, queue: str, count: int = 10, **params: Any) -> list[dict[str, Any]]:
        """Receive messages with all their attributes."""
        answer = self.sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=count,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            **params,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def bodies(self, queue: str, count: int = 10, **params: Any) -> list[str]:
        return [message["Body"] for message in self.receive(queue, count, **params)]

    def counts(self, queue: str) -> tuple[int, int, int]:
        """How many messages are visible, in flight and delayed."""
        attributes = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
        visible, in_flight, delayed = (
            int(attributes["Attributes"][f"ApproximateNumberOfMessages{kind}"])
            for kind in ("", "NotVisible", "Delayed")
        )
        return visible, in_flight, delayed

    def now(self) -> float:
        return self.scheduler.now() - PRESENT

    def settle(self) -> None:
        self.scheduler.settle(TIMEOUT)

    def quiesce(self) -> None:
        self.scheduler.quiesce(TIMEOUT)

    def advance(self, seconds: float) -> None:
        self.scheduler.advance(seconds, TIMEOUT)

    def close(self) -> None:
        self.scheduler.close()
        self.door.close()
        self.queues.close()
        self.moto.close()

    # -- inside ---------------------------------------------------------------------------

    def _handle(self, polling: LongPolling, request: Any) -> Any:
        self.requests.append(request.operation)
        return polling.handle(request)

    @staticmethod
    def _may_skip() -> bool:
        return threading.current_thread() is threading.main_thread()


@pytest.fixture(scope="module")
def _world() -> Iterator[World]:
    """No longer than a module's tests: moto's queues are this world's while it is there, and the
    cloud of the other tests in this process has to have its own back."""
    made = World()
    yield made
    made.close()


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """A new world: no queue, no poller, and the time is ``PRESENT``."""
    yield _world
    _world.forget()


@pytest.fixture
def elsewhere(world: World) -> World:
    """The same, where nobody tells pollers of messages, as with a cloud elsewhere."""
    world.tells = False
    return world
