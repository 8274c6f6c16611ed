"""The streams of one account and region, and what has happened to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slstest.embedded.kinesis.errors import KinesisError, invalid_argument, not_found
from slstest.embedded.kinesis.shard import Shard, shard_id
from slstest.embedded.kinesis.stream import Consumer, Stream
from slstest.embedded.partitions import partition_of

Parameters = Mapping[str, Any]
Result = dict[str, Any]

_LAST_SHARD_NUMBER = 2**31 - 1


@dataclass(frozen=True)
class Change:
    """Something that whoever reads a stream wants to know."""

    arn: str
    """Of the stream, or of the consumer that is gone."""
    shard_ids: frozenset[str] | None = None
    """The shards into which records came; None where its shards have changed."""
    gone: bool = False
    """Whether the stream, or the consumer, does not exist any more."""


@dataclass
class Region:
    """The streams of one account and region."""

    account_id: str
    name: str
    streams: dict[str, Stream] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    """What an operation has changed; whoever carries it out passes that on."""

    def stream_arn(self, name: str) -> str:
        partition = partition_of(self.name)
        return f"arn:{partition}:kinesis:{self.name}:{self.account_id}:stream/{name}"

    def stream(self, params: Parameters, now: float) -> Stream:
        """The stream that a request names, by its name or ARN."""
        name, arn = params.get("StreamName"), params.get("StreamARN")
        if name is None and arn is None:
            raise invalid_argument("Either StreamName or StreamARN must be provided.")
        if arn is not None:
            named = str(arn).rpartition("/")[2]
            if name not in (None, named):
                raise invalid_argument(
                    f"StreamName {name} and StreamARN {arn} do not name the same stream."
                )
            if arn != self.stream_arn(named):
                raise self.no_stream(named)
            name = named
        return self.stream_named(str(name), now)

    def stream_named(self, name: str, now: float) -> Stream:
        stream = self.streams.get(name)
        if stream is None:
            raise self.no_stream(name)
        stream.expire(now)
        return stream

    def no_stream(self, name: str) -> KinesisError:
        return not_found(f"Stream {name} under account {self.account_id} not found.")

    def consumer(self, arn: str, now: float) -> tuple[Stream, Consumer]:
        """A consumer and its stream."""
        stream_arn, _, rest = arn.partition("/consumer/")
        stream = self.streams.get(stream_arn.rpartition("/")[2])
        if stream is None:
            raise self.no_consumer(arn)
        consumer = stream.consumers.get(rest.partition(":")[0])
        if consumer is None or consumer.arn != arn:
            raise self.no_consumer(arn)
        stream.expire(now)
        return stream, consumer

    def no_consumer(self, named: str) -> KinesisError:
        return not_found(f"Consumer {named}, account {self.account_id} not found.")

    def shard_id(self, asked: str, stream_name: str) -> str:
        """A shard's id as AWS reads it: by the number after the first hyphen."""
        number = asked.partition("-")[2] or asked
        if not (number.isascii() and number.isdigit() and int(number) <= _LAST_SHARD_NUMBER):
            raise self.no_shard(asked, stream_name)
        return shard_id(int(number))

    def shard(self, asked: str, stream: Stream) -> Shard:
        """Raises the error of the operations that change shards."""
        identifier = self.shard_id(asked, stream.name)
        if identifier not in stream.shards:
            raise self.no_shard(identifier, stream.name)
        return stream.shards[identifier]

    def no_shard(self, asked: str, stream_name: str) -> KinesisError:
        return not_found(
            f"Could not find shard {asked} in stream {stream_name} under account {self.account_id}."
        )
