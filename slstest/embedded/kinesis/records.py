"""The operations that write and read records.

https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html. What AWS limits by
the second is not limited here, so nothing is ever throttled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from slstest.embedded.kinesis import sequence
from slstest.embedded.kinesis.errors import (
    KinesisError,
    invalid_argument,
    not_found,
    validation_error,
)
from slstest.embedded.kinesis.region import Change, Parameters, Region, Result
from slstest.embedded.kinesis.shard import HASH_KEYS, Record, Shard
from slstest.embedded.kinesis.stream import Stream
from slstest.embedded.kinesis.tokens import ShardIterator, shard_iterator
from slstest.embedded.kinesis.wire import Timestamp

_RECORDS_PER_PUT = 500
_BYTES_PER_PUT = 10 * 1024 * 1024
_BYTES_PER_READ = 10 * 1024 * 1024
_RECORDS_PER_READ = 10_000

_LARGEST_DATA = 10_485_760
_LONGEST_KEY = 256
_HASH_KEY = re.compile(r"0|([1-9]\d{0,38})", re.ASCII)


def put_record(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html"""
    _check_entries([params], "")
    stream = region.stream(params, now)
    _check_ordering(params.get("SequenceNumberForOrdering"), stream, now)
    (result,) = _put(region, stream, [params], "data", now)
    return {**result, **_encryption(stream.key_id is not None)}


def put_records(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
    entries = params["Records"]
    if not 1 <= len(entries) <= _RECORDS_PER_PUT:
        limit = "greater than or equal to 1" if not entries else "less than or equal to 500"
        raise validation_error(
            [f"Value at 'records' failed to satisfy constraint: Member must have length {limit}"]
        )
    _check_entries(entries, "records.{}.member.")
    stream = region.stream(params, now)
    results = _put(region, stream, entries, "records.{}.member.data", now)
    return {
        "FailedRecordCount": 0,
        "Records": results,
        **_encryption(stream.key_id is not None),
    }


def get_shard_iterator(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html"""
    stream = region.stream(params, now)
    shard = _shard(region, stream, region.shard_id(params["ShardId"], stream.name))
    position = _position(stream, shard, params, now)
    return {"ShardIterator": ShardIterator(stream.name, shard.id, position).token(now)}


def get_records(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html

    ``MillisBehindLatest`` is how long the next record has been waiting; 0 where there is none.
    """
    iterator = shard_iterator(params["ShardIterator"], now)
    named = params.get("StreamARN", "").rpartition("/")[2]
    if named and named != iterator.stream:
        raise invalid_argument(f"ShardIterator is not one of the stream {named}.")
    stream = region.streams.get(iterator.stream)
    if stream is None:
        raise _no_shard(region, iterator.stream, iterator.shard_id)
    stream.expire(now)
    shard = _shard(region, stream, iterator.shard_id)
    first = shard.index_of(iterator.position)
    last = _end_of_page(shard.records, first, params.get("Limit", _RECORDS_PER_READ))
    result: Result = {"Records": [_document(record) for record in shard.records[first:last]]}
    if last < len(shard.records):
        waiting = shard.records[last]
        position = int(waiting.sequence_number)
        result["MillisBehindLatest"] = max(1, int(now * 1000) - waiting.arrived)
    else:
        position = max(iterator.position, shard.end)
        result["MillisBehindLatest"] = 0
        if shard.closing is not None:
            result["ChildShards"] = [_child(child) for child in stream.children(shard)]
            return result
    token = ShardIterator(stream.name, shard.id, position).token(now)
    return {"NextShardIterator": token, **result}


OPERATIONS = {
    "PutRecord": put_record,
    "PutRecords": put_records,
    "GetShardIterator": get_shard_iterator,
    "GetRecords": get_records,
}


def _put(
    region: Region, stream: Stream, entries: Sequence[Parameters], place: str, now: float
) -> list[Result]:
    sizes = _sizes(entries, stream, place)
    hash_keys = [_hash_key(entry.get("ExplicitHashKey")) for entry in entries]
    results, shard_ids = [], set()
    for entry, hash_key, size in zip(entries, hash_keys, sizes, strict=True):
        shard, record = stream.put(entry["Data"], entry["PartitionKey"], hash_key, now, size)
        shard_ids.add(shard.id)
        results.append({"SequenceNumber": record.sequence_number, "ShardId": shard.id})
    region.changes.append(Change(stream.arn, frozenset(shard_ids)))
    return results


def _check_entries(entries: Iterable[Parameters], place: str) -> None:
    """Raise for the entries that break a constraint of the API's model."""
    problems = []
    for number, entry in enumerate(entries, 1):
        key, explicit = entry.get("PartitionKey"), entry.get("ExplicitHashKey")
        data = entry.get("Data")
        if (
            key is not None
            and data is not None
            and 1 <= len(key) <= _LONGEST_KEY
            and len(data) <= _LARGEST_DATA
            and (explicit is None or _HASH_KEY.fullmatch(explicit))
        ):
            continue
        problems += [
            f"Value{shown} at '{place.format(number)}{name}' failed to satisfy constraint: {broken}"
            for shown, name, broken in _problems(key, data, explicit)
        ]
    if problems:
        raise validation_error(problems)


def _problems(
    key: str | None, data: bytes | None, explicit: str | None
) -> Iterable[tuple[str, str, str]]:
    if key is None:
        yield " null", "partitionKey", "Member must not be null"
    elif not key:
        yield " ''", "partitionKey", "Member must have length greater than or equal to 1"
    elif len(key) > _LONGEST_KEY:
        longest = f"Member must have length less than or equal to {_LONGEST_KEY}"
        yield f" '{key}'", "partitionKey", longest
    if data is None:
        yield " null", "data", "Member must not be null"
    elif len(data) > _LARGEST_DATA:
        yield "", "data", f"Member must have length less than or equal to {_LARGEST_DATA}"
    if explicit is not None and not _HASH_KEY.fullmatch(explicit):
        pattern = f"Member must satisfy regular expression pattern: {_HASH_KEY.pattern}"
        yield f" '{explicit}'", "explicitHashKey", pattern


def _sizes(entries: Sequence[Parameters], stream: Stream, place: str) -> list[int]:
    """The bytes of records that count against limits. Raises for those that are too many:
    https://docs.aws.amazon.com/streams/latest/dev/large-records.html"""
    limit = stream.record_limit_kib * 1024
    sizes = [len(entry["Data"]) + len(entry["PartitionKey"].encode()) for entry in entries]
    for number, size in enumerate(sizes, 1):
        if size > limit:
            raise validation_error(
                [
                    f"Value at '{place.format(number)}' failed to satisfy constraint: Member must "
                    f"have length less than or equal to {limit}"
                ]
            )
    if sum(sizes) > _BYTES_PER_PUT:
        raise invalid_argument("Records size exceeds 10 MB limit")
    return sizes


def _hash_key(explicit: str | None) -> int | None:
    if explicit is None:
        return None
    if int(explicit) >= HASH_KEYS:
        raise invalid_argument(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
            f"Specified value was {explicit}"
        )
    return int(explicit)


def _check_ordering(number: str | None, stream: Stream, now: float) -> None:
    """Raise for what cannot be the sequence number of an earlier record. Records of a shard
    are in order whether it is given or not."""
    if number is None:
        return
    try:
        valid = sequence.parse(number).second <= now
    except ValueError:
        valid = False
    if not valid:
        raise invalid_argument(
            f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream "
            f"{stream.described} is invalid."
        )


def _shard(region: Region, stream: Stream, identifier: str) -> Shard:
    """Raises the error of the operations that read."""
    if identifier not in stream.shards:
        raise _no_shard(region, stream.name, identifier)
    return stream.shards[identifier]


def _no_shard(region: Region, stream_name: str, identifier: str) -> KinesisError:
    return not_found(
        f"Shard {identifier} in stream {stream_name} under account {region.account_id} does not "
        "exist"
    )


def _position(stream: Stream, shard: Shard, params: Parameters, now: float) -> int:
    kind: str = params["ShardIteratorType"]
    number: str | None = params.get("StartingSequenceNumber")
    by_number = kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    if by_number != (number is not None):
        given = "also a" if number is not None else "no"
        raise invalid_argument(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and "
            "StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. "
            f"Request specified {kind} and {given} StartingSequenceNumber."
        )
    timestamp: float | None = params.get("Timestamp")
    if (kind == "AT_TIMESTAMP") != (timestamp is not None):
        given = "also a" if timestamp is not None else "no"
        raise invalid_argument(
            f"Must specify AT_TIMESTAMP and Timestamp together. Request specified {kind} and "
            f"{given} Timestamp."
        )
    if timestamp is not None:
        if timestamp > now:
            raise invalid_argument(
                "The timestampInMillis parameter cannot be greater than the "
                f"currentTimestampInMillis. timestampInMillis: {int(timestamp * 1000)}, "
                f"currentTimestampInMillis: {int(now * 1000)}"
            )
        return shard.position_at(timestamp)
    if number is not None:
        _check_number(stream, shard, kind, number)
        return int(number) + (kind == "AFTER_SEQUENCE_NUMBER")
    return shard.beginning if kind == "TRIM_HORIZON" else shard.end


def _check_number(stream: Stream, shard: Shard, kind: str, number: str) -> None:
    """Raise for a sequence number that is not one of the shard's."""
    place = f"used in GetShardIterator on shard {shard.id} in stream {stream.described} is invalid"
    try:
        parsed = sequence.parse(number)
    except ValueError as error:
        raise invalid_argument(f"StartingSequenceNumber {number} {place}.") from error
    if parsed.shard != shard.number:
        raise invalid_argument(
            f"Invalid StartingSequenceNumber. It encodes shardId-{parsed.shard:012d}, while it was "
            f"used in a call to a shard with {shard.id}"
        )
    if parsed.created != shard.created:
        raise invalid_argument(
            f"StartingSequenceNumber {number} {place} because it did not come from this stream."
        )
    if parsed.record == sequence.LAST_RECORD:
        raise invalid_argument(
            f"Invalid SequenceNumber for ShardIteratorType {kind}, SequenceNumber has reached max "
            "possible value for the shard."
        )


def _end_of_page(records: Sequence[Record], first: int, limit: int) -> int:
    """Where a page ends that begins with a record: after so many, or after 10 MiB of data."""
    last = min(first + limit, len(records))
    size = 0
    for index in range(first, last):
        size += records[index].size
        if size > _BYTES_PER_READ and index > first:
            return index
    return last


def _document(record: Record) -> dict[str, Any]:
    return {
        "SequenceNumber": record.sequence_number,
        "ApproximateArrivalTimestamp": Timestamp(record.arrived / 1000),
        "Data": record.data,
        "PartitionKey": record.partition_key,
        **_encryption(record.encrypted),
    }


def _encryption(encrypted: bool) -> dict[str, str]:
    return {"EncryptionType": "KMS"} if encrypted else {}


def _child(shard: Shard) -> dict[str, Any]:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ChildShard.html"""
    return {
        "ShardId": shard.id,
        "ParentShards": list(shard.parents),
        "HashKeyRange": shard.hash_key_range(),
    }
