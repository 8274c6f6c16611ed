"""Faults that a test injects: https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest

from slstest import ConfigurationError, Environment, ExpectationFailed, Function

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

COUNT = """
import os, boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    for record in event["Records"]:
        table.update_item(
            Key={"id": "all"},
            UpdateExpression="ADD seen :one",
            ExpressionAttributeValues={":one": 1},
        )
"""

REMEMBER = """
import base64, os, time, boto3
table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

def handler(event, context):
    for record in event["Records"]:
        text = base64.b64decode(record["kinesis"]["data"]).decode()
        table.put_item(Item={"id": text, "at": str(time.time_ns())})
"""

SAVE = """
import os, boto3
from botocore.config import Config
s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))

def handler(event, context):
    s3.put_object(Bucket=os.environ["BUCKET"], Key=event["key"], Body=b"x")
"""


@pytest.mark.needs_function_here
def test_a_batch_can_be_delivered_twice(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, batch_size=1)
    fault = sls.faults.deliver_twice(function)
    stream.put("a", "b")
    sls.settle()
    numbers = [i.event["Records"][0]["kinesis"]["sequenceNumber"] for i in function.invocations]
    assert numbers[0] == numbers[1] != numbers[2]
    assert fault.struck == 1


@pytest.mark.needs_function_here
def test_an_asynchronous_event_can_be_delivered_twice(deploy: Deploy, sls: Environment) -> None:
    function = deploy(QUIET)
    sls.faults.deliver_twice(function)
    request_id = function.invoke_async({"n": 1})
    sls.settle()
    assert [i.request_id for i in function.invocations] == [request_id, request_id]


@pytest.mark.needs_faults
def test_a_standard_queue_can_give_out_its_newest_messages_first(
    deploy: Deploy, sls: Environment
) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    fault = sls.faults.deliver_out_of_order(queue)
    queue.send("a", "b", "c")
    function.triggered_by(queue)
    sls.settle()
    (invocation,) = function.invocations
    assert [record["body"] for record in invocation.event["Records"]] == ["c", "b", "a"]
    assert fault.struck
    queue.expect_empty()


@pytest.mark.needs_function_here
def test_the_environment_can_be_killed_after_the_effect(deploy: Deploy, sls: Environment) -> None:
    table, stream = sls.table(), sls.stream()
    function = deploy(COUNT, environment={"TABLE": table.name})
    function.triggered_by(stream)
    sls.faults.kill(function)
    stream.put("a")
    table.expect_item({"id": "all", "seen": 2})
    killed, again = function.invocations
    assert killed.error == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {killed.request_id} Error: Runtime exited with error: "
        "signal: killed",
    }
    assert killed.logs[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError")
    assert again.error is None
    assert again.cold_start


@pytest.mark.needs_function_here
def test_a_throttled_batch_is_tried_again_and_uses_up_no_retry(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, maximum_retry_attempts=0)
    fault = sls.faults.throttle(function, times=3)
    stream.put("a")
    (invocation,) = function.expect_invoked(times=1)
    assert invocation.attempt == 1
    assert fault.struck == 3


@pytest.mark.needs_function_here
def test_a_throttled_asynchronous_event_is_tried_again(deploy: Deploy, sls: Environment) -> None:
    function = deploy(QUIET)
    fault = sls.faults.throttle(function)
    function.invoke_async({"n": 1})
    function.expect_invoked(times=1)
    assert fault.struck == 1


@pytest.mark.needs_function_here
def test_a_throttled_synchronous_invocation_is_refused(deploy: Deploy, sls: Environment) -> None:
    function = deploy(QUIET)
    # boto3 tries again by itself, four times.
    sls.faults.throttle(function, times=5)
    with pytest.raises(Exception, match="TooManyRequestsException"):
        function.invoke({})


@pytest.mark.needs_faults
def test_the_nth_call_of_an_operation_can_fail(deploy: Deploy, sls: Environment) -> None:
    bucket = sls.bucket()
    function = deploy(SAVE, environment={"BUCKET": bucket.name})
    fault = sls.faults.fail(function, "s3:PutObject", "SlowDown", call=2)
    function.invoke({"key": "first"})
    with pytest.raises(Exception, match="SlowDown"):
        function.invoke({"key": "second"})
    function.invoke({"key": "third"})
    assert [each.key for each in bucket.objects()] == ["first", "third"]
    assert fault.struck == 1


@pytest.mark.needs_faults
def test_only_the_function_itself_gets_the_fault(deploy: Deploy, sls: Environment) -> None:
    bucket = sls.bucket()
    function, other = (deploy(SAVE, environment={"BUCKET": bucket.name}) for _ in range(2))
    fault = sls.faults.fail(function, "s3:PutObject", "SlowDown")
    bucket.put("test", "x")
    other.invoke({"key": "other"})
    assert fault.struck == 0


@pytest.mark.needs_faults
def test_a_call_can_take_longer_than_the_function_may(deploy: Deploy, sls: Environment) -> None:
    bucket = sls.bucket()
    function = deploy(SAVE, environment={"BUCKET": bucket.name}, timeout=1)
    sls.faults.delay(function, "s3:PutObject", 3)
    with pytest.raises(Exception, match=r"Task timed out after 1\.00 seconds"):
        function.invoke({"key": "late"})


@pytest.mark.needs_function_here
def test_cleared_faults_do_not_strike(deploy: Deploy, sls: Environment) -> None:
    function = deploy(QUIET)
    fault = sls.faults.kill(function)
    sls.faults.clear()
    function.invoke({})
    assert fault.struck == 0


def test_a_fifo_queue_keeps_its_order(sls: Environment) -> None:
    with pytest.raises(ConfigurationError, match="take a standard queue"):
        sls.faults.deliver_out_of_order(sls.queue(fifo=True))


@pytest.mark.needs_function_here
def test_a_function_that_counts_twice_is_not_idempotent(deploy: Deploy, sls: Environment) -> None:
    table, stream = sls.table("totals"), sls.stream()
    function = deploy(COUNT, environment={"TABLE": table.name})
    function.triggered_by(stream)
    stream.put("a")
    with pytest.raises(ExpectationFailed) as failed:
        sls.check_redelivery()
    assert "not idempotent: 1 delivery was repeated" in str(failed.value)
    told = re.search(r"table 'totals': item 'all' was (\{.*?\})", str(failed.value))
    assert told
    assert ast.literal_eval(told.group(1)) == {"id": "all", "seen": 1}


@pytest.mark.needs_function_here
def test_a_function_that_overwrites_is_idempotent(deploy: Deploy, sls: Environment) -> None:
    table, stream = sls.table(), sls.stream()
    function = deploy(REMEMBER, environment={"TABLE": table.name})
    function.triggered_by(stream, batch_size=1)
    stream.put("a", "b")
    with pytest.raises(ExpectationFailed, match="at"):
        sls.check_redelivery()
    sls.check_redelivery(ignore=["at"])
    table.expect_count(2)


@pytest.mark.needs_function_here
def test_records_that_were_reported_as_failed_are_not_delivered_again(
    deploy: Deploy, sls: Environment
) -> None:
    dead = sls.queue()
    queue = sls.queue(
        redrive_policy={"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1},
        visibility_timeout=2,
    )
    code = """
        def handler(event, context):
            failed = [r["messageId"] for r in event["Records"] if r["body"] == "poison"]
            return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
        """
    function = deploy(code, timeout=2)
    function.triggered_by(queue, function_response_types=["ReportBatchItemFailures"])
    queue.send("fine", "poison")
    sls.settle()
    sls.check_redelivery()
    assert [r["body"] for r in function.invocations[-1].event["Records"]] == ["fine"]


@pytest.mark.needs_function_here
def test_where_nothing_was_delivered_the_check_says_so(deploy: Deploy, sls: Environment) -> None:
    deploy(QUIET).invoke({})
    with pytest.raises(ConfigurationError, match="nothing was delivered"):
        sls.check_redelivery()
