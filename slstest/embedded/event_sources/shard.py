"""How far one shard of a stream has been read, and what has been read of it."""

from __future__ import annotations

import threading
import zlib
from contextlib import suppress
from typing import Any

from slstest.embedded.event_sources.lane import Lane
from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.stream_reader import (
    Page,
    Position,
    ShardInfo,
    ShardNotFound,
    StreamReader,
)


class Shard:
    """One shard: where its reader stands, and its lanes."""

    def __init__(
        self,
        info: ShardInfo,
        reader: StreamReader,
        starting_position: str,
        starting_timestamp: Any = None,
        *,
        lanes: int = 1,
    ) -> None:
        self.shard_id = info.shard_id
        self.parents = info.parents
        self.lanes = [Lane() for _ in range(lanes)]
        self.news = 0
        """Counts the times that somebody said that records may have come."""
        self.children_known = False
        """Whether the shards that were made from it have been looked for."""
        self.must_relane = False
        """Whether its lanes must be laid anew, as soon as none of them is at work."""
        self._reader = reader
        self._starting_position = starting_position
        self._starting_timestamp = starting_timestamp
        self.buffers = threading.Lock()
        """Held while records are read into the lanes' buffers, or taken out of them."""
        self._iterator: str | None = None
        self._opened: float | None = None
        self._last_read: str | None = None
        self._ended = False
        self._heard = -1
        """The news up to which there is nothing more to read."""

    @property
    def ended(self) -> bool:
        """Whether it is closed, and read to its end."""
        return self._ended

    @property
    def is_done(self) -> bool:
        """Whether it is closed, and each of its records is dealt with."""
        return self._ended and all(lane.is_done for lane in self.lanes)

    def hold_place(self, now: float) -> None:
        """Mark the end of a shard that is to be read from its end on."""
        if self._starting_position == "LATEST" and self._iterator is None:
            with suppress(ShardNotFound):
                self._iterator = self._open(now)

    def is_wanted(self, batch_size: int) -> bool:
        """Whether a lane waits for records, and there may be some."""
        if self._ended or self._heard == self.news:
            return False
        return any(lane.is_hungry(batch_size) for lane in self.lanes)

    def read(self, settings: StreamSettings, now: float) -> list[Lane]:
        """Read until every lane that waits for records has a batch, or the end is reached.

        The lanes that got records are answered. Records that do not pass the mapping's filters
        are read past. Raises StreamNotFound.
        """
        fed: dict[int, Lane] = {}
        with self.buffers:
            while self.is_wanted(settings.batch_size):
                news = self.news
                page = self._next_page(now)
                for record in page.records:
                    self._last_read = record.sequence_number
                    if self._reader.passes(record, settings.filters):
                        number = self._lane_number(record.key)
                        fed[number] = self.lanes[number]
                        fed[number].append(record)
                self._iterator = page.next_iterator
                self._ended = self._iterator is None
                if page.at_end:
                    self._heard = news
        return list(fed.values())

    def relane(self, count: int) -> None:
        """Distribute what waits over other lanes, in its order. No lane may be at work."""
        waiting = [record for lane in self.lanes for record in lane.records()]
        waiting.sort(key=lambda record: int(record.sequence_number))
        self.lanes = [Lane() for _ in range(count)]
        for record in waiting:
            self.lanes[self._lane_number(record.key)].append(record)
        self.must_relane = False

    def _lane_number(self, key: str) -> int:
        return zlib.crc32(key.encode()) % len(self.lanes)

    def _next_page(self, now: float) -> Page:
        page = None
        try:
            if self._iterator is not None:
                page = self._reader.read(self._iterator, self.shard_id)
            while page is None:
                page = self._reader.read(self._open(now), self.shard_id)
        except ShardNotFound:
            return Page([], None, at_end=True)
        return page

    def _open(self, now: float) -> str:
        position = Position(self._starting_position)
        if self._last_read is not None:
            position = Position("AFTER_SEQUENCE_NUMBER", sequence_number=self._last_read)
        elif self._starting_position == "AT_TIMESTAMP":
            position = Position("AT_TIMESTAMP", self._starting_timestamp)
        elif self._starting_position == "LATEST" and self._opened is not None:
            # Opened before, and expired: the latest record is another one by now.
            position = Position("LATEST", self._opened)
        self._opened = self._opened or now
        return self._reader.open(self.shard_id, position)
