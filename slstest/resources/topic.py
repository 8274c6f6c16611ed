"""SNS topics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from slstest import casing
from slstest.calls import ask, ask_unless
from slstest.clouds.base import Cloud
from slstest.errors import ConfigurationError
from slstest.expect import expect, expect_not, nearest_text
from slstest.functions.function import Function
from slstest.ledger import Entry
from slstest.matching import matches_data, show
from slstest.resources.base import Resource
from slstest.resources.queue import Queue
from slstest.resources.subscription import Subscription, subscribe_function, subscribe_queue
from slstest.resources.topic_messages import Listener, Notification, listen, publish_entries
from slstest.scope import Scope
from slstest.shapes import message_text

_GROUP = "default"
"""The message group of a FIFO topic's messages where the test names none."""

_ATTRIBUTES = (
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DeliveryPolicy",
    "DisplayName",
    "FifoThroughputScope",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
    *(
        f"{protocol}{attribute}"
        for protocol in ("Application", "Firehose", "HTTP", "Lambda", "SQS")
        for attribute in (
            "SuccessFeedbackRoleArn",
            "SuccessFeedbackSampleRate",
            "FailureFeedbackRoleArn",
        )
    ),
)
"""Those of https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html; boto3 lists none."""

_TAKEN = {
    "topic_name": "the name is a throwaway one; give yours as the first argument, "
    "and it is added to it",
    "attributes": "give each attribute as an argument of its own, such as display_name='Orders'",
    "fifo_topic": "write fifo=True",
}
_TAKEN_BY_PUBLISH = {
    "topic_arn": "it is this topic",
    "target_arn": "it is this topic",
    "phone_number": "it is this topic that the messages go to",
    "message": "it is the first argument",
}
_ANY: Any = type("Any", (), {"__repr__": lambda _: "ANY"})()
"""What is expected where nothing is said."""


class Topic(Resource):
    """A throwaway SNS topic."""

    kind = "topic"

    def __init__(self, scope: Scope, label: str, name: str, arn: str, listener: Listener) -> None:
        super().__init__(scope, label, name, arn)
        self._listener = listener

    @property
    def fifo(self) -> bool:
        """Whether it keeps the order of its messages."""
        return self._name.endswith(".fifo")

    def publish(
        self,
        *messages: Any,
        subject: str | None = None,
        message_attributes: Mapping[str, Mapping[str, Any]] | None = None,
        message_group_id: str | Callable[[Any], str] | None = None,
        **publish_parameters: Any,
    ) -> list[Notification]:
        """Publish messages with PublishBatch, in as few requests as its limits allow.

        A dict or a list goes as JSON, a str as it is, bytes as the UTF-8 text that they are.
        ``subject`` and ``message_attributes`` (AWS's keys: ``{"kind": {"DataType": "String",
        "StringValue": "order"}}``) are those of every message. ``message_group_id`` is one group
        for all, or a function from the message to its group; on a FIFO topic it is ``"default"``
        where none is given. Takes every other parameter of Publish in snake case, such as
        ``message_structure="json"``. A FIFO topic drops a message that it had less than five
        minutes ago, unless ``message_deduplication_id=`` tells them apart.

        Returns the messages with their ids. Raises :class:`slstest.errors.SlstestError` for
        what the topic does not take.
        https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
        """
        client = self._client("sns")
        asked = f"{self}.publish"
        given = casing.parameters(
            client, "Publish", publish_parameters, asked=asked, taken=_TAKEN_BY_PUBLISH
        )
        if subject is not None:
            given["Subject"] = subject
        if message_attributes is not None:
            given["MessageAttributes"] = message_attributes
        entries = []
        for number, message in enumerate(messages):
            place = f"{asked}, message {number + 1} of {len(messages)}"
            entry = {"Id": str(number), "Message": message_text(message, place), **given}
            group = message_group_id(message) if callable(message_group_id) else message_group_id
            if group is None and self.fifo:
                group = _GROUP
            if group is not None:
                entry["MessageGroupId"] = group
            entries.append(entry)
        return publish_entries(client, self._arn, entries, asked=asked)

    def subscribe(self, subscriber: Queue | Function, **attributes: Any) -> Subscription:
        """Subscribe a queue or a function, and let the topic reach it by its policy.

        Takes every attribute of a subscription in snake case, such as
        ``raw_message_delivery=True``, ``filter_policy={"kind": ["order"]}``,
        ``filter_policy_scope="MessageBody"`` or ``redrive_policy={"deadLetterTargetArn":
        dead.arn}``; the dead-letter queue is given the policy that it needs, too.
        https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
        """
        asked = f"{self}.subscribe({subscriber})"
        if isinstance(subscriber, Queue):
            return subscribe_queue(self._scope, self._arn, subscriber, attributes, asked=asked)
        if isinstance(subscriber, Function):
            return subscribe_function(self._scope, self._arn, subscriber, attributes, asked=asked)
        raise ConfigurationError(f"{asked}: only a queue or a function can be subscribed so far")

    def messages(self) -> list[Notification]:
        """The messages that were published since the topic was created, oldest first.

        They are seen by a queue of the harness's own, which is a subscription of the topic like
        others.
        """
        return self._listener.messages()

    def expect_message(self, expected: Any, timeout: float | None = None) -> Notification:
        """Wait until a message like this is published, and return it.

        A dict or a list is compared with the JSON (dicts only by the keys given), a str with
        the text. ``timeout`` is in seconds; given, the whole of it is waited, otherwise no
        longer than something is under way. Raises
        :class:`slstest.errors.ExpectationFailed`, showing the nearest message.
        """
        return expect(
            self._scope,
            lambda: self._first(expected),
            lambda: self._explain_missing(expected),
            timeout,
        )

    def expect_no_message(self, expected: Any = _ANY, timeout: float | None = None) -> None:
        """Settle, then check that no message like this was published; by default, none at all.

        ``timeout`` is the seconds that settling may take. Raises
        :class:`slstest.errors.ExpectationFailed`, showing the message, or
        :class:`slstest.errors.NotSettled`.
        """
        like = "" if expected is _ANY else f" like\n  {show(expected)}\n"
        expect_not(
            self._scope,
            lambda: self._first(expected),
            lambda found: f"{self} was to get no message{like or ' '}but got\n  {show(found.body)}",
            timeout,
        )

    def contents(self) -> Mapping[str, Any]:
        """How often each message was published, in words."""
        return dict(Counter(f"the count of messages {m.raw}" for m in self.messages()))

    def _map_to(self, function: Function, settings: Mapping[str, Any]) -> Subscription:
        asked = f"{function}.triggered_by({self})"
        return subscribe_function(self._scope, self._arn, function, settings, asked=asked)

    # -- inside -------------------------------------------------------------------------

    def _first(self, expected: Any) -> Notification | None:
        for message in self.messages():
            if expected is _ANY or matches_data(expected, message.raw.encode()):
                return message
        return None

    def _explain_missing(self, expected: Any) -> str:
        bodies = [message.body for message in self.messages()]
        return (
            f"{self} got no message like\n  {show(expected)}\n"
            f"{nearest_text(expected, bodies, 'message')}"
        )


def create_topic(scope: Scope, label: str, *, fifo: bool, settings: Mapping[str, Any]) -> Topic:
    """Create a topic, and what is needed to see its messages; one that is FIFO deduplicates by
    content unless the settings say otherwise."""
    asked = f"sls.topic({label!r})"
    client = scope.cloud.client("sns")
    attributes, others = casing.attributes(
        _ATTRIBUTES,
        settings,
        asked=asked,
        what="a topic",
        taken=_TAKEN,
        beside=("tags", "data_protection_policy"),
        own=("fifo",),
    )
    given = casing.parameters(client, "CreateTopic", others, asked=asked)
    if fifo:
        attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true", **attributes}
    name = scope.names.throwaway(label) + (".fifo" if fifo else "")
    request = {"Name": name, "Attributes": attributes, **given}
    tags = [{"Key": tag, "Value": value} for tag, value in scope.tags().items()]
    if tags or "Tags" in given:
        request["Tags"] = [*tags, *given.get("Tags", ())]
    with scope.creating(Topic.kind, name) as entry:
        arn = ask(client, "create_topic", request, asked=asked)["TopicArn"]
        scope.ledger.learn(entry, arn=arn)
    listener = listen(scope, arn, f"{label}-messages", asked=asked)
    return Topic(scope, label, name, arn, listener)


def delete_topic(cloud: Cloud, entry: Entry) -> None:
    """Delete a topic and its subscriptions; one that is gone already is fine."""
    arn = entry.detail.get("arn") or _arn(cloud, entry.name)
    ask_unless(("NotFound",), cloud.client("sns"), "delete_topic", TopicArn=arn)


def _arn(cloud: Cloud, name: str) -> str:
    """The ARN of a topic of a run that was killed before it could write the answer down."""
    partition = cloud.session().get_partition_for_region(cloud.region)
    return f"arn:{partition}:sns:{cloud.region}:{cloud.account_id}:{name}"
