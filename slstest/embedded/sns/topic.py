"""A topic and a subscription of moto's, with the attributes that Amazon SNS documents."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moto.sns.models import Subscription, Topic, sns_backends

from slstest.embedded.sns import filter_policy
from slstest.embedded.sns.attributes import checked_filter_policy
from slstest.embedded.sns.requests import DEFAULT_MAXIMUM_SIZE

if TYPE_CHECKING:
    from moto.sns.models import SNSBackend

DEDUPLICATION_INTERVAL = 5 * 60
"""Seconds: https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html"""

_FIRST_SEQUENCE_NUMBER = 10_000_000_000_000_000_000
_SEQUENCE_STEP = 1_000

_RETRY_POLICY: Mapping[str, Any] = {
    "minDelayTarget": 20,
    "maxDelayTarget": 20,
    "numRetries": 3,
    "numMaxDelayRetries": 0,
    "numNoDelayRetries": 0,
    "numMinDelayRetries": 0,
    "backoffFunction": "linear",
}
"""https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html"""

Receipt = tuple[str, str | None]
"""What a publisher is answered: the message's id, and its sequence number on a FIFO topic."""


class EmbeddedTopic(Topic):
    """A topic that knows which attributes it was given, and what was published lately."""

    def __init__(self, name: str, backend: SNSBackend, attributes: Mapping[str, str]) -> None:
        super().__init__(name, backend)
        self.fifo_topic = name.endswith(".fifo")
        self.given: dict[str, str] = {}
        self.subscriptions_deleted = 0
        self._sequence = itertools.count(_FIRST_SEQUENCE_NUMBER, _SEQUENCE_STEP)
        self._receipts: dict[tuple[str, str], tuple[float, Receipt]] = {}
        for attribute, value in attributes.items():
            self.set(attribute, value)

    def set(self, attribute: str, value: str) -> None:
        """Take over an attribute that was checked."""
        if attribute == "Policy":
            self.policy = value
        else:
            self.given[attribute] = value

    @property
    def maximum_size(self) -> int:
        return int(self.given.get("MaximumMessageSize", DEFAULT_MAXIMUM_SIZE))

    @property
    def deduplicates_by_content(self) -> bool:
        return self.given.get("ContentBasedDeduplication") == "true"

    @property
    def signature_version(self) -> str:
        return self.given.get("SignatureVersion", "1")

    def receipt_of(self, group_id: str, deduplication_id: str, now: float) -> Receipt | None:
        """What the publisher of the same message was answered less than five minutes ago."""
        taken, receipt = self._receipts.get(
            self._scope(group_id, deduplication_id), (-math.inf, None)
        )
        return receipt if taken + DEDUPLICATION_INTERVAL > now else None

    def remember(self, group_id: str, deduplication_id: str, receipt: Receipt, now: float) -> None:
        """Begin the interval in which this id stands for this message."""
        self._receipts[self._scope(group_id, deduplication_id)] = (now, receipt)

    def next_sequence_number(self) -> str:
        return str(next(self._sequence))

    def is_created(self) -> bool:
        return True

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        sns_backends[account_id][region_name].delete_topic(resource_name)

    def attributes(self, confirmed: int, pending: int) -> dict[str, str]:
        """As GetTopicAttributes gives them."""
        found = {
            "Policy": self.policy,
            "Owner": self.account_id,
            "TopicArn": self.arn,
            "DisplayName": "",
            "EffectiveDeliveryPolicy": json.dumps(self._effective_delivery_policy()),
            "SubscriptionsConfirmed": str(confirmed),
            "SubscriptionsPending": str(pending),
            "SubscriptionsDeleted": str(self.subscriptions_deleted),
        }
        if self.fifo_topic:
            found |= {"FifoTopic": "true", "ContentBasedDeduplication": "false"}
        return {**found, **self.given}

    # -- inside -------------------------------------------------------------------------

    def _scope(self, group_id: str, deduplication_id: str) -> tuple[str, str]:
        by_group = self.given.get("FifoThroughputScope") == "MessageGroup"
        return (group_id if by_group else "", deduplication_id)

    def _effective_delivery_policy(self) -> dict[str, Any]:
        http: dict[str, Any] = {
            "defaultHealthyRetryPolicy": dict(_RETRY_POLICY),
            "disableSubscriptionOverrides": False,
            "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
        }
        wanted = json.loads(self.given.get("DeliveryPolicy") or "{}").get("http", {})
        return {"http": {**http, **wanted}}


class EmbeddedSubscription(Subscription):
    """A subscription with attributes that were checked."""

    DEFAULT_SCOPE = filter_policy.ATTRIBUTES

    topic: EmbeddedTopic

    def __init__(self, topic: EmbeddedTopic, endpoint: str, protocol: str) -> None:
        super().__init__(topic.account_id, topic, endpoint, protocol)
        self.given: dict[str, str] = {}
        self.pending = protocol in ("email", "email-json")
        self._filter: filter_policy.FilterPolicy | None = None

    @property
    def scope(self) -> str:
        return self.given.get("FilterPolicyScope", self.DEFAULT_SCOPE)

    @property
    def raw(self) -> bool:
        return self.given.get("RawMessageDelivery") == "true"

    def set(self, attributes: Mapping[str, str]) -> None:
        """Take over attributes that were checked; an empty one is taken away."""
        given = {**self.given, **attributes}
        self.given = {name: value for name, value in given.items() if value}
        text = self.given.get("FilterPolicy")
        self._filter = checked_filter_policy(text, self.scope, "") if text else None

    def passes(self, attributes: Mapping[str, Mapping[str, Any]], message: str) -> bool:
        """Whether the subscriber gets a message."""
        if self.pending:
            return False
        return self._filter is None or self._filter.passes(attributes, message)

    def described(self) -> dict[str, str]:
        """As ListSubscriptions gives it."""
        return {
            "SubscriptionArn": "PendingConfirmation" if self.pending else self.arn,
            "Owner": self.owner,
            "Protocol": self.protocol,
            "Endpoint": self.endpoint,
            "TopicArn": self.topic.arn,
        }

    def all_attributes(self) -> dict[str, str]:
        """As GetSubscriptionAttributes gives them."""
        found = {
            **self.described(),
            "SubscriptionArn": self.arn,
            "PendingConfirmation": str(self.pending).lower(),
            "ConfirmationWasAuthenticated": str(not self.pending).lower(),
            "SubscriptionPrincipal": f"arn:{self.topic.arn.split(':')[1]}:iam::{self.owner}:root",
            "RawMessageDelivery": "false",
            **self.given,
        }
        if "FilterPolicy" in found:
            found["FilterPolicyScope"] = self.scope
        else:
            found.pop("FilterPolicyScope", None)
        return found
