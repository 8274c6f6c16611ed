"""SQS queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slstest import casing
from slstest.calls import ask, ask_unless
from slstest.clouds.base import Cloud
from slstest.expect import expect, expect_not, nearest_text
from slstest.functions.mapping import EventSourceMapping, create_mapping
from slstest.ledger import Entry
from slstest.matching import matches_data, show
from slstest.resources.base import Resource
from slstest.resources.queue_messages import (
    Message,
    ShowsQueues,
    message_of,
    read_messages,
    send_entries,
)
from slstest.scope import Scope
from slstest.shapes import message_text
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

_GROUP = "default"
"""The message group of a FIFO queue's messages where the test names none."""

_TAKEN = {
    "queue_name": "the name is a throwaway one; give yours as the first argument, "
    "and it is added to it",
    "attributes": "give each attribute as an argument of its own, such as visibility_timeout=30",
    "fifo_queue": "write fifo=True",
}
_TAKEN_BY_SEND = {
    "queue_url": "it is this queue",
    "message_body": "it is the first argument",
}
_READ_ONLY = frozenset(
    {
        "All",
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesDelayed",
        "ApproximateNumberOfMessagesNotVisible",
        "CreatedTimestamp",
        "LastModifiedTimestamp",
        "QueueArn",
    }
)
_COUNTS = {
    "ApproximateNumberOfMessages": "to be received",
    "ApproximateNumberOfMessagesNotVisible": "in flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}
QUEUE_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


class Queue(Resource):
    """A throwaway SQS queue."""

    kind = "queue"
    placeholders = ("name", "arn", "url")

    def __init__(self, scope: Scope, label: str, name: str, arn: str, url: str) -> None:
        super().__init__(scope, label, name, arn)
        self._url = url

    @property
    def url(self) -> str:
        """Its URL, by which the API knows it."""
        return self._url

    @property
    def fifo(self) -> bool:
        """Whether it keeps the order of its messages."""
        return self._name.endswith(".fifo")

    def send(
        self,
        *bodies: Any,
        message_group_id: str | Callable[[Any], str] | None = None,
        **send_message_parameters: Any,
    ) -> list[Message]:
        """Send messages with SendMessageBatch, in as few requests as its limits allow.

        A dict or a list goes as JSON, a str as it is, bytes as the UTF-8 text that they are.
        ``message_group_id`` is one group for all, or a function from the body to its group; on
        a FIFO queue it is ``"default"`` where none is given. Takes every parameter of
        SendMessage in snake case, such as ``delay_seconds=`` or ``message_attributes=``, for
        all messages. A FIFO queue drops a body that it had less than five minutes ago, unless
        ``message_deduplication_id=`` tells them apart.

        Returns the messages with their ids. Raises :class:`slstest.errors.SlstestError` for
        what the queue does not take.
        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
        """
        client = self._client("sqs")
        asked = f"{self}.send"
        given = casing.parameters(
            client, "SendMessage", send_message_parameters, asked=asked, taken=_TAKEN_BY_SEND
        )
        entries = []
        for number, body in enumerate(bodies):
            place = f"{asked}, message {number + 1} of {len(bodies)}"
            entry = {"Id": str(number), "MessageBody": message_text(body, place), **given}
            group = message_group_id(body) if callable(message_group_id) else message_group_id
            if group is None and self.fifo:
                group = _GROUP
            if group is not None:
                entry["MessageGroupId"] = group
            entries.append(entry)
        return send_entries(client, self._url, entries, asked=asked)

    def messages(self) -> list[Message]:
        """The messages that can be received now, oldest first; they stay in the queue.

        Messages in flight and delayed ones are not among them. On the embedded cloud looking
        changes nothing. Elsewhere SQS shows a message only to those who receive it: each look
        counts as a receipt, which may move messages to a dead-letter queue, and hides them for
        a moment from a function that reads the queue.
        """
        cloud = self._scope.cloud
        if isinstance(cloud, ShowsQueues):
            return [message_of(message) for message in cloud.browse_queue(self._arn)]
        wait = 0 if cloud.endpoint_url else 1
        return read_messages(self._client("sqs"), self._url, wait=wait)

    def contents(self) -> Mapping[str, Any]:
        """How many messages of each body can be received now."""
        return dict(Counter(f"the count of messages {m.raw}" for m in self.messages()))

    def expect_message(self, expected: Any, timeout: float | None = None) -> Message:
        """Wait for a message with this body and return it; it stays in the queue.

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

    def expect_empty(self, timeout: float | None = None) -> None:
        """Settle, then check that the queue has no message, not even one in flight or delayed.

        ``timeout`` is the seconds that settling may take. Raises
        :class:`slstest.errors.ExpectationFailed` with what is there, or
        :class:`slstest.errors.NotSettled`.
        """
        expect_not(
            self._scope,
            lambda: self._counts() or None,
            lambda counts: "\n".join(
                [
                    f"{self} was to be empty but has messages: {_told(counts)}",
                    *(f"  {show(message.body)}" for message in self.messages()[:10]),
                ]
            ),
            timeout,
        )

    def _map_to(self, function: Function, settings: Mapping[str, Any]) -> EventSourceMapping:
        return create_mapping(self._scope, function, self, settings)

    # -- inside -------------------------------------------------------------------------

    def _first(self, expected: Any) -> Message | None:
        for message in self.messages():
            if matches_data(expected, message.raw.encode()):
                return message
        return None

    def _explain_missing(self, expected: Any) -> str:
        lines = [
            f"{self} has no message like\n  {show(expected)}",
            nearest_text(expected, [message.body for message in self.messages()], "message"),
        ]
        hidden = {name: n for name, n in self._counts().items() if name != "to be received"}
        if hidden:
            lines.append(f"Messages that cannot be seen: {_told(hidden)}.")
        return "\n".join(lines)

    def _counts(self) -> dict[str, int]:
        """How many messages there are of each sort, without the sorts of which there is none."""
        answer = self._client("sqs").get_queue_attributes(
            QueueUrl=self._url, AttributeNames=list(_COUNTS)
        )
        counts = {sort: int(answer["Attributes"].get(name, 0)) for name, sort in _COUNTS.items()}
        return {sort: count for sort, count in counts.items() if count}


def create_queue(scope: Scope, label: str, *, fifo: bool, settings: Mapping[str, Any]) -> Queue:
    """Create a queue; one that is FIFO deduplicates by content unless the settings say
    otherwise."""
    asked = f"sls.queue({label!r})"
    client = scope.cloud.client("sqs")
    names = client.meta.service_model.shape_for("QueueAttributeName").enum
    attributes, others = casing.attributes(
        [name for name in names if name not in _READ_ONLY],
        settings,
        asked=asked,
        what="a queue",
        taken=_TAKEN,
        beside=("tags",),
        own=("fifo",),
    )
    given = casing.parameters(client, "CreateQueue", others, asked=asked)
    if fifo:
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
    name = scope.names.throwaway(label) + (".fifo" if fifo else "")
    request = {"QueueName": name, "Attributes": attributes}
    tags = {**scope.tags(), **given.get("tags", {})}
    if tags:
        request["tags"] = tags
    with scope.creating(Queue.kind, name):
        url = ask(client, "create_queue", request, asked=asked)["QueueUrl"]
    return Queue(scope, label, name, wait_until_known(scope, url, asked=asked), url)


def wait_until_known(scope: Scope, url: str, *, asked: str) -> str:
    """Wait until SQS knows a queue that it has just created, which may take it a second, and
    return the queue's ARN.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    """
    client = scope.cloud.client("sqs")
    answer = wait_until(
        f"{asked}: SQS to know the queue",
        lambda: ask_unless(
            QUEUE_GONE, client, "get_queue_attributes", QueueUrl=url, AttributeNames=["QueueArn"]
        ),
        pace=scope.cloud.pace,
    )
    return str(answer["Attributes"]["QueueArn"])


def delete_queue(cloud: Cloud, entry: Entry) -> None:
    """Delete a queue; one that is gone already is fine."""
    client = cloud.client("sqs")
    found = ask_unless(QUEUE_GONE, client, "get_queue_url", QueueName=entry.name)
    if found is not None:
        ask_unless(QUEUE_GONE, client, "delete_queue", QueueUrl=found["QueueUrl"])


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {sort}" for sort, count in counts.items())
