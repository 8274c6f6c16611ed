"""The messages of one queue: which can be received, which are hidden until when, in which order.

The rules are those of Amazon SQS:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
for both types of queue, and
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
for message groups. Every time is in milliseconds since the epoch.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from slstest.embedded.sqs.requests import Refused

M = TypeVar("M")

DEDUPLICATION_INTERVAL = 5 * 60 * 1000
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html"""

LONGEST_VISIBILITY_TIMEOUT = 12 * 3600 * 1000
"""From the moment at which the message was received."""


@dataclass(eq=False)
class Held(Generic[M]):
    """One message while the queue has it."""

    message: M
    order: int
    group: str
    enqueued: int
    """When the time began for which the queue keeps it."""
    hidden_until: int
    """When its delay or its visibility timeout is over; in the past while it is visible."""
    received: int | None = None
    """When it was received last."""
    handles: list[str] = field(default_factory=list)
    """The receipt handles that were given out for it, oldest first."""
    listed: bool = False
    """Whether it is in the heap of visible messages."""
    gone: bool = False

    def is_in_flight(self, now: int) -> bool:
        return self.received is not None and self.hidden_until > now


@dataclass(frozen=True)
class Counts:
    """How many messages a queue has."""

    visible: int
    in_flight: int
    delayed: int


class Messages(Generic[M]):
    """The messages of a standard queue; oldest first, where AWS promises no order."""

    def __init__(self) -> None:
        self.newest_first = False
        """Whether the order is turned round, for a test of what depends on it."""
        self._order = itertools.count()
        self._all: dict[int, Held[M]] = {}
        self._visible: list[tuple[int, Held[M]]] = []
        self._hidden: list[tuple[int, int, Held[M]]] = []
        self._by_handle: dict[str, Held[M]] = {}
        self._spent_handles: set[str] = set()

    def __iter__(self) -> Iterator[Held[M]]:
        return iter(self._all.values())

    def add(
        self,
        message: M,
        *,
        now: int,
        delay: int = 0,
        group: str = "",
        enqueued: int | None = None,
    ) -> Held[M]:
        """Take a message that can be received after ``delay`` milliseconds, and is kept as if
        it had come at ``enqueued``, by default now."""
        since = now if enqueued is None else enqueued
        held = Held(message, next(self._order), group, since, now + delay)
        self._all[held.order] = held
        self._show_or_hide(held, now)
        return held

    def receivable(self, now: int, retention: int) -> Iterator[Held[M]]:
        """The messages that one request can receive, in the order in which it does.

        Each must be either received or removed before the next is asked for.
        """
        self._release(now)
        if self.newest_first:
            self._visible.sort()  # which leaves it a heap, whatever is then taken off its end
        while self._visible:
            _, held = self._visible.pop() if self.newest_first else heapq.heappop(self._visible)
            held.listed = False
            if held.gone or held.hidden_until > now:
                continue
            if held.enqueued + retention <= now:
                self.remove(held)
            else:
                yield held

    def receive(self, held: Held[M], handle: str, *, now: int, visibility_timeout: int) -> None:
        """Give a message out under a receipt handle, and hide it for the timeout."""
        held.received = now
        held.handles.append(handle)
        self._by_handle[handle] = held
        held.hidden_until = now + visibility_timeout

    def end_request(self, given: list[Held[M]], now: int) -> None:
        """One request is over: what it hid for no time at all can be received by the next."""
        for held in given:
            self._show_or_hide(held, now)

    def delete(self, handle: str, now: int) -> None:
        """Delete the message that was received under a handle, unless it was received again
        since:
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessage.html
        """
        held = self._find(handle)
        if held is not None and held.handles[-1] == handle:
            self.remove(held)

    def change_visibility(self, handle: str, *, now: int, visibility_timeout: int) -> None:
        """Hide a received message for so long from now on."""
        held = self._find(handle)
        if held is None or held.handles[-1] != handle or held.received is None:
            raise _invalid_handle(
                handle, "Message does not exist or is not available for visibility timeout change."
            )
        if now + visibility_timeout > held.received + LONGEST_VISIBILITY_TIMEOUT:
            raise Refused(
                "InvalidParameterValue",
                f"Value {visibility_timeout // 1000} for parameter VisibilityTimeout is invalid. "
                "Reason: Total VisibilityTimeout for the message is beyond the limit [43200 "
                "seconds]",
            )
        held.hidden_until = now + visibility_timeout
        self._show_or_hide(held, now)

    def find(self, handle: str) -> Held[M] | None:
        """The message that was given out under this handle, while it is in the queue."""
        return self._by_handle.get(handle)

    def remove(self, held: Held[M]) -> None:
        """Take a message out of the queue."""
        held.gone = True
        self._all.pop(held.order, None)
        for handle in held.handles:
            self._by_handle.pop(handle, None)
            self._spent_handles.add(handle)

    def clear(self) -> None:
        """Take every message out of the queue."""
        for held in list(self._all.values()):
            self.remove(held)

    def next_return(self, now: int, retention: int) -> int | None:
        """When the next of the hidden messages can be received; None if none ever will."""
        self._release(now)
        while self._hidden and self._is_outdated(self._hidden[0]):
            heapq.heappop(self._hidden)
        if not self._hidden:
            return None
        due, _, held = self._hidden[0]
        if due < held.enqueued + retention:
            return due
        moments = [
            each.hidden_until
            for each in self._all.values()
            if now < each.hidden_until < each.enqueued + retention
        ]
        return min(moments, default=None)

    def counts(self, now: int, retention: int) -> Counts:
        kept = [each for each in self._all.values() if each.enqueued + retention > now]
        hidden = sum(each.hidden_until > now for each in kept)
        in_flight = sum(each.is_in_flight(now) for each in kept)
        return Counts(len(kept) - hidden, in_flight, hidden - in_flight)

    # -- inside -------------------------------------------------------------------------

    def _find(self, handle: str) -> Held[M] | None:
        held = self._by_handle.get(handle)
        if held is None and handle not in self._spent_handles:
            raise Refused("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        return held

    def _show_or_hide(self, held: Held[M], now: int) -> None:
        if held.hidden_until > now:
            heapq.heappush(self._hidden, (held.hidden_until, held.order, held))
        else:
            self._show(held)

    def _show(self, held: Held[M]) -> None:
        if not held.listed and not held.gone:
            held.listed = True
            heapq.heappush(self._visible, (held.order, held))

    def _release(self, now: int) -> None:
        while self._hidden and self._hidden[0][0] <= now:
            entry = heapq.heappop(self._hidden)
            if not self._is_outdated(entry):
                self._show(entry[2])

    @staticmethod
    def _is_outdated(entry: tuple[int, int, Held[M]]) -> bool:
        due, _, held = entry
        return held.gone or held.hidden_until != due


class FifoMessages(Messages[M]):
    """The messages of a FIFO queue: in order within their groups.

    While a message of a group is hidden, no other of its group can be received.
    """

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, dict[int, Held[M]]] = {}
        self._deduplication: dict[tuple[str, str], tuple[int, M]] = {}

    def original_of(self, scope: str, deduplication_id: str, now: int) -> M | None:
        """The message that was sent with this id less than five minutes ago, whether or not
        it is still in the queue."""
        sent, message = self._deduplication.get((scope, deduplication_id), (0, None))
        return message if sent + DEDUPLICATION_INTERVAL > now else None

    def remember(self, scope: str, deduplication_id: str, message: M, now: int) -> None:
        """Begin the interval in which this id stands for this message."""
        self._deduplication[scope, deduplication_id] = (now, message)

    def add(
        self,
        message: M,
        *,
        now: int,
        delay: int = 0,
        group: str = "",
        enqueued: int | None = None,
    ) -> Held[M]:
        held = super().add(message, now=now, delay=delay, group=group, enqueued=enqueued)
        self._groups.setdefault(group, {})[held.order] = held
        return held

    def receivable(self, now: int, retention: int) -> Iterator[Held[M]]:
        """As many messages of one group as there are, then those of the next group; a group
        that was read from goes behind the others."""
        for name, group in list(self._groups.items()):
            for held in list(group.values()):
                if held.enqueued + retention > now:
                    break
                self.remove(held)
            if any(held.is_in_flight(now) for held in group.values()):
                continue
            for held in list(group.values()):
                if held.hidden_until > now:
                    break
                if name in self._groups:
                    self._groups[name] = self._groups.pop(name)
                yield held

    def delete(self, handle: str, now: int) -> None:
        """Delete the message that was received under a handle, while it is hidden."""
        held = self._find(handle)
        if held is None:
            return
        if held.handles[-1] != handle or held.hidden_until <= now:
            raise _invalid_handle(handle, "The receipt handle has expired.")
        self.remove(held)

    def remove(self, held: Held[M]) -> None:
        super().remove(held)
        group = self._groups.get(held.group, {})
        group.pop(held.order, None)
        if not group:
            self._groups.pop(held.group, None)

    def _show(self, held: Held[M]) -> None:
        """Groups have the visible messages in order already."""


def _invalid_handle(handle: str, reason: str) -> Refused:
    return Refused(
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: {reason}",
    )
