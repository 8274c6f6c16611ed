"""Asynchronous invocation: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from unittest.mock import ANY

import pytest
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function
from slstest.resources.queue import Queue

Deploy = Callable[..., Function]

ECHO = "def handler(event, context): return event"

FAIL = """
def handler(event, context):
    raise ValueError("no such page")
"""

FAIL_TWICE = """
import os
import boto3

def handler(event, context):
    s3 = boto3.client("s3")
    tries = s3.list_objects_v2(Bucket=os.environ["TRIES"])["KeyCount"]
    s3.put_object(Bucket=os.environ["TRIES"], Key=str(tries))
    if tries < 2:
        raise ValueError("not yet")
    return "at last"
"""

WAIT_FOR_A_MESSAGE = """
import os
import boto3

def handler(event, context):
    if event == "wait":
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=os.environ["STARTED"], MessageBody="started")
        sqs.receive_message(QueueUrl=os.environ["GATE"], WaitTimeSeconds=20)
"""

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def fails_to(destination: str) -> dict[str, Any]:
    return {"OnFailure": {"Destination": destination}}


@pytest.fixture
def bus_to(sls: Environment) -> Iterator[Callable[[Queue], str]]:
    """Makes an event bus whose events all reach a queue, and returns its ARN."""
    events = sls.client("events")
    with ExitStack() as afterwards:

        def make(queue: Queue) -> str:
            rule = {"Name": "all", "EventBusName": queue.name}
            targets = {"Rule": "all", "EventBusName": queue.name}
            arn: str = events.create_event_bus(Name=queue.name)["EventBusArn"]
            afterwards.callback(events.delete_event_bus, Name=queue.name)
            events.put_rule(**rule, EventPattern='{"source": ["lambda"]}')
            afterwards.callback(events.delete_rule, **rule)
            events.put_targets(**targets, Targets=[{"Id": "queue", "Arn": queue.arn}])
            afterwards.callback(events.remove_targets, **targets, Ids=["queue"])
            return arn

        yield make


@pytest.mark.needs_clock
def test_an_event_that_fails_is_tried_again_after_one_and_two_minutes(
    deploy: Deploy, sls: Environment
) -> None:
    function = deploy(FAIL)
    function.invoke_async()
    times = []
    for seconds in (0.1, 58, 2, 117, 3):
        sls.clock.advance(seconds=seconds)
        times.append(len(function.invocations))
    assert times == [1, 1, 2, 2, 3]
    sls.settle()
    assert [each.attempt for each in function.invocations] == [1, 2, 3]


@pytest.mark.needs_clock
def test_every_try_of_an_event_has_its_request_id(deploy: Deploy, sls: Environment) -> None:
    function = deploy(FAIL)
    request_id = function.invoke_async()
    sls.settle()
    assert [each.request_id for each in function.invocations] == [request_id] * 3


@pytest.mark.needs_clock
def test_a_success_ends_the_retries(deploy: Deploy, sls: Environment) -> None:
    function = deploy(FAIL_TWICE, environment={"TRIES": sls.bucket().name})
    function.invoke_async()
    sls.settle()
    assert [each.response for each in function.invocations] == [None, None, "at last"]


@pytest.mark.parametrize(
    "attempts", [0, *(pytest.param(n, marks=pytest.mark.needs_clock) for n in (1, 2))]
)
def test_an_event_is_retried_at_most_so_often(
    deploy: Deploy, sls: Environment, attempts: int
) -> None:
    function = deploy(FAIL)
    function.configure_async(maximum_retry_attempts=attempts)
    function.invoke_async()
    sls.settle()
    assert len(function.invocations) == 1 + attempts


@pytest.mark.parametrize(("age", "tries"), [(60, 1), (179, 2), (600, 3)])
@pytest.mark.needs_clock
def test_an_event_is_not_tried_when_it_is_too_old(
    deploy: Deploy, sls: Environment, age: int, tries: int
) -> None:
    function = deploy(FAIL)
    function.configure_async(maximum_event_age_in_seconds=age)
    function.invoke_async()
    sls.settle()
    assert len(function.invocations) == tries


@pytest.mark.needs_clock
def test_the_record_of_a_failure_tells_request_and_response(
    deploy: Deploy, sls: Environment
) -> None:
    failures, function = sls.queue(), deploy(FAIL)
    function.configure_async(destination_config=fails_to(failures.arn))
    request_id = function.invoke_async({"page": "/home"})
    record = failures.expect_message({}).body
    assert re.fullmatch(TIMESTAMP, record["timestamp"])
    assert record == {
        "version": "1.0",
        "timestamp": ANY,
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"page": "/home"},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": function.invocations[-1].error,
    }


def test_the_record_of_a_success_tells_request_and_response(
    deploy: Deploy, sls: Environment
) -> None:
    successes, function = sls.queue(), deploy(ECHO)
    function.configure_async(destination_config={"OnSuccess": {"Destination": successes.arn}})
    request_id = function.invoke_async({"page": "/home"})
    assert successes.expect_message({}).body == {
        "version": "1.0",
        "timestamp": ANY,
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {"page": "/home"},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": {"page": "/home"},
    }


@pytest.mark.needs_clock
def test_the_record_of_an_event_that_is_too_old_says_so(deploy: Deploy, sls: Environment) -> None:
    failures, function = sls.queue(), deploy(FAIL)
    function.configure_async(
        maximum_event_age_in_seconds=60, destination_config=fails_to(failures.arn)
    )
    function.invoke_async()
    body = failures.expect_message({}).body
    assert body["requestContext"]["condition"] == "EventAgeExceeded"
    assert body["requestContext"]["approximateInvokeCount"] == 1
    assert body["responsePayload"]["errorType"] == "ValueError"


def test_success_and_failure_have_destinations_of_their_own(
    deploy: Deploy, sls: Environment
) -> None:
    successes, failures = sls.queue(), sls.queue()
    config = {"OnSuccess": {"Destination": successes.arn}, **fails_to(failures.arn)}
    for code in (ECHO, FAIL):
        function = deploy(code)
        function.configure_async(maximum_retry_attempts=0, destination_config=config)
        function.invoke_async()
    assert successes.expect_message({}).body["requestContext"]["condition"] == "Success"
    assert failures.expect_message({}).body["requestContext"]["condition"] == "RetriesExhausted"
    assert len(successes.messages()) == len(failures.messages()) == 1


def test_a_synchronous_invocation_is_no_matter_for_a_destination(
    deploy: Deploy, sls: Environment
) -> None:
    successes, function = sls.queue(), deploy(ECHO)
    function.configure_async(destination_config={"OnSuccess": {"Destination": successes.arn}})
    function.invoke()
    sls.settle()
    assert successes.messages() == []


def test_a_bucket_gets_the_record_under_a_name_with_the_day(
    deploy: Deploy, sls: Environment
) -> None:
    failures, function = sls.bucket(), deploy(FAIL)
    function.configure_async(maximum_retry_attempts=0, destination_config=fails_to(failures.arn))
    function.invoke_async({"page": "/home"})
    sls.settle()
    (stored,) = failures.objects()
    name, uuid = re.escape(function.name), "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}"
    day = r"(\d{4})/(\d\d)/(\d\d)/\1-\2-\3T\d\d\.\d\d\.\d\d"
    assert re.fullmatch(f"aws/lambda/async/{name}/{day}-{uuid}", stored.key)
    record = json.loads(stored.body)
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestPayload"] == {"page": "/home"}


def test_a_function_gets_the_record_as_its_event(deploy: Deploy, sls: Environment) -> None:
    follower, function = deploy(ECHO), deploy(ECHO)
    function.configure_async(destination_config={"OnSuccess": {"Destination": follower.arn}})
    function.invoke_async({"page": "/home"})
    (invocation,) = follower.expect_invoked(times=1)
    assert invocation.event["responsePayload"] == {"page": "/home"}


def test_a_topic_gets_the_record_as_its_message(deploy: Deploy, sls: Environment) -> None:
    topic, function = sls.topic(), deploy(ECHO)
    function.configure_async(destination_config={"OnSuccess": {"Destination": topic.arn}})
    function.invoke_async({"page": "/home"})
    assert topic.expect_message({}).body["responsePayload"] == {"page": "/home"}


@pytest.mark.parametrize(
    ("code", "result"), [(ECHO, "Success"), (FAIL, "Failure")], ids=["success", "failure"]
)
def test_an_event_bus_gets_the_record_as_the_detail_of_an_event_of_the_source_lambda(
    deploy: Deploy,
    sls: Environment,
    bus_to: Callable[[Queue], str],
    code: str,
    result: str,
) -> None:
    queue, function = sls.queue(), deploy(code)
    bus = bus_to(queue)
    destination = {"Destination": bus}
    function.configure_async(
        maximum_retry_attempts=0,
        destination_config={"OnSuccess": destination, "OnFailure": destination},
    )
    function.invoke_async({"page": "/home"})
    event = queue.expect_message({}).body
    assert event["source"] == "lambda"
    assert event["detail-type"] == f"Lambda Function Invocation Result - {result}"
    assert event["resources"] == [bus, f"{function.arn}:$LATEST"]
    assert event["detail"]["requestPayload"] == {"page": "/home"}


def test_a_dead_letter_queue_gets_the_event_as_it_was(deploy: Deploy, sls: Environment) -> None:
    dead = sls.queue()
    function = deploy(FAIL, dead_letter_config={"TargetArn": dead.arn})
    function.configure_async(maximum_retry_attempts=0)
    request_id = function.invoke_async(b'{"page" : "/home"}')
    message = dead.expect_message({"page": "/home"})
    assert message.raw == '{"page" : "/home"}'
    assert message.message_attributes == {
        "RequestID": {"DataType": "String", "StringValue": request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "no such page"},
    }


def test_a_dead_letter_has_the_first_kilobyte_of_the_error_message(
    deploy: Deploy, sls: Environment
) -> None:
    dead = sls.queue()
    code = "def handler(event, context): raise ValueError('é' * 600)"
    function = deploy(code, dead_letter_config={"TargetArn": dead.arn})
    function.configure_async(maximum_retry_attempts=0)
    function.invoke_async()
    message = dead.expect_message({})
    assert message.message_attributes["ErrorMessage"]["StringValue"] == "é" * 512


def test_a_dead_letter_topic_gets_the_event_as_it_was(deploy: Deploy, sls: Environment) -> None:
    topic = sls.topic()
    function = deploy(FAIL, dead_letter_config={"TargetArn": topic.arn})
    function.configure_async(maximum_retry_attempts=0)
    function.invoke_async({"page": "/home"})
    message = topic.expect_message({"page": "/home"})
    assert message.message_attributes["ErrorMessage"]["StringValue"] == "no such page"


def test_a_function_may_have_a_dead_letter_queue_and_a_destination(
    deploy: Deploy, sls: Environment
) -> None:
    dead, failures = sls.queue(), sls.queue()
    function = deploy(FAIL, dead_letter_config={"TargetArn": dead.arn})
    function.configure_async(maximum_retry_attempts=0, destination_config=fails_to(failures.arn))
    function.invoke_async({"page": "/home"})
    dead.expect_message({"page": "/home"})
    failures.expect_message({"requestPayload": {"page": "/home"}})


def test_an_event_that_is_throttled_waits_and_uses_up_no_retry(
    deploy: Deploy, sls: Environment
) -> None:
    started, gate = sls.queue(), sls.queue()
    queues = {"STARTED": started.url, "GATE": gate.url}
    function = deploy(WAIT_FOR_A_MESSAGE, environment=queues, timeout=30)
    function.configure_async(maximum_retry_attempts=0)
    function.reserve_concurrency(1)
    busy = threading.Thread(target=function.invoke, args=("wait",))
    busy.start()
    try:
        started.expect_message("started", timeout=20)
        function.invoke_async("later")
        assert function.invocations == []
    finally:
        gate.send("open")
        busy.join()
    sls.settle()
    tries = [(each.event, each.attempt) for each in function.invocations]
    assert tries == [("wait", 1), ("later", 1)]


def test_without_concurrency_events_are_given_up_at_once(deploy: Deploy, sls: Environment) -> None:
    dead, failures = sls.queue(), sls.queue()
    function = deploy(ECHO, dead_letter_config={"TargetArn": dead.arn})
    function.configure_async(destination_config=fails_to(failures.arn))
    function.reserve_concurrency(0)
    request_id = function.invoke_async({"page": "/home"})
    assert function.invocations == []
    (record,) = failures.messages()
    assert record.body == {
        "version": "1.0",
        "timestamp": ANY,
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": "ZeroReservedConcurrency",
            "approximateInvokeCount": 0,
        },
        "requestPayload": {"page": "/home"},
    }
    (letter,) = dead.messages()
    assert letter.body == {"page": "/home"}
    assert letter.message_attributes == {
        "RequestID": {"DataType": "String", "StringValue": request_id},
        "ErrorMessage": {
            "DataType": "String",
            "StringValue": "Function not invoked. Function isconfigured with zero reserved "
            "concurrent executions",
        },
    }


@pytest.mark.needs_clock
def test_the_events_of_a_deleted_function_go_with_it(deploy: Deploy, sls: Environment) -> None:
    failures, function = sls.queue(), deploy(FAIL)
    function.configure_async(destination_config=fails_to(failures.arn))
    function.invoke_async()
    assert len(function.invocations) == 1
    sls.client("lambda").delete_function(FunctionName=function.name)
    sls.settle()
    assert failures.messages() == []


@pytest.mark.needs_function_here
def test_a_record_that_its_destination_does_not_take_is_dropped_and_told(
    deploy: Deploy, sls: Environment
) -> None:
    failures, function = sls.queue(), deploy(FAIL)
    function.configure_async(maximum_retry_attempts=0, destination_config=fails_to(failures.arn))
    sls.client("sqs").delete_queue(QueueUrl=failures.url)
    function.invoke_async()
    sls.settle()
    told = f"{failures.arn} did not take a record (DestinationDeliveryFailures)"
    assert any(told in note for note in sls.undelivered())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {},
            "InvalidParameterValueException: You must specify at least one of error handling or "
            "destination setting",
        ),
        ({"maximum_retry_attempts": 3}, "Member must have value less than or equal to 2"),
        ({"maximum_event_age_in_seconds": 21_601}, "less than or equal to 21600"),
        (
            {"destination_config": fails_to("arn:aws:sqs:us-east-1:123456789012:missing")},
            "InvalidParameterValueException: The destination ARN "
            "arn:aws:sqs:us-east-1:123456789012:missing is invalid.",
        ),
        ({"retry_attempts": 1}, "no parameter 'retry_attempts'. Did you mean maximum_retry_"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    deploy: Deploy, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        deploy(ECHO).configure_async(**settings)
    assert problem in str(raised.value)


def test_a_fifo_queue_is_no_destination(deploy: Deploy, sls: Environment) -> None:
    queue = sls.queue(fifo=True)
    with pytest.raises(ConfigurationError) as raised:
        deploy(ECHO).configure_async(destination_config=fails_to(queue.arn))
    assert (
        "InvalidParameterValueException: The provided destination config DestinationConfig("
        f"onSuccess=null, onFailure=OnFailure(destination={queue.arn})) is invalid."
    ) in str(raised.value)


def test_a_bucket_is_a_destination_of_failures_only(deploy: Deploy, sls: Environment) -> None:
    with pytest.raises(ConfigurationError, match="InvalidParameterValueException: The provided"):
        deploy(ECHO).configure_async(
            destination_config={"OnSuccess": {"Destination": sls.bucket().arn}}
        )


def test_a_dead_letter_queue_must_exist(deploy: Deploy, column: Column) -> None:
    arn = "arn:aws:sqs:us-east-1:123456789012:missing"
    problem = "Invalid dead" if column.ours else ""
    with pytest.raises(ConfigurationError, match=f"InvalidParameterValueException: {problem}"):
        deploy(ECHO, dead_letter_config={"TargetArn": arn})
