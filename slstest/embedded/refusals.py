"""Requests that moto would accept and not carry out: refused with the reason.

moto's own deliveries to functions are toys, and this cloud's are not built for every source
yet. A test must not pass because a trigger was accepted and ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import parse_qs

from slstest.embedded.messages import AwsRequest, AwsResponse

_STACK_ACTIONS = frozenset({"CreateStack", "UpdateStack", "CreateChangeSet", "CreateStackSet"})

_IGNORED_FOR_STREAMS = frozenset({"MaxRecordSizeInKiB", "Tags", "WarmThroughputMiBps"})

_RESHARDING = frozenset({"SplitShard", "MergeShards", "UpdateShardCount"})


def refusal(request: AwsRequest, is_read: Callable[[str], bool]) -> AwsResponse | None:
    """The answer to a request that asks for what is not built; else None.

    ``is_read`` tells whether a function reads the stream of this name or ARN.
    """
    asked = _unbuilt(request, is_read)
    if asked is None:
        return None
    what, instead = asked
    message = (
        f"the embedded cloud does not {what} yet; {instead}, or run the test on a cloud that does"
    )
    return request.error(501, "NotImplemented", message)


def _unbuilt(request: AwsRequest, is_read: Callable[[str], bool]) -> tuple[str, str] | None:
    invoke = "invoke the function in the test"
    if request.service == "s3" and request.method == "PUT" and "notification" in request.query:
        content = request.content().replace(b"NotificationConfiguration>", b"")
        if b"Configuration>" in content:
            return "deliver S3 event notifications", invoke
    elif request.service == "sns" and request.method == "POST":
        fields = _form(request)
        if fields.get("Action") == ["Subscribe"] and fields.get("Protocol") == ["lambda"]:
            return "deliver SNS subscriptions of functions", invoke
    elif request.service == "cloudformation" and request.method == "POST":
        fields = _form(request)
        template = "".join(fields.get("TemplateBody", []))
        if _STACK_ACTIONS.intersection(fields.get("Action", [])) and (
            "AWS::Lambda::" in template or "AWS::Serverless::" in template
        ):
            return "deploy functions from templates", "create the function in the test"
    elif request.operation == "PutTargets" and b":lambda:" in request.content():
        return "deliver EventBridge rules whose target is a function", invoke
    elif request.operation == "PutSubscriptionFilter":
        return "deliver CloudWatch Logs subscription filters", invoke
    elif request.service == "kinesis" and request.operation == "CreateStream":
        ignored = sorted(_IGNORED_FOR_STREAMS.intersection(json.loads(request.content())))
        if ignored:
            return f"know {' and '.join(ignored)} of CreateStream", "leave it out"
    elif request.service == "kinesis" and request.operation in _RESHARDING:
        asked = json.loads(request.content())
        # moto moves the records of a shard into its children, where they would be read again.
        if is_read(asked.get("StreamName") or asked.get("StreamARN", "")):
            return (
                "change the shards of a stream that a function reads",
                "create the stream with the shards it needs",
            )
    return None


def _form(request: AwsRequest) -> dict[str, list[str]]:
    return parse_qs(request.content().decode("utf-8", "replace"))
