"""The messages of a queue as they stand in an event.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_ATTRIBUTES = (
    "ApproximateReceiveCount",
    "AWSTraceHeader",
    "SentTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "SenderId",
    "MessageDeduplicationId",
    "ApproximateFirstReceiveTimestamp",
    "DeadLetterQueueSourceArn",
)
"""In the order in which AWS sends them; each only where the message has it."""

_START, _END = b'{"Records":[', b"]}"

PAYLOAD_LIMIT = 6 * 1024 * 1024 - len(_START) - len(_END)
"""Bytes that the records of one event may take together, their commas included:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


@dataclass(frozen=True)
class ReceivedMessage:
    """A message that was received for a function."""

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    received: float
    """When, in seconds since the epoch."""
    record: Mapping[str, Any]
    text: bytes
    """The record as JSON."""

    @property
    def size(self) -> int:
        """Bytes that it takes in an event, with the comma before the next record."""
        return len(self.text) + 1


def received_message(
    message: Mapping[str, Any], queue_arn: str, received: float
) -> ReceivedMessage:
    """A message of ReceiveMessage, asked for with all its attributes."""
    record = sqs_record(message, queue_arn)
    return ReceivedMessage(
        message_id=message["MessageId"],
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"],
        receive_count=int(message["Attributes"]["ApproximateReceiveCount"]),
        received=received,
        record=record,
        text=json.dumps(record, separators=(",", ":")).encode(),
    )


def sqs_record(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """The record of a message. ``md5OfMessageAttributes`` is there where the message has
    attributes."""
    attributes = message.get("Attributes", {})
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {name: attributes[name] for name in _ATTRIBUTES if name in attributes},
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def event_of(messages: Sequence[ReceivedMessage]) -> bytes:
    """The event of a batch."""
    return _START + b",".join(message.text for message in messages) + _END


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    if "StringValue" in value:
        result["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        result["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return {
        **result,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
