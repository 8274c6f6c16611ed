"""The attributes of a queue, checked as Amazon SQS checks them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slstest.embedded.sqs.requests import Refused

_RANGES: Mapping[str, tuple[int, int]] = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1_024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoQueue": ("true", "false"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
    "SqsManagedSseEnabled": ("true", "false"),
}

_ONLY_FIFO = frozenset({"ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"})

_DOCUMENTS = frozenset({"Policy", "RedrivePolicy", "RedriveAllowPolicy"})

_FREE = frozenset({"KmsMasterKeyId"})

_REDRIVE_PERMISSIONS = ("allowAll", "denyAll", "byQueue")


@dataclass(frozen=True)
class RedrivePolicy:
    """Where messages go that were received too often:
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"""

    target_arn: str
    max_receive_count: int


def checked(attributes: Mapping[str, Any], *, fifo: bool) -> dict[str, str]:
    """The attributes as the strings that the API has. Raises :class:`Refused`."""
    result = {}
    for name, given in attributes.items():
        value = _as_text(given)
        if name in _ONLY_FIFO and not fifo:
            raise Refused("InvalidAttributeName", f"Unknown Attribute {name}.")
        if name in _RANGES:
            _check_range(name, value)
        elif name in _CHOICES:
            value = value.lower() if value.lower() in ("true", "false") else value
            if value not in _CHOICES[name]:
                raise _invalid_value(name)
        elif name in _DOCUMENTS:
            if value:
                _check_document(name, value)
        elif name not in _FREE:
            raise Refused("InvalidAttributeName", f"Unknown Attribute {name}.")
        result[name] = value
    return result


def redrive_policy(text: str) -> RedrivePolicy:
    """A RedrivePolicy. Raises :class:`Refused`."""
    document = json.loads(text)
    for mandatory in ("deadLetterTargetArn", "maxReceiveCount"):
        if mandatory not in document:
            raise refused_redrive(
                text, f"Redrive policy does not contain mandatory attribute: {mandatory}."
            )
    count = str(document["maxReceiveCount"])
    if not count.isdecimal() or not 1 <= int(count) <= 1_000:
        raise refused_redrive(
            text,
            f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both "
            "inclusive.",
        )
    return RedrivePolicy(str(document["deadLetterTargetArn"]), int(count))


def refused_redrive(policy: str, reason: str) -> Refused:
    """The error for a RedrivePolicy that cannot be."""
    return Refused(
        "InvalidParameterValue",
        f"Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}",
    )


def permits_redrive(allow_policy: str | None, source_arn: str) -> bool:
    """Whether a queue with this RedriveAllowPolicy may be the dead-letter queue of another."""
    if not allow_policy:
        return True
    document = json.loads(allow_policy)
    permission = document.get("redrivePermission", "allowAll")
    if permission == "byQueue":
        return source_arn in document.get("sourceQueueArns", [])
    return bool(permission == "allowAll")


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_range(name: str, value: str) -> None:
    lowest, highest = _RANGES[name]
    if not value.isdecimal() or not lowest <= int(value) <= highest:
        raise _invalid_value(name)


def _check_document(name: str, value: str) -> None:
    try:
        document = json.loads(value)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        if name == "RedrivePolicy":
            raise refused_redrive(
                value, "Amazon SQS can't create the redrive policy, as it's not in JSON format."
            )
        raise _invalid_value(name)
    if name == "RedriveAllowPolicy":
        permission = document.get("redrivePermission")
        by_queue = permission == "byQueue"
        if permission not in _REDRIVE_PERMISSIONS or by_queue != bool(
            document.get("sourceQueueArns")
        ):
            raise _invalid_value(name)


def _invalid_value(name: str) -> Refused:
    return Refused("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
