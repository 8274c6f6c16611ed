"""Batches of a stream's records: how many records make one, and how one that fails is divided.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html, "Batching
behavior".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from slstest.embedded.event_sources.records import StreamRecord

PAYLOAD_LIMIT = 6_291_456 - len('{"Records":[]}')
"""Bytes that are there for the records of an event, and whatever else it holds."""


class Step(Enum):
    """What an invocation is for. Without tumbling windows it is always for the records."""

    RECORDS = "a batch"
    EARLY_TERMINATION = "the early termination of a window"
    """The state of a tumbling window has grown too large, and is handed over."""
    FINAL = "the final invocation of a window"
    """A tumbling window is over, and its state is handed over."""


@dataclass
class Batch:
    """Records that are handed to the function at once, until it has processed them."""

    records: Sequence[StreamRecord]
    """Empty where the step is not for records."""
    step: Step = Step.RECORDS
    attempt: int = 1
    """The number of the next invocation with these records."""
    failures: int = 0
    """How often it has failed, throttles included."""
    request_id: str = ""
    """Of the last invocation."""
    first_tried: float | None = None

    def halves(self) -> tuple[Batch, Batch]:
        """The two batches into which it is bisected."""
        middle = len(self.records) // 2
        return Batch(self.records[:middle]), Batch(self.records[middle:])

    def after(self, checkpoint: int) -> Batch:
        """What is left when the records before ``checkpoint`` have been processed."""
        return Batch(self.records[checkpoint:])


def fitting(
    records: Collection[StreamRecord], count: int, room: int, end: float
) -> tuple[int, bool]:
    """How many of these records make a batch, and whether it is complete with them.

    It takes at most ``count`` records, which take at most ``room`` bytes and have arrived
    before ``end``. A record that is too large for every batch is one of its own.
    """
    size = 0
    for number, record in enumerate(islice(records, count)):
        if record.arrived >= end or (number and size + record.size > room):
            return number, True
        size += record.size
    return min(count, len(records)), len(records) >= count
