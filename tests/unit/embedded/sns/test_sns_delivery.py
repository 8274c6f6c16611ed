"""What becomes of a message that a topic took."""

from __future__ import annotations

import base64
import json
import re
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sns.delivery import Deliveries, Delivery
from slstest.embedded.sns.notification import Notification
from slstest.embedded.undelivered import UndeliveredNotes

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws
    from tests.unit.embedded.sns.conftest import Topics

ATTRIBUTES = {
    "kind": {"DataType": "String", "StringValue": "größe"},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
}


def test_a_notification_has_the_fields_of_the_documentation_in_their_order(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html"""
    topic = topics.topic()
    queue = topics.queue()
    subscription = topics.subscribe(topic, queue)
    answer = topics.publish(topic, "grün", Subject="farbe", MessageAttributes=ATTRIBUTES)
    (message,) = topics.received(queue)
    document = json.loads(message["Body"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document.pop("Timestamp"))
    assert len(base64.b64decode(document.pop("Signature"))) == 256
    assert re.fullmatch(
        rf"{topics.aws.cloud.endpoint_url}/SimpleNotificationService-[0-9a-f]{{32}}\.pem",
        document.pop("SigningCertURL"),
    )
    assert document == {
        "Type": "Notification",
        "MessageId": answer["MessageId"],
        "TopicArn": topic,
        "Subject": "farbe",
        "Message": "grün",
        "SignatureVersion": "1",
        "UnsubscribeURL": (
            f"{topics.aws.cloud.endpoint_url}/?Action=Unsubscribe&SubscriptionArn={subscription}"
        ),
        "MessageAttributes": {
            "kind": {"Type": "String", "Value": "größe"},
            "raw": {"Type": "Binary", "Value": "AgME"},
        },
    }
    assert "MessageAttributes" not in message
    lines = message["Body"].splitlines()
    assert lines[0] == "{"
    assert lines[1] == '  "Type" : "Notification",'
    assert lines[-5:] == [
        '  "MessageAttributes" : {',
        '    "kind" : {"Type":"String","Value":"größe"},',
        '    "raw" : {"Type":"Binary","Value":"AgME"}',
        "  }",
        "}",
    ]
    assert [line.split('"')[1] for line in lines[1:-4]] == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
    ]


def test_what_was_not_published_is_not_in_a_notification(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    topics.publish(topic)
    (body,) = topics.bodies(queue)
    assert not {"Subject", "MessageAttributes", "SequenceNumber"} & json.loads(body).keys()


@pytest.mark.parametrize(("version", "algorithm"), [("1", hashes.SHA1()), ("2", hashes.SHA256())])
@pytest.mark.parametrize("subject", [{}, {"Subject": "farbe"}], ids=["no subject", "subject"])
def test_a_signature_can_be_verified_with_the_certificate(
    topics: Topics, version: str, algorithm: hashes.HashAlgorithm, subject: dict[str, str]
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html"""
    topic = topics.topic(SignatureVersion=version)
    queue = topics.subscribed(topic)
    topics.publish(topic, "grün", **subject)
    document = json.loads(topics.bodies(queue)[0])
    assert document["SignatureVersion"] == version
    with urllib.request.urlopen(document["SigningCertURL"]) as answer:
        key = x509.load_pem_x509_certificate(answer.read()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    key.verify(
        base64.b64decode(document["Signature"]), signed.encode(), padding.PKCS1v15(), algorithm
    )


def test_the_url_to_unsubscribe_ends_the_subscription(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    topics.publish(topic)
    url = json.loads(topics.bodies(queue)[0])["UnsubscribeURL"]
    with urllib.request.urlopen(url) as answer:
        assert b"UnsubscribeResponse" in answer.read()
    topics.publish(topic)
    assert topics.received(queue) == []


def test_raw_delivery_sends_the_message_and_its_attributes_as_they_are(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html"""
    topic = topics.topic()
    queue = topics.subscribed(topic, RawMessageDelivery="true")
    topics.publish(topic, "grün", Subject="farbe", MessageAttributes=ATTRIBUTES)
    (message,) = topics.received(queue)
    assert message["Body"] == "grün"
    assert message["MessageAttributes"] == ATTRIBUTES


def test_a_raw_message_with_more_than_ten_attributes_is_not_delivered(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html: it is discarded as
    an error of the client's."""
    topic = topics.topic()
    raw = topics.subscribed(topic, RawMessageDelivery="true")
    other = topics.subscribed(topic)
    many = {f"n{n}": {"DataType": "Number", "StringValue": str(n)} for n in range(11)}
    topics.publish(topic, MessageAttributes=many)
    assert topics.received(raw) == []
    assert len(json.loads(topics.bodies(other)[0])["MessageAttributes"]) == 11
    (note,) = topics.aws.cloud.undelivered()
    assert "Number of message attributes [11] exceeds the allowed maximum [10]" in note


def test_a_structured_message_has_a_text_for_each_protocol(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html: "Message attributes
    are sent only when the message structure is String, not JSON."
    """
    topic = topics.topic()
    queue = topics.subscribed(topic, FilterPolicy={"kind": ["größe"]})
    for texts in ({"default": "a", "sqs": '{"n": 1}'}, {"default": "b", "email": "c", "sqs": 5}):
        topics.publish(
            topic, json.dumps(texts), MessageStructure="json", MessageAttributes=ATTRIBUTES
        )
    documents = [json.loads(body) for body in topics.bodies(queue)]
    assert [document["Message"] for document in documents] == ['{"n": 1}', "b"]
    assert not any("MessageAttributes" in document for document in documents)


def test_every_subscription_gets_every_message_that_passes_its_filter(topics: Topics) -> None:
    topic = topics.topic()
    everything = topics.subscribed(topic)
    large = topics.subscribed(topic, FilterPolicy={"size": [{"numeric": [">", 10]}]})
    placed = topics.subscribed(
        topic, FilterPolicyScope="MessageBody", FilterPolicy={"state": ["placed"]}
    )
    for state, size in (("placed", 5), ("placed", 50), ("gone", 50)):
        attribute = {"size": {"DataType": "Number", "StringValue": str(size)}}
        topics.publish(topic, json.dumps({"state": state}), MessageAttributes=attribute)
    assert len(topics.received(everything)) == 3
    assert [json.loads(each)["state"] for each in topics.texts(large)] == ["placed", "gone"]
    assert len(topics.received(placed)) == 2


def test_messages_arrive_in_the_order_in_which_they_were_published(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic, RawMessageDelivery="true")
    sent = [str(n) for n in range(50)]
    for start in range(0, 50, 10):
        topics.sns.publish_batch(
            TopicArn=topic,
            PublishBatchRequestEntries=[
                {"Id": each, "Message": each} for each in sent[start : start + 10]
            ],
        )
    topics.aws.quiesce()
    assert topics.bodies(queue) == sent


def test_a_delivery_that_breaks_holds_up_no_other() -> None:
    """Something in the cloud is broken then, which whoever waits for it is told."""
    scheduler, sent = Scheduler(), []

    def send(endpoint: str, delivery: Delivery) -> None:
        if endpoint == "broken":
            raise ZeroDivisionError
        sent.append(endpoint)

    notification = Notification("1", "t", "s", "m", None, {}, 0.0, None, "1")
    deliveries = Deliveries(scheduler, {"sqs": send}, UndeliveredNotes())
    deliveries.post(
        "t",
        [
            Delivery(notification, "sqs", endpoint, False, None, None, None, None)
            for endpoint in ("broken", "fine")
        ],
    )
    with pytest.raises(ZeroDivisionError):
        scheduler.settle(60)
    scheduler.settle(60)
    assert sent == ["fine"]
    scheduler.close()


def test_who_subscribes_later_does_not_get_what_was_published_before(topics: Topics) -> None:
    topic = topics.topic()
    topics.publish(topic, "before")
    queue = topics.subscribed(topic)
    topics.publish(topic, "after")
    assert topics.texts(queue) == ["after"]


def test_a_long_poll_hears_of_a_message(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    topics.sns.publish(TopicArn=topic, Message="hello")
    answer = topics.sqs.receive_message(QueueUrl=topics.url(queue), WaitTimeSeconds=20)
    assert len(answer["Messages"]) == 1


def test_a_function_that_reads_a_subscribed_queue_is_invoked(topics: Topics, aws: Aws) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic, RawMessageDelivery="true")
    function = aws.function()
    aws.lambda_.create_event_source_mapping(EventSourceArn=queue, FunctionName=function)
    topics.publish(topic, "hello")
    aws.settle()
    (call,) = aws.runtime.calls
    assert [record["body"] for record in call.event["Records"]] == ["hello"]


def test_the_trace_header_of_the_publisher_is_passed_on(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"

    def add_header(params: Any, **_: Any) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = trace

    event = "before-call.sns.Publish"
    topics.sns.meta.events.register(event, add_header)
    try:
        topics.publish(topic)
    finally:
        topics.sns.meta.events.unregister(event, add_header)
    (message,) = topics.received(queue)
    assert message["Attributes"]["AWSTraceHeader"] == trace


# -- queues that do not let SNS in ------------------------------------------------------------


@pytest.mark.parametrize(
    ("open_to", "delivered"),
    [
        (None, False),
        ("arn:aws:sns:us-east-1:123456789012:other", False),
        ("arn:aws:sns:us-east-1:123456789012:topic-*", True),
    ],
)
def test_a_queue_has_to_let_the_topic_in(
    topics: Topics, open_to: str | None, delivered: bool
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""
    topic = topics.topic()
    queue = topics.queue(open_to=open_to)
    topics.subscribe(topic, queue)
    topics.publish(topic)
    topics.publish(topic)
    assert len(topics.received(queue)) == (2 if delivered else 0)
    if not delivered:
        name = topic.rpartition(":")[2]
        assert topics.aws.cloud.undelivered() == (
            f"topic {name} could not deliver to {queue}: the queue's policy does not allow "
            f"sns.amazonaws.com to do sqs:SendMessage with aws:SourceArn {topic} (2 times)",
        )


def test_an_explicit_denial_keeps_the_topic_out(topics: Topics) -> None:
    topic, queue = topics.topic(), topics.queue()
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": queue},
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"StringEquals": {"aws:SourceAccount": "123456789012"}},
        },
    ]
    topics.sqs.set_queue_attributes(
        QueueUrl=topics.url(queue), Attributes={"Policy": json.dumps({"Statement": statements})}
    )
    topics.subscribe(topic, queue)
    topics.publish(topic)
    assert topics.received(queue) == []


def test_the_notes_of_an_environment_go_with_it(topics: Topics) -> None:
    topic = topics.topic()
    topics.subscribe(topic, topics.queue(open_to=None))
    topics.publish(topic)
    assert len(topics.aws.cloud.undelivered()) == 1
    topics.aws.cloud.begin()
    assert topics.aws.cloud.undelivered() == ()


# -- dead-letter queues -----------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["true", "false"])
def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue_as_it_is(
    topics: Topics, raw: str
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    topic, queue, dead = topics.topic(), topics.queue(open_to=None), topics.queue()
    topics.subscribe(
        topic, queue, RawMessageDelivery=raw, RedrivePolicy={"deadLetterTargetArn": dead}
    )
    topics.publish(topic, MessageAttributes=ATTRIBUTES)
    (message,) = topics.received(dead)
    if raw == "true":
        assert (message["Body"], message["MessageAttributes"]) == ("hello", ATTRIBUTES)
    else:
        assert json.loads(message["Body"])["Message"] == "hello"
    assert topics.received(queue) == []
    assert topics.aws.cloud.undelivered() == ()


def test_a_deleted_queue_is_an_error_that_is_not_tried_again(topics: Topics) -> None:
    topic, queue, dead = topics.topic(), topics.queue(), topics.queue()
    topics.subscribe(topic, queue, RedrivePolicy={"deadLetterTargetArn": dead})
    topics.sqs.delete_queue(QueueUrl=topics.made.pop(1))
    topics.publish(topic)
    assert topics.texts(dead) == ["hello"]
    assert topics.aws.cloud._scheduler.pending() == []


def test_a_dead_letter_queue_has_to_let_the_topic_in(topics: Topics) -> None:
    topic, queue, dead = topics.topic(), topics.queue(open_to=None), topics.queue(open_to=None)
    topics.subscribe(topic, queue, RedrivePolicy={"deadLetterTargetArn": dead})
    topics.publish(topic)
    assert topics.received(dead) == []
    (note,) = topics.aws.cloud.undelivered()
    assert f"nor to the dead-letter queue {dead}: the queue's policy does not allow" in note


def test_a_subscription_to_no_queue_is_made_and_gets_nothing(topics: Topics) -> None:
    topic = topics.topic()
    topics.subscribe(topic, "arn:aws:sqs:us-east-1:123456789012:nowhere")
    topics.publish(topic)
    (note,) = topics.aws.cloud.undelivered()
    assert note.endswith("there is no such queue")


# -- FIFO topics ------------------------------------------------------------------------------


def test_a_fifo_topic_passes_group_and_deduplication_id_on(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-grouping.html"""
    topic = topics.topic(fifo=True)
    queue = topics.subscribed(topic)
    answer = topics.publish(topic, MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = topics.received(queue)
    attributes = message["Attributes"]
    assert (attributes["MessageGroupId"], attributes["MessageDeduplicationId"]) == ("g", "d")
    document = json.loads(message["Body"])
    assert list(document) == [
        "Type",
        "MessageId",
        "SequenceNumber",
        "TopicArn",
        "Message",
        "Timestamp",
        "UnsubscribeURL",
    ]
    assert document["SequenceNumber"] == answer["SequenceNumber"]


def test_sequence_numbers_grow(topics: Topics) -> None:
    topic = topics.topic(fifo=True)
    numbers = [
        topics.publish(topic, MessageGroupId=group, MessageDeduplicationId=str(n))["SequenceNumber"]
        for n, group in enumerate("aab")
    ]
    assert [len(number) for number in numbers] == [20] * 3
    assert numbers == sorted(set(numbers))


def test_the_content_is_the_deduplication_id_where_the_topic_says_so(topics: Topics) -> None:
    topic = topics.topic(fifo=True, ContentBasedDeduplication="true")
    queue = topics.subscribed(topic)
    topics.publish(topic, "Test", MessageGroupId="g")
    (message,) = topics.received(queue)
    assert message["Attributes"]["MessageDeduplicationId"] == (
        "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"
    )


def test_a_duplicate_is_answered_as_its_original_and_not_delivered(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html"""
    topic = topics.topic(fifo=True)
    # A standard queue: it would not drop a duplicate by itself.
    queue = topics.queue()
    topics.subscribe(topic, queue)
    token = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    first = topics.publish(topic, "one", **token)
    again = topics.publish(topic, "two", **token)
    for name in ("MessageId", "SequenceNumber"):
        assert again[name] == first[name]
    assert topics.texts(queue) == ["one"]
    topics.aws.advance(301)
    assert topics.publish(topic, "three", **token)["MessageId"] != first["MessageId"]
    assert topics.texts(queue) == ["three"]


def test_duplicates_may_be_looked_for_in_the_group_alone(topics: Topics) -> None:
    topic = topics.topic(fifo=True, FifoThroughputScope="MessageGroup")
    queue = topics.queue()
    topics.subscribe(topic, queue)
    for group in "aab":
        topics.publish(topic, group, MessageGroupId=group, MessageDeduplicationId="d")
    assert topics.texts(queue) == ["a", "b"]


def test_a_standard_queue_gets_no_group_from_a_fifo_topic(topics: Topics) -> None:
    topic = topics.topic(fifo=True)
    queue = topics.queue()
    topics.subscribe(topic, queue)
    topics.publish(topic, MessageGroupId="g", MessageDeduplicationId="d")
    (message,) = topics.received(queue)
    assert not {"MessageGroupId", "MessageDeduplicationId"} & message["Attributes"].keys()


def test_a_standard_topic_forwards_a_group_to_standard_queues(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: "to activate fair queues"."""
    topic = topics.topic()
    queue = topics.subscribed(topic)
    topics.publish(topic, MessageGroupId="g")
    (message,) = topics.received(queue)
    assert message["Attributes"]["MessageGroupId"] == "g"


def test_the_dead_letter_queue_of_a_fifo_topic_keeps_the_order(topics: Topics) -> None:
    topic, dead = topics.topic(fifo=True), topics.queue(fifo=True)
    topics.subscribe(
        topic,
        topics.queue(fifo=True, open_to=None),
        RedrivePolicy={"deadLetterTargetArn": dead},
        RawMessageDelivery="true",
    )
    for n in range(3):
        topics.publish(topic, str(n), MessageGroupId="g", MessageDeduplicationId=str(n))
    messages = topics.received(dead)
    assert [message["Body"] for message in messages] == ["0", "1", "2"]
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {"g"}
