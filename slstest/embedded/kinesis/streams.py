"""The operations that create, change, describe and delete streams."""

from __future__ import annotations

from typing import Any

from slstest.embedded.kinesis.errors import in_use, invalid, invalid_argument, limit_exceeded
from slstest.embedded.kinesis.region import Change, Parameters, Region, Result
from slstest.embedded.kinesis.stream import (
    DEFAULT_RECORD_LIMIT_KIB,
    DEFAULT_RETENTION_HOURS,
    ON_DEMAND_SHARDS,
    Stream,
)
from slstest.embedded.kinesis.tags import checked_tags
from slstest.embedded.kinesis.wire import Timestamp

SHARD_LIMIT = 20_000
"""Open shards of an account: https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html"""

ON_DEMAND_LIMIT = 50
"""Streams of an account that are on demand."""

_PAGE = 100
_LONGEST_RETENTION_HOURS = 8760


def create_stream(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html

    The stream is active when this has been answered. Without a mode and a number of shards it
    is on demand.
    """
    name, count = params["StreamName"], params.get("ShardCount")
    otherwise = "ON_DEMAND" if count is None else "PROVISIONED"
    mode = params.get("StreamModeDetails", {}).get("StreamMode", otherwise)
    tags = checked_tags(params.get("Tags", {}))
    if mode == "ON_DEMAND" and count is not None:
        raise invalid("ShardCount is not expected when StreamMode=ON_DEMAND")
    if mode == "PROVISIONED" and count is None:
        raise invalid("ShardCount is required when StreamMode=PROVISIONED")
    if name in region.streams:
        raise in_use(f"Stream {name} under account {region.account_id} already exists.")
    _check_on_demand(region, mode)
    count = ON_DEMAND_SHARDS if count is None else count
    check_shard_limit(region, count)
    stream = Stream(
        name=name,
        arn=region.stream_arn(name),
        account_id=region.account_id,
        created=now,
        mode=mode,
        record_limit_kib=params.get("MaxRecordSizeInKiB", DEFAULT_RECORD_LIMIT_KIB),
        tags=tags,
    )
    stream.open_first(count, now)
    region.streams[name] = stream


def delete_stream(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DeleteStream.html"""
    stream = region.stream(params, now)
    if stream.consumers and not params.get("EnforceConsumerDeletion"):
        raise in_use(
            f"DeleteStream can't delete {stream.account_id}:{stream.name} because there are "
            f"consumers associated with this data stream. To delete {stream.name} anyway, set the "
            "EnforceConsumerDeletion parameter to true to force the deletion of all the consumers "
            "that are associated with it."
        )
    del region.streams[stream.name]
    region.changes += [Change(consumer.arn, gone=True) for consumer in stream.consumers.values()]
    region.changes.append(Change(stream.arn, gone=True))


def describe_stream(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStream.html"""
    stream = region.stream(params, now)
    shards = list(stream.shards.values())
    if "ExclusiveStartShardId" in params:
        start = region.shard_id(params["ExclusiveStartShardId"], stream.name)
        shards = [shard for shard in shards if shard.id > start]
    limit = min(params.get("Limit", _PAGE), _PAGE)
    return {
        "StreamDescription": {
            **_description(stream),
            "HasMoreShards": len(shards) > limit,
            "Shards": [shard.document() for shard in shards[:limit]],
        }
    }


def describe_stream_summary(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamSummary.html"""
    stream = region.stream(params, now)
    strategy = {"RecordDistributionStrategy": "USER_PARTITION_KEY"} if stream.on_demand else {}
    return {
        "StreamDescriptionSummary": {
            **_description(stream),
            **strategy,
            "OpenShardCount": len(stream.open_shards()),
            "ConsumerCount": len(stream.consumers),
            "MaxRecordSizeInKiB": stream.record_limit_kib,
        }
    }


def list_streams(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListStreams.html"""
    after = params.get("NextToken", params.get("ExclusiveStartStreamName", ""))
    limit = min(params.get("Limit", _PAGE), _PAGE)
    names = sorted(name for name in region.streams if name > after)
    shown, more = names[:limit], len(names) > limit
    return {
        "StreamNames": shown,
        "HasMoreStreams": more,
        "StreamSummaries": [_summary(region.streams[name]) for name in shown],
        **({"NextToken": shown[-1]} if more else {}),
    }


def increase_retention(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_IncreaseStreamRetentionPeriod.html"""
    stream, hours = region.stream(params, now), params["RetentionPeriodHours"]
    _check_retention(hours)
    if hours < stream.retention_hours:
        raise _wrong_direction(stream, hours, "shorter", "Decrease")
    stream.set_retention(hours, now)


def decrease_retention(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DecreaseStreamRetentionPeriod.html"""
    stream, hours = region.stream(params, now), params["RetentionPeriodHours"]
    _check_retention(hours)
    if hours > stream.retention_hours:
        raise _wrong_direction(stream, hours, "longer", "Increase")
    stream.set_retention(hours, now)


def update_stream_mode(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateStreamMode.html

    A stream keeps its shards.
    """
    stream, mode = region.stream(params, now), params["StreamModeDetails"]["StreamMode"]
    if mode != stream.mode:
        _check_on_demand(region, mode)
    stream.mode = mode


def update_max_record_size(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UpdateMaxRecordSize.html"""
    region.stream(params, now).record_limit_kib = params["MaxRecordSizeInKiB"]


def start_encryption(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StartStreamEncryption.html

    Records say that they are encrypted; the key is not asked for.
    """
    stream = region.stream(params, now)
    _check_encryption_type(params)
    stream.key_id = params["KeyId"]


def stop_encryption(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StopStreamEncryption.html"""
    stream = region.stream(params, now)
    _check_encryption_type(params)
    stream.key_id = None


def describe_limits(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeLimits.html"""
    return {
        "ShardLimit": SHARD_LIMIT,
        "OpenShardCount": _open_shards(region),
        "OnDemandStreamCount": _on_demand_streams(region),
        "OnDemandStreamCountLimit": ON_DEMAND_LIMIT,
    }


OPERATIONS = {
    "CreateStream": create_stream,
    "DeleteStream": delete_stream,
    "DescribeStream": describe_stream,
    "DescribeStreamSummary": describe_stream_summary,
    "ListStreams": list_streams,
    "IncreaseStreamRetentionPeriod": increase_retention,
    "DecreaseStreamRetentionPeriod": decrease_retention,
    "UpdateStreamMode": update_stream_mode,
    "UpdateMaxRecordSize": update_max_record_size,
    "StartStreamEncryption": start_encryption,
    "StopStreamEncryption": stop_encryption,
    "DescribeLimits": describe_limits,
}


def check_shard_limit(region: Region, more: int) -> None:
    """Raise where an account would have too many shards."""
    count = _open_shards(region)
    if count + more > SHARD_LIMIT:
        raise limit_exceeded(
            f"This request would exceed the shard limit for the account {region.account_id} in "
            f"{region.name}. Current shard count for the account: {count}. Limit: {SHARD_LIMIT}. "
            f"Number of additional shards that would have resulted from this request: {more}. "
            "Refer to the AWS Service Limits page "
            "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current "
            "limits and how to request higher limits."
        )


def _check_on_demand(region: Region, mode: str) -> None:
    if mode == "ON_DEMAND" and _on_demand_streams(region) >= ON_DEMAND_LIMIT:
        raise limit_exceeded(
            f"Account {region.account_id} has reached its limit of {ON_DEMAND_LIMIT} data streams "
            f"in on-demand mode in {region.name}."
        )


def _open_shards(region: Region) -> int:
    return sum(len(stream.open_shards()) for stream in region.streams.values())


def _on_demand_streams(region: Region) -> int:
    return sum(stream.on_demand for stream in region.streams.values())


def _description(stream: Stream) -> dict[str, Any]:
    """What both descriptions of a stream have."""
    key = {} if stream.key_id is None else {"KeyId": stream.key_id}
    return {
        **_summary(stream),
        "RetentionPeriodHours": stream.retention_hours,
        "EnhancedMonitoring": [{"ShardLevelMetrics": list(stream.metrics)}],
        "EncryptionType": stream.encryption_type,
        **key,
    }


def _summary(stream: Stream) -> dict[str, Any]:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StreamSummary.html"""
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": stream.mode},
        "StreamCreationTimestamp": Timestamp(int(stream.created)),
    }


def _check_retention(hours: int) -> None:
    if hours < DEFAULT_RETENTION_HOURS:
        raise invalid_argument(
            f"Minimum allowed retention period is {DEFAULT_RETENTION_HOURS} hours. Requested "
            f"retention period ({hours} hours) is too short."
        )
    if hours > _LONGEST_RETENTION_HOURS:
        raise invalid_argument(
            f"Maximum allowed retention period is {_LONGEST_RETENTION_HOURS} hours. Requested "
            f"retention period ({hours} hours) is too long."
        )


def _wrong_direction(stream: Stream, hours: int, how: str, instead: str) -> Exception:
    return invalid_argument(
        f"Requested retention period ({hours} hours) for stream {stream.name} can not be {how} "
        f"than existing retention period ({stream.retention_hours} hours). Use "
        f"{instead}RetentionPeriod API."
    )


def _check_encryption_type(params: Parameters) -> None:
    if params["EncryptionType"] != "KMS":
        raise invalid("EncryptionType must be KMS.")
