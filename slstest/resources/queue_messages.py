"""The messages of an SQS queue: sending and reading them through the API's batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from slstest.calls import ask
from slstest.resources.batches import send_in_batches
from slstest.shapes import decode

_MESSAGES_PER_REQUEST = 10
_BYTES_PER_REQUEST = 256 * 1024
"""AWS takes 1 MiB by now, emulators still 256 KiB; one larger message has a request of its own:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html"""

_READING = 30
"""Seconds for which messages are hidden while they are read."""


@dataclass(frozen=True)
class Message:
    """A message of a queue."""

    raw: str
    """The body as it is in the queue."""
    message_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The system attributes: ``ApproximateReceiveCount``, ``SentTimestamp``, ...; of a message
    that was just sent to a FIFO queue ``SequenceNumber``."""
    message_attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The sender's own attributes, each with AWS's keys (``DataType``, ``StringValue``)."""

    @property
    def body(self) -> Any:
        """The body decoded: the value where it is JSON, else the text."""
        return decode(self.raw.encode())


@runtime_checkable
class ShowsQueues(Protocol):
    """A cloud that can show a queue's messages without receiving them."""

    def browse_queue(self, queue_arn: str) -> Sequence[Mapping[str, Any]]:
        """The messages that can be received, in the words of ReceiveMessage."""


def send_entries(
    client: Any, url: str, entries: Sequence[Mapping[str, Any]], *, asked: str
) -> list[Message]:
    """Send entries of SendMessageBatch, in order, in as few requests as its limits allow.

    Raises :class:`slstest.errors.SlstestError` for what the queue does not take.
    """

    def send(chunk: list[Mapping[str, Any]]) -> dict[str, Any]:
        request = {"QueueUrl": url, "Entries": chunk}
        return ask(client, "send_message_batch", request, asked=asked)

    return send_in_batches(
        entries,
        send,
        _sent,
        size=lambda entry: len(entry["MessageBody"].encode()),
        count_limit=_MESSAGES_PER_REQUEST,
        size_limit=_BYTES_PER_REQUEST,
        asked=asked,
    )


def read_messages(client: Any, url: str, *, wait: int) -> list[Message]:
    """The messages that can be received, by receiving them and making them visible again.

    SQS has no other way: each reading counts as a receipt of the messages, and meanwhile they
    are hidden from others. Long polls of ``wait`` seconds find every message on AWS.
    """
    received: list[dict[str, Any]] = []
    while True:
        answer = client.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_MESSAGES_PER_REQUEST,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            VisibilityTimeout=_READING,
            WaitTimeSeconds=wait,
        )
        if not answer.get("Messages"):
            break
        received += answer["Messages"]
    for start in range(0, len(received), _MESSAGES_PER_REQUEST):
        client.change_message_visibility_batch(
            QueueUrl=url,
            Entries=[
                {
                    "Id": str(number),
                    "ReceiptHandle": message["ReceiptHandle"],
                    "VisibilityTimeout": 0,
                }
                for number, message in enumerate(received[start : start + _MESSAGES_PER_REQUEST])
            ],
        )
    return [message_of(message) for message in received]


def message_of(message: Mapping[str, Any]) -> Message:
    """A message in the words of ReceiveMessage."""
    return Message(
        message["Body"],
        message["MessageId"],
        message.get("Attributes", {}),
        message.get("MessageAttributes", {}),
    )


def _sent(entry: Mapping[str, Any], result: Mapping[str, Any]) -> Message:
    numbered = {"SequenceNumber": result["SequenceNumber"]} if "SequenceNumber" in result else {}
    return Message(
        entry["MessageBody"], result["MessageId"], numbered, entry.get("MessageAttributes", {})
    )
