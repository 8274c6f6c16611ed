"""The change streams of tables: what they keep, for how long, and where a reader stands.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

from __future__ import annotations

import bisect
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from slstest.embedded.dynamodb.items import Item, are_same, size_of

RETENTION = 24 * 3600.0
"""Seconds for which a record can be read, and a stream after it was disabled."""

_FIRST_NUMBER = 100_000_000_000_000_000_001
_NUMBER_STEP = 100_000_007
"""Sequence numbers have 21 to 40 digits, and nobody may count on their distance."""

_PAGE_SIZE = 1_048_576
"""Bytes that one GetRecords may answer with."""

_WITH_NEW_IMAGE = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
_WITH_OLD_IMAGE = ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")


class Trimmed(Exception):
    """The records at a position are not kept any more."""


@dataclass(frozen=True)
class StreamedTable:
    """What a stream tells of its table."""

    name: str
    arn: str
    region: str
    key_schema: Sequence[dict[str, str]]


@dataclass(frozen=True)
class Change:
    """One change of one item: ``old`` is None where it is new, ``new`` where it was deleted."""

    keys: Item
    old: Item | None
    new: Item | None

    @property
    def event_name(self) -> str:
        if self.old is None:
            return "INSERT"
        return "REMOVE" if self.new is None else "MODIFY"

    @property
    def is_none(self) -> bool:
        """Whether no data changed: DynamoDB writes no record of such an operation."""
        if self.old is None or self.new is None:
            return self.old is self.new
        return are_same(self.old, self.new)


@dataclass(frozen=True)
class ChangeRecord:
    """A record of a stream."""

    number: int
    created: float
    """Seconds since the epoch."""
    size: int
    document: dict[str, Any]
    """As GetRecords answers with it, in JSON."""


@dataclass
class ChangeStream:
    """One stream of one table, from when it was enabled until a day after it was disabled.

    It has one shard, which holds all of its life: AWS closes shards as it sees fit.
    """

    table: StreamedTable
    label: str
    view_type: str
    created: float
    first_number: int
    shard_id: str
    last_number: int | None = None
    """Of the shard, once it is closed."""
    disabled: float | None = None
    trimmed_before: int = 0
    """The lowest sequence number that has not been trimmed."""
    records: list[ChangeRecord] = field(default_factory=list)

    @property
    def arn(self) -> str:
        return f"{self.table.arn}/stream/{self.label}"

    @property
    def status(self) -> str:
        return "ENABLED" if self.disabled is None else "DISABLED"

    def index_of(self, number: int) -> int:
        """Where the records with this sequence number and later ones begin. Raises
        :class:`Trimmed`."""
        if number < self.trimmed_before:
            raise Trimmed
        return bisect.bisect_left(self.records, number, key=lambda record: record.number)

    def page(self, number: int, limit: int) -> list[ChangeRecord]:
        """The next records from a sequence number on: at most ``limit``, at most 1 MB. Raises
        :class:`Trimmed`."""
        start = self.index_of(number)
        found: list[ChangeRecord] = []
        size = 0
        for record in self.records[start : start + limit]:
            size += record.size
            if found and size > _PAGE_SIZE:
                break
            found.append(record)
        return found

    def trim(self, now: float) -> None:
        """Drop the records whose time is over."""
        kept = 0
        while kept < len(self.records) and self.records[kept].created + RETENTION <= now:
            kept += 1
        if kept:
            self.trimmed_before = self.records[kept - 1].number + 1
            del self.records[:kept]


class ChangeStreams:
    """The streams of all tables.

    ``now`` is the cloud's time in seconds since the epoch. Whoever looks at a stream holds
    ``lock``.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self._now = now
        self._streams: dict[str, ChangeStream] = {}
        self._number = _FIRST_NUMBER

    def enable(self, table: StreamedTable, view_type: str) -> ChangeStream:
        """A new stream of a table."""
        with self.lock:
            now = self._now()
            milliseconds = int(now * 1000)
            while f"{table.arn}/stream/{_label(milliseconds)}" in self._streams:
                milliseconds += 1
            number = self._next_number()
            stream = ChangeStream(
                table=table,
                label=_label(milliseconds),
                view_type=view_type,
                created=now,
                first_number=number,
                shard_id=f"shardId-{milliseconds:020d}-{uuid.uuid4().hex[:8]}",
            )
            self._streams[stream.arn] = stream
            return stream

    def disable(self, stream: ChangeStream) -> None:
        """Close a stream; it can be read for another day."""
        with self.lock:
            stream.disabled = self._now()
            stream.last_number = self._next_number()

    def append(self, stream: ChangeStream, change: Change, *, by_service: bool) -> None:
        """Write a change down. ``by_service`` says that DynamoDB itself deleted the item."""
        with self.lock:
            now = self._now()
            stream.trim(now)
            number = self._next_number()
            content: dict[str, Any] = {
                "ApproximateCreationDateTime": int(now),
                "Keys": change.keys,
            }
            if change.new is not None and stream.view_type in _WITH_NEW_IMAGE:
                content["NewImage"] = change.new
            if change.old is not None and stream.view_type in _WITH_OLD_IMAGE:
                content["OldImage"] = change.old
            size = sum(size_of(content.get(part, {})) for part in ("Keys", "NewImage", "OldImage"))
            content |= {
                "SequenceNumber": str(number),
                "SizeBytes": size,
                "StreamViewType": stream.view_type,
            }
            document = {
                "eventID": uuid.uuid4().hex,
                "eventName": change.event_name,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": stream.table.region,
                "dynamodb": content,
            }
            if by_service:
                document["userIdentity"] = {
                    "PrincipalId": "dynamodb.amazonaws.com",
                    "Type": "Service",
                }
            stream.records.append(ChangeRecord(number, now, size, document))

    def find(self, arn: str, region: str) -> ChangeStream | None:
        """The stream of this ARN in a region, without what is too old."""
        with self.lock:
            self._drop_old()
            stream = self._streams.get(arn)
            if stream is None or stream.table.region != region:
                return None
            stream.trim(self._now())
            return stream

    def all(self, region: str) -> list[ChangeStream]:
        """The streams of a region, by their ARNs."""
        with self.lock:
            self._drop_old()
            found = [each for each in self._streams.values() if each.table.region == region]
            return sorted(found, key=lambda each: each.arn)

    @property
    def coming_number(self) -> int:
        """No record has this sequence number, or a later one, so far."""
        return self._number

    def forget_disabled(self) -> None:
        """Drop the streams that have ended, for good."""
        self._keep(lambda stream: stream.disabled is None)

    # -- inside -------------------------------------------------------------------------

    def _drop_old(self) -> None:
        now = self._now()
        self._keep(lambda each: each.disabled is None or now < each.disabled + RETENTION)

    def _keep(self, condition: Callable[[ChangeStream], bool]) -> None:
        with self.lock:
            for stream in [each for each in self._streams.values() if not condition(each)]:
                del self._streams[stream.arn]

    def _next_number(self) -> int:
        number = self._number
        self._number += _NUMBER_STEP
        return number


def _label(milliseconds: int) -> str:
    moment = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}"
