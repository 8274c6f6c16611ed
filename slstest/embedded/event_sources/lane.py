"""Records of one shard that are delivered one batch after the other.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#kinesis-polling-and-batching: a
shard has as many lanes as the mapping's ParallelizationFactor, and the records of a partition
key always take the same one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from slstest.embedded.event_sources.batches import PAYLOAD_LIMIT, Batch
from slstest.embedded.event_sources.records import StreamRecord
from slstest.embedded.event_sources.tumbling import Window
from slstest.embedded.scheduler import Scheduler, Timer


class Lane:
    def __init__(self) -> None:
        self.buffer: deque[StreamRecord] = deque()
        """Records that have been read and are in no batch yet."""
        self.size = 0
        """Bytes of the records in the buffer."""
        self.pending: deque[Batch] = deque()
        """What is to be handled before the buffer. It is more than one batch where one was
        bisected."""
        self.window: Window | None = None
        """The tumbling window that is open."""
        self.gathering_since: float | None = None
        """When the batching window began."""
        self.retry_due: float | None = None
        self.retry = ""
        """The retry that is due then, in words."""
        self.timer: Timer | None = None
        self.woken = False
        self.working = False

    @property
    def is_done(self) -> bool:
        """Whether everything that has been read is dealt with."""
        return not (self.working or self.buffer or self.pending or self.window)

    def is_hungry(self, count: int) -> bool:
        """Whether more records are needed for a batch of ``count``."""
        return not self.pending and len(self.buffer) < count and self.size < PAYLOAD_LIMIT

    def append(self, record: StreamRecord) -> None:
        self.buffer.append(record)
        self.size += record.size

    def take(self, count: int) -> Batch:
        """Make a batch of the next records."""
        batch = Batch([self.buffer.popleft() for _ in range(count)])
        self.size -= sum(record.size for record in batch.records)
        self.gathering_since = None
        self.pending.append(batch)
        return batch

    def take_expired(self, is_expired: Callable[[StreamRecord], bool]) -> list[StreamRecord]:
        """Take the records out of the buffer's front that have expired."""
        expired = []
        while self.buffer and is_expired(self.buffer[0]):
            expired.append(self.buffer.popleft())
            self.size -= expired[-1].size
        return expired

    @property
    def oldest(self) -> StreamRecord | None:
        """The record that has waited longest."""
        for batch in self.pending:
            if batch.records:
                return batch.records[0]
        return self.buffer[0] if self.buffer else None

    def records(self) -> Iterator[StreamRecord]:
        """All records that wait, in order."""
        for batch in self.pending:
            yield from batch.records
        yield from self.buffer

    def cancel_timer(self, scheduler: Scheduler) -> None:
        if self.timer is not None:
            scheduler.cancel(self.timer)
            self.timer = None
