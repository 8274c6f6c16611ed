"""Queues as the subscribers of topics, and as dead-letter queues of subscriptions.

https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from slstest.embedded.resource_policies import allows
from slstest.embedded.sns.access import check_allowed, sns_access
from slstest.embedded.sns.delivery import Delivery, Undeliverable
from slstest.embedded.sns.notification import Signs, document, text_of
from slstest.embedded.sqs.requests import Refused


class Queues(Protocol):
    """The cloud's queues."""

    def policy(self, queue_arn: str) -> str | None:
        """The queue's policy as JSON, empty without one; None where there is no such queue."""

    def send(
        self,
        queue_arn: str,
        body: str,
        *,
        attributes: Mapping[str, Mapping[str, Any]],
        group_id: str | None,
        deduplication_id: str | None,
        trace_header: str | None,
    ) -> None:
        """Send a message. Raises :class:`slstest.embedded.sqs.requests.Refused`."""


class QueueSender:
    """Sends notifications to queues that let SNS in."""

    def __init__(self, queues: Queues, signer: Signs, endpoint_url: Callable[[], str]) -> None:
        self._queues = queues
        self._signer = signer
        self._endpoint_url = endpoint_url

    def send(self, queue_arn: str, delivery: Delivery) -> None:
        """Send a notification to a queue. Raises :class:`Undeliverable`."""
        notification = delivery.notification
        self._check_access(queue_arn, notification.topic_arn)
        body, attributes = notification.message, notification.attributes
        if not delivery.raw:
            body = text_of(document(notification, self._signer, self._endpoint_url()))
            attributes = {}
        group_id, deduplication_id = _tokens(queue_arn, delivery)
        try:
            self._queues.send(
                queue_arn,
                body,
                attributes=attributes,
                group_id=group_id,
                deduplication_id=deduplication_id,
                trace_header=delivery.trace_header,
            )
        except Refused as error:
            raise Undeliverable(f"{error.code}: {error.message}") from error

    def _check_access(self, queue_arn: str, topic_arn: str) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html: the
        queue's policy has to let the service send, in the topic's own account too."""
        policy = self._queues.policy(queue_arn)
        if policy is None:
            raise Undeliverable("there is no such queue")
        access = sns_access("sqs:SendMessage", queue_arn, topic_arn)
        check_allowed("queue", access, lambda: allows(policy, access))


def _tokens(queue_arn: str, delivery: Delivery) -> tuple[str | None, str | None]:
    """The group and the deduplication id that a queue gets.

    https://docs.aws.amazon.com/sns/latest/dg/fifo-message-grouping.html: a FIFO topic passes them
    on to FIFO queues only. A standard topic forwards a group to standard queues, for fairness.
    """
    if queue_arn.endswith(".fifo"):
        return delivery.group_id, delivery.deduplication_id
    from_fifo = delivery.notification.sequence_number is not None
    return None if from_fifo else delivery.group_id, None
