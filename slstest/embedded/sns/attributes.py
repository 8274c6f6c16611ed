"""The attributes of topics and subscriptions, checked as Amazon SNS checks them.

https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html and
https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from slstest.embedded.sns import filter_policy
from slstest.embedded.sns.conditions import InvalidPolicy
from slstest.embedded.sns.requests import Refused, invalid

LARGEST_MESSAGE = 1_048_576
_SMALLEST_MESSAGE = 1_024

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "FifoTopic": ("true", "false"),
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
}

_ONLY_FIFO = frozenset({"ArchivePolicy", "ContentBasedDeduplication", "FifoThroughputScope"})
_ONLY_STANDARD = frozenset({"TracingConfig"})

_DOCUMENTS = frozenset({"DeliveryPolicy", "Policy"})

_FREE = frozenset({"DisplayName", "KmsMasterKeyId"})

_UNBUILT = re.compile(
    "ArchivePolicy|(Application|Firehose|HTTP|Lambda|SQS)"
    "(SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)"
)

_SUBSCRIPTION = frozenset(
    {
        "DeliveryPolicy",
        "FilterPolicy",
        "FilterPolicyScope",
        "RawMessageDelivery",
        "RedrivePolicy",
        "ReplayPolicy",
        "SubscriptionRoleArn",
    }
)
_SUBSCRIPTION_UNBUILT = frozenset({"ReplayPolicy"})

_RAW = frozenset({"sqs", "http", "https", "firehose"})
"""The protocols that have raw message delivery."""

IN_SUBSCRIBE = "Attributes Reason: "
"""What stands before the reason where an attribute is given to Subscribe or CreateTopic."""


def not_built(what: str) -> Refused:
    """The error for what AWS has and the embedded cloud has not."""
    return Refused(
        "InvalidParameter",
        f"the embedded cloud does not {what} yet; leave it out, or run the test on a cloud that "
        "does",
    )


# -- topics -----------------------------------------------------------------------------------


def checked_topic_attributes(
    attributes: Mapping[str, Any], *, fifo: bool, place: str = ""
) -> dict[str, str]:
    """The attributes as the strings that the API has. Raises :class:`Refused`; ``place`` is
    what SNS puts before the reason."""
    return {
        name: _checked_topic_attribute(name, _as_text(value), fifo=fifo, place=place)
        for name, value in attributes.items()
    }


def _checked_topic_attribute(name: str, value: str, *, fifo: bool, place: str) -> str:
    if _UNBUILT.fullmatch(name):
        raise not_built(f"know the attribute {name} of a topic")
    if (name in _ONLY_FIFO and not fifo) or (name in _ONLY_STANDARD and fifo):
        kind = "standard" if name in _ONLY_FIFO else "FIFO"
        raise invalid(f"{place}{name} Reason: not supported by {kind} topics")
    if name in _CHOICES:
        value = value.lower() if value.lower() in ("true", "false") else value
        if value not in _CHOICES[name]:
            raise invalid(
                f"{place}{name}: Invalid value [{value}]. Must be {' or '.join(_CHOICES[name])}."
            )
        if (name, value) == ("TracingConfig", "Active"):
            raise not_built("send the traces of a topic (TracingConfig=Active) to X-Ray")
    elif name == "MaximumMessageSize":
        if not value.isdecimal() or not _SMALLEST_MESSAGE <= int(value) <= LARGEST_MESSAGE:
            raise invalid(
                f"{place}MaximumMessageSize: Invalid value [{value}]. Must be between "
                f"{_SMALLEST_MESSAGE} and {LARGEST_MESSAGE}."
            )
    elif name in _DOCUMENTS:
        if value:
            _object(value, name, place)
    elif name not in _FREE:
        raise invalid(f"{place}Unknown attribute {name}" if place else "AttributeName")
    return value


# -- subscriptions ----------------------------------------------------------------------------


def checked_subscription_attribute(
    name: str, value: str, *, scope: str, protocol: str, endpoint: str, topic_arn: str, place: str
) -> str:
    """One attribute of a subscription. Raises :class:`Refused`; ``place`` is what SNS puts
    before the reason."""
    if name not in _SUBSCRIPTION:
        raise invalid(f"{place}Unknown attribute {name}" if place else "AttributeName")
    if name in _SUBSCRIPTION_UNBUILT:
        raise not_built(f"know the attribute {name} of a subscription")
    if name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise invalid(f"{place}{name}: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and protocol not in _RAW:
            raise invalid(
                f"{place}{name}: Delivery protocol [{protocol}] does not support raw message "
                "delivery."
            )
        return value.lower()
    if name == "FilterPolicyScope":
        if value not in (filter_policy.ATTRIBUTES, filter_policy.BODY):
            raise invalid(
                f"{place}{name}: Invalid value [{value}]. Please use either "
                f"{filter_policy.BODY} or {filter_policy.ATTRIBUTES}"
            )
    elif name == "FilterPolicy" and value:
        checked_filter_policy(value, scope, place)
    elif name == "RedrivePolicy" and value:
        _check_redrive_policy(value, endpoint, topic_arn, place)
    elif name == "DeliveryPolicy" and value:
        _object(value, name, place)
    return value


def checked_filter_policy(text: str, scope: str, place: str) -> filter_policy.FilterPolicy:
    """A filter policy. Raises :class:`Refused`."""
    try:
        return filter_policy.parse(text, scope)
    except InvalidPolicy as error:
        name = "FilterPolicy: " if error.of_the_policy else ""
        raise invalid(f"{place}{name}{error}") from error


def dead_letter_queue(policy: str | None) -> str | None:
    """The ARN of the queue of a RedrivePolicy that was found to be right."""
    return str(json.loads(policy)["deadLetterTargetArn"]) if policy else None


def _check_redrive_policy(value: str, endpoint: str, topic_arn: str, place: str) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html: the queue is of the
    subscription's account and region; FIFO topics have FIFO queues, standard topics have
    standard queues."""
    place = f"{place}RedrivePolicy: "
    target = _object(value, "RedrivePolicy", place.removesuffix("RedrivePolicy: ")).get(
        "deadLetterTargetArn"
    )
    elements = str(target).split(":")
    if len(elements) != 6 or elements[2] != "sqs" or elements[3:5] != topic_arn.split(":")[3:5]:
        raise invalid(f"{place}deadLetterTargetArn is an invalid arn")
    fifo_target = elements[5].endswith(".fifo")
    if topic_arn.endswith(".fifo"):
        if endpoint.endswith(".fifo") and not fifo_target:
            raise invalid(
                f"{place}must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
            )
    elif fifo_target:
        raise invalid(
            f"{place}must use a standard queue as DLQ for a Subscription to a standard Topic."
        )


def _object(value: str, name: str, place: str) -> dict[str, Any]:
    try:
        document = json.loads(value)
    except ValueError as error:
        raise invalid(f"{place}{name}: failed to parse JSON. {error}") from error
    if not isinstance(document, dict):
        raise invalid(f"{place}{name}: must be a JSON object")
    return document


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
