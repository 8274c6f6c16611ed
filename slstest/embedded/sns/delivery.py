"""Delivering what a topic took: in order, in the background, once to each subscription.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: SNS tries again where
the system behind an endpoint is unavailable, which no system of this cloud ever is. A queue that is
gone or does not let SNS in is an error of the client's: SNS does not try again, but gives the
message to the subscription's dead-letter queue, or drops it where there is none.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sns.notification import Notification
from slstest.embedded.undelivered import UndeliveredNotes


@dataclass(frozen=True)
class Delivery:
    """One notification for one subscription."""

    notification: Notification
    protocol: str
    endpoint: str
    raw: bool
    group_id: str | None
    deduplication_id: str | None
    trace_header: str | None
    dead_letter_arn: str | None


class Undeliverable(Exception):
    """An endpoint did not take a message; the text says why."""


Send = Callable[[str, Delivery], None]
"""Hands a notification to an endpoint. Raises :class:`Undeliverable`."""


class Deliveries:
    """Delivers what is posted; what a topic posts goes out in the order in which it came.

    ``senders`` are by protocol; that of ``sqs`` also takes what goes to dead-letter queues.
    """

    def __init__(
        self, scheduler: Scheduler, senders: Mapping[str, Send], undelivered: UndeliveredNotes
    ) -> None:
        self._scheduler = scheduler
        self._senders = senders
        self._undelivered = undelivered
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Delivery]] = {}

    def post(self, topic: str, deliveries: Sequence[Delivery]) -> None:
        """Take what a topic (its name) has to deliver."""
        if not deliveries:
            return
        with self._lock:
            busy = topic in self._waiting
            self._waiting.setdefault(topic, deque()).extend(deliveries)
        if not busy:
            self._begin(topic)

    # -- inside -------------------------------------------------------------------------

    def _begin(self, topic: str) -> None:
        self._scheduler.submit(f"messages of topic {topic}", lambda: self._work_off(topic))

    def _work_off(self, topic: str) -> None:
        try:
            while delivery := self._next(topic):
                self._deliver(topic, delivery)
        except BaseException:
            self._begin(topic)  # what broke one delivery must not hold up those behind it
            raise

    def _next(self, topic: str) -> Delivery | None:
        with self._lock:
            if self._waiting[topic]:
                return self._waiting[topic].popleft()
            del self._waiting[topic]
            return None

    def _deliver(self, topic: str, delivery: Delivery) -> None:
        try:
            self._senders[delivery.protocol](delivery.endpoint, delivery)
        except Undeliverable as problem:
            failed = f"topic {topic} could not deliver to {delivery.endpoint}: {problem}"
            dead_letter_arn = delivery.dead_letter_arn
            if dead_letter_arn is None:
                self._undelivered.note(failed)
                return
            try:
                self._senders["sqs"](dead_letter_arn, delivery)
            except Undeliverable as worse:
                self._undelivered.note(
                    f"{failed}; nor to the dead-letter queue {dead_letter_arn}: {worse}"
                )
