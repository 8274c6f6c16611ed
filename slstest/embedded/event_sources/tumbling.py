"""Tumbling windows: state that is carried from one invocation to the next.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html. How a window goes on
after an early termination is said in AWS's event library for Java (TimeWindowEvent): it is the
same window still, with a fresh state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone

from slstest.embedded.event_sources.batches import PAYLOAD_LIMIT, Step

STATE_LIMIT = 1_048_576
"""Bytes of state beyond which a window is terminated early."""

PATIENCE = 120.0
"""Seconds after its end for which records of a window are waited for, unless a later record
shows that it is over. AWS says "up to 2 minutes"."""

FRESH_STATE = "{}"


@dataclass
class Window:
    """The window of a shard that is open."""

    start: float
    """Seconds since the epoch."""
    end: float
    state: str = FRESH_STATE
    """JSON text."""

    @property
    def closes(self) -> float:
        return self.end + PATIENCE

    @property
    def is_too_large(self) -> bool:
        return len(self.state.encode()) > STATE_LIMIT

    def fields(self, shard_id: str, stream_arn: str, step: Step) -> str:
        """What an event has besides its records: JSON text that begins with a comma."""
        return (
            f',"window":{{"start":"{_iso(self.start)}","end":"{_iso(self.end)}"}}'
            f',"state":{self.state}'
            f',"shardId":{json.dumps(shard_id)}'
            f',"eventSourceARN":{json.dumps(stream_arn)}'
            f',"isFinalInvokeForWindow":{json.dumps(step is Step.FINAL)}'
            f',"isWindowTerminatedEarly":{json.dumps(step is Step.EARLY_TERMINATION)}'
        )

    def room(self, shard_id: str, stream_arn: str) -> int:
        """Bytes that an event has left for records."""
        return PAYLOAD_LIMIT - len(self.fields(shard_id, stream_arn, Step.RECORDS).encode())


def window_of(arrived: float, length: int) -> Window:
    """The window that a record belongs to: since the epoch, one follows the other."""
    start = arrived // length * length
    return Window(start, start + length)


def _iso(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
