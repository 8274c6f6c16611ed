"""What a service sends to a queue, as the event that a function gets."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from slstest.clouds.base import Relay
from slstest.clouds.pushes import TRANSLATIONS, s3_event, sns_event

BUCKET = Relay("s3", "arn:aws:s3:::uploads", "arn:aws:sqs:eu-west-1:1:q", "arn:aws:lambda:f")
TOPIC_ARN = "arn:aws:sns:eu-west-1:123456789012:orders"
SUBSCRIPTION_ARN = f"{TOPIC_ARN}:9e6d0d0c"
TOPIC = Relay("sns", TOPIC_ARN, "arn:aws:sqs:eu-west-1:1:q", "arn:aws:lambda:f", SUBSCRIPTION_ARN)

NOTIFICATION = {
    "Type": "Notification",
    "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
    "TopicArn": TOPIC_ARN,
    "Subject": "Grüße",
    "Message": "Hällo",
    "Timestamp": "2026-01-02T12:45:07.000Z",
    "SignatureVersion": "1",
    "Signature": "tcc6faL2yUC6dgZdmrwh1Y4cGa/ebXEkAi6RibDsvpi+tE/1+82j",
    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService.pem",
    "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    "MessageAttributes": {"kind": {"Type": "String", "Value": "order"}},
}


def test_an_event_of_s3_is_the_message_letter_by_letter() -> None:
    body = '{"Records": [ {"eventSource":"aws:s3", "s3": {"object": {"key": "Gr%C3%BCn"}}} ]}'
    assert s3_event(body, BUCKET) == body


def test_a_function_gets_no_test_event() -> None:
    body = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "uploads"}
    assert s3_event(json.dumps(body), BUCKET) is None


def test_a_notification_is_wrapped_as_functions_get_it() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    assert json.loads(sns_event(json.dumps(NOTIFICATION), TOPIC)) == {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": SUBSCRIPTION_ARN,
                "Sns": {
                    "Type": "Notification",
                    "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
                    "TopicArn": TOPIC_ARN,
                    "Subject": "Grüße",
                    "Message": "Hällo",
                    "Timestamp": "2026-01-02T12:45:07.000Z",
                    "SignatureVersion": "1",
                    "Signature": NOTIFICATION["Signature"],
                    "SigningCertUrl": NOTIFICATION["SigningCertURL"],
                    "UnsubscribeUrl": NOTIFICATION["UnsubscribeURL"],
                    "MessageAttributes": {"kind": {"Type": "String", "Value": "order"}},
                },
            }
        ]
    }


def test_what_a_notification_does_not_have_is_null_or_empty() -> None:
    left_out = ("Subject", "MessageAttributes")
    body = {name: value for name, value in NOTIFICATION.items() if name not in left_out}
    found = json.loads(sns_event(json.dumps(body), TOPIC))["Records"][0]["Sns"]
    assert (found["Subject"], found["MessageAttributes"]) == (None, {})


@pytest.mark.parametrize("translate", TRANSLATIONS.values(), ids=TRANSLATIONS)
@pytest.mark.parametrize("body", ["hello", "{}"])
def test_what_the_service_did_not_send_is_no_event(
    translate: Callable[[str, Relay], str | None], body: str
) -> None:
    with pytest.raises((ValueError, LookupError)):
        translate(body, BUCKET)
