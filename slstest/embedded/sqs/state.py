"""The embedded cloud's queues, and what only they can tell of their messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.sqs.exceptions import SQSException
from moto.sqs.models import sqs_backends

from slstest.embedded.sqs.backend import EmbeddedSqsBackend
from slstest.embedded.sqs.messages import Held
from slstest.embedded.sqs.queue import EmbeddedMessage, EmbeddedQueue, QueueListener, Surroundings
from slstest.embedded.sqs.requests import Refused


class SqsState:
    """Puts our queues in the place of moto's, until it is closed."""

    def __init__(
        self,
        now: Callable[[], float],
        endpoint_url: Callable[[], str],
        listener: QueueListener,
        newest_first: Callable[[str], bool],
    ) -> None:
        self._surroundings = Surroundings(now, endpoint_url, listener, newest_first)
        self._lock = self._surroundings.lock
        self._before = sqs_backends.backend
        self._ours = type("SqsBackend", (EmbeddedSqsBackend,), {"surroundings": self._surroundings})
        self._install(self._ours)

    def next_return(self, queue_arn: str) -> float | None:
        """When the next hidden message of a queue can be received (seconds since the epoch);
        None if none is hidden, or the queue does not exist."""
        with self._lock:
            queue = self._find(queue_arn)
            if queue is None:
                return None
            moment = queue.held.next_return(self._surroundings.now_ms(), queue.retention)
            return None if moment is None else moment / 1000

    def wait_time(self, queue_arn: str) -> int:
        """The queue's ReceiveMessageWaitTimeSeconds; 0 where there is no such queue."""
        with self._lock:
            queue = self._find(queue_arn)
            return 0 if queue is None else int(queue.receive_message_wait_time_seconds)  # type: ignore[attr-defined]

    def policy(self, queue_arn: str) -> str | None:
        """The queue's policy as JSON, empty without one; None where there is no such queue."""
        with self._lock:
            queue = self._find(queue_arn)
            return None if queue is None else queue.policy or ""

    def send(
        self,
        queue_arn: str,
        body: str,
        *,
        attributes: Mapping[str, Mapping[str, Any]] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        trace_header: str | None = None,
    ) -> None:
        """Send a message, as another service does. Raises
        :class:`slstest.embedded.sqs.requests.Refused`."""
        _, _, _, region, account_id, name = queue_arn.split(":", 5)
        traced = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace_header}}
        try:
            sqs_backends[account_id][region].send_message(
                name,
                body,
                message_attributes={key: dict(value) for key, value in (attributes or {}).items()},
                group_id=group_id,
                deduplication_id=deduplication_id,
                system_attributes=traced if trace_header else None,
            )
        except SQSException as error:
            raise Refused(error.code, error.message) from error

    def browse(self, queue_arn: str) -> list[dict[str, Any]]:
        """The messages that can be received, as ReceiveMessage words them with all their
        attributes, without receiving them."""
        with self._lock:
            queue = self._find(queue_arn)
            if queue is None:
                return []
            now = self._surroundings.now_ms()
            return [
                _worded(held)
                for held in queue.held
                if held.hidden_until <= now < held.enqueued + queue.retention
            ]

    def close(self) -> None:
        """Give moto its own queues back."""
        self._install(self._before)

    def _install(self, backend: Any) -> None:
        sqs_backends.backend = backend
        for account in sqs_backends.values():
            account.backend = backend
            ours = [name for name, each in account.items() if isinstance(each, self._ours)]
            empty = [name for name, each in account.items() if not each.queues]
            for region in {*ours, *empty}:
                del account[region]

    def _find(self, queue_arn: str) -> EmbeddedQueue | None:
        _, _, _, region, account_id, name = queue_arn.split(":", 5)
        account = sqs_backends[account_id]
        queue = account[region].queues.get(name) if region in account else None
        return queue if isinstance(queue, EmbeddedQueue) else None


def _worded(held: Held[EmbeddedMessage]) -> dict[str, Any]:
    message = held.message
    attributes = {
        "SenderId": message.sender_id,
        "SentTimestamp": str(message.sent_timestamp),
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": message.sequence_number,
        "AWSTraceHeader": message.system_attributes.get("AWSTraceHeader", {}).get("StringValue"),
        "DeadLetterQueueSourceArn": message.dead_letter_source,
    }
    return {
        "MessageId": message.id,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
        "Attributes": {name: value for name, value in attributes.items() if value is not None},
        "MessageAttributes": message.message_attributes,
    }
