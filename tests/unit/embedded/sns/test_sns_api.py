"""What SNS answers, and what it refuses: https://docs.aws.amazon.com/sns/latest/api/welcome.html"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from moto.sns.models import Topic, sns_backends

from tests.unit.embedded.sns.conftest import refused

if TYPE_CHECKING:
    from tests.unit.embedded.sns.conftest import Topics

TOPIC = "arn:aws:sns:us-east-1:123456789012:none"
DEAD = "arn:aws:sqs:us-east-1:123456789012:dead"


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


# -- topics -----------------------------------------------------------------------------------


def test_a_topic_tells_its_attributes(topics: Topics) -> None:
    topic = topics.topic(DisplayName="Orders", SignatureVersion="2", MaximumMessageSize="2048")
    topics.subscribed(topic)
    topics.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    found = topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    policy = json.loads(found.pop("Policy"))
    assert policy["Statement"][0]["Resource"] == topic
    retries = json.loads(found.pop("EffectiveDeliveryPolicy"))["http"]["defaultHealthyRetryPolicy"]
    assert retries["numRetries"] == 3
    assert found == {
        "DisplayName": "Orders",
        "MaximumMessageSize": "2048",
        "Owner": "123456789012",
        "SignatureVersion": "2",
        "SubscriptionsConfirmed": "1",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "1",
        "TopicArn": topic,
    }


def test_a_fifo_topic_says_so(topics: Topics) -> None:
    topic = topics.topic(fifo=True)
    found = topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (found["FifoTopic"], found["ContentBasedDeduplication"]) == ("true", "false")
    topics.sns.set_topic_attributes(
        TopicArn=topic, AttributeName="ContentBasedDeduplication", AttributeValue="true"
    )
    found = topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert found["ContentBasedDeduplication"] == "true"


def test_a_policy_is_kept(topics: Topics) -> None:
    topic = topics.topic()
    policy = {"Version": "2012-10-17", "Statement": []}
    topics.sns.set_topic_attributes(
        TopicArn=topic, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )
    found = topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert json.loads(found["Policy"]) == policy


def test_creating_a_topic_again_finds_it(topics: Topics) -> None:
    topic = topics.topic(DisplayName="Orders")
    name = topic.rpartition(":")[2]
    assert topics.sns.create_topic(Name=name)["TopicArn"] == topic
    for params, problem in (
        ({"Attributes": {"DisplayName": "Other"}}, "Attributes Reason: Topic already exists with"),
        ({"Tags": [{"Key": "a", "Value": "b"}]}, "Tags Reason: Topic already exists with"),
    ):
        with pytest.raises(ClientError) as error:
            topics.sns.create_topic(Name=name, **params)
        assert refused(error) == (
            400,
            "InvalidParameter",
            f"Invalid parameter: {problem} different {problem.partition(' ')[0].lower()}",
        )


def test_a_topic_can_be_created_with_its_policy(topics: Topics) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sns:Publish"}]}
    topic = topics.topic(Policy=json.dumps(policy))
    name = topic.rpartition(":")[2]
    again = {"Policy": json.dumps(policy, indent=1)}
    assert topics.sns.create_topic(Name=name, Attributes=again)["TopicArn"] == topic
    with pytest.raises(ClientError, match="Topic already exists with different attributes"):
        topics.sns.create_topic(Name=name, Attributes={"Policy": "{}"})
    found = topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    assert json.loads(found) == policy


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"Name": "no spaces"}, "Invalid parameter: Topic Name"),
        ({"Name": "t.fifo"}, "Invalid parameter: Topic Name"),
        ({"Name": "t", "Attributes": {"FifoTopic": "true"}}, "Invalid parameter: Topic Name"),
        (
            {"Name": "t", "Attributes": {"Colour": "red"}},
            "Invalid parameter: Attributes Reason: Unknown attribute Colour",
        ),
        (
            {"Name": "t", "Attributes": {"ContentBasedDeduplication": "true"}},
            "Invalid parameter: Attributes Reason: ContentBasedDeduplication Reason: not "
            "supported by standard topics",
        ),
        (
            {"Name": "t", "Attributes": {"SignatureVersion": "3"}},
            "Invalid parameter: Attributes Reason: SignatureVersion: Invalid value [3]. Must be 1 "
            "or 2.",
        ),
        (
            {"Name": "t", "Attributes": {"MaximumMessageSize": "1023"}},
            "Invalid parameter: Attributes Reason: MaximumMessageSize: Invalid value [1023]. Must "
            "be between 1024 and 1048576.",
        ),
        (
            {"Name": "t", "Attributes": {"Policy": "text"}},
            "Invalid parameter: Attributes Reason: Policy: failed to parse JSON.",
        ),
        (
            {"Name": "t", "Tags": [{"Key": "a", "Value": "b"}] * 2},
            "Invalid parameter: Duplicated keys are not allowed.",
        ),
    ],
    ids=str,
)
def test_a_topic_that_cannot_be_is_refused(
    topics: Topics, params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ClientError) as error:
        topics.sns.create_topic(**params)
    status, code, message = refused(error)
    assert (status, code) == (400, "InvalidParameter")
    assert message.startswith(problem)


@pytest.mark.parametrize(
    "params",
    [
        {"Attributes": {"FifoTopic": "true", "ArchivePolicy": "{}"}},
        {"Attributes": {"SQSSuccessFeedbackRoleArn": "arn:aws:iam::123456789012:role/r"}},
        {"Attributes": {"TracingConfig": "Active"}},
        {"DataProtectionPolicy": "{}"},
    ],
    ids=str,
)
def test_what_is_not_built_is_refused(topics: Topics, params: dict[str, Any]) -> None:
    fifo = ".fifo" if "FifoTopic" in params.get("Attributes", {}) else ""
    with pytest.raises(ClientError, match=r"the embedded cloud does not .* yet; leave it out"):
        topics.sns.create_topic(Name=f"unbuilt{fifo}", **params)


def test_an_attribute_that_is_none_is_refused(topics: Topics) -> None:
    topic = topics.topic()
    for name in ("Colour", "FifoTopic"):
        with pytest.raises(ClientError) as error:
            topics.sns.set_topic_attributes(
                TopicArn=topic, AttributeName=name, AttributeValue="true"
            )
        assert refused(error)[1:] == ("InvalidParameter", "Invalid parameter: AttributeName")


def test_a_deleted_topic_and_its_subscriptions_are_gone(topics: Topics) -> None:
    topic = topics.topic()
    subscription = topics.subscribe(topic, topics.queue())
    topics.sns.delete_topic(TopicArn=topic)
    topics.sns.delete_topic(TopicArn=topic)
    for operation, params in (
        ("get_topic_attributes", {}),
        ("publish", {"Message": "hello"}),
        ("subscribe", {"Protocol": "sqs", "Endpoint": DEAD}),
        ("list_subscriptions_by_topic", {}),
    ):
        with pytest.raises(ClientError) as error:
            getattr(topics.sns, operation)(TopicArn=topic, **params)
        assert refused(error) == (404, "NotFound", "Topic does not exist")
    with pytest.raises(ClientError) as error:
        topics.sns.get_subscription_attributes(SubscriptionArn=subscription)
    assert refused(error) == (404, "NotFound", "Subscription does not exist")


@pytest.mark.parametrize(
    ("operation", "params", "parameter", "elements"),
    [
        ("get_topic_attributes", {"TopicArn": "topic"}, "TopicArn", 1),
        ("publish", {"TopicArn": "a:topic", "Message": "x"}, "TopicArn", 2),
        ("delete_topic", {"TopicArn": "topic"}, "TopicArn", 1),
        ("unsubscribe", {"SubscriptionArn": "topic"}, "SubscriptionArn", 1),
    ],
)
def test_what_is_no_arn_is_refused(
    topics: Topics, operation: str, params: dict[str, Any], parameter: str, elements: int
) -> None:
    with pytest.raises(ClientError) as error:
        getattr(topics.sns, operation)(**params)
    assert refused(error) == (
        400,
        "InvalidParameter",
        f"Invalid parameter: {parameter} Reason: An ARN must have at least 6 elements, not "
        f"{elements}",
    )


# -- subscriptions ----------------------------------------------------------------------------


def test_a_subscription_tells_its_attributes(topics: Topics) -> None:
    topic, queue = topics.topic(), topics.queue()
    subscription = topics.subscribe(topic, queue)
    assert topics.sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"] == {
        "ConfirmationWasAuthenticated": "true",
        "Endpoint": queue,
        "Owner": "123456789012",
        "PendingConfirmation": "false",
        "Protocol": "sqs",
        "RawMessageDelivery": "false",
        "SubscriptionArn": subscription,
        "SubscriptionPrincipal": "arn:aws:iam::123456789012:root",
        "TopicArn": topic,
    }
    listed = topics.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed == [
        {
            "SubscriptionArn": subscription,
            "Owner": "123456789012",
            "Protocol": "sqs",
            "Endpoint": queue,
            "TopicArn": topic,
        }
    ]
    assert listed[0] in topics.sns.list_subscriptions()["Subscriptions"]


def test_the_scope_of_a_filter_policy_shows_with_the_policy(topics: Topics) -> None:
    subscription = topics.subscribe(topics.topic(), topics.queue())

    def change(name: str, value: str) -> dict[str, str]:
        topics.sns.set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName=name, AttributeValue=value
        )
        answer = topics.sns.get_subscription_attributes(SubscriptionArn=subscription)
        found: dict[str, str] = answer["Attributes"]
        return found

    assert "FilterPolicyScope" not in change("FilterPolicyScope", "MessageBody")
    nested = '{"object": {"key": ["a"]}}'
    found = change("FilterPolicy", nested)
    assert (found["FilterPolicy"], found["FilterPolicyScope"]) == (nested, "MessageBody")
    with pytest.raises(ClientError, match="MessageAttributes does not support nested filter"):
        change("FilterPolicyScope", "MessageAttributes")
    assert not {"FilterPolicy", "FilterPolicyScope"} & change("FilterPolicy", "").keys()
    assert change("FilterPolicy", nested)["FilterPolicyScope"] == "MessageBody"


def test_a_changed_filter_policy_holds_for_what_is_published_then(topics: Topics) -> None:
    topic, queue = topics.topic(), topics.queue()
    subscription = topics.subscribe(topic, queue, FilterPolicy={"kind": ["a"]})
    topics.publish(topic, "no", MessageAttributes={"kind": text("b")})
    topics.sns.set_subscription_attributes(
        SubscriptionArn=subscription, AttributeName="FilterPolicy", AttributeValue='{"kind":["b"]}'
    )
    topics.publish(topic, "yes", MessageAttributes={"kind": text("b")})
    assert topics.texts(queue) == ["yes"]


def test_subscribing_again_finds_the_subscription(topics: Topics) -> None:
    topic, queue = topics.topic(), topics.queue()
    subscription = topics.subscribe(topic, queue, RawMessageDelivery="true")
    assert topics.subscribe(topic, queue) == subscription
    assert topics.subscribe(topic, queue, RawMessageDelivery="True") == subscription
    with pytest.raises(ClientError) as error:
        topics.subscribe(topic, queue, RawMessageDelivery="false")
    assert refused(error)[1:] == (
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different "
        "attributes",
    )


def test_mail_waits_for_a_confirmation_and_gets_nothing(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html"""
    topic = topics.topic()
    mail = {"TopicArn": topic, "Protocol": "email", "Endpoint": "a@example.com"}
    assert topics.sns.subscribe(**mail)["SubscriptionArn"] == "pending confirmation"
    arn = topics.sns.subscribe(**mail, ReturnSubscriptionArn=True)["SubscriptionArn"]
    found = topics.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert found["PendingConfirmation"] == "true"
    (listed,) = topics.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert listed["SubscriptionArn"] == "PendingConfirmation"
    topics.publish(topic)
    assert topics.aws.cloud.undelivered() == ()
    with pytest.raises(ClientError) as error:
        topics.sns.confirm_subscription(TopicArn=topic, Token="token")
    assert refused(error)[1:] == ("InvalidParameter", "Invalid parameter: Token")


@pytest.mark.parametrize("protocol", ["application", "firehose", "http", "https", "sms"])
def test_a_protocol_by_which_nothing_would_be_delivered_is_refused(
    topics: Topics, protocol: str
) -> None:
    with pytest.raises(ClientError) as error:
        topics.sns.subscribe(TopicArn=topics.topic(), Protocol=protocol, Endpoint="somewhere")
    _, _, message = refused(error)
    assert f"does not deliver the messages of topics by the protocol {protocol} yet" in message


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"Protocol": "pigeon"}, "Amazon SNS does not support this protocol string: pigeon"),
        ({"Endpoint": "https://sqs/queue"}, "SQS endpoint ARN"),
        (
            {"Endpoint": f"{DEAD}.fifo"},
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard "
            "SNS topics",
        ),
        ({"Protocol": "email", "Endpoint": "nobody"}, "Email address"),
        ({"Protocol": "lambda", "Endpoint": "f"}, "Lambda endpoint ARN"),
        (
            {"Protocol": "lambda", "Endpoint": "arn:aws:lambda:us-east-1:123456789012:layer:f"},
            "Lambda endpoint ARN",
        ),
        (
            {"Attributes": {"Colour": "red"}},
            "Attributes Reason: Unknown attribute Colour",
        ),
        (
            {"Attributes": {"RawMessageDelivery": "wrongvalue"}},
            "Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or "
            "false.",
        ),
        (
            {
                "Protocol": "email",
                "Endpoint": "a@example.com",
                "Attributes": {"RawMessageDelivery": "true"},
            },
            "Attributes Reason: RawMessageDelivery: Delivery protocol [email] does not support raw "
            "message delivery.",
        ),
        (
            {"Attributes": {"FilterPolicyScope": "Random"}},
            "Attributes Reason: FilterPolicyScope: Invalid value [Random]. Please use either "
            "MessageBody or MessageAttributes",
        ),
        (
            {"Attributes": {"FilterPolicy": '{"key": [{"is": 1}]}'}},
            "Attributes Reason: FilterPolicy: Unrecognized match type is",
        ),
        (
            {"Attributes": {"RedrivePolicy": "text"}},
            "Attributes Reason: RedrivePolicy: failed to parse JSON.",
        ),
        (
            {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "fake"}'}},
            "Attributes Reason: RedrivePolicy: deadLetterTargetArn is an invalid arn",
        ),
        (
            {
                "Attributes": {
                    "RedrivePolicy": json.dumps(
                        {"deadLetterTargetArn": DEAD.replace("us-east-1", "eu-west-1")}
                    )
                }
            },
            "Attributes Reason: RedrivePolicy: deadLetterTargetArn is an invalid arn",
        ),
        (
            {"Attributes": {"RedrivePolicy": f'{{"deadLetterTargetArn": "{DEAD}.fifo"}}'}},
            "Attributes Reason: RedrivePolicy: must use a standard queue as DLQ",
        ),
    ],
    ids=str,
)
def test_a_subscription_that_cannot_be_is_refused(
    topics: Topics, params: dict[str, Any], problem: str
) -> None:
    topic = topics.topic()
    with pytest.raises(ClientError) as error:
        topics.sns.subscribe(**{"TopicArn": topic, "Protocol": "sqs", "Endpoint": DEAD, **params})
    status, code, message = refused(error)
    assert (status, code) == (400, "InvalidParameter")
    assert message.startswith(f"Invalid parameter: {problem}")
    assert topics.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_a_fifo_subscription_has_a_fifo_dead_letter_queue(topics: Topics) -> None:
    topic = topics.topic(fifo=True)
    redrive = {"deadLetterTargetArn": DEAD}
    with pytest.raises(ClientError) as error:
        topics.subscribe(topic, topics.queue(fifo=True), RedrivePolicy=redrive)
    assert refused(error)[2] == (
        "Invalid parameter: Attributes Reason: RedrivePolicy: must use a FIFO queue as DLQ for a "
        "FIFO Subscription to a FIFO Topic."
    )
    topics.subscribe(topic, topics.queue(), RedrivePolicy=redrive)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Colour", "red", "AttributeName"),
        ("RawMessageDelivery", "", "RawMessageDelivery: Invalid value []. Must be true or false."),
        ("RedrivePolicy", '{"deadLetterTargetArn": "fake"}', "RedrivePolicy: deadLetterTargetArn"),
        ("FilterPolicy", '{"key": "value"}', 'FilterPolicy: "key" must be an object or an array'),
    ],
)
def test_an_attribute_that_cannot_be_is_refused(
    topics: Topics, name: str, value: str, problem: str
) -> None:
    subscription = topics.subscribe(topics.topic(), topics.queue())
    with pytest.raises(ClientError) as error:
        topics.sns.set_subscription_attributes(
            SubscriptionArn=subscription, AttributeName=name, AttributeValue=value
        )
    assert refused(error)[2].startswith(f"Invalid parameter: {problem}")


def test_replaying_messages_is_not_built(topics: Topics) -> None:
    with pytest.raises(ClientError, match="does not know the attribute ReplayPolicy"):
        topics.subscribe(
            topics.topic(fifo=True), topics.queue(fifo=True), ReplayPolicy='{"PointType": "x"}'
        )


def test_unsubscribing_twice_is_fine(topics: Topics) -> None:
    topic = topics.topic()
    subscription = topics.subscribe(topic, topics.queue())
    topics.sns.unsubscribe(SubscriptionArn=subscription)
    topics.sns.unsubscribe(SubscriptionArn=subscription)
    found = topics.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (found["SubscriptionsConfirmed"], found["SubscriptionsDeleted"]) == ("0", "1")


# -- publishing -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"Message": ""}, "Empty message"),
        ({"Subject": ""}, "Subject"),
        ({"Subject": "x" * 101}, "Subject"),
        ({"Subject": "two\nlines"}, "Subject"),
        ({"Message": "ü" * 131_073}, "Message too long"),
        ({"Message": "x" * 262_140, "MessageAttributes": {"a": text("b")}}, "Message too long"),
        (
            {"MessageDeduplicationId": "d"},
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter "
            "that is not valid for this topic type",
        ),
        ({"MessageGroupId": "no spaces"}, "MessageGroupId Reason: The MessageGroupId can only"),
        ({"MessageStructure": "xml"}, "MessageStructure"),
        (
            {"Message": "text", "MessageStructure": "json"},
            "Message Structure - JSON message body failed to parse",
        ),
        (
            {"Message": '{"sqs": "a"}', "MessageStructure": "json"},
            "Message Structure - No default entry in JSON message body",
        ),
        (
            {"Message": '{"default": 1}', "MessageStructure": "json"},
            "Message Structure - No default entry in JSON message body",
        ),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_message_that_cannot_be_is_refused(
    topics: Topics, params: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ClientError) as error:
        topics.sns.publish(**{"TopicArn": topics.topic(), "Message": "hello", **params})
    status, code, message = refused(error)
    assert (status, code) == (400, "InvalidParameter")
    assert message.startswith(f"Invalid parameter: {problem}")


@pytest.mark.parametrize(
    ("name", "attribute", "problem"),
    [
        (
            "a",
            text(""),
            "The message attribute 'a' must contain non-empty message attribute value for message "
            "attribute type 'String'.",
        ),
        (
            "a",
            {"DataType": "Binary", "BinaryValue": b""},
            "The message attribute 'a' must contain non-empty message attribute value for message "
            "attribute type 'Binary'.",
        ),
        (
            "a",
            {"DataType": "String", "BinaryValue": b"x"},
            "The message attribute 'a' with type 'String' must use field 'String'.",
        ),
        (
            "a",
            {"DataType": "Binary", "StringValue": "x"},
            "The message attribute 'a' with type 'Binary' must use field 'Binary'.",
        ),
        (
            "a",
            {"DataType": "Float", "StringValue": "x"},
            "The message attribute 'a' has an invalid message attribute type, the set of supported "
            "type prefixes is Binary, Number, and String.",
        ),
        (
            "a",
            {"DataType": "Number", "StringValue": "x"},
            "Could not cast message attribute 'a' value to number.",
        ),
        ("a" * 257, text("x"), "Length of message attribute name must be less than 256 bytes."),
        (
            "a^b",
            text("x"),
            "Invalid non-alphanumeric character '#x5E' was found in the message attribute name. "
            "Can only include alphanumeric characters, hyphens, underscores, or dots.",
        ),
        (
            ".a",
            text("x"),
            "Invalid message attribute name starting with character '.' was found.",
        ),
        ("a.", text("x"), "Invalid message attribute name ending with character '.' was found."),
        ("a..b", text("x"), "Message attribute name can not have successive '.' character."),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_message_attribute_that_cannot_be_is_refused(
    topics: Topics, name: str, attribute: dict[str, Any], problem: str
) -> None:
    topic = topics.topic()
    message = {"Message": "hello", "MessageAttributes": {name: attribute}}
    entries = [{"Id": "1", **message}]
    for operation, params in (
        ("publish", message),
        ("publish_batch", {"PublishBatchRequestEntries": entries}),
    ):
        with pytest.raises(ClientError) as error:
            getattr(topics.sns, operation)(TopicArn=topic, **params)
        assert refused(error) == (400, "ParameterValueInvalid", problem)


def test_a_topic_may_take_larger_messages(topics: Topics) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html"""
    topic = topics.topic(MaximumMessageSize="1048576")
    queue = topics.subscribed(topic, RawMessageDelivery="true")
    topics.publish(topic, "x" * 1_048_576)
    assert [len(body) for body in topics.bodies(queue)] == [1_048_576]
    with pytest.raises(ClientError, match="MaximumMessageSize Reason"):
        topics.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")


def test_a_topic_with_mail_takes_no_larger_messages(topics: Topics) -> None:
    topic = topics.topic()
    topics.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")
    with pytest.raises(ClientError, match="MaximumMessageSize Reason"):
        topics.sns.set_topic_attributes(
            TopicArn=topic, AttributeName="MaximumMessageSize", AttributeValue="300000"
        )


def test_a_message_of_a_fifo_topic_has_a_group_and_a_token(topics: Topics) -> None:
    topic = topics.topic(fifo=True)
    for params, problem in (
        ({}, "The MessageGroupId parameter is required for FIFO topics"),
        (
            {"MessageGroupId": "g"},
            "The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly",
        ),
    ):
        message = {"Message": "hello", **params}
        entries = [{"Id": "1", **message}]
        for operation, asked in (
            ("publish", message),
            ("publish_batch", {"PublishBatchRequestEntries": entries}),
        ):
            with pytest.raises(ClientError) as error:
                getattr(topics.sns, operation)(TopicArn=topic, **asked)
            assert refused(error)[1:] == ("InvalidParameter", f"Invalid parameter: {problem}")


def test_a_batch_answers_for_each_entry(topics: Topics) -> None:
    topic = topics.topic(fifo=True, ContentBasedDeduplication="true")
    queue = topics.subscribed(topic)
    answer = topics.sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[
            {"Id": each, "Message": each, "MessageGroupId": "g"} for each in ("one", "two")
        ],
    )
    topics.aws.quiesce()
    documents = [json.loads(body) for body in topics.bodies(queue)]
    assert answer["Failed"] == []
    assert answer["Successful"] == [
        {
            "Id": document["Message"],
            "MessageId": document["MessageId"],
            "SequenceNumber": document["SequenceNumber"],
        }
        for document in documents
    ]
    assert [document["Message"] for document in documents] == ["one", "two"]


@pytest.mark.parametrize(
    ("ids", "size", "code"),
    [
        ([], 1, "EmptyBatchRequest"),
        ([str(n) for n in range(11)], 1, "TooManyEntriesInBatchRequest"),
        (["a", "a"], 1, "BatchEntryIdsNotDistinct"),
        (["no spaces"], 1, "InvalidBatchEntryId"),
        (["a", "b"], 131_073, "BatchRequestTooLong"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_batch_that_cannot_be_is_refused(
    topics: Topics, ids: list[str], size: int, code: str
) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    entries = [{"Id": each, "Message": "x" * size} for each in ids]
    with pytest.raises(ClientError) as error:
        topics.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert refused(error)[:2] == (400, code)
    topics.aws.quiesce()
    assert topics.received(queue) == []


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "TopicArn or TargetArn Reason: no value for required parameter"),
        ({"PhoneNumber": "+1a234"}, "PhoneNumber Reason: +1a234 is not valid to publish to"),
        (
            {"TargetArn": "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/a/1"},
            "TargetArn Reason: No endpoint found for the target arn specified",
        ),
    ],
)
def test_a_message_needs_somebody_to_go_to(
    topics: Topics, params: dict[str, str], problem: str
) -> None:
    with pytest.raises(ClientError) as error:
        topics.sns.publish(Message="hello", **params)
    assert refused(error) == (400, "InvalidParameter", f"Invalid parameter: {problem}")


def test_what_goes_to_a_phone_or_a_device_is_moto_s_to_keep(topics: Topics) -> None:
    assert topics.sns.publish(PhoneNumber="+15551234567", Message="hello")["MessageId"]
    application = topics.sns.create_platform_application(
        Name="app", Platform="APNS", Attributes={}
    )["PlatformApplicationArn"]
    device = topics.sns.create_platform_endpoint(PlatformApplicationArn=application, Token="t")[
        "EndpointArn"
    ]
    assert topics.sns.publish(TargetArn=device, Message="hello")["MessageId"]


def test_a_topic_can_be_the_target(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    topics.sns.publish(TargetArn=topic, Message="hello")
    topics.aws.quiesce()
    assert topics.texts(queue) == ["hello"]


def test_a_topic_of_a_template_delivers(topics: Topics) -> None:
    """By the way that moto's CloudFormation takes, which needs more than moto alone."""
    queue = topics.queue()
    properties = {
        "TopicName": "templated",
        "DisplayName": "Orders",
        "Subscription": [{"Protocol": "sqs", "Endpoint": queue}],
    }
    place = ("123456789012", "us-east-1")
    with seen(topics):
        topic = Topic.create_from_cloudformation_json(
            "templated", {"Properties": properties}, *place
        )
    topics.publish(topic.arn)
    assert topics.texts(queue) == ["hello"]
    with seen(topics):
        topic.delete(*place)
    with pytest.raises(ClientError, match="Topic does not exist"):
        topics.publish(topic.arn)


def test_what_another_service_of_moto_s_publishes_is_delivered(topics: Topics) -> None:
    topic = topics.topic()
    queue = topics.subscribed(topic)
    with seen(topics):
        sns_backends["123456789012"]["us-east-1"].publish("hello", arn=topic, subject="farbe")
    topics.aws.quiesce()
    assert json.loads(topics.bodies(queue)[0])["Subject"] == "farbe"


def seen(topics: Topics) -> AbstractContextManager[None]:
    """As within the answer to a request."""
    topics.sns.list_topics()
    opened = topics.aws.cloud._services._topics._opened
    assert opened is not None
    return opened.topics.seen()
