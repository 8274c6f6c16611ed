"""Concurrency: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function, SlstestError

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

WAIT_FOR_A_MESSAGE = """
import os
import boto3

def handler(event, context):
    if event == "wait":
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=os.environ["STARTED"], MessageBody="started")
        sqs.receive_message(QueueUrl=os.environ["GATE"], WaitTimeSeconds=20)
"""

INVOKE_AGAIN = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

def handler(event, context):
    if event == "inner":
        return "done"
    client = boto3.client("lambda", config=Config(retries={"total_max_attempts": 1}))
    try:
        answer = client.invoke(FunctionName=context.function_name, Payload='"inner"')
    except ClientError as error:
        return error.response["Reason"]
    return answer["Payload"].read().decode()
"""

ONE_AT_A_TIME = """
import time

busy = False

def handler(event, context):
    global busy
    assert not busy
    busy = True
    time.sleep(0.05)
    busy = False
"""


@pytest.fixture
def occupied(deploy: Deploy, sls: Environment) -> Callable[[], Any]:
    """A function that is being invoked once while the body of a ``with`` runs."""

    @contextmanager
    def occupied() -> Iterator[Function]:
        started, gate = sls.queue(), sls.queue()
        queues = {"STARTED": started.url, "GATE": gate.url}
        function = deploy(WAIT_FOR_A_MESSAGE, environment=queues, timeout=30)
        function.reserve_concurrency(1)
        busy = threading.Thread(target=function.invoke, args=("wait",))
        busy.start()
        try:
            started.expect_message("started", timeout=20)
            yield function
        finally:
            gate.send("open")
            busy.join()

    return occupied


def test_an_execution_environment_handles_one_invocation_at_a_time(
    deploy: Deploy, sls: Environment
) -> None:
    function = deploy(ONE_AT_A_TIME)
    for number in range(4):
        function.invoke_async(number)
    sls.settle()
    function.expect_no_errors()
    assert sorted(each.event for each in function.invocations) == [0, 1, 2, 3]


def test_an_invocation_over_the_reserved_concurrency_is_throttled(
    occupied: Callable[[], Any], sls: Environment, column: Column
) -> None:
    with occupied() as function, pytest.raises(ClientError) as raised:
        sls.client("lambda").invoke(FunctionName=function.name)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Error"]["Code"] == "TooManyRequestsException"
    if column.ours:
        assert response["Error"]["Message"] == "Rate Exceeded."
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"  # type: ignore[typeddict-item]


def test_a_function_that_invokes_itself_needs_concurrency_for_both(deploy: Deploy) -> None:
    function = deploy(INVOKE_AGAIN, timeout=10)
    function.reserve_concurrency(1)
    assert function.invoke("outer") == "ReservedFunctionConcurrentInvocationLimitExceeded"
    function.reserve_concurrency(2)
    assert function.invoke("outer") == '"done"'


def test_other_functions_are_not_throttled(
    occupied: Callable[[], Any], deploy: Deploy, sls: Environment
) -> None:
    other = deploy(QUIET)
    with occupied():
        other.invoke_async("while the first one runs")
    sls.settle()
    assert len(other.invocations) == 1


def test_concurrency_is_free_again_when_an_invocation_ends(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): return 1 / event")
    function.reserve_concurrency(1)
    with pytest.raises(SlstestError, match="ZeroDivisionError"):
        function.invoke(0)
    assert function.invoke(1) == 1


def test_a_reservation_of_zero_throttles_every_invocation(deploy: Deploy) -> None:
    function = deploy(QUIET)
    function.reserve_concurrency(0)
    with pytest.raises(SlstestError, match=r"TooManyRequestsException: .*\. As many"):
        function.invoke()
    function.reserve_concurrency(None)
    function.invoke()


@pytest.mark.needs_clock
def test_a_throttled_batch_of_a_stream_waits_and_uses_up_no_retry(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.reserve_concurrency(0)
    function.triggered_by(stream, maximum_retry_attempts=0)
    stream.put({"page": "/home"})
    sls.clock.advance(minutes=10)
    assert function.invocations == []
    function.reserve_concurrency(None)
    sls.settle()
    assert [len(each.event["Records"]) for each in function.invocations] == [1]


@pytest.mark.needs_clock
def test_a_throttled_message_of_a_queue_is_tried_again_while_it_is_hidden(
    deploy: Deploy, sls: Environment
) -> None:
    queue, function = sls.queue(visibility_timeout=300), deploy(QUIET)
    function.reserve_concurrency(0)
    function.triggered_by(queue)
    queue.send("a")
    sls.clock.advance(seconds=20)
    assert function.invocations == []
    function.reserve_concurrency(None)
    queue.expect_empty()
    assert [each.attempt for each in function.invocations] == [1]


def test_a_message_that_stays_throttled_returns_to_its_queue(
    deploy: Deploy, sls: Environment
) -> None:
    dead = sls.queue()
    queue = sls.queue(
        redrive_policy={"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2},
        visibility_timeout=2,
    )
    function = deploy(QUIET, timeout=2)
    function.reserve_concurrency(0)
    function.triggered_by(queue)
    queue.send("a")
    assert dead.expect_message("a").attributes["DeadLetterQueueSourceArn"] == queue.arn
    assert function.invocations == []


def others_reserve(column: Column) -> int:
    """How many executions other tests may be reserving just now, where they share the account."""
    return 0 if column.ours else 20


def test_what_is_reserved_is_not_shared(deploy: Deploy, sls: Environment, column: Column) -> None:
    client = sls.client("lambda")
    function = deploy(QUIET)
    before = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    function.reserve_concurrency(100)
    after = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert abs(before - 100 - after) <= others_reserve(column)
    assert client.get_function(FunctionName=function.name)["Concurrency"] == {
        "ReservedConcurrentExecutions": 100
    }


def test_a_hundred_executions_cannot_be_reserved(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    limit = sls.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    function = deploy(QUIET)
    if column.ours:  # or nothing would be left for others
        function.reserve_concurrency(limit - 100)
    with pytest.raises(ConfigurationError) as raised:
        function.reserve_concurrency(limit - 99)
    assert (
        "InvalidParameterValueException: Specified ReservedConcurrentExecutions for function "
        "decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
    ) in str(raised.value)


def test_a_deleted_function_gives_its_reservation_back(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    client = sls.client("lambda")
    before = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    function = deploy(QUIET)
    function.reserve_concurrency(100)
    client.delete_function(FunctionName=function.name)
    after = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert abs(before - after) <= others_reserve(column)
