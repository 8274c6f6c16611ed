"""Kinesis streams."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slstest.calls import ask, ask_unless
from slstest.casing import parameters
from slstest.clouds.base import Cloud
from slstest.creation import create_when_free
from slstest.deletion import delete_when_free
from slstest.errors import ConfigurationError
from slstest.expect import expect, expect_not, nearest_text
from slstest.functions.mapping import EventSourceMapping, create_stream_mapping
from slstest.ledger import Entry
from slstest.matching import matches_data, show
from slstest.resources.base import Resource
from slstest.resources.consumer import Consumer, register_consumer
from slstest.resources.records import Reader, Record, put_rows, size_of
from slstest.scope import Scope
from slstest.shapes import encode
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

_DEFAULT_RECORD_LIMIT_KIB = 1024
"""https://docs.aws.amazon.com/streams/latest/dev/large-records.html"""

_TAKEN = {
    "stream_name": "the name is a throwaway one; give yours as the first argument, "
    "and it is added to it",
}


class Stream(Resource):
    """A throwaway Kinesis stream."""

    kind = "stream"

    def __init__(self, scope: Scope, label: str, name: str, arn: str, limit_kib: int) -> None:
        super().__init__(scope, label, name, arn)
        self._limit_kib = limit_kib
        self._count = 0

    def put(
        self, *data: Any, partition_key: str | Callable[[Any], str] | None = None
    ) -> list[Record]:
        """Write records with PutRecords, in as few requests as its limits allow.

        A dict or a list goes as JSON, a str as UTF-8, bytes as they are. ``partition_key`` is
        one key for all, or a function from the data to its key. By default it is the record's
        number ("1", "2", ... over the life of this object), which spreads the records over
        the shards, the same way in every run. The order is kept within a shard, except where
        the stream throttles and records must be sent again.

        Returns the records with their shards and sequence numbers. Raises
        :class:`slstest.errors.ConfigurationError`, before anything is sent, where a record is
        larger than the stream takes.
        """
        rows = []
        for number, one in enumerate(data, 1):
            asked = f"{self}.put, record {number} of {len(data)}"
            rows.append(
                {
                    "Data": encode(one, asked),
                    "PartitionKey": self._partition_key(partition_key, one, number, asked),
                }
            )
        self._check_sizes(rows)
        self._count += len(data)
        return put_rows(
            self._client("kinesis"),
            self._name,
            rows,
            asked=f"{self}.put",
            timeout=self._scope.timeout,
        )

    def records(self) -> list[Record]:
        """Every record from the oldest on: shard after shard, in each in order."""
        return Reader(self._client("kinesis"), self._name).read()

    def contents(self) -> Mapping[str, Any]:
        """How many records of each content there are."""
        return dict(Counter(f"the count of records {show(each.data)}" for each in self.records()))

    def update_shard_count(self, target_shard_count: int) -> None:
        """Have its shards split and merged until there are so many, all of one size, and wait
        until that is done.

        AWS at most doubles or halves the number at once, and refuses more, which raises
        :class:`slstest.errors.ConfigurationError`.
        https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html
        """
        client, name = self._client("kinesis"), self._name
        asked = f"{self}.update_shard_count({target_shard_count!r})"
        request = {
            "StreamName": name,
            "TargetShardCount": target_shard_count,
            "ScalingType": "UNIFORM_SCALING",
        }
        ask(client, "update_shard_count", request, asked=asked)
        if not self._scope.cloud.creates_at_once:
            pace = self._scope.cloud.pace
            wait_until(
                f"{asked}: the stream to be active", lambda: _active(client, name), pace=pace
            )

    def register_consumer(self, name: str = "consumer", **parameters: Any) -> Consumer:
        """Register a consumer that reads with a throughput of its own (enhanced fan-out), for
        ``function.triggered_by(consumer)``.

        ``name`` is its name on the cloud. Takes every parameter of RegisterStreamConsumer in
        snake case.
        https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RegisterStreamConsumer.html
        """
        return register_consumer(self._scope, self, name, parameters)

    def expect_record(self, expected: Any, timeout: float | None = None) -> Record:
        """Wait for a record with this data and return it.

        A dict or a list is compared with the JSON (dicts only by the keys given), a str with
        the text, bytes with the bytes. ``timeout`` is in seconds; given, the whole of it is
        waited, otherwise no longer than something is under way. Raises
        :class:`slstest.errors.ExpectationFailed`, showing the nearest record.
        """
        reader = Reader(self._client("kinesis"), self._name)
        return expect(
            self._scope,
            lambda: _first(reader.read(), expected),
            lambda: (
                f"{self} has no record like\n  {show(expected)}\n"
                + nearest_text(expected, [r.data for r in reader.read()], "record")
            ),
            timeout,
        )

    def expect_no_record(self, expected: Any, timeout: float | None = None) -> None:
        """Settle, then check that no record has this data.

        ``timeout`` is the seconds that settling may take. Raises
        :class:`slstest.errors.ExpectationFailed`, or :class:`slstest.errors.NotSettled`.
        """
        expect_not(
            self._scope,
            lambda: _first(self.records(), expected),
            lambda found: (
                f"{self} was to have no record like\n  {show(expected)}\nbut has\n"
                f"  {show(found.data)}"
            ),
            timeout,
        )

    def _map_to(self, function: Function, settings: Mapping[str, Any]) -> EventSourceMapping:
        return create_stream_mapping(self._scope, function, self, settings)

    # -- inside -------------------------------------------------------------------------

    def _partition_key(
        self,
        partition_key: str | Callable[[Any], str] | None,
        data: Any,
        number: int,
        asked: str,
    ) -> str:
        if partition_key is None:
            return str(self._count + number)
        key = partition_key(data) if callable(partition_key) else partition_key
        if not isinstance(key, str) or not 1 <= len(key) <= 256:
            raise ConfigurationError(
                f"{asked}: a partition key is a str of 1 to 256 characters, not {show(key)}"
            )
        return key

    def _check_sizes(self, rows: list[dict[str, Any]]) -> None:
        largest = max(map(size_of, rows), default=0)
        if largest > self._limit_kib * 1024:
            self._limit_kib = _record_limit(_describe(self._client("kinesis"), self._name))
        for number, row in enumerate(rows, 1):
            if size_of(row) > self._limit_kib * 1024:
                raise ConfigurationError(
                    f"{self}.put, record {number} of {len(rows)}: it has {size_of(row):,} bytes "
                    f"with its partition key, but the stream takes {self._limit_kib * 1024:,}. "
                    "Nothing was sent. Make it smaller, or create the stream with "
                    "max_record_size_in_kib= (10240 at most)."
                )


def create_stream(
    scope: Scope, label: str, *, shard_count: int | None, settings: Mapping[str, Any]
) -> Stream:
    """Create a stream and wait until it is active."""
    asked = f"sls.stream({label!r})"
    client = scope.cloud.client("kinesis")
    given = parameters(
        client, "CreateStream", settings, asked=asked, taken=_TAKEN, own=("shard_count",)
    )
    name = scope.names.throwaway(label)
    request = {"StreamName": name, **given}
    on_demand = given.get("StreamModeDetails", {}).get("StreamMode") == "ON_DEMAND"
    if shard_count is not None or not on_demand:
        request["ShardCount"] = 1 if shard_count is None else shard_count
    tags = {**scope.tags(), **given.get("Tags", {})}
    if tags:
        request["Tags"] = tags
    with scope.creating(Stream.kind, name):
        create_when_free(scope.cloud, client, "create_stream", request, asked=asked)
    if scope.cloud.creates_at_once:
        partition = client.meta.partition
        arn = f"arn:{partition}:kinesis:{scope.cloud.region}:{scope.cloud.account_id}:stream/{name}"
        return Stream(scope, label, name, arn, _record_limit(request))

    made = wait_until(
        f"{asked}: the stream to become active",
        lambda: _active(client, name),
        pace=scope.cloud.pace,
    )
    return Stream(scope, label, name, made["StreamARN"], _record_limit(made))


def delete_stream(cloud: Cloud, entry: Entry) -> None:
    """Delete a stream; one that is gone already is fine, one that is busy is waited for."""
    client, gone = cloud.client("kinesis"), ("ResourceNotFoundException",)
    request = {"StreamName": entry.name, "EnforceConsumerDeletion": True}
    delete_when_free(
        cloud,
        entry,
        lambda: ask_unless(gone, client, "delete_stream", **request),
        busy=("ResourceInUseException", "LimitExceededException"),
    )


def _describe(client: Any, name: str) -> dict[str, Any]:
    summary: dict[str, Any] = client.describe_stream_summary(StreamName=name)[
        "StreamDescriptionSummary"
    ]
    return summary


def _active(client: Any, name: str) -> dict[str, Any] | None:
    """The description of a stream that is active; AWS may not know it yet."""
    try:
        described = _describe(client, name)
    except client.exceptions.ResourceNotFoundException:
        return None
    return described if described["StreamStatus"] == "ACTIVE" else None


def _record_limit(summary: Mapping[str, Any]) -> int:
    return int(summary.get("MaxRecordSizeInKiB") or _DEFAULT_RECORD_LIMIT_KIB)


def _first(records: list[Record], expected: Any) -> Record | None:
    return next((record for record in records if matches_data(expected, record.raw)), None)
