"""SQS as an event source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function, Invocation
from slstest.resources.queue import Queue

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

FAIL_ON_POISON = """
def handler(event, context):
    if any(record["body"] == "poison" for record in event["Records"]):
        raise ValueError("poison")
"""

REPORT_POISON = """
def handler(event, context):
    failed = [r["messageId"] for r in event["Records"] if r["body"] == "poison"]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
"""

VISIBILITY = 2
"""Seconds; short, for clouds whose time is real."""


def redriven(sls: Environment, dead: Queue, count: int, **attributes: Any) -> Queue:
    """A queue whose messages go to another when they have been received so often."""
    policy = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": count}
    return sls.queue(redrive_policy=policy, visibility_timeout=VISIBILITY, **attributes)


def bodies(invocation: Invocation) -> list[str]:
    return [record["body"] for record in invocation.event["Records"]]


def test_a_queue_and_a_function_are_mapped(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    mapping = function.triggered_by(queue)
    document = sls.client("lambda").get_event_source_mapping(UUID=mapping.uuid)
    document.pop("ResponseMetadata")
    assert document.pop("LastModified")
    assert document.pop("EventSourceMappingArn").endswith(f":event-source-mapping:{mapping.uuid}")
    assert document == {
        "UUID": mapping.uuid,
        "EventSourceArn": queue.arn,
        "FunctionArn": function.arn,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "State": "Enabled",
        "StateTransitionReason": "USER_INITIATED",
    }


def test_messages_are_deleted_after_a_success(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    function.triggered_by(queue)
    queue.send("a", "b")
    queue.expect_empty()
    assert sorted(body for each in function.invocations for body in bodies(each)) == ["a", "b"]


def test_a_batch_has_at_most_the_batch_size(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    queue.send("a", "b", "c")
    function.triggered_by(queue, batch_size=2)
    sls.settle()
    assert sorted(map(bodies, function.invocations)) == [["a", "b"], ["c"]]


def test_a_batching_window_gathers_messages(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(visibility_timeout=300), deploy(QUIET)
    function.triggered_by(queue, batch_size=100, maximum_batching_window_in_seconds=5)
    queue.send("a")
    queue.send("b")
    assert function.invocations == []
    sls.settle()
    assert [bodies(each) for each in function.invocations] == [["a", "b"]]


def test_the_visibility_timeout_and_the_dead_letter_queue_are_the_retry(
    deploy: Deploy, sls: Environment
) -> None:
    dead = sls.queue()
    queue = redriven(sls, dead, 3)
    function = deploy(FAIL_ON_POISON, timeout=VISIBILITY)
    function.triggered_by(queue)
    queue.send("poison")
    message = dead.expect_message("poison")
    assert message.attributes["DeadLetterQueueSourceArn"] == queue.arn
    assert [each.attempt for each in function.invocations] == [1, 2, 3]
    errors = [each.error or {} for each in function.invocations]
    assert {error.get("errorType") for error in errors} == {"ValueError"}
    queue.expect_empty()


def test_only_the_messages_that_the_response_reports_return(
    deploy: Deploy, sls: Environment
) -> None:
    dead = sls.queue()
    queue = redriven(sls, dead, 2)
    function = deploy(REPORT_POISON, timeout=VISIBILITY)
    function.triggered_by(queue, function_response_types=["ReportBatchItemFailures"])
    queue.send("good", "poison")
    dead.expect_message("poison")
    delivered = sorted(body for each in function.invocations for body in bodies(each))
    assert delivered == ["good", "poison", "poison"]


def test_a_message_group_is_handled_in_order_one_batch_at_a_time(
    deploy: Deploy, sls: Environment
) -> None:
    queue, function = sls.queue(fifo=True), deploy(QUIET)
    for number in range(3):
        queue.send(f"a{number}", message_group_id="a")
        queue.send(f"b{number}", message_group_id="b")
    function.triggered_by(queue, batch_size=1)
    sls.settle()
    delivered = [bodies(each)[0] for each in function.invocations]
    for group in "ab":
        assert [each for each in delivered if each[0] == group] == [f"{group}{n}" for n in range(3)]


def test_a_failed_group_is_hidden_and_others_go_on(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    dead = sls.queue(fifo=True)
    queue = redriven(sls, dead, 2, fifo=True)
    function = deploy(FAIL_ON_POISON, timeout=VISIBILITY)
    function.triggered_by(queue, batch_size=1)
    queue.send("poison", "behind", message_group_id="a")
    queue.send("other", message_group_id="b")
    sls.settle()
    delivered = [bodies(each)[0] for each in function.invocations]
    assert [each for each in delivered if each != "other"] == ["poison", "poison", "behind"]
    assert delivered.index("other") < delivered.index("behind")
    if column.ours:  # elsewhere it may take longer than the group is hidden
        assert "other" in delivered[:2]


def test_a_message_that_does_not_match_is_deleted(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    pattern = json.dumps({"body": {"kind": ["good"]}})
    function.triggered_by(queue, filter_criteria={"Filters": [{"Pattern": pattern}]})
    queue.send({"kind": "good"}, {"kind": "bad"}, "no json")
    queue.expect_empty()
    assert [bodies(each) for each in function.invocations] == [['{"kind": "good"}']]


def test_a_delayed_message_comes_when_its_delay_is_over(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    function.triggered_by(queue)
    queue.send("a", delay_seconds=5)
    assert function.invocations == []
    sls.settle()
    assert len(function.invocations) == 1


def test_a_disabled_mapping_leaves_messages_in_the_queue(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    mapping = function.triggered_by(queue, enabled=False)
    queue.send("a")
    sls.settle()
    assert function.invocations == []
    assert [message.body for message in queue.messages()] == ["a"]
    mapping.enable()
    queue.expect_empty()
    function.expect_invoked(times=1)


def test_a_function_sends_to_a_queue_that_the_test_reads(deploy: Deploy, sls: Environment) -> None:
    results = sls.queue()
    code = """
        import boto3, os
        def handler(event, context):
            boto3.client("sqs").send_message(QueueUrl=os.environ["URL"], MessageBody=str(event))
        """
    deploy(code, environment={"URL": results.url}).invoke(7)
    assert results.expect_message("7").body == 7


def test_a_function_may_wait_for_a_message(deploy: Deploy, sls: Environment) -> None:
    queue = sls.queue()
    queue.send("there")
    code = """
        import boto3, os
        def handler(event, context):
            sqs = boto3.client("sqs")
            answer = sqs.receive_message(QueueUrl=os.environ["URL"], WaitTimeSeconds=20)
            return answer["Messages"][0]["Body"]
        """
    assert deploy(code, environment={"URL": queue.url}, timeout=30).invoke() == "there"


@pytest.mark.parametrize(
    ("queue", "function", "settings", "problem"),
    [
        (
            {},
            {"timeout": 31},
            {},
            "InvalidParameterValueException: Queue visibility timeout: 30 seconds is less than "
            "Function timeout: 31 seconds",
        ),
        (
            {},
            {},
            {"batch_size": 11},
            "InvalidParameterValueException: Maximum batch window in seconds must be greater than "
            "0 if maximum batch size is greater than 10",
        ),
        (
            {"fifo": True},
            {},
            {"maximum_batching_window_in_seconds": 1},
            "InvalidParameterValueException: Batching window is not supported for FIFO queues",
        ),
        (
            {},
            {},
            {"starting_position": "LATEST"},
            "InvalidParameterValueException: StartingPosition is not valid for SQS event sources.",
        ),
        (
            {},
            {},
            {"filter_criteria": {"Filters": [{"Pattern": "text"}]}},
            "InvalidParameterValueException: Invalid filter pattern definition.",
        ),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(
    deploy: Deploy,
    sls: Environment,
    queue: dict[str, Any],
    function: dict[str, Any],
    settings: dict[str, Any],
    problem: str,
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        deploy(QUIET, **function).triggered_by(sls.queue(**queue), **settings)
    assert problem in str(raised.value)


def test_a_queue_is_mapped_to_a_function_once(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    mapping = function.triggered_by(queue)
    with pytest.raises(ConfigurationError) as raised:
        function.triggered_by(queue)
    assert (
        f'ResourceConflictException: An event source mapping with SQS arn (" {queue.arn} ") and '
        f'function (" {function.name} ") already exists. Please update or delete the existing '
        f"mapping with UUID {mapping.uuid}"
    ) in str(raised.value)


def test_a_queue_that_does_not_exist_cannot_be_mapped(deploy: Deploy, sls: Environment) -> None:
    function, queue = deploy(QUIET), sls.queue()
    sls.client("sqs").delete_queue(QueueUrl=queue.url)
    with pytest.raises(ConfigurationError, match=r"AWS\.SimpleQueueService\.NonEx"):
        function.triggered_by(queue)
