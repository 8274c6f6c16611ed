"""SNS topics: https://docs.aws.amazon.com/sns/latest/dg/welcome.html"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function
from slstest.resources.queue import Queue
from slstest.waiting import wait_until

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"
ORDER = {"kind": {"DataType": "String", "StringValue": "order"}}


def documents(queue: Queue, count: int) -> list[Any]:
    """The bodies of the messages of a queue, as soon as there are so many."""
    wait_until(f"{count} messages", lambda: len(queue.messages()) >= count or None, timeout=30)
    return [message.body for message in queue.messages()]


def test_a_function_publishes_what_the_test_expects(deploy: Deploy, sls: Environment) -> None:
    news = sls.topic()
    code = """
        import boto3, json, os
        def handler(event, context):
            boto3.client("sns").publish(
                TopicArn=os.environ["NEWS"], Message=json.dumps(event), Subject="farbe"
            )
        """
    deploy(code, environment={"NEWS": news.arn}).invoke({"n": 7})
    assert news.expect_message({"n": 7}).subject == "farbe"
    news.expect_no_message({"n": 8})


def test_a_queue_gets_the_documented_notification(sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/http-notification-json.html"""
    topic, queue = sls.topic(), sls.queue()
    topic.subscribe(queue)
    (published,) = topic.publish("hello", subject="farbe", message_attributes=ORDER)
    sls.settle()
    (document,) = documents(queue, 1)
    assert set(document) == {
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
    }
    assert document["Type"] == "Notification"
    assert document["MessageId"] == published.message_id
    assert document["TopicArn"] == topic.arn
    assert (document["Subject"], document["Message"]) == ("farbe", "hello")
    assert document["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}
    assert document["SignatureVersion"] == "1"


def test_raw_delivery_strips_the_notification(sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html"""
    topic, queue = sls.topic(), sls.queue()
    topic.subscribe(queue, raw_message_delivery=True)
    topic.publish({"n": 1}, message_attributes=ORDER)
    message = queue.expect_message({"n": 1})
    assert message.raw == '{"n": 1}'
    assert message.message_attributes["kind"]["StringValue"] == "order"


def test_a_topic_triggers_a_function_through_a_queue(deploy: Deploy, sls: Environment) -> None:
    topic, queue = sls.topic(), sls.queue()
    topic.subscribe(queue)
    function = deploy("def handler(event, context): pass")
    function.triggered_by(queue)
    topic.publish("a", "b")
    queue.expect_empty()
    records = [record for each in function.invocations for record in each.event["Records"]]
    assert sorted(json.loads(record["body"])["Message"] for record in records) == ["a", "b"]


def test_a_topic_invokes_a_function_once_for_each_message(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    topic, function = sls.topic(), deploy(QUIET)
    subscription = function.triggered_by(topic)
    topic.publish("a", "b", subject="farbe", message_attributes=ORDER)
    records = [record for each in function.expect_invoked(2) for record in each.event["Records"]]
    assert {record["EventSubscriptionArn"] for record in records} == {subscription.arn}
    assert sorted(record["Sns"]["Message"] for record in records) == ["a", "b"]
    assert {record["Sns"]["Subject"] for record in records} == {"farbe"}
    assert records[0]["Sns"]["MessageAttributes"] == {"kind": {"Type": "String", "Value": "order"}}


def test_a_function_gets_what_its_filter_policy_lets_pass(deploy: Deploy, sls: Environment) -> None:
    topic, function = sls.topic(), deploy(QUIET)
    topic.subscribe(function, filter_policy={"n": [2]}, filter_policy_scope="MessageBody")
    topic.publish({"n": 1}, {"n": 2})
    (invocation,) = function.expect_invoked(1)
    assert json.loads(invocation.event["Records"][0]["Sns"]["Message"]) == {"n": 2}


@pytest.mark.needs_clock
def test_a_message_on_which_a_function_fails_is_retried_by_lambda(
    deploy: Deploy, sls: Environment
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    topic, failures = sls.topic(), sls.queue()
    function = deploy("def handler(event, context): raise ValueError('no')")
    function.configure_async(
        maximum_retry_attempts=1,
        destination_config={"OnFailure": {"Destination": failures.arn}},
    )
    function.triggered_by(topic)
    (published,) = topic.publish("hello")
    first, second = function.expect_invoked(2)
    assert first.event == second.event
    record = failures.expect_message({"requestContext": {"condition": "RetriesExhausted"}}).body
    assert record["requestPayload"]["Records"][0]["Sns"]["MessageId"] == published.message_id


@pytest.mark.needs_known_function
def test_a_function_whose_policy_does_not_let_the_topic_in_is_not_invoked(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    topic, function = sls.topic(), deploy(QUIET)
    sls.client("sns").subscribe(TopicArn=topic.arn, Protocol="lambda", Endpoint=function.arn)
    topic.publish("hello")
    function.expect_invoked(times=0)
    if column.ours:
        (note,) = sls.undelivered()
        assert "the function's policy does not allow sns.amazonaws.com to do lambda:Invoke" in note


def test_an_ended_subscription_invokes_no_more(deploy: Deploy, sls: Environment) -> None:
    topic, function = sls.topic(), deploy(QUIET)
    subscription = function.triggered_by(topic)
    topic.publish("before")
    function.expect_invoked(1)
    subscription.delete()
    topic.publish("after")
    function.expect_invoked(1)


def test_a_fifo_topic_triggers_no_function(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html"""
    with pytest.raises(ConfigurationError, match="Invalid protocol type: lambda"):
        deploy(QUIET).triggered_by(sls.topic(fifo=True))


@pytest.mark.parametrize(
    "policy",
    [
        {"filter_policy": {"kind": ["order", {"prefix": "re"}]}},
        {"filter_policy": {"n": [{"numeric": [">", 1]}]}, "filter_policy_scope": "MessageBody"},
        {
            "filter_policy": {"$or": [{"n": [2]}, {"kind": ["x"]}]},
            "filter_policy_scope": "MessageBody",
        },
    ],
    ids=["attributes", "body", "or"],
)
def test_a_subscription_gets_what_its_filter_policy_lets_pass(
    sls: Environment, policy: dict[str, Any]
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html"""
    topic, queue = sls.topic(), sls.queue()
    topic.subscribe(queue, raw_message_delivery=True, **policy)
    topic.publish({"n": 1})
    topic.publish({"n": 2}, message_attributes=ORDER)
    sls.settle()
    assert documents(queue, 1) == [{"n": 2}]


def test_a_queue_whose_policy_does_not_let_the_topic_in_gets_nothing(
    sls: Environment, column: Column
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""
    topic, queue = sls.topic(), sls.queue()
    sls.client("sns").subscribe(TopicArn=topic.arn, Protocol="sqs", Endpoint=queue.arn)
    topic.publish("hello")
    topic.expect_message("hello")
    queue.expect_empty()
    if column.ours:
        (note,) = sls.undelivered()
        assert "the queue's policy does not allow sns.amazonaws.com to do sqs:SendMessage" in note


def test_what_cannot_be_delivered_goes_to_the_subscription_s_dead_letter_queue(
    sls: Environment,
) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    topic, queue, dead = sls.topic(), sls.queue(), sls.queue()
    topic.subscribe(queue, redrive_policy={"deadLetterTargetArn": dead.arn})
    sls.client("sqs").delete_queue(QueueUrl=queue.url)
    topic.publish("hello")
    assert dead.expect_message({}).body["Message"] == "hello"


def test_a_fifo_topic_keeps_the_order_of_each_group(sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-topic-message-ordering.html"""
    topic, queue = sls.topic(fifo=True), sls.queue(fifo=True)
    topic.subscribe(queue, raw_message_delivery=True)
    for n in range(3):
        topic.publish({"group": "a", "n": n}, message_group_id="a")
        topic.publish({"group": "b", "n": n}, message_group_id="b")
    sls.settle()
    bodies = documents(queue, 6)
    for group in "ab":
        found = [body["n"] for body in bodies if body["group"] == group]
        assert found == [0, 1, 2]


@pytest.mark.needs_clock
def test_a_fifo_topic_drops_a_duplicate_for_five_minutes(sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html"""
    topic = sls.topic(fifo=True)
    (first,) = topic.publish("a")
    (again,) = topic.publish("a")
    assert again.message_id == first.message_id
    sls.settle()
    sls.clock.advance(minutes=5)
    topic.publish("a")
    sls.settle()
    assert [message.raw for message in topic.messages()] == ["a", "a"]


def test_a_fifo_topic_delivers_to_standard_queues_too(sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-grouping.html"""
    topic, queue = sls.topic(fifo=True), sls.queue()
    topic.subscribe(queue, raw_message_delivery=True)
    topic.publish("a", message_group_id="g")
    assert "MessageGroupId" not in queue.expect_message("a").attributes


def test_a_message_may_differ_by_protocol(sls: Environment) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    topic, queue = sls.topic(), sls.queue()
    topic.subscribe(queue, raw_message_delivery=True)
    topic.publish({"default": "for all", "sqs": "for queues"}, message_structure="json")
    queue.expect_message("for queues")


def test_an_ended_subscription_gets_nothing_more(sls: Environment) -> None:
    topic, queue = sls.topic(), sls.queue()
    subscription = topic.subscribe(queue, raw_message_delivery=True)
    topic.publish("before")
    queue.expect_message("before")
    subscription.delete()
    topic.publish("after")
    sls.settle()
    assert documents(queue, 1) == ["before"]


@pytest.mark.parametrize(
    ("fifo", "publish", "problem"),
    [
        (False, {"message_deduplication_id": "d"}, "MessageDeduplicationId parameter that is not"),
        (True, {"message_deduplication_id": "no spaces"}, "MessageDeduplicationId Reason"),
        (False, {"subject": "two\nlines"}, "Invalid parameter: Subject"),
        (False, {"message_structure": "json"}, "Message Structure - JSON message body failed"),
    ],
)
def test_a_message_that_cannot_be_is_refused(
    sls: Environment, fifo: bool, publish: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        sls.topic(fifo=fifo).publish("hello", **publish)


@pytest.mark.parametrize(
    ("subscription", "problem"),
    [
        ({"filter_policy": {"kind": "order"}}, '"kind" must be an object or an array'),
        ({"filter_policy": {"kind": [{"is": 1}]}}, "Unrecognized match type is"),
        ({"filter_policy": {"a": {"b": ["c"]}}}, "does not support nested filter policy"),
        ({"filter_policy_scope": "Body"}, r"Invalid value \[Body\]"),
        ({"raw_message_delivery": "perhaps"}, r"Invalid value \[perhaps\]"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused(
    sls: Environment, subscription: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        sls.topic().subscribe(sls.queue(), **subscription)


def test_a_fifo_queue_needs_a_fifo_topic(sls: Environment) -> None:
    with pytest.raises(ConfigurationError, match="FIFO SQS Queues can not be subscribed to stand"):
        sls.topic().subscribe(sls.queue(fifo=True))
