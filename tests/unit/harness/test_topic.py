from __future__ import annotations

import json
from typing import Any
from unittest.mock import ANY

import pytest

from slstest import (
    ConfigurationError,
    Environment,
    ExpectationFailed,
    Function,
    NotSettled,
    SlstestError,
)
from slstest.ledger import Ledger
from slstest.teardown import delete_entries

KIND = {"kind": {"DataType": "String", "StringValue": "order"}}


@pytest.fixture(autouse=True)
def _short_polls(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reading be quick: only AWS needs long polls to show every message."""
    monkeypatch.setattr(cloud, "endpoint_url", "http://here", raising=False)


def attributes(world: Environment, topic: Any) -> dict[str, str]:
    found: dict[str, str] = world.client("sns").get_topic_attributes(TopicArn=topic.arn)[
        "Attributes"
    ]
    return found


def queue_policy(world: Environment, queue: Any) -> list[dict[str, Any]]:
    answer = world.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=["Policy"])
    statements: list[dict[str, Any]] = json.loads(answer["Attributes"]["Policy"])["Statement"]
    return statements


def test_attributes_are_taken_in_snake_case(world: Environment) -> None:
    topic = world.topic(display_name="Orders", tags=[{"Key": "team", "Value": "mine"}])
    assert attributes(world, topic)["DisplayName"] == "Orders"
    answer = world.client("sns").list_tags_for_resource(ResourceArn=topic.arn)
    assert {"Key": "team", "Value": "mine"} in answer["Tags"]


def test_a_topic_knows_its_name_and_its_arn(world: Environment) -> None:
    topic = world.topic("orders")
    assert topic.arn == f"arn:aws:sns:eu-west-1:123456789012:{topic.name}"
    assert world.format("{orders.arn}") == topic.arn
    assert not topic.fifo


def test_a_fifo_topic_deduplicates_by_content_unless_told_otherwise(world: Environment) -> None:
    topic = world.topic(fifo=True)
    assert topic.fifo
    assert topic.name.endswith(".fifo")
    assert attributes(world, topic)["ContentBasedDeduplication"] == "true"
    other = world.topic(fifo=True, content_based_deduplication=False)
    assert attributes(world, other)["ContentBasedDeduplication"] == "false"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"topic_name": "x"}, "topic_name= cannot be given"),
        ({"fifo_topic": True}, "fifo_topic= cannot be given: write fifo=True"),
        ({"attributes": {}}, "attributes= cannot be given: give each attribute"),
        ({"displayname": "x"}, "no attribute 'displayname'. Did you mean display_name"),
        ({"colour": 5}, "no attribute 'colour'. It takes application_failure_feedback_role_arn, "),
        ({"x": 2}, "no attribute 'x'. It takes application_failure_feedback_role_arn, "),
    ],
)
def test_what_a_topic_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"sls\.topic\('t'\): .*{problem}"):
        world.topic("t", **arguments)


def test_messages_are_read_back_as_they_were_published(world: Environment) -> None:
    topic = world.topic()
    sent = topic.publish({"order": 1}, "grün", b"bytes", ["a"], subject="farbe")
    messages = topic.messages()
    assert [message.body for message in messages] == [{"order": 1}, "grün", "bytes", ["a"]]
    assert [message.raw for message in messages] == ['{"order": 1}', "grün", "bytes", '["a"]']
    assert [message.message_id for message in messages] == [each.message_id for each in sent]
    assert {message.subject for message in messages} == {"farbe"}
    assert {each.subject for each in sent} == {"farbe"}


def test_looking_twice_shows_the_same(world: Environment) -> None:
    topic = world.topic()
    topic.publish("a")
    first = topic.messages()
    topic.publish("b")
    assert [message.body for message in topic.messages()] == ["a", "b"]
    assert topic.messages()[:1] == first


def test_a_message_that_came_twice_is_one(world: Environment, cloud: Any) -> None:
    topic = world.topic()
    topic.publish("a")
    body = json.dumps(
        {"MessageId": "1", "Message": "once", "Timestamp": "2026-01-01T00:00:00.000Z"}
    )
    message = {"MessageId": "2", "ReceiptHandle": "3", "Body": body}
    cloud.answer("ReceiveMessage", {"Messages": [message]}, {"Messages": [message]}, {})
    cloud.answer("DeleteMessageBatch", {}, {})
    assert [each.body for each in topic.messages()] == ["once"]


def test_messages_have_the_attributes_that_were_published(world: Environment) -> None:
    topic = world.topic()
    both: dict[str, Any] = {**KIND, "raw": {"DataType": "Binary", "BinaryValue": b"\x02\x03"}}
    topic.publish("a", message_attributes=both)
    (message,) = topic.messages()
    assert message.message_attributes == both
    assert message.attributes["Timestamp"].endswith("Z")


def test_as_few_requests_as_the_limits_allow(world: Environment, cloud: Any) -> None:
    topic = world.topic()
    cloud.calls.clear()
    assert len(topic.publish(*map(str, range(21)))) == 21
    assert cloud.calls == ["PublishBatch"] * 3
    cloud.calls.clear()
    topic.publish(*["x" * 100_000] * 5)
    assert cloud.calls == ["PublishBatch"] * 3
    cloud.calls.clear()
    topic.publish(
        *["x" * 100_000] * 2,
        message_attributes={"long": {"DataType": "String", "StringValue": "y" * 50_000}},
    )
    assert cloud.calls == ["PublishBatch"] * 2
    topic.publish()
    assert cloud.calls == ["PublishBatch"] * 2


def test_a_message_of_a_fifo_topic_has_a_group(world: Environment) -> None:
    topic = world.topic(fifo=True)
    topic.publish("a")
    topic.publish("b", message_group_id="mine")
    topic.publish({"page": "/home"}, message_group_id=lambda message: message["page"])
    found = {message.raw: message.attributes["MessageGroupId"] for message in topic.messages()}
    assert found == {"a": "default", "b": "mine", '{"page": "/home"}': "/home"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"topic_arn": "x"}, "topic_arn= cannot be given: it is this topic"),
        ({"delay": 5}, "Publish of SNS has no parameter 'delay'"),
    ],
)
def test_a_parameter_of_publish_that_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"topic 't'\.publish: {problem}"):
        world.topic("t").publish("a", **arguments)


def test_bytes_that_are_no_text_are_refused(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match=r"publish, message 2 of 2: .* no UTF-8"):
        world.topic().publish(b"text", b"\xff")


def test_messages_that_are_not_taken_are_told(world: Environment, cloud: Any) -> None:
    topic = world.topic("t")
    failed = {"Id": "1", "Code": "InternalError", "Message": "no", "SenderFault": False}
    cloud.answer("PublishBatch", {"Successful": [], "Failed": [failed]})
    with pytest.raises(SlstestError, match=r"1 of 2 messages were not taken: InternalError: no"):
        topic.publish("a", "b")


# -- expectations -----------------------------------------------------------------------------


def test_an_expected_message_is_waited_for_and_returned(world: Environment, cloud: Any) -> None:
    topic = world.topic()
    cloud.between_looks.extend([lambda: None, lambda: topic.publish({"order": 1, "n": 2})])
    message = topic.expect_message({"order": ANY})
    assert message.body == {"order": 1, "n": 2}
    assert topic.expect_message({"order": 1}) == message


def test_a_message_that_does_not_come_is_explained(world: Environment) -> None:
    topic = world.topic("t")
    topic.publish({"order": 1}, {"page": "/"})
    with pytest.raises(ExpectationFailed) as raised:
        topic.expect_message({"order": 2})
    assert str(raised.value) == (
        "topic 't' got no message like\n"
        "  {'order': 2}\n"
        "The nearest of 2 messages is\n"
        "  {'order': 1}\n"
        "    order is 1, expected 2\n"
        "Nothing is under way any more that could change this."
    )


def test_no_message_is_settled_for(world: Environment, cloud: Any) -> None:
    topic = world.topic("t")
    topic.expect_no_message()
    assert cloud.settled == [3.0]
    topic.publish({"order": 1})
    topic.expect_no_message({"order": 2}, timeout=1)
    assert cloud.settled == [3.0, 1]
    with pytest.raises(ExpectationFailed) as raised:
        topic.expect_no_message()
    assert str(raised.value) == "topic 't' was to get no message but got\n  {'order': 1}"
    with pytest.raises(ExpectationFailed) as raised:
        topic.expect_no_message({"order": 1})
    assert str(raised.value) == (
        "topic 't' was to get no message like\n  {'order': 1}\nbut got\n  {'order': 1}"
    )


def test_what_is_still_under_way_keeps_a_negative_from_being_true(
    world: Environment, cloud: Any
) -> None:
    cloud.under_way.append("a message")
    with pytest.raises(NotSettled, match="a message"):
        world.topic().expect_no_message()
    cloud.under_way.clear()


def test_what_was_not_delivered_is_told_where_the_cloud_knows_it(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = ["topic t could not deliver to q: no"] * 9
    monkeypatch.setattr(cloud, "undelivered", lambda: notes, raising=False)
    with pytest.raises(ExpectationFailed) as raised:
        world.queue().expect_message("a")
    assert str(raised.value).endswith(
        "\n\nnot delivered:\n" + "  topic t could not deliver to q: no\n" * 8 + "  and 1 more"
    )
    assert world.undelivered() == tuple(notes)


# -- subscribing ------------------------------------------------------------------------------


def test_a_subscribed_queue_lets_the_topic_in(world: Environment) -> None:
    topic, queue = world.topic(), world.queue()
    topic.subscribe(queue, raw_message_delivery=True, filter_policy={"kind": ["order"]})
    topic.publish("yes", message_attributes=KIND)
    topic.publish("no")
    assert [message.body for message in queue.messages()] == ["yes"]
    assert queue_policy(world, queue) == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue.arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic.arn}},
        }
    ]


def test_the_policy_that_a_queue_has_is_kept(world: Environment) -> None:
    own = {"Effect": "Allow", "Principal": "*", "Action": "sqs:ReceiveMessage", "Resource": "*"}
    queue = world.queue(policy={"Version": "2008-10-17", "Statement": own})
    one, two = world.topic(), world.topic()
    one.subscribe(queue)
    two.subscribe(queue)
    two.subscribe(queue)
    statements = queue_policy(world, queue)
    assert statements[0] == own
    assert [each["Condition"]["ArnEquals"]["aws:SourceArn"] for each in statements[1:]] == [
        one.arn,
        two.arn,
    ]


def test_the_dead_letter_queue_of_a_subscription_lets_the_topic_in(world: Environment) -> None:
    topic, queue, dead, other = world.topic(), world.queue(), world.queue(), world.queue()
    subscription = topic.subscribe(queue, redrive_policy={"deadLetterTargetArn": dead.arn})
    assert queue_policy(world, dead)[0]["Resource"] == dead.arn
    subscription.update(redrive_policy={"deadLetterTargetArn": other.arn})
    assert queue_policy(world, other)[0]["Resource"] == other.arn


def test_a_subscription_can_be_changed_and_ended(world: Environment) -> None:
    topic, queue = world.topic(), world.queue()
    subscription = topic.subscribe(queue)
    assert subscription.arn.startswith(topic.arn)
    subscription.update(
        raw_message_delivery=True,
        filter_policy={"order": {"n": [1]}},
        filter_policy_scope="MessageBody",
    )
    topic.publish({"order": {"n": 1}}, {"order": {"n": 2}})
    assert [message.body for message in queue.messages()] == [{"order": {"n": 1}}]
    subscription.delete()
    subscription.delete()
    topic.publish({"order": {"n": 1}})
    assert len(queue.messages()) == 1


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"raw": True}, "a subscription has no attribute 'raw'. Did you mean"),
        ({"redrive_policy": {"target": "x"}}, "redrive_policy= takes {'deadLetterTargetArn': que"),
        (
            {"redrive_policy": {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:none"}},
            "GetQueueUrl was refused",
        ),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        world.topic("t").subscribe(world.queue("q"), **arguments)
    assert str(raised.value).startswith("topic 't'.subscribe(queue 'q'): ")
    assert problem in str(raised.value)


def function_policy(world: Environment, function: Function) -> list[dict[str, Any]]:
    client = world.client("lambda")
    try:
        policy = client.get_policy(FunctionName=function.name)["Policy"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return list(json.loads(policy)["Statement"])


def subscriptions(world: Environment, topic: Any) -> list[tuple[str, str]]:
    """Protocol and endpoint of each, but for the queue that sees the topic's messages."""
    found = world.client("sns").list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    return [
        (each["Protocol"], each["Endpoint"])
        for each in found
        if not each["Endpoint"].endswith("-messages")
    ]


@pytest.fixture
def function(world: Environment, folder: Any) -> Function:
    return world.function(folder, "counter")


@pytest.mark.parametrize("by_topic", [True, False], ids=["subscribe", "triggered_by"])
def test_a_subscribed_function_lets_the_topic_in(
    world: Environment, function: Function, by_topic: bool
) -> None:
    topic = world.topic()
    settings = {"filter_policy": {"kind": ["order"]}}
    if by_topic:
        subscription = topic.subscribe(function, **settings)
    else:
        subscription = function.triggered_by(topic, **settings)
    assert ("lambda", function.arn) in subscriptions(world, topic)
    (statement,) = function_policy(world, function)
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Condition"] == {"ArnLike": {"AWS:SourceArn": topic.arn}}
    answer = world.client("sns").get_subscription_attributes(SubscriptionArn=subscription.arn)
    assert json.loads(answer["Attributes"]["FilterPolicy"]) == {"kind": ["order"]}


def test_an_ended_subscription_of_a_function_takes_its_permission_along(
    world: Environment, function: Function
) -> None:
    topic, other = world.topic(), world.topic()
    subscription = topic.subscribe(function)
    other.subscribe(function)
    subscription.delete()
    subscription.delete()
    assert ("lambda", function.arn) not in subscriptions(world, topic)
    (left,) = function_policy(world, function)
    assert left["Condition"]["ArnLike"]["AWS:SourceArn"] == other.arn


def test_a_subscription_of_a_function_that_is_refused_leaves_no_permission(
    world: Environment, cloud: Any, function: Function
) -> None:
    topic = world.topic("t")
    cloud.answer("Subscribe", (400, "InvalidParameter", "no"))
    with pytest.raises(ConfigurationError) as raised:
        function.triggered_by(topic)
    assert str(raised.value) == (
        "function 'counter'.triggered_by(topic 't'): Subscribe was refused: InvalidParameter: no"
    )
    assert function_policy(world, function) == []


def test_only_queues_and_functions_can_be_subscribed(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match="only a queue or a function can be subscribed"):
        world.topic().subscribe(world.table())  # type: ignore[arg-type]


# -- the end ----------------------------------------------------------------------------------


def test_a_topic_and_its_queue_are_deleted(world: Environment) -> None:
    topic = world.topic("orders")
    sns, sqs = world.client("sns"), world.client("sqs")
    assert any("orders-messages" in url for url in sqs.list_queues()["QueueUrls"])
    world.close()
    assert topic.arn not in [each["TopicArn"] for each in sns.list_topics()["Topics"]]
    assert not any("orders-messages" in url for url in sqs.list_queues().get("QueueUrls", []))


def test_deleting_a_topic_that_is_gone_is_fine(world: Environment) -> None:
    topic = world.topic()
    world.client("sns").delete_topic(TopicArn=topic.arn)
    world.close()


def test_a_topic_is_deleted_whose_arn_was_not_written_down(world: Environment, cloud: Any) -> None:
    topic = world.topic()
    ledger = Ledger()
    entry = ledger.enter("topic", topic.name, world._scope.names, cloud)
    delete_entries(cloud, ledger, [entry])
    assert topic.arn not in [
        each["TopicArn"] for each in world.client("sns").list_topics()["Topics"]
    ]


def test_a_topic_that_is_refused_leaves_nothing(world: Environment, cloud: Any) -> None:
    cloud.answer("CreateTopic", (400, "InvalidParameter", "no"))
    with pytest.raises(ConfigurationError, match="CreateTopic was refused: InvalidParameter: no"):
        world.topic()
    cloud.calls.clear()
    world.close()
    assert cloud.calls == []


def test_a_topic_whose_queue_is_refused_is_deleted(world: Environment, cloud: Any) -> None:
    cloud.answer("CreateQueue", (400, "InvalidAttributeValue", "no"))
    with pytest.raises(ConfigurationError, match=r"sls\.topic\('topic'\): CreateQueue was refused"):
        world.topic()
    cloud.calls.clear()
    world.close()
    assert cloud.calls == ["DeleteTopic"]
