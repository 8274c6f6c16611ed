"""The operations on what hangs on a stream or a consumer: tags, policies, metrics.

Policies and metrics are kept and shown; nothing is checked against a policy, and nothing is
measured.
"""

from __future__ import annotations

import json

from slstest.embedded.kinesis.errors import invalid_argument, not_found
from slstest.embedded.kinesis.region import Parameters, Region, Result
from slstest.embedded.kinesis.stream import Consumer, Stream
from slstest.embedded.kinesis.tags import checked_tags

_METRICS = (
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
)

_PAGE = 50


def add_tags_to_stream(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_AddTagsToStream.html"""
    stream = region.stream(params, now)
    stream.tags = checked_tags(params["Tags"], stream.tags)


def remove_tags_from_stream(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_RemoveTagsFromStream.html"""
    _untag(region.stream(params, now), params)


def list_tags_for_stream(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListTagsForStream.html"""
    stream = region.stream(params, now)
    after, limit = params.get("ExclusiveStartTagKey", ""), params.get("Limit", _PAGE)
    keys = sorted(key for key in stream.tags if key > after)
    return {
        "Tags": [{"Key": key, "Value": stream.tags[key]} for key in keys[:limit]],
        "HasMoreTags": len(keys) > limit,
    }


def tag_resource(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_TagResource.html"""
    resource = _resource(region, params, now)
    resource.tags = checked_tags(params["Tags"], resource.tags)


def untag_resource(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_UntagResource.html"""
    _untag(_resource(region, params, now), params)


def list_tags_for_resource(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListTagsForResource.html"""
    tags = _resource(region, params, now).tags
    return {"Tags": [{"Key": key, "Value": tags[key]} for key in sorted(tags)]}


def put_policy(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutResourcePolicy.html"""
    resource = _resource(region, params, now)
    try:
        document = json.loads(params["Policy"])
    except ValueError:
        document = None
    if not isinstance(document, dict) or not document.get("Statement"):
        raise invalid_argument("The resource policy is not a valid policy document.")
    resource.policy = params["Policy"]


def get_policy(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetResourcePolicy.html"""
    return {"Policy": _resource(region, params, now).policy or "{}"}


def delete_policy(region: Region, params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DeleteResourcePolicy.html"""
    resource = _resource(region, params, now)
    if resource.policy is None:
        raise not_found(f"No resource policy found for resource ARN {params['ResourceARN']}.")
    resource.policy = None


def enable_monitoring(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_EnableEnhancedMonitoring.html"""
    stream = region.stream(params, now)
    return _monitor(stream, {*stream.metrics, *_asked_metrics(params)})


def disable_monitoring(region: Region, params: Parameters, now: float) -> Result:
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DisableEnhancedMonitoring.html"""
    stream = region.stream(params, now)
    return _monitor(stream, {*stream.metrics} - _asked_metrics(params))


OPERATIONS = {
    "AddTagsToStream": add_tags_to_stream,
    "RemoveTagsFromStream": remove_tags_from_stream,
    "ListTagsForStream": list_tags_for_stream,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
    "ListTagsForResource": list_tags_for_resource,
    "PutResourcePolicy": put_policy,
    "GetResourcePolicy": get_policy,
    "DeleteResourcePolicy": delete_policy,
    "EnableEnhancedMonitoring": enable_monitoring,
    "DisableEnhancedMonitoring": disable_monitoring,
}


def _resource(region: Region, params: Parameters, now: float) -> Stream | Consumer:
    arn: str = params["ResourceARN"]
    if "/consumer/" in arn:
        return region.consumer(arn, now)[1]
    return region.stream({"StreamARN": arn}, now)


def _untag(resource: Stream | Consumer, params: Parameters) -> None:
    for key in params["TagKeys"]:
        resource.tags.pop(key, None)


def _asked_metrics(params: Parameters) -> set[str]:
    asked = set(params["ShardLevelMetrics"])
    return set(_METRICS) if "ALL" in asked else asked


def _monitor(stream: Stream, desired: set[str]) -> Result:
    current = stream.metrics
    stream.metrics = [metric for metric in _METRICS if metric in desired]
    return {
        "StreamName": stream.name,
        "StreamARN": stream.arn,
        "CurrentShardLevelMetrics": list(current),
        "DesiredShardLevelMetrics": list(stream.metrics),
    }
