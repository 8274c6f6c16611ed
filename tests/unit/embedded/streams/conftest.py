"""A stream in memory and its poller, on a clock that only skips, with a callable in the place of
the function."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.event_sources.failure_records import Discarded
from slstest.embedded.event_sources.filters import FilterCriteria
from slstest.embedded.event_sources.records import StreamRecord
from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.stream_poller import StreamPoller
from slstest.embedded.event_sources.stream_reader import (
    Page,
    Position,
    ShardInfo,
    StreamNotFound,
)
from slstest.embedded.scheduler import Scheduler
from slstest.runtimes.base import InvocationOutcome

PRESENT = 1_700_000_040.0
"""A moment at which windows of any whole minute begin."""
TIMEOUT = 60.0
"""Seconds, far more than any test waits where nothing is broken."""
DAY = 86_400.0

_RECORDS_PER_PAGE = 4
_ITERATOR_LIFETIME = 300.0

_ERROR_TYPES = {
    ValueError: "ValueError",
    TimeoutError: "Sandbox.Timedout",
    ChildProcessError: "Runtime.ExitError",
}
"""What Lambda calls the error of a function that raises, hangs or exits."""

Handler = Callable[["Call"], Any]


@dataclass(frozen=True)
class Call:
    """One invocation."""

    event: dict[str, Any]
    attempt: int
    moment: float
    """Seconds since the world began."""

    @property
    def data(self) -> list[str]:
        return [record["data"] for record in self.event["Records"]]


@dataclass
class FakeShard:
    info: ShardInfo
    low: int
    high: int
    """Takes the partition keys whose first letter's code lies between, both included."""
    records: list[StreamRecord] = field(default_factory=list)
    closed: bool = False


class FakeStream:
    """A stream and its reader."""

    name = "stream clicks"
    arn = stream_arn = "arn:aws:kinesis:us-east-1:123456789012:stream/clicks"
    batch_info = "KinesisBatchInfo"

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._count = 0
        self._shards: dict[str, FakeShard] = {}
        self.deleted = False
        self.filtered: list[str] = []
        self.keys: dict[str, str] = {}
        """The partition key of each record by its data."""
        self._add(0, 255)

    # -- the stream -----------------------------------------------------------------------

    def put(self, key: str, data: str) -> str:
        """Put a record; the id of its shard."""
        with self._lock:
            self._count += 1
            number = str(self._count)
            document = json.dumps({"data": data, "key": key, "sequenceNumber": number})
            self.keys[data] = key
            shard = next(
                each for each in self._open_shards() if each.low <= ord(key[0]) <= each.high
            )
            shard.records.append(
                StreamRecord(document, number, self._now(), len(document) + 1, key)
            )
            return shard.info.shard_id

    def split(self, number: int) -> None:
        """Split one of the shards that are open."""
        with self._lock:
            shards = self._open_shards()
            shard = shards[number % len(shards)]
            middle = (shard.low + shard.high) // 2
            shard.closed = True
            for low, high in ((shard.low, middle), (middle + 1, shard.high)):
                self._add(low, high, shard.info.shard_id)

    def _add(self, low: int, high: int, *parents: str) -> None:
        shard_id = f"shardId-{len(self._shards):012}"
        self._shards[shard_id] = FakeShard(ShardInfo(shard_id, parents), low, high)

    def _open_shards(self) -> list[FakeShard]:
        return [shard for shard in self._shards.values() if not shard.closed]

    # -- the reader -----------------------------------------------------------------------

    def shards(self) -> Sequence[ShardInfo]:
        self._check()
        with self._lock:
            return [shard.info for shard in self._shards.values()]

    def open(self, shard_id: str, position: Position) -> str:
        self._check()
        records = self._shards[shard_id].records
        if position.type == "LATEST":
            index = len(records)
        elif position.type == "AFTER_SEQUENCE_NUMBER":
            numbers = [record.sequence_number for record in records]
            index = numbers.index(str(position.sequence_number)) + 1
        elif position.type == "AT_TIMESTAMP":
            index = sum(record.arrived < position.timestamp for record in records)
        else:
            index = 0
        return f"{index} {self._now()}"

    def read(self, iterator: str, shard_id: str) -> Page | None:
        self._check()
        index, issued = int(iterator.split(maxsplit=1)[0]), float(iterator.split()[1])
        if self._now() - issued > _ITERATOR_LIFETIME:
            return None
        with self._lock:
            shard = self._shards[shard_id]
            found = shard.records[index : index + _RECORDS_PER_PAGE]
            end = index + len(found)
            at_end = end == len(shard.records)
            kept = [each for each in found if self._now() < each.arrived + DAY]
            ended = at_end and shard.closed
        return Page(kept, None if ended else f"{end} {self._now()}", at_end)

    def passes(self, record: StreamRecord, filters: FilterCriteria) -> bool:
        document = json.loads(record.document)
        passes = filters.passes(document)
        if not passes:
            self.filtered.append(document["data"])
        return passes

    def retention(self) -> float:
        self._check()
        return DAY

    def _check(self) -> None:
        if self.deleted:
            raise StreamNotFound(self.arn)


class World:
    """A stream and what reads it."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(present=lambda: PRESENT)
        self.handler: Handler = lambda call: None
        self.stream = FakeStream(self.scheduler.now)
        self.calls: list[Call] = []
        """In the order in which they began."""
        self.discarded: list[tuple[str, list[str]]] = []
        """Why which data was given up, in the order in which it was."""
        self.discards: list[Discarded] = []
        self.on_discard: Callable[[list[str]], None] = lambda data: None
        self._poller: StreamPoller | None = None

    def forget(self) -> None:
        """Begin as a new world."""
        if self._poller is not None:
            self._poller.disable()
            self._poller = None
        self.scheduler.finish(TIMEOUT)
        self.scheduler.reset()
        self.handler = lambda call: None
        self.stream = FakeStream(self.scheduler.now)
        self.calls = []
        self.discarded = []
        self.discards = []
        self.on_discard = lambda data: None

    def poll(self, *, enable: bool = True, **settings: Any) -> StreamPoller:
        settings.setdefault("starting_position", "TRIM_HORIZON")
        self._poller = StreamPoller(
            self.stream,
            StreamSettings(**settings),
            self.scheduler,
            invoke=self._invoke,
            discard=self._discard,
            function=lambda: "reader",
        )
        if enable:
            self._poller.enable()
        return self._poller

    def put(self, key: str, *data: str) -> None:
        """Put records, and tell the poller."""
        shards = {self.stream.put(key, each) for each in data}
        if self._poller is not None:
            self._poller.wake(shards)

    def split(self, number: int = 0) -> None:
        self.stream.split(number)
        if self._poller is not None:
            self._poller.wake()

    def settle(self) -> None:
        self.scheduler.settle(TIMEOUT)

    def quiesce(self) -> None:
        self.scheduler.quiesce(TIMEOUT)

    def advance(self, seconds: float) -> None:
        self.scheduler.advance(seconds, TIMEOUT)

    def now(self) -> float:
        """Seconds since the world began."""
        return self.scheduler.now() - PRESENT

    def batches(self) -> list[list[str]]:
        """The data of all batches, in the order in which they began."""
        return [call.data for call in self.calls]

    def _invoke(
        self, event: bytes, attempt: int, request_id: str | None = None
    ) -> InvocationOutcome:
        call = Call(json.loads(event), attempt, self.now())
        self.calls.append(call)
        try:
            response = self.handler(call)
        except tuple(_ERROR_TYPES) as error:
            failure = {"errorType": _ERROR_TYPES[type(error)], "errorMessage": str(error)}
            return InvocationOutcome(json.dumps(failure).encode(), "Unhandled", (), 1.0)
        except Throttled:
            self.calls.remove(call)
            raise
        return InvocationOutcome(json.dumps(response).encode(), None, (), 1.0)

    def _discard(self, shard_id: str, discarded: Discarded, settings: StreamSettings) -> None:
        data = [json.loads(record.document)["data"] for record in discarded.records]
        self.discarded.append((discarded.condition, data))
        self.discards.append(discarded)
        self.on_discard(data)


@pytest.fixture(scope="session")
def _shared_world() -> Iterator[World]:
    world = World()
    yield world
    world.scheduler.close()


@pytest.fixture
def world(_shared_world: World) -> World:
    """A world that all tests of this folder share, empty again."""
    _shared_world.forget()
    return _shared_world
