"""What a poller needs of a stream, whether it is Kinesis's or DynamoDB's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slstest.embedded.event_sources.filters import FilterCriteria
from slstest.embedded.event_sources.records import StreamRecord


class StreamNotFound(Exception):
    """The stream does not exist, or not any more."""


class ShardNotFound(Exception):
    """The shard has expired with its records: it was closed long enough ago."""


@dataclass(frozen=True)
class ShardInfo:
    """One shard of a stream."""

    shard_id: str
    parents: tuple[str, ...] = ()
    """The ids of the shards that were split or merged into it."""


@dataclass(frozen=True)
class Position:
    """Where to begin to read a shard."""

    type: str
    """As the stream's GetShardIterator names it: ``LATEST``, ``TRIM_HORIZON``,
    ``AT_TIMESTAMP`` or ``AFTER_SEQUENCE_NUMBER``."""
    timestamp: Any = None
    """Of ``AT_TIMESTAMP``; of ``LATEST`` where a shard is opened again, when it was first (seconds
    since the epoch): what came after that is not to be missed."""
    sequence_number: str | None = None


@dataclass(frozen=True)
class Page:
    """What one request to read answers."""

    records: Sequence[StreamRecord]
    next_iterator: str | None
    """None at the end of a shard that is closed."""
    at_end: bool
    """Whether nothing more was there."""


class StreamReader(Protocol):
    """Reads one stream through its API. Every method raises :class:`StreamNotFound`."""

    name: str
    """The stream, in words."""
    arn: str
    """What a mapping names: the stream, or one of its consumers."""
    stream_arn: str
    """The stream."""
    batch_info: str
    """How a record of a failure names what it says of the batch."""

    def shards(self) -> Sequence[ShardInfo]:
        """The shards that can be read, closed ones included."""

    def open(self, shard_id: str, position: Position) -> str:
        """An iterator. Raises :class:`ShardNotFound`."""

    def read(self, iterator: str, shard_id: str) -> Page | None:
        """Read on; None for an iterator that has expired. Raises :class:`ShardNotFound`."""

    def passes(self, record: StreamRecord, filters: FilterCriteria) -> bool:
        """Whether a record passes the filters of a mapping."""

    def retention(self) -> float:
        """Seconds for which the stream keeps a record."""
