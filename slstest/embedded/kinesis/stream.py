"""A stream: its settings, its shards and how they are split and merged, its consumers.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from slstest.embedded.kinesis.shard import HASH_KEYS, Record, Shard

DEFAULT_RETENTION_HOURS = 24
DEFAULT_RECORD_LIMIT_KIB = 1024
ON_DEMAND_SHARDS = 4


@dataclass
class Consumer:
    """A registered consumer: https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html"""

    name: str
    arn: str
    stream_arn: str
    created: int
    """Seconds since the epoch; a part of its ARN."""
    tags: dict[str, str]
    policy: str | None = None


@dataclass
class Stream:
    """One data stream."""

    name: str
    arn: str
    account_id: str
    created: float
    mode: str = "PROVISIONED"
    retention_hours: int = DEFAULT_RETENTION_HOURS
    record_limit_kib: int = DEFAULT_RECORD_LIMIT_KIB
    tags: dict[str, str] = field(default_factory=dict)
    policy: str | None = None
    metrics: list[str] = field(default_factory=list)
    """The shard-level metrics that are enabled."""
    key_id: str | None = None
    """The KMS key of a stream that is encrypted."""
    shards: dict[str, Shard] = field(default_factory=dict)
    """By id, in the order in which they were opened; those that have expired are gone."""
    consumers: dict[str, Consumer] = field(default_factory=dict)
    """By name."""
    _open_shards: list[Shard] = field(default_factory=list)
    """In the order of their hash keys."""
    _first_hash_keys: list[int] = field(default_factory=list)
    _shards_ever: int = 0
    _consumer_births: dict[str, int] = field(default_factory=dict)
    _next_expiry: float = math.inf
    """Nothing expires before this moment."""

    @property
    def described(self) -> str:
        return f"{self.name} under account {self.account_id}"

    @property
    def on_demand(self) -> bool:
        return self.mode == "ON_DEMAND"

    @property
    def encryption_type(self) -> str:
        return "NONE" if self.key_id is None else "KMS"

    def open_shards(self) -> list[Shard]:
        """In the order of their hash keys."""
        return list(self._open_shards)

    def shard_of(self, hash_key: int) -> Shard:
        """The open shard that covers a hash key."""
        return self._open_shards[bisect_right(self._first_hash_keys, hash_key) - 1]

    def children(self, shard: Shard) -> list[Shard]:
        return [each for each in self.shards.values() if shard.id in each.parents]

    # -- records ------------------------------------------------------------------------

    def put(
        self, data: bytes, partition_key: str, hash_key: int | None, now: float, size: int
    ) -> tuple[Shard, Record]:
        """Add a record to the shard of its hash key, which is the MD5 hash of its partition
        key unless the producer says otherwise."""
        if hash_key is None:
            digest = hashlib.md5(partition_key.encode(), usedforsecurity=False).digest()
            hash_key = int.from_bytes(digest, "big")
        shard = self.shard_of(hash_key)
        record = shard.put(data, partition_key, now, size, encrypted=self.key_id is not None)
        self._next_expiry = min(self._next_expiry, now + self.retention)
        return shard, record

    @property
    def retention(self) -> float:
        """Seconds for which a record is kept."""
        return self.retention_hours * 3600.0

    def set_retention(self, hours: int, now: float) -> None:
        """Keep records for so long from now on; what has expired does not come back."""
        self.expire(now)
        self.retention_hours = hours
        self._next_expiry = -math.inf
        self.expire(now)

    def expire(self, now: float) -> None:
        """Drop the records that are older than the retention period, and the closed shards
        that cannot have any more:
        https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-after-resharding.html
        """
        if now < self._next_expiry:
            return
        horizon = now - self.retention
        self._next_expiry = math.inf
        for shard in list(self.shards.values()):
            shard.trim(horizon)
            if shard.closing is not None and shard.closing.moment <= horizon:
                del self.shards[shard.id]
                continue
            oldest = [shard.closing.moment] if shard.closing else []
            oldest += [shard.records[0].arrived / 1000] if shard.records else []
            self._next_expiry = min([self._next_expiry, *(at + self.retention for at in oldest)])

    # -- shards -------------------------------------------------------------------------

    def open_first(self, count: int, now: float) -> None:
        """Open the shards of a new stream, all of one size."""
        width = HASH_KEYS // count
        for number in range(count):
            last = HASH_KEYS - 1 if number == count - 1 else (number + 1) * width - 1
            self._open(number * width, last, (), now)

    def split(self, shard: Shard, hash_key: int, now: float) -> None:
        """Close a shard, and open two: one up to a hash key, and one from it on."""
        self._close([shard], now)
        self._open(shard.first_hash_key, hash_key - 1, [shard], now)
        self._open(hash_key, shard.last_hash_key, [shard], now)

    def merge(self, shard: Shard, adjacent: Shard, now: float) -> Shard:
        """Close two shards whose hash keys follow one another, and open one for both."""
        self._close([shard, adjacent], now)
        return self._open(shard.first_hash_key, adjacent.last_hash_key, [shard, adjacent], now)

    def reshard(self, count: int, now: float) -> None:
        """Split and merge until there are so many shards, all of one size.

        AWS splits and merges as well, which leaves short-lived shards, but does not say in
        which order.
        """
        width = HASH_KEYS // count
        beginnings = [number * width for number in range(count)]
        for beginning in beginnings:
            shard = self.shard_of(beginning)
            if shard.first_hash_key != beginning:
                self.split(shard, beginning, now)
        whole: Shard | None = None
        for shard in self.open_shards():
            begins = shard.first_hash_key in beginnings
            whole = shard if begins or whole is None else self.merge(whole, shard, now)

    def _open(
        self, first_hash_key: int, last_hash_key: int, parents: Iterable[Shard], now: float
    ) -> Shard:
        parents = tuple(parents)
        created = max([int(now), *(parent.created for parent in parents)]) + bool(parents)
        shard = Shard(
            number=self._shards_ever,
            first_hash_key=first_hash_key,
            last_hash_key=last_hash_key,
            created=created,
            opened=now,
            parents=tuple(parent.id for parent in parents),
        )
        self._shards_ever += 1
        self.shards[shard.id] = shard
        place = bisect_left(self._first_hash_keys, first_hash_key)
        self._open_shards.insert(place, shard)
        self._first_hash_keys.insert(place, first_hash_key)
        return shard

    def _close(self, shards: Iterable[Shard], now: float) -> None:
        for shard in shards:
            shard.close(now)
            place = bisect_left(self._first_hash_keys, shard.first_hash_key)
            del self._open_shards[place], self._first_hash_keys[place]
        self._next_expiry = min(self._next_expiry, now + self.retention)

    # -- consumers ----------------------------------------------------------------------

    def register(self, name: str, tags: dict[str, str], now: float) -> Consumer:
        """Add a consumer. One that had the name before had another ARN."""
        created = max(int(now), self._consumer_births.get(name, 0) + 1)
        self._consumer_births[name] = created
        consumer = Consumer(name, f"{self.arn}/consumer/{name}:{created}", self.arn, created, tags)
        self.consumers[name] = consumer
        return consumer
