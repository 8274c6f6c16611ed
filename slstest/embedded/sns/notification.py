"""A message on its way from a topic to a subscriber, in the words of each protocol."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol


class Signs(Protocol):
    """Signs what it is given, and says where its certificate is."""

    def sign(self, text: str, version: str) -> str: ...

    @property
    def certificate_path(self) -> str: ...


@dataclass(frozen=True)
class Notification:
    """A message that a topic took, as one subscription gets it."""

    message_id: str
    topic_arn: str
    subscription_arn: str
    message: str
    subject: str | None
    attributes: Mapping[str, Mapping[str, Any]]
    """As Publish takes them; their binary values are bytes."""
    published: float
    """When, in seconds since the epoch."""
    sequence_number: str | None
    """Of a message of a FIFO topic."""
    signature_version: str

    @property
    def timestamp(self) -> str:
        moment = datetime.fromtimestamp(self.published, timezone.utc)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def document(notification: Notification, signer: Signs, endpoint_url: str) -> dict[str, Any]:
    """The JSON document that a subscriber gets, its fields in the order of AWS.

    https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html. Notifications of FIFO
    topics have a sequence number and no signature.
    """
    found: dict[str, Any] = {"Type": "Notification", "MessageId": notification.message_id}
    if notification.sequence_number is not None:
        found["SequenceNumber"] = notification.sequence_number
    found["TopicArn"] = notification.topic_arn
    if notification.subject is not None:
        found["Subject"] = notification.subject
    found["Message"] = notification.message
    found["Timestamp"] = notification.timestamp
    if notification.sequence_number is None:
        version = notification.signature_version
        found["SignatureVersion"] = version
        found["Signature"] = signer.sign(_signed_text(found), version)
        found["SigningCertURL"] = endpoint_url + signer.certificate_path
    found["UnsubscribeURL"] = (
        f"{endpoint_url}/?Action=Unsubscribe&SubscriptionArn={notification.subscription_arn}"
    )
    if notification.attributes:
        found["MessageAttributes"] = worded_attributes(notification.attributes)
    return found


def event(notification: Notification, signer: Signs, endpoint_url: str) -> dict[str, Any]:
    """The event that a function gets.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html; events that were recorded have
    the URLs' names as here, and a subject that is null where none was published. FIFO topics
    have no functions.
    """
    return event_of(document(notification, signer, endpoint_url), notification.subscription_arn)


def event_of(found: Mapping[str, Any], subscription_arn: str) -> dict[str, Any]:
    """The event that a function gets where another subscriber gets this document."""
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": {
            "Type": found["Type"],
            "MessageId": found["MessageId"],
            "TopicArn": found["TopicArn"],
            "Subject": found.get("Subject"),
            "Message": found["Message"],
            "Timestamp": found["Timestamp"],
            "SignatureVersion": found["SignatureVersion"],
            "Signature": found["Signature"],
            "SigningCertUrl": found["SigningCertURL"],
            "UnsubscribeUrl": found["UnsubscribeURL"],
            "MessageAttributes": found.get("MessageAttributes", {}),
        },
    }
    return {"Records": [record]}


def text_of(document: Mapping[str, Any]) -> str:
    """The document as SNS writes it into the body of an SQS message: one field to a line."""
    lines = [f"  {json.dumps(name)} : {_value(value)}" for name, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def worded_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Message attributes as they stand in a document; binary values in base64."""
    return {
        name: {"Type": attribute["DataType"], "Value": _attribute_value(attribute)}
        for name, attribute in attributes.items()
    }


def _attribute_value(attribute: Mapping[str, Any]) -> str:
    if attribute["DataType"].startswith("Binary"):
        return base64.b64encode(attribute["BinaryValue"]).decode()
    return str(attribute["StringValue"])


def _value(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    lines = [
        f"    {json.dumps(name, ensure_ascii=False)} : "
        + json.dumps(inner, ensure_ascii=False, separators=(",", ":"))
        for name, inner in value.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n  }"


_SIGNED = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
"""https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html"""


def _signed_text(document: Mapping[str, Any]) -> str:
    return "".join(f"{name}\n{document[name]}\n" for name in _SIGNED if name in document)
