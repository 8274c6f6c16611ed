"""The messages of an SNS topic: publishing them in batches, and seeing what was published.

A topic shows its messages to its subscribers only. So every topic of an environment has one: a
queue that nobody else reads.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slstest.calls import ask, ask_unless
from slstest.resources.batches import send_in_batches
from slstest.resources.inbox import open_inbox
from slstest.resources.queue import QUEUE_GONE
from slstest.resources.queue_messages import Message
from slstest.scope import Scope
from slstest.waiting import wait_until

_MESSAGES_PER_REQUEST = 10
_BYTES_PER_REQUEST = 256 * 1024
"""https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html; one larger message, which a
topic may allow, has a request of its own."""

_KNOWN_TIMEOUT = 10.0
"""Seconds after which a queue that SQS does not know is not a new one."""

_RETENTION = 14 * 24 * 3600
"""Seconds, as long as SQS allows: the test may move the time far ahead."""


@dataclass(frozen=True)
class Notification(Message):
    """A message of a topic.

    ``attributes`` has what SNS says of it: ``Timestamp``, on a FIFO topic ``SequenceNumber``,
    ``MessageGroupId`` and ``MessageDeduplicationId``; of a message that was just published
    ``SequenceNumber`` only.
    """

    subject: str | None = None


def publish_entries(
    client: Any, topic_arn: str, entries: Sequence[Mapping[str, Any]], *, asked: str
) -> list[Notification]:
    """Publish entries of PublishBatch, in order, in as few requests as its limits allow.

    Raises :class:`slstest.errors.SlstestError` for what the topic does not take.
    """

    def send(chunk: list[Mapping[str, Any]]) -> dict[str, Any]:
        request = {"TopicArn": topic_arn, "PublishBatchRequestEntries": chunk}
        return ask(client, "publish_batch", request, asked=asked)

    return send_in_batches(
        entries,
        send,
        _published,
        size=_size,
        count_limit=_MESSAGES_PER_REQUEST,
        size_limit=_BYTES_PER_REQUEST,
        asked=asked,
    )


class Listener:
    """A queue that is subscribed to a topic, and keeps what it received."""

    def __init__(self, scope: Scope, url: str) -> None:
        self._scope = scope
        self._url = url
        self._heard: dict[str, Notification] = {}

    def messages(self) -> list[Notification]:
        """What was published since the topic was created, oldest first."""
        client = self._scope.cloud.client("sqs")
        while received := self._receive(client).get("Messages"):
            for message in received:
                heard = _heard(message)
                self._heard.setdefault(heard.message_id, heard)
            client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(received)
                ],
            )
        return sorted(self._heard.values(), key=lambda heard: heard.attributes["Timestamp"])

    def _receive(self, client: Any) -> dict[str, Any]:
        """Some messages, once SQS knows the queue: one host of it may, and another not yet."""
        return wait_until(
            f"SQS to know the queue that shows the messages of a topic, {self._url}",
            lambda: ask_unless(
                QUEUE_GONE,
                client,
                "receive_message",
                QueueUrl=self._url,
                MaxNumberOfMessages=_MESSAGES_PER_REQUEST,
                MessageSystemAttributeNames=["All"],
                WaitTimeSeconds=0 if self._scope.cloud.endpoint_url else 1,
            ),
            _KNOWN_TIMEOUT,
            self._scope.cloud.pace,
        )


def listen(scope: Scope, topic_arn: str, label: str, *, asked: str) -> Listener:
    """Create the queue of a topic and subscribe it."""
    attributes = {"MessageRetentionPeriod": str(_RETENTION)}
    if topic_arn.endswith(".fifo"):
        # What the topic took for different messages must be different ones for the queue, too,
        # on clouds as well whose topics pass no deduplication id on.
        attributes |= {
            "FifoQueue": "true",
            "ContentBasedDeduplication": "true",
            "DeduplicationScope": "messageGroup",
            "FifoThroughputLimit": "perMessageGroupId",
        }
    inbox = open_inbox(scope, label, "sns", topic_arn, asked=asked, attributes=attributes)
    subscription = {"TopicArn": topic_arn, "Protocol": "sqs", "Endpoint": inbox.arn}
    ask(scope.cloud.client("sns"), "subscribe", subscription, asked=asked)
    return Listener(scope, inbox.url)


def _heard(message: Mapping[str, Any]) -> Notification:
    document = json.loads(message["Body"])
    of_queue = message.get("Attributes", {})
    attributes = {
        name: document[name] for name in ("Timestamp", "SequenceNumber") if name in document
    }
    attributes |= {
        name: of_queue[name]
        for name in ("MessageGroupId", "MessageDeduplicationId")
        if name in of_queue
    }
    return Notification(
        document["Message"],
        document["MessageId"],
        attributes,
        {
            name: _attribute(attribute["Type"], attribute["Value"])
            for name, attribute in document.get("MessageAttributes", {}).items()
        },
        document.get("Subject"),
    )


def _attribute(kind: str, value: str) -> dict[str, Any]:
    """An attribute of a notification, in the words of Publish."""
    if kind.startswith("Binary"):
        return {"DataType": kind, "BinaryValue": base64.b64decode(value)}
    return {"DataType": kind, "StringValue": value}


def _published(entry: Mapping[str, Any], result: Mapping[str, Any]) -> Notification:
    numbered = {"SequenceNumber": result["SequenceNumber"]} if "SequenceNumber" in result else {}
    return Notification(
        entry["Message"],
        result["MessageId"],
        numbered,
        entry.get("MessageAttributes", {}),
        entry.get("Subject"),
    )


def _size(entry: Mapping[str, Any]) -> int:
    """Bytes that count against the limit of a batch: of the message and its attributes."""
    parts = [entry["Message"]]
    for name, attribute in entry.get("MessageAttributes", {}).items():
        parts += [name, *attribute.values()]
    return sum(len(part.encode() if isinstance(part, str) else part) for part in parts)
