"""How far one shard of a stream has been read and delivered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from slstest.embedded.event_sources.records import StreamRecord
from slstest.embedded.scheduler import Scheduler, Timer

BATCH_PAYLOAD_LIMIT = 6_291_456 - len('{"Records":[]}')
"""Bytes that the records of one batch may take:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html"""


class Shard:
    def __init__(self, shard_id: str, starting_position: str) -> None:
        self.shard_id = shard_id
        self.starting_position = starting_position
        self.iterator: str | None = None
        self.opened: float | None = None
        """When its first iterator was asked for."""
        self.ended = False
        self.last_read: str | None = None
        self.buffer: deque[StreamRecord] = deque()
        self.size = 0
        """Bytes of the records in the buffer."""
        self.batch: list[StreamRecord] = []
        self.attempt = 1
        self.failures = 0
        self.window_start: float | None = None
        self.retry_due: float | None = None
        self.retry = ""
        """The pending retry, in words."""
        self.timer: Timer | None = None
        self.woken = False
        self.read_to_end = False
        """Whether nothing more can be there until it is woken again."""
        self.working = False

    @property
    def oldest(self) -> StreamRecord | None:
        """The record that has waited longest."""
        if self.batch:
            return self.batch[0]
        return self.buffer[0] if self.buffer else None

    def append(self, record: StreamRecord) -> None:
        self.buffer.append(record)
        self.size += record.size
        self.last_read = record.sequence_number

    def is_full(self, count: int) -> bool:
        """Whether a batch of ``count`` records, or of 6 MB, can be taken."""
        return len(self.buffer) >= count or self.size > BATCH_PAYLOAD_LIMIT

    def take_batch(self, count: int) -> None:
        """Move the next records into the batch: at most ``count``, at most 6 MB of event."""
        size = 0
        while self.buffer and len(self.batch) < count:
            if self.batch and size + self.buffer[0].size > BATCH_PAYLOAD_LIMIT:
                break
            record = self.buffer.popleft()
            size += record.size
            self.size -= record.size
            self.batch.append(record)
        self.window_start = None

    def discard(self, is_expired: Callable[[StreamRecord], bool]) -> None:
        """Drop the records that have expired, those of a batch and those behind it."""
        if self.batch:
            self.batch = [record for record in self.batch if not is_expired(record)]
            if not self.batch:
                self.next_batch()
        while self.buffer and is_expired(self.buffer[0]):
            self.size -= self.buffer.popleft().size

    def next_batch(self) -> None:
        self.batch = []
        self.attempt = 1
        self.failures = 0

    def cancel_timer(self, scheduler: Scheduler) -> None:
        if self.timer is not None:
            scheduler.cancel(self.timer)
            self.timer = None
