"""Subscriptions of SNS topics.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from slstest import casing
from slstest.calls import ask, ask_unless
from slstest.errors import ConfigurationError
from slstest.resources.topic_messages import sending_statement
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
    ) -> None:
        """``permission`` names the statement that lets the topic invoke a function."""
        self._scope = scope
        self._topic_arn = topic_arn
        self._arn = arn
        self._asked = asked
        self._permission = permission

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
    try:
        arn = _subscribe(scope, topic_arn, "lambda", function.arn, found, asked)
    except ConfigurationError:
        _remove(scope, permission)
        raise
    return Subscription(scope, topic_arn, arn, asked, permission)


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
    statement = sending_statement(topic_arn, queue_arn)
    statements = policy.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    if statement in statements:
        return
    changed = {"Version": "2012-10-17", **policy, "Statement": [*statements, statement]}
    request = {"QueueUrl": url, "Attributes": {"Policy": json.dumps(changed)}}
    ask(client, "set_queue_attributes", request, asked=asked)
