"""Functions that are subscribed to topics: https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.unit.embedded.sns.conftest import refused

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws
    from tests.unit.embedded.sns.conftest import Topics

ATTRIBUTES = {
    "kind": {"DataType": "String", "StringValue": "größe"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
}


def arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


def function_for(topics: Topics, topic: str) -> str:
    """A function that lets a topic in; its ARN."""
    name = topics.aws.function()
    topics.aws.lambda_.add_permission(
        FunctionName=name,
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    return arn(name)


def subscribe(topics: Topics, topic: str, endpoint: str, **attributes: str) -> str:
    made: str = topics.sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=endpoint, Attributes=attributes
    )["SubscriptionArn"]
    return made


def notifications(aws: Aws) -> list[Any]:
    """What the functions got."""
    return [call.event["Records"][0]["Sns"] for call in aws.runtime.calls]


def test_a_function_gets_one_record_with_the_fields_of_aws_in_their_order(
    topics: Topics, aws: Aws
) -> None:
    topic = topics.topic()
    subscription = subscribe(topics, topic, function_for(topics, topic))
    answer = topics.publish(topic, "grün", Subject="farbe", MessageAttributes=ATTRIBUTES)
    (call,) = aws.runtime.calls
    (record,) = call.event["Records"]
    assert list(call.event) == ["Records"]
    assert list(record) == ["EventSource", "EventVersion", "EventSubscriptionArn", "Sns"]
    sns = record["Sns"]
    assert list(sns) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertUrl",
        "UnsubscribeUrl",
        "MessageAttributes",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", sns.pop("Timestamp"))
    assert len(base64.b64decode(sns.pop("Signature"))) == 256
    url = aws.cloud.endpoint_url
    assert sns.pop("SigningCertUrl").startswith(f"{url}/SimpleNotificationService-")
    assert record == {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": {
            "Type": "Notification",
            "MessageId": answer["MessageId"],
            "TopicArn": topic,
            "Subject": "farbe",
            "Message": "grün",
            "SignatureVersion": "1",
            "UnsubscribeUrl": f"{url}/?Action=Unsubscribe&SubscriptionArn={subscription}",
            "MessageAttributes": {
                "kind": {"Type": "String", "Value": "größe"},
                "raw": {"Type": "Binary", "Value": "AgME"},
            },
        },
    }


def test_what_was_not_published_is_null_or_empty_and_not_signed(topics: Topics, aws: Aws) -> None:
    topic = topics.topic(SignatureVersion="2")
    subscribe(topics, topic, function_for(topics, topic))
    topics.publish(topic)
    (sns,) = notifications(aws)
    assert (sns["Subject"], sns["MessageAttributes"]) == (None, {})
    with urllib.request.urlopen(sns["SigningCertUrl"]) as answer:
        key = x509.load_pem_x509_certificate(answer.read()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    names = ["Message", "MessageId", "Timestamp", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{sns[name]}\n" for name in names)
    key.verify(
        base64.b64decode(sns["Signature"]), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )


def test_each_message_is_an_invocation_of_its_own(topics: Topics, aws: Aws) -> None:
    topic = topics.topic()
    subscribe(topics, topic, function_for(topics, topic))
    entries = [{"Id": str(n), "Message": str(n)} for n in range(10)]
    topics.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    aws.quiesce()
    assert sorted(sns["Message"] for sns in notifications(aws)) == [str(n) for n in range(10)]
    assert {len(call.event["Records"]) for call in aws.runtime.calls} == {1}


def test_a_function_gets_what_its_filter_policy_lets_pass_in_the_words_for_functions(
    topics: Topics, aws: Aws
) -> None:
    topic = topics.topic()
    function = function_for(topics, topic)
    subscribe(topics, topic, function, FilterPolicy='{"kind": ["größe"]}')
    topics.publish(topic, "no")
    text = json.dumps({"default": "for all", "lambda": "for functions"})
    topics.publish(topic, text, MessageStructure="json", MessageAttributes=ATTRIBUTES)
    (sns,) = notifications(aws)
    assert (sns["Message"], sns["MessageAttributes"]) == ("for functions", {})


def test_a_function_that_fails_is_tried_again_by_lambda(topics: Topics, aws: Aws) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

    def fail(event: Any) -> None:
        raise ValueError("no")

    topic, aws.runtime.handler = topics.topic(), fail
    subscribe(topics, topic, function_for(topics, topic))
    topics.publish(topic)
    aws.settle()
    moments = [call.moment for call in aws.runtime.calls]
    assert [round(moment - moments[0], -1) for moment in moments] == [0, 60, 180]
    assert len({sns["MessageId"] for sns in notifications(aws)}) == 1
    assert aws.cloud.undelivered() == ()


def test_the_unqualified_function_may_be_named_by_its_qualifier(topics: Topics, aws: Aws) -> None:
    topic = topics.topic()
    subscribe(topics, topic, f"{function_for(topics, topic)}:$LATEST")
    topics.publish(topic)
    assert len(aws.runtime.calls) == 1


@pytest.mark.parametrize(
    "source", [None, "arn:aws:sns:us-east-1:123456789012:other"], ids=["none", "another topic"]
)
def test_a_function_has_to_let_the_topic_in(topics: Topics, aws: Aws, source: str | None) -> None:
    topic = topics.topic()
    function = function_for(topics, source) if source else arn(aws.function())
    subscribe(topics, topic, function)
    topics.publish(topic)
    assert aws.runtime.calls == []
    assert aws.cloud.undelivered() == (
        f"topic {topic.rpartition(':')[2]} could not deliver to {function}: the function's policy "
        f"does not allow sns.amazonaws.com to do lambda:InvokeFunction with aws:SourceArn {topic}",
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        arn("gone"),
        arn("f").replace("us-east-1", "eu-west-1"),
        arn("f").replace("123456789012", "210987654321"),
        f"{arn('f')}:live",
    ],
)
def test_a_function_that_is_not_there_is_told(topics: Topics, aws: Aws, endpoint: str) -> None:
    topic = topics.topic()
    aws.function(FunctionName="f")
    subscribe(topics, topic, endpoint)
    topics.publish(topic)
    assert aws.runtime.calls == []
    (note,) = aws.cloud.undelivered()
    assert note.endswith(f"could not deliver to {endpoint}: there is no such function")


def test_what_a_function_cannot_be_given_goes_to_the_subscription_s_dead_letter_queue(
    topics: Topics, aws: Aws
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    topic, dead = topics.topic(), topics.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead})
    subscribe(topics, topic, arn(aws.function()), RedrivePolicy=redrive)
    topics.publish(topic, "hello")
    assert topics.texts(dead) == ["hello"]
    assert aws.cloud.undelivered() == ()


def test_a_fifo_topic_has_no_functions(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html"""
    with pytest.raises(ClientError) as error:
        subscribe(topics, topics.topic(fifo=True), arn("f"))
    expected = "Invalid parameter: Invalid protocol type: lambda"
    assert refused(error) == (400, "InvalidParameter", expected)


def test_a_function_gets_no_raw_messages(topics: Topics) -> None:
    with pytest.raises(ClientError, match=r"Delivery protocol \[lambda\] does not support raw"):
        subscribe(topics, topics.topic(), arn("f"), RawMessageDelivery="true")
