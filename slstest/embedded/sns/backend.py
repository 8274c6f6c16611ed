"""The operations of Amazon SNS, on topics of our own."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from moto.sns.exceptions import SNSException, TopicNotFound
from moto.sns.models import SNSBackend, Topic

from slstest.embedded.sns.attributes import (
    IN_SUBSCRIBE,
    checked_filter_policy,
    checked_subscription_attribute,
    checked_topic_attributes,
    dead_letter_queue,
    not_built,
)
from slstest.embedded.sns.delivery import Delivery
from slstest.embedded.sns.notification import Notification
from slstest.embedded.sns.requests import (
    DEFAULT_MAXIMUM_SIZE,
    Published,
    Refused,
    by_protocol,
    check_arn,
    check_for_topic,
    check_published,
    invalid,
)
from slstest.embedded.sns.topic import EmbeddedSubscription, EmbeddedTopic, Receipt

_PROTOCOLS = frozenset(
    {"application", "email", "email-json", "firehose", "http", "https", "lambda", "sms", "sqs"}
)
_BUILT_PROTOCOLS = frozenset({"email", "email-json", "lambda", "sqs"})
"""Mail waits for its confirmation, as on AWS; nobody ever gives it here."""

_LARGE_PROTOCOLS = frozenset({"firehose", "lambda", "sqs"})
_LARGE_SUBSCRIPTIONS = 100
"""https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html"""

_TOPIC_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FUNCTION_ARN = re.compile(r"arn:[^:]+:lambda:[^:]*:[^:]*:function:[^:]+(:[^:]+)?")
_FIFO_NAME = re.compile(r"[A-Za-z0-9_-]{1,251}\.fifo")

_GIVEN_BY_CLOUDFORMATION = frozenset({"Subscription", "Tags", "TopicName"})
"""What is no attribute, but stands among a template's properties."""


@dataclass(frozen=True)
class Surroundings:
    """What the topics of one cloud have in common."""

    now: Callable[[], float]
    """The cloud's time, in seconds since the epoch."""
    post: Callable[[str, Sequence[Delivery]], None]
    """Takes what a topic (its name) has to deliver, in order."""


class EmbeddedSnsBackend(SNSBackend):
    """moto's backend of one account and region, with our topics."""

    surroundings: Surroundings

    def create_topic(
        self,
        name: str,
        attributes: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> Topic:
        given = {
            key: value
            for key, value in (attributes or {}).items()
            if key not in _GIVEN_BY_CLOUDFORMATION
        }
        with answering():
            fifo = str(given.pop("FifoTopic", False)).lower() == "true"
            if not (_FIFO_NAME if fifo else _TOPIC_NAME).fullmatch(name):
                raise invalid("Topic Name")
            checked = checked_topic_attributes(given, fifo=fifo, place=IN_SUBSCRIBE)
            topic = EmbeddedTopic(name, self, checked)
            topic._tags = tags or {}
            existing = self.topics.setdefault(topic.arn, topic)
            assert isinstance(existing, EmbeddedTopic)
            # As each of the two words them: a policy is the same however its JSON is written.
            worded = topic.attributes(0, 0)
            _refuse_other_topic(existing, {name: worded[name] for name in checked}, tags)
            return existing

    def set_topic_attribute(
        self, topic_arn: str, attribute_name: str, attribute_value: str
    ) -> None:
        with self._topic(topic_arn) as topic:
            if attribute_name == "FifoTopic":
                raise invalid("AttributeName")
            checked = checked_topic_attributes(
                {attribute_name: attribute_value}, fifo=topic.fifo_topic
            )
            if int(checked.get("MaximumMessageSize", 0)) > DEFAULT_MAXIMUM_SIZE:
                for subscription in self._of(topic):
                    _check_large(subscription.protocol, len(self._of(topic)))
            topic.set(attribute_name, checked[attribute_name])

    def topic_attributes(self, topic_arn: str) -> dict[str, str]:
        with self._topic(topic_arn) as topic:
            subscriptions = self._of(topic)
            pending = sum(each.pending for each in subscriptions)
            return topic.attributes(len(subscriptions) - pending, pending)

    # -- subscriptions ------------------------------------------------------------------

    def subscribe(
        self,
        topic_arn: str,
        endpoint: str,
        protocol: str,
        attributes: Mapping[str, str] | None = None,
    ) -> EmbeddedSubscription:
        with self._topic(topic_arn) as topic:
            _check_endpoint(topic, endpoint, protocol)
            given = self._checked(
                attributes or {}, {}, topic, endpoint, protocol, place=IN_SUBSCRIBE
            )
            existing = self._find_subscription(topic_arn, endpoint, protocol)
            if isinstance(existing, EmbeddedSubscription):
                if not given.items() <= existing.given.items():
                    raise invalid(
                        "Attributes Reason: Subscription already exists with different attributes"
                    )
                return existing
            if topic.maximum_size > DEFAULT_MAXIMUM_SIZE:
                _check_large(protocol, len(self._of(topic)) + 1)
            subscription = EmbeddedSubscription(topic, endpoint, protocol)
            subscription.set(given)
            self.subscriptions[subscription.arn] = subscription
            return subscription

    def set_subscription_attributes(self, arn: str, name: str, value: Any) -> None:
        with self._subscription(arn) as subscription:
            subscription.set(
                self._checked(
                    {name: value or ""},
                    subscription.given,
                    subscription.topic,
                    subscription.endpoint,
                    subscription.protocol,
                    place="",
                )
            )

    def get_subscription_attributes(self, arn: str) -> dict[str, Any]:
        with self._subscription(arn) as subscription:
            return subscription.all_attributes()

    def unsubscribe(self, subscription_arn: str) -> None:
        with answering():
            check_arn(subscription_arn, "SubscriptionArn")
            subscription = self.subscriptions.pop(subscription_arn, None)
            if isinstance(subscription, EmbeddedSubscription):
                subscription.topic.subscriptions_deleted += 1

    # -- publishing ---------------------------------------------------------------------

    def publish(
        self,
        message: str,
        arn: str | None,
        phone_number: str | None = None,
        subject: str | None = None,
        message_attributes: dict[str, Any] | None = None,
        group_id: str | None = None,
        deduplication_id: str | None = None,
        message_structure: str | None = None,
    ) -> str:
        """What other services of moto's publish; and what goes to a phone or a device, which
        is moto's to keep."""
        if phone_number is not None or ":endpoint/" in (arn or ""):
            return super().publish(message, arn, phone_number, subject)
        published = Published(message, subject, message_structure, {}, group_id, deduplication_id)
        message_id, _ = self.publish_to_topic(arn, published)
        return message_id

    def publish_to_topic(self, arn: str | None, published: Published) -> Receipt:
        """Take a message, and post it to whoever has subscribed."""
        with self._topic(arn) as topic:
            _check(topic, published)
            return self._accept(topic, published)

    def publish_all(self, arn: str | None, entries: Mapping[str, Published]) -> list[Receipt]:
        """Take the messages of a batch, by their ids. One that cannot be refuses all."""
        with self._topic(arn) as topic:
            for published in entries.values():
                _check(topic, published)
            return [self._accept(topic, published) for published in entries.values()]

    def maximum_size(self, arn: str | None) -> int:
        with self._topic(arn) as topic:
            return topic.maximum_size

    # -- inside -------------------------------------------------------------------------

    def _accept(self, topic: EmbeddedTopic, published: Published) -> Receipt:
        now = self.surroundings.now()
        group_id, deduplication_id = published.group_id, published.deduplication_id
        if topic.fifo_topic:
            group_id = str(group_id)
            if deduplication_id is None:
                deduplication_id = hashlib.sha256(published.message.encode()).hexdigest()
            earlier = topic.receipt_of(group_id, deduplication_id, now)
            if earlier is not None:
                return earlier
        number = topic.next_sequence_number() if topic.fifo_topic else None
        receipt = (str(uuid.uuid4()), number)
        if topic.fifo_topic:
            topic.remember(str(group_id), str(deduplication_id), receipt, now)
        texts = by_protocol(published) if published.structure else {}
        deliveries = []
        for subscription in self._of(topic):
            message = published.message
            if texts:
                message = texts.get(subscription.protocol, texts["default"])
            if not subscription.passes(published.attributes, message):
                continue
            notification = Notification(
                message_id=receipt[0],
                topic_arn=topic.arn,
                subscription_arn=subscription.arn,
                message=message,
                subject=published.subject,
                # https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html: "Message
                # attributes are sent only when the message structure is String, not JSON."
                attributes={} if texts else published.attributes,
                published=now,
                sequence_number=number,
                signature_version=topic.signature_version,
            )
            deliveries.append(
                Delivery(
                    notification=notification,
                    protocol=subscription.protocol,
                    endpoint=subscription.endpoint,
                    raw=subscription.raw,
                    group_id=group_id,
                    deduplication_id=deduplication_id,
                    trace_header=published.trace_header,
                    dead_letter_arn=dead_letter_queue(subscription.given.get("RedrivePolicy")),
                )
            )
        self.surroundings.post(topic.name, deliveries)
        return receipt

    def _of(self, topic: EmbeddedTopic) -> list[EmbeddedSubscription]:
        return [
            each
            for each in self.subscriptions.values()
            if isinstance(each, EmbeddedSubscription) and each.topic is topic
        ]

    @contextmanager
    def _topic(self, arn: str | None) -> Iterator[EmbeddedTopic]:
        with answering():
            check_arn(arn, "TopicArn")
            topic = self.topics.get(str(arn))
            if not isinstance(topic, EmbeddedTopic):
                raise TopicNotFound
            yield topic

    @contextmanager
    def _subscription(self, arn: str) -> Iterator[EmbeddedSubscription]:
        with answering():
            check_arn(arn, "SubscriptionArn")
            subscription = self.subscriptions.get(arn)
            if not isinstance(subscription, EmbeddedSubscription):
                raise Refused("NotFound", "Subscription does not exist")
            yield subscription

    @staticmethod
    def _checked(
        attributes: Mapping[str, str],
        before: Mapping[str, str],
        topic: EmbeddedTopic,
        endpoint: str,
        protocol: str,
        *,
        place: str,
    ) -> dict[str, str]:
        together = {**before, **attributes}
        scope = together.get("FilterPolicyScope") or EmbeddedSubscription.DEFAULT_SCOPE
        checked = {
            name: checked_subscription_attribute(
                name,
                value,
                scope=scope,
                protocol=protocol,
                endpoint=endpoint,
                topic_arn=topic.arn,
                place=place,
            )
            for name, value in attributes.items()
        }
        if "FilterPolicyScope" in attributes and together.get("FilterPolicy"):
            checked_filter_policy(together["FilterPolicy"], scope, place)
        return checked


def _check(topic: EmbeddedTopic, published: Published) -> None:
    check_published(published)
    check_for_topic(
        published,
        fifo=topic.fifo_topic,
        content_based_deduplication=topic.deduplicates_by_content,
        maximum_size=topic.maximum_size,
    )


def _check_endpoint(topic: EmbeddedTopic, endpoint: str, protocol: str) -> None:
    if protocol not in _PROTOCOLS:
        raise invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if topic.fifo_topic and protocol != "sqs":
        raise invalid(f"Invalid protocol type: {protocol}")
    if protocol not in _BUILT_PROTOCOLS:
        raise not_built(f"deliver the messages of topics by the protocol {protocol}")
    if protocol == "lambda":
        if not _FUNCTION_ARN.fullmatch(endpoint):
            raise invalid("Lambda endpoint ARN")
    elif protocol == "sqs":
        elements = endpoint.split(":")
        if len(elements) != 6 or elements[0] != "arn" or elements[2] != "sqs":
            raise invalid("SQS endpoint ARN")
        if endpoint.endswith(".fifo") and not topic.fifo_topic:
            raise invalid(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to "
                "standard SNS topics"
            )
    elif not re.fullmatch(r"[^@\s]+@[^@\s]+", endpoint):
        raise invalid("Email address")


def _check_large(protocol: str, subscriptions: int) -> None:
    if protocol not in _LARGE_PROTOCOLS or subscriptions > _LARGE_SUBSCRIPTIONS:
        raise invalid(
            "MaximumMessageSize Reason: A topic with a MaximumMessageSize above "
            f"{DEFAULT_MAXIMUM_SIZE} bytes has at most {_LARGE_SUBSCRIPTIONS} subscriptions, of "
            "the protocols firehose, lambda and sqs"
        )


def _refuse_other_topic(
    existing: EmbeddedTopic, attributes: Mapping[str, str], tags: Mapping[str, str] | None
) -> None:
    confirmed = existing.attributes(0, 0)
    if any(confirmed.get(name) != value for name, value in attributes.items()):
        raise invalid("Attributes Reason: Topic already exists with different attributes")
    if tags and tags != existing._tags:
        raise invalid("Tags Reason: Topic already exists with different tags")


@contextmanager
def answering() -> Iterator[None]:
    """Within, a refusal becomes the error that moto answers with."""
    try:
        yield
    except Refused as error:
        raise SNSException(error.code, error.message) from error
