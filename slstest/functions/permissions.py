"""What the role of a function must allow: statements of an IAM policy.

Each resource that a test gives its function allows what functions do with what is in it, and
not to create, change or delete the resource itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from slstest.errors import ConfigurationError
from slstest.matching import show

Statement = Mapping[str, Any]

LOGS = ("CreateLogStream", "PutLogEvents")
"""https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html, without the
creation of the group, which is there already."""

_TABLE = (
    "BatchGetItem",
    "BatchWriteItem",
    "ConditionCheckItem",
    "DeleteItem",
    "DescribeTable",
    "GetItem",
    "PartiQLDelete",
    "PartiQLInsert",
    "PartiQLSelect",
    "PartiQLUpdate",
    "PutItem",
    "Query",
    "Scan",
    "UpdateItem",
)
_OBJECTS = (
    "AbortMultipartUpload",
    "DeleteObject",
    "DeleteObjectTagging",
    "DeleteObjectVersion",
    "GetObject",
    "GetObjectAttributes",
    "GetObjectTagging",
    "GetObjectVersion",
    "GetObjectVersionTagging",
    "ListMultipartUploadParts",
    "PutObject",
    "PutObjectTagging",
)
_BUCKET = ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads", "ListBucketVersions")
_QUEUE = (
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ReceiveMessage",
    "SendMessage",
)
_STREAM = (
    "DescribeStream",
    "DescribeStreamSummary",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
    "PutRecord",
    "PutRecords",
)
_READ_STREAM = (
    "DescribeStream",
    "DescribeStreamSummary",
    "GetRecords",
    "GetShardIterator",
    "ListShards",
)
_READ_CONSUMER = ("DescribeStreamConsumer", "SubscribeToShard")
_READ_TABLE_STREAM = ("DescribeStream", "GetRecords", "GetShardIterator")
_READ_QUEUE = ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")


class Named(Protocol):
    """A resource as a function's variables name it."""

    @property
    def name(self) -> str:
        """Its name on the cloud."""

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name."""


def using(arn: str) -> list[Statement]:
    """To do with a resource what functions do: read and write what is in it.

    Nothing for a resource of a kind that functions do not use.
    """
    return _statements(_USING, arn)


def reading(arn: str) -> list[Statement]:
    """To be triggered by an event source that Lambda reads in the function's role.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html,
    https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-create.html,
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    return _statements(_READING, arn)


def sending(arn: str) -> list[Statement]:
    """To have Lambda send to a destination or to a dead-letter queue in the function's role.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html,
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    return _statements(_SENDING, arn)


def sending_to_all(settings: Mapping[str, Any]) -> list[Statement]:
    """For the destinations among the parameters of a request to Lambda."""
    config = settings.get("DestinationConfig") or {}
    arns = [each.get("Destination") for each in config.values() if isinstance(each, Mapping)]
    arns.append((settings.get("DeadLetterConfig") or {}).get("TargetArn"))
    return [statement for arn in arns if isinstance(arn, str) for statement in sending(arn)]


def logging(partition: str, region: str, account_id: str, group: str) -> Statement:
    """To write to a log group."""
    arn = f"arn:{partition}:logs:{region}:{account_id}:log-group:{group}:*"
    return _allow("logs", LOGS, arn)


def mentioned(environment: Mapping[str, str], resources: Iterable[Named]) -> list[Statement]:
    """To use the resources whose names or ARNs are in the values of a function's variables.

    The ARN of a stream's registered consumer begins with that of the stream, and means the
    consumer only.
    """
    values = [value for value in environment.values() if isinstance(value, str)]
    consumers = {arn for value in values for arn in _CONSUMER.findall(value)}
    others = [_CONSUMER.sub("", value) for value in values]
    found: list[Statement] = []
    for resource in resources:
        if any(resource.name in value or resource.arn in value for value in others):
            found += using(resource.arn)
        for arn in sorted(consumers):
            if arn.startswith(f"{resource.arn}/"):
                found += using(arn)
    return found


def checked_policy(policy: Sequence[Statement], asked: str) -> list[Statement]:
    """Raises :class:`slstest.errors.ConfigurationError` for what is no list of statements."""
    one = 'a list of statements such as [{"Effect": "Allow", "Action": "ses:SendEmail", '
    if not isinstance(policy, list | tuple):
        raise ConfigurationError(f'{asked}: policy= is {one}"Resource": "*"}}], not {show(policy)}')
    for statement in policy:
        if not isinstance(statement, Mapping) or not {"Effect", "Action", "Resource"} <= {
            name.removeprefix("Not") for name in statement
        }:
            raise ConfigurationError(
                f"{asked}: policy= has {show(statement)}, which is no statement of an IAM policy: "
                "it needs Effect, Action and Resource"
            )
    return list(policy)


# -- inside -----------------------------------------------------------------------------

_CONSUMER = re.compile(r"arn:[\w-]+:kinesis:[\w-]+:\d+:stream/[\w.-]+/consumer/[\w.-]+:\d+")

_Rule = Callable[[str], "list[Statement]"]


def _statements(rules: Mapping[str, _Rule], arn: str) -> list[Statement]:
    rule = rules.get(arn.split(":")[2]) if arn.count(":") > 4 else None
    return [] if rule is None else rule(arn)


def _allow(service: str, actions: Iterable[str], *arns: str) -> Statement:
    return {
        "Effect": "Allow",
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": arns[0] if len(arns) == 1 else list(arns),
    }


def _use_bucket(arn: str) -> list[Statement]:
    return [_allow("s3", _OBJECTS, f"{arn}/*"), _allow("s3", _BUCKET, arn)]


def _read_kinesis(arn: str) -> list[Statement]:
    stream, consumer, _ = arn.partition("/consumer/")
    found = [
        _allow("kinesis", _READ_STREAM, stream),
        _allow("kinesis", ("ListStreams",), "*"),
    ]
    return [*found, _allow("kinesis", _READ_CONSUMER, arn)] if consumer else found


def _use_kinesis(arn: str) -> list[Statement]:
    stream, consumer, _ = arn.partition("/consumer/")
    if consumer:  # which subscribes to shards that it must know
        return [
            _allow("kinesis", ("ListShards",), stream),
            _allow("kinesis", _READ_CONSUMER, arn),
        ]
    return [_allow("kinesis", _STREAM, arn)]


_USING: Mapping[str, _Rule] = {
    "dynamodb": lambda arn: [_allow("dynamodb", _TABLE, arn, f"{arn}/index/*")],
    "s3": _use_bucket,
    "sqs": lambda arn: [_allow("sqs", _QUEUE, arn)],
    "sns": lambda arn: [_allow("sns", ("Publish",), arn)],
    "kinesis": _use_kinesis,
    "lambda": lambda arn: [_allow("lambda", ("InvokeFunction",), arn, f"{arn}:*")],
}

_READING: Mapping[str, _Rule] = {
    "kinesis": _read_kinesis,
    "dynamodb": lambda arn: [
        _allow("dynamodb", _READ_TABLE_STREAM, arn),
        _allow("dynamodb", ("ListStreams",), "*"),
    ],
    "sqs": lambda arn: [_allow("sqs", _READ_QUEUE, arn)],
}

_SENDING: Mapping[str, _Rule] = {
    "sqs": lambda arn: [_allow("sqs", ("SendMessage",), arn)],
    "sns": lambda arn: [_allow("sns", ("Publish",), arn)],
    "lambda": lambda arn: [_allow("lambda", ("InvokeFunction",), arn)],
    "events": lambda arn: [_allow("events", ("PutEvents",), arn)],
    "s3": lambda arn: [
        _allow("s3", ("PutObject",), f"{arn}/*"),
        _allow("s3", ("ListBucket",), arn),
    ],
}
