"""One shard of a stream, and its records."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from slstest.embedded.kinesis import sequence

HASH_KEYS = 2**128
"""How many hash keys the shards of a stream share."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in a shard."""

    sequence_number: str
    arrived: int
    """Milliseconds since the epoch."""
    data: bytes
    partition_key: str
    size: int
    """The bytes of data and partition key, which count against limits."""
    encrypted: bool


@dataclass(frozen=True)
class Closing:
    """The end of a shard that was split or merged."""

    moment: float
    sequence_number: int


@dataclass(eq=False)
class Shard:
    """A range of hash keys, and the records that came while it was open.

    https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html
    """

    number: int
    first_hash_key: int
    last_hash_key: int
    created: int
    """Seconds since the epoch, as its sequence numbers say it: later than those of its
    parents, whatever the clock says."""
    opened: float
    """When it was opened, in seconds since the epoch."""
    parents: tuple[str, ...] = ()
    closing: Closing | None = None
    records: list[Record] = field(default_factory=list)
    """Oldest first; those that have expired are gone."""
    _positions: list[int] = field(default_factory=list)
    """The sequence numbers of the records."""
    _count: int = 0
    """How many records it ever had."""
    _last: int = 0
    """The sequence number of the newest record it ever had."""

    @property
    def id(self) -> str:
        return shard_id(self.number)

    @property
    def beginning(self) -> int:
        """The starting sequence number."""
        return sequence.compose(self.created, self.number, 0, self.created)

    @property
    def end(self) -> int:
        """The position after the newest record."""
        return (self._last or self.beginning) + 1

    def put(
        self, data: bytes, partition_key: str, now: float, size: int, *, encrypted: bool
    ) -> Record:
        self._count += 1
        self._last = sequence.compose(self.created, self.number, self._count, int(now))
        record = Record(str(self._last), int(now * 1000), data, partition_key, size, encrypted)
        self.records.append(record)
        self._positions.append(self._last)
        return record

    def close(self, now: float) -> None:
        last = sequence.compose(self.created, self.number, sequence.LAST_RECORD, int(now))
        self.closing = Closing(now, last)

    def index_of(self, position: int) -> int:
        """Where among the records the first one stands that is not before a position."""
        return bisect_left(self._positions, position)

    def position_at(self, moment: float) -> int:
        """The position of the first record that came at a moment or later."""
        milliseconds = int(moment * 1000)
        for record, position in zip(self.records, self._positions, strict=True):
            if record.arrived >= milliseconds:
                return position
        return self.end

    def trim(self, horizon: float) -> None:
        """Drop the records that came at a moment or before."""
        milliseconds = horizon * 1000
        expired = 0
        for record in self.records:
            if record.arrived > milliseconds:
                break
            expired += 1
        del self.records[:expired]
        del self._positions[:expired]

    def document(self) -> dict[str, Any]:
        """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_Shard.html"""
        document: dict[str, Any] = {"ShardId": self.id}
        names = ("ParentShardId", "AdjacentParentShardId")
        document.update(zip(names, self.parents, strict=False))
        document["HashKeyRange"] = self.hash_key_range()
        numbers = {"StartingSequenceNumber": str(self.beginning)}
        if self.closing is not None:
            numbers["EndingSequenceNumber"] = str(self.closing.sequence_number)
        document["SequenceNumberRange"] = numbers
        return document

    def hash_key_range(self) -> dict[str, str]:
        return {
            "StartingHashKey": str(self.first_hash_key),
            "EndingHashKey": str(self.last_hash_key),
        }


def shard_id(number: int) -> str:
    return f"shardId-{number:012d}"
