"""Subscriptions of SNS topics.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from slstest import casing
from slstest.calls import ask, ask_unless
from slstest.clouds.base import ReceivesPushes
from slstest.errors import ConfigurationError
from slstest.resources.inbox import sending_statement
from slstest.resources.relay import RelayQueue, open_relay
from slstest.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slstest.functions.function import Function
    from slstest.resources.queue import Queue

_ATTRIBUTES = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RawMessageDelivery",
    "RedrivePolicy",
    "ReplayPolicy",
    "SubscriptionRoleArn",
)
"""Those of Subscribe and SetSubscriptionAttributes; boto3 lists none."""

_FIRST = "FilterPolicyScope"
"""What a filter policy may be depends on its scope."""


class Subscription:
    """A subscription of a topic of one environment."""

    def __init__(
        self,
        scope: Scope,
        topic_arn: str,
        arn: str,
        asked: str,
        permission: Mapping[str, str] | None = None,
        relay: RelayQueue | None = None,
    ) -> None:
        """``permission`` names the statement that lets the topic invoke a function, ``relay`` is
        the queue that is subscribed in the function's place."""
        self._scope = scope
        self._topic_arn = topic_arn
        self._arn = arn
        self._asked = asked
        self._permission = permission
        self._relay = relay

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name."""
        return self._arn

    def update(self, **attributes: Any) -> None:
        """Change attributes, in snake case; an empty one (``filter_policy=""``) is taken away.

        https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
        """
        asked = f"the subscription {self._asked}: update"
        found = _attributes(attributes, asked)
        if self._relay is not None:
            _check_attributes_of_function(found, asked)
        _open_dead_letter_queue(self._scope, self._topic_arn, found, asked)
        for name in sorted(found, key=lambda name: name != _FIRST):
            request = {
                "SubscriptionArn": self._arn,
                "AttributeName": name,
                "AttributeValue": found[name],
            }
            ask(
                self._scope.cloud.client("sns"),
                "set_subscription_attributes",
                request,
                asked=asked,
            )

    def delete(self) -> None:
        """Unsubscribe, and take back the permission that a function has given. What is gone
        already is fine."""
        client = self._scope.cloud.client("sns")
        ask_unless(("NotFound",), client, "unsubscribe", SubscriptionArn=self._arn)
        if self._permission is not None:
            _remove(self._scope, self._permission)
        if self._relay is not None:
            self._relay.delete()

    def __repr__(self) -> str:
        return f"<subscription {self._asked} {self._arn}>"


def subscribe_queue(
    scope: Scope, topic_arn: str, queue: Queue, attributes: Mapping[str, Any], *, asked: str
) -> Subscription:
    """Subscribe a queue, and let the topic send to it.

    The subscription goes with its topic.
    """
    found = _attributes(attributes, asked)
    _let_in(scope, topic_arn, queue.url, queue.arn, asked)
    _open_dead_letter_queue(scope, topic_arn, found, asked)
    arn = _subscribe(scope, topic_arn, "sqs", queue.arn, found, asked)
    return Subscription(scope, topic_arn, arn, asked)


def subscribe_function(
    scope: Scope, topic_arn: str, function: Function, attributes: Mapping[str, Any], *, asked: str
) -> Subscription:
    """Subscribe a function, and let the topic invoke it.

    The subscription goes with its topic, and the permission with the function.
    """
    found = _attributes(attributes, asked)
    if isinstance(scope.cloud, ReceivesPushes):
        if topic_arn.endswith(".fifo"):
            raise _refused(asked, "Invalid protocol type: lambda")
        _check_attributes_of_function(found, asked)
    _open_dead_letter_queue(scope, topic_arn, found, asked)
    permission = {
        "FunctionName": function.name,
        "StatementId": scope.names.throwaway("subscription"),
    }
    request = {
        **permission,
        "Action": "lambda:InvokeFunction",
        "Principal": "sns.amazonaws.com",
        "SourceArn": topic_arn,
    }
    ask(scope.cloud.client("lambda"), "add_permission", request, asked=asked)
    relay = None
    try:
        relay = open_relay(scope, "sns", topic_arn, function.arn, asked=asked)
        if relay is None:
            arn = _subscribe(scope, topic_arn, "lambda", function.arn, found, asked)
        else:
            arn = _subscribe(scope, topic_arn, "sqs", relay.arn, found, asked)
            relay.begin(arn)
    except ConfigurationError:
        _remove(scope, permission)
        if relay is not None:
            relay.delete()
        raise
    return Subscription(scope, topic_arn, arn, asked, permission, relay)


def _check_attributes_of_function(attributes: Mapping[str, str], asked: str) -> None:
    """Refuse what SNS refuses for a function, where it takes a queue in the function's place."""
    if attributes.get("RawMessageDelivery", "").lower() == "true":
        raise _refused(
            asked,
            "Attributes Reason: RawMessageDelivery: Delivery protocol [lambda] does not support "
            "raw message delivery.",
        )


def _refused(asked: str, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{asked}: refused as SNS does: InvalidParameter: Invalid parameter: {reason}"
    )


def _subscribe(
    scope: Scope,
    topic_arn: str,
    protocol: str,
    endpoint: str,
    attributes: Mapping[str, str],
    asked: str,
) -> str:
    request = {
        "TopicArn": topic_arn,
        "Protocol": protocol,
        "Endpoint": endpoint,
        "Attributes": attributes,
        "ReturnSubscriptionArn": True,
    }
    made = ask(scope.cloud.client("sns"), "subscribe", request, asked=asked)
    return str(made["SubscriptionArn"])


def _remove(scope: Scope, permission: Mapping[str, str]) -> None:
    client = scope.cloud.client("lambda")
    ask_unless(("ResourceNotFoundException",), client, "remove_permission", **permission)


def _attributes(given: Mapping[str, Any], asked: str) -> dict[str, str]:
    found, _ = casing.attributes(_ATTRIBUTES, given, asked=asked, what="a subscription")
    return found


def _open_dead_letter_queue(
    scope: Scope, topic_arn: str, attributes: Mapping[str, str], asked: str
) -> None:
    policy = attributes.get("RedrivePolicy")
    if not policy:
        return
    try:
        queue_arn = str(json.loads(policy)["deadLetterTargetArn"])
        *_, account_id, name = queue_arn.split(":")
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigurationError(
            f"{asked}: redrive_policy= takes {{'deadLetterTargetArn': queue.arn}}, not {policy}"
        ) from error
    where = {"QueueName": name, "QueueOwnerAWSAccountId": account_id}
    found = ask(scope.cloud.client("sqs"), "get_queue_url", where, asked=asked)
    _let_in(scope, topic_arn, found["QueueUrl"], queue_arn, asked)


def _let_in(scope: Scope, topic_arn: str, url: str, queue_arn: str, asked: str) -> None:
    """Add to a queue's policy that a topic may send to it."""
    client = scope.cloud.client("sqs")
    answer = client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    policy = json.loads(answer.get("Attributes", {}).get("Policy") or "{}")
    statement = sending_statement(topic_arn, queue_arn, "sns")
    statements = policy.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    if statement in statements:
        return
    changed = {"Version": "2012-10-17", **policy, "Statement": [*statements, statement]}
    request = {"QueueUrl": url, "Attributes": {"Policy": json.dumps(changed)}}
    ask(client, "set_queue_attributes", request, asked=asked)
