"""A queue of moto's that does with its messages what Amazon SQS documents.

moto reads the requests, words the answers, and keeps names, tags and policies. What a queue
does with its messages is :mod:`slstest.embedded.sqs.messages`: moto's own queues give out the
messages of a group out of order after a timeout, wait in real time, forget a deduplication id
with its message, number messages at random, and look at every message for each request.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from moto.sqs.models import Message, Queue, sqs_backends

from slstest.embedded.sqs.attributes import (
    checked,
    permits_redrive,
    redrive_policy,
    refused_redrive,
)
from slstest.embedded.sqs.messages import FifoMessages, Held, Messages
from slstest.embedded.sqs.requests import Refused

_FIRST_SEQUENCE_NUMBER = 18_850_000_000_000_000_000
_SEQUENCE_STEP = 256

_FLOATING = 0.01
"""Milliseconds, more than what floating-point arithmetic on times loses."""


class QueueListener(Protocol):
    """Hears what becomes of the messages of a queue, while the queue is locked."""

    def arrived(self, queue_arn: str) -> None:
        """There may be messages that can be received."""

    def hidden(self, queue_arn: str) -> None:
        """When hidden messages return may have changed."""

    def delayed(self, queue_arn: str, until: float) -> None:
        """A message came that can be received from ``until`` on (seconds since the epoch)."""

    def emptied(self, queue_arn: str) -> None:
        """The queue was purged or deleted."""


@dataclass(frozen=True)
class Surroundings:
    """What the queues of one cloud have in common."""

    now: Callable[[], float]
    """The cloud's time, in seconds since the epoch."""
    endpoint_url: Callable[[], str]
    listener: QueueListener
    newest_first: Callable[[str], bool]
    """Whether this receipt from a standard queue of this name turns the order round."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    """Held by whoever reads or changes a queue."""

    def now_ms(self) -> int:
        """The cloud's time in whole milliseconds, as SQS has it.

        Rounded down, so that what lasts a minute from a request is over a minute after it; but
        a timer that is set to a millisecond finds itself in that millisecond.
        """
        return math.floor(self.now() * 1000 + _FLOATING)


class EmbeddedMessage(Message):
    """A message of moto's, of which moto does not keep a reference for ever."""

    sent_timestamp: int | None  # type: ignore[assignment]
    dead_letter_source: str | None = None
    """The ARN of the queue that gave it up."""

    def __new__(cls, *_: Any, **__: Any) -> EmbeddedMessage:
        return object.__new__(cls)


class EmbeddedQueue(Queue):
    """A queue of moto's with messages of our own."""

    BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]  # noqa: RUF012
    redrive_allow_policy: str | None = None

    def __init__(
        self, surroundings: Surroundings, name: str, region: str, account_id: str, **kwargs: Any
    ) -> None:
        self.surroundings = surroundings
        self._fifo = name.endswith(".fifo")
        if self._fifo != (str(kwargs.get("FifoQueue", False)).lower() == "true"):
            raise Refused(
                "InvalidParameterValue",
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                "underscores, must end with .fifo suffix and be 1 to 80 in length.",
            )
        self.held: Messages[EmbeddedMessage] = FifoMessages() if self._fifo else Messages()
        self._sequence = itertools.count(_FIRST_SEQUENCE_NUMBER, _SEQUENCE_STEP)
        super().__init__(name, region, account_id, **checked(kwargs, fifo=self._fifo))

    @property
    def retention(self) -> int:
        return int(self.message_retention_period) * 1000  # type: ignore[attr-defined]

    @property
    def messages(self) -> list[Message]:
        now = self.surroundings.now_ms()
        return [held.message for held in self.held if held.hidden_until <= now]

    @property
    def approximate_number_of_messages(self) -> int:
        return self.held.counts(self.surroundings.now_ms(), self.retention).visible

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        return self.held.counts(self.surroundings.now_ms(), self.retention).in_flight

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        return self.held.counts(self.surroundings.now_ms(), self.retention).delayed

    def url(self, request_url: Any) -> str:
        return f"{self.surroundings.endpoint_url()}/{self.account_id}/{self.name}"

    def accept(self, message: EmbeddedMessage, delay: int) -> EmbeddedMessage:
        """Take a message that was sent, or return the one of which it is a duplicate."""
        now = self.surroundings.now_ms()
        message.sent_timestamp = now
        if isinstance(self.held, FifoMessages):
            deduplication_id = str(message.deduplication_id)
            by_group = self.deduplication_scope == "messageGroup"  # type: ignore[attr-defined]
            scope = str(message.group_id) if by_group else ""
            original: EmbeddedMessage | None = self.held.original_of(scope, deduplication_id, now)
            if original is not None:
                return original
            message.sequence_number = self.next_sequence_number()
            self.held.remember(scope, deduplication_id, message, now)
        self.held.add(message, now=now, delay=delay * 1000, group=message.group_id or "")
        if delay:
            self.surroundings.listener.delayed(self.queue_arn, (now + delay * 1000) / 1000)
        else:
            self.surroundings.listener.arrived(self.queue_arn)
        return message

    def next_sequence_number(self) -> str:
        return f"{next(self._sequence):020d}"

    def take_over(self, held: Held[EmbeddedMessage], source_arn: str) -> None:
        """Take a message that another queue gave up: it keeps its id, when it was sent and how
        often it was received.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html:
        for FIFO queues the time for which it is kept begins anew.
        """
        message = held.message
        message.dead_letter_source = source_arn
        if self._fifo:
            message.sequence_number = self.next_sequence_number()
        self.held.add(
            message,
            now=self.surroundings.now_ms(),
            group=held.group,
            enqueued=None if self._fifo else held.enqueued,
        )
        self.surroundings.listener.arrived(self.queue_arn)

    def is_created(self) -> bool:
        return True

    def _set_attributes(self, attributes: dict[str, Any], now: float | None = None) -> None:
        policy = getattr(self, "_policy_json", None)
        super()._set_attributes(attributes, now)
        if policy is not None and "Policy" not in attributes:
            self._policy_json = policy
        if attributes.get("RedriveAllowPolicy") == "":
            self.redrive_allow_policy = None

    def _setup_dlq(self, policy: Any) -> None:
        self.dead_letter_queue = None
        self.redrive_policy = None
        if not policy:
            return
        wanted = redrive_policy(policy)
        backend = sqs_backends[self.account_id][self.region]
        target = backend.queues.get(wanted.target_arn.rpartition(":")[2])
        reason = None
        if target is None or target.queue_arn != wanted.target_arn:
            reason = "Dead letter target does not exist."
        elif self._fifo != target.fifo_queue:
            reason = "Dead-letter queue must be same type of queue as the source."
        elif not permits_redrive(getattr(target, "redrive_allow_policy", None), self.queue_arn):
            reason = "The RedriveAllowPolicy of the dead-letter queue does not permit the source."
        if reason is not None:
            raise refused_redrive(policy, reason)
        self.dead_letter_queue = target
        self.redrive_policy = {
            "deadLetterTargetArn": wanted.target_arn,
            "maxReceiveCount": wanted.max_receive_count,
        }
