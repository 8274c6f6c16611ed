"""The operations that list, split and merge shards.

https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html. What they
change has happened when they are answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.kinesis.errors import invalid, invalid_argument, limit_exceeded
from slstest.embedded.kinesis.region import Change, Parameters, Region, Result
from slstest.embedded.kinesis.shard import Shard
from slstest.embedded.kinesis.stream import Stream
from slstest.embedded.kinesis.streams import check_shard_limit
from slstest.embedded.kinesis.tokens import PageToken, page_token

_PAGE = 1_000
_SHARDS_PER_STREAM = 10_000


def list_shards(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html"""
    page = _page(region, params, now)
    stream = region.stream_named(page.stream, now)
    if stream.created != page.created:
        raise region.no_stream(page.stream)
    shards = list(stream.shards.values())
    if page.filter:
        kind, _, timestamp = page.filter.partition("/")
        chosen = _filter(kind, float(timestamp or 0), stream, now)
        shards = [shard for shard in shards if chosen(shard)]
    shards = [shard for shard in shards if shard.id > page.after]
    limit = min(params.get("MaxResults", _PAGE), _PAGE)
    result: Result = {"Shards": [shard.document() for shard in shards[:limit]]}
    if len(shards) > limit:
        following = PageToken(stream.name, stream.created, shards[limit - 1].id, page.filter)
        result["NextToken"] = following.token(now)
    return result


def split_shard(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_SplitShard.html"""
    stream = _provisioned(region, params, now)
    shard = region.shard(params["ShardToSplit"], stream)
    _check_open(stream, shard)
    check_shard_limit(region, 1)
    hash_key = int(params["NewStartingHashKey"])
    if not shard.first_hash_key + 1 < hash_key < shard.last_hash_key:
        raise invalid_argument(
            f"NewStartingHashKey {hash_key} used in SplitShard() on shard {shard.id} in stream "
            f"{stream.described} is not both greater than one plus the shard's StartingHashKey "
            f"{shard.first_hash_key} and less than the shard's EndingHashKey "
            f"{shard.last_hash_key}."
        )
    stream.split(shard, hash_key, now)
    region.changes.append(Change(stream.arn))


def merge_shards(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_MergeShards.html"""
    stream = _provisioned(region, params, now)
    shard = region.shard(params["ShardToMerge"], stream)
    adjacent = region.shard(params["AdjacentShardToMerge"], stream)
    _check_open(stream, shard)
    _check_open(stream, adjacent)
    if shard.last_hash_key + 1 != adjacent.first_hash_key:
        raise invalid_argument(
            f"Shards {shard.id} and {adjacent.id} in stream {stream.described} are not an adjacent "
            "pair of shards eligible for merging"
        )
    stream.merge(shard, adjacent, now)
    region.changes.append(Change(stream.arn))


def update_shard_count(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateShardCount.html"""
    stream = _provisioned(region, params, now)
    count, target = len(stream.open_shards()), params["TargetShardCount"]
    counts = f"Current open shard count: {count}, Target shard count: {target}"
    if target > _SHARDS_PER_STREAM:
        raise limit_exceeded(
            "Target shard count or number of open shards cannot be greater than "
            f"{_SHARDS_PER_STREAM}. {counts}"
        )
    if target > count * 2:
        raise limit_exceeded(
            f"UpdateShardCount cannot scale up over double your current open shard count. {counts}"
        )
    if target < count / 2:
        raise limit_exceeded(
            f"UpdateShardCount cannot scale down below half your current open shard count. {counts}"
        )
    check_shard_limit(region, max(0, target - count))
    stream.reshard(target, now)
    region.changes.append(Change(stream.arn))
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardCount": count,
        "TargetShardCount": target,
    }


OPERATIONS = {
    "ListShards": list_shards,
    "SplitShard": split_shard,
    "MergeShards": merge_shards,
    "UpdateShardCount": update_shard_count,
}


def _provisioned(region: Region, params: Parameters, now: float) -> Stream:
    stream = region.stream(params, now)
    if stream.on_demand:
        raise invalid(f"Request is invalid. Stream {stream.described} is in On-Demand mode.")
    return stream


def _check_open(stream: Stream, shard: Shard) -> None:
    if shard.closing is not None:
        raise invalid_argument(
            f"Shard {shard.id} in stream {stream.described} has already been merged or split, and "
            "thus is not eligible for merging or splitting."
        )


def _page(region: Region, params: Parameters, now: float) -> PageToken:
    """What to list: what a token says, or what the request does."""
    token = params.get("NextToken")
    if token is not None:
        given = sorted({*params} - {"NextToken", "MaxResults"})
        if given:
            raise invalid_argument(f"NextToken and {given[0]} cannot be provided together.")
        return page_token(token, now)
    if "StreamName" not in params and "StreamARN" not in params:
        raise invalid_argument("Either NextToken or StreamName should be provided.")
    stream = region.stream(params, now)
    created = params.get("StreamCreationTimestamp")
    if created is not None and int(created) != int(stream.created):
        raise region.no_stream(stream.name)
    chosen = params.get("ShardFilter", {})
    after = params.get("ExclusiveStartShardId", chosen.get("ShardId"))
    _check_filter(chosen)
    start = "" if after is None else region.shard_id(after, stream.name)
    described = chosen.get("Type", "")
    if "Timestamp" in chosen:
        described += f"/{float(chosen['Timestamp'])!r}"
    return PageToken(stream.name, stream.created, start, described)


def _check_filter(chosen: Mapping[str, Any]) -> None:
    kind = chosen.get("Type", "")
    for name, needed in (
        ("ShardId", kind == "AFTER_SHARD_ID"),
        ("Timestamp", kind.endswith("_TIMESTAMP")),
    ):
        if needed != (name in chosen):
            verb = "must" if needed else "cannot"
            raise invalid_argument(f"{name} {verb} be provided when ShardFilter type is {kind}.")


def _filter(kind: str, timestamp: float, stream: Stream, now: float) -> Callable[[Shard], bool]:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ShardFilter.html"""
    horizon = max(now - stream.retention, stream.created)
    if kind == "AT_LATEST":
        return lambda shard: shard.closing is None
    if kind == "AT_TRIM_HORIZON":
        return lambda shard: shard.opened <= horizon <= _closed(shard)
    if kind == "AT_TIMESTAMP":
        return lambda shard: shard.opened <= timestamp <= _closed(shard)
    if kind == "FROM_TIMESTAMP":
        return lambda shard: _closed(shard) >= max(timestamp, horizon)
    return lambda shard: True


def _closed(shard: Shard) -> float:
    return math.inf if shard.closing is None else shard.closing.moment
