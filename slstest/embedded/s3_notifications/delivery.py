"""Handing messages over to the destinations, in the background.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html#event-ordering-and-duplicate-events
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slstest.embedded.resource_policies import UnreadablePolicy
from slstest.embedded.s3_notifications.changes import BucketFacts
from slstest.embedded.s3_notifications.configuration import Rule
from slstest.embedded.s3_notifications.destinations import Destination, Undeliverable
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.undelivered import UndeliveredNotes


@dataclass(frozen=True)
class Delivery:
    """One message for one destination."""

    rule: Rule
    bucket: BucketFacts
    event: str
    message: str
    trace_header: str | None


class Deliveries:
    """Delivers one after another, in the order in which things happened, where S3 promises none.

    What a destination does not take, or does not let S3 deliver any more, is gone: S3 does not
    try again.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        destinations: Mapping[str, Destination],
        undelivered: UndeliveredNotes,
    ) -> None:
        self._scheduler = scheduler
        self._destinations = destinations
        self._undelivered = undelivered
        self._lock = threading.Lock()
        self._waiting: deque[Delivery] = deque()
        self._working = False

    def post(self, deliveries: Sequence[Delivery]) -> None:
        """Deliver soon."""
        with self._lock:
            self._waiting += deliveries
            if self._working or not self._waiting:
                return
            self._working = True
        self._submit()

    # -- inside -------------------------------------------------------------------------

    def _submit(self) -> None:
        self._scheduler.submit("S3 event notifications", self._work)

    def _work(self) -> None:
        try:
            while (delivery := self._next()) is not None:
                self._deliver(delivery)
        except BaseException:
            with self._lock:
                self._working = bool(self._waiting)
            if self._working:
                self._submit()
            raise

    def _next(self) -> Delivery | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._working = False
            return None

    def _deliver(self, delivery: Delivery) -> None:
        arn = delivery.rule.arn
        destination = self._destinations[delivery.rule.kind]
        try:
            problem = destination.objection(arn, delivery.bucket)
            if problem is None:
                destination.deliver(arn, delivery.message, delivery.trace_header)
        except (Undeliverable, UnreadablePolicy) as error:
            problem = str(error)
        if problem is not None:
            self._undelivered.note(
                f"bucket {delivery.bucket.name} could not notify {arn} of {delivery.event}: "
                f"{problem}"
            )
