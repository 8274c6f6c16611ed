"""Batches of a Kinesis stream that fail:
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from slstest import Environment, Function

Deploy = Callable[..., Function]
Delivered = Callable[[Function], list[list[Any]]]

RAISE_ON_POISON = """
    import base64, json

    def handler(event, context):
        for record in event["Records"]:
            if json.loads(base64.b64decode(record["kinesis"]["data"])) == "poison":
                raise ValueError("poison")
    """

REPORT_POISON = """
    import base64, json

    def handler(event, context):
        failed = [
            {"itemIdentifier": record["kinesis"]["sequenceNumber"]}
            for record in event["Records"]
            if json.loads(base64.b64decode(record["kinesis"]["data"])) == "poison"
        ]
        return {"batchItemFailures": failed}
    """

REPORTS = ["ReportBatchItemFailures"]


def put(stream: Any, *data: Any) -> None:
    """Put JSON documents, all in one shard and in their order."""
    stream.put(*(json.dumps(each) for each in data), partition_key="key")


def on_failure(resource: Any) -> dict[str, Any]:
    return {"OnFailure": {"Destination": resource.arn}}


# -- bisecting --------------------------------------------------------------------------------


def test_a_batch_that_fails_is_split_in_two_until_the_bad_record_is_alone(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, dead, function = sls.stream(), sls.queue(), deploy(RAISE_ON_POISON)
    put(stream, "a", "b", "c", "d", "poison", "f", "g")
    function.triggered_by(
        stream,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=0,
        destination_config=on_failure(dead),
    )
    assert dead.expect_message(ANY).body["KinesisBatchInfo"]["batchSize"] == 1
    assert delivered(function) == [
        ["a", "b", "c", "d", "poison", "f", "g"],
        ["a", "b", "c"],
        ["d", "poison", "f", "g"],
        ["d", "poison"],
        ["d"],
        ["poison"],
        ["f", "g"],
    ]


def test_splitting_a_batch_uses_up_no_retry(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(RAISE_ON_POISON)
    put(stream, "a", "b", "poison", "d")
    function.triggered_by(stream, bisect_batch_on_function_error=True, maximum_retry_attempts=2)
    sls.settle()
    assert delivered(function) == [
        ["a", "b", "poison", "d"],
        ["a", "b"],
        ["poison", "d"],
        ["poison"],
        ["poison"],
        ["poison"],
        ["d"],
    ]


def test_a_timeout_splits_a_batch_as_well(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream = sls.stream()
    code = """
        import time

        def handler(event, context):
            if len(event["Records"]) > 1:
                time.sleep(600)
        """
    function = deploy(code, timeout=1)
    put(stream, "a", "b")
    function.triggered_by(stream, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    sls.settle()
    assert delivered(function) == [["a", "b"], ["a"], ["b"]]


def test_without_bisecting_a_batch_is_retried_and_given_up_as_it_is(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, dead, function = sls.stream(), sls.queue(), deploy(RAISE_ON_POISON)
    put(stream, "a", "poison", "c")
    function.triggered_by(stream, maximum_retry_attempts=1, destination_config=on_failure(dead))
    assert dead.expect_message(ANY).body["KinesisBatchInfo"]["batchSize"] == 3
    assert delivered(function) == [["a", "poison", "c"]] * 2


@pytest.mark.needs_function_here
def test_a_throttle_uses_up_no_retry_and_splits_no_batch(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(RAISE_ON_POISON)
    sls.faults.throttle(function, times=3)
    put(stream, "a", "b")
    function.triggered_by(stream, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    sls.settle()
    assert delivered(function) == [["a", "b"]]
    assert function.invocations[0].attempt == 1


# -- reporting batch item failures ------------------------------------------------------------


def test_a_batch_is_retried_from_the_first_record_that_is_reported(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    """The records that are left have all their retries: what Lambda does, as recorded."""
    stream, dead, function = sls.stream(), sls.queue(), deploy(REPORT_POISON)
    put(stream, "a", "poison", "c", "poison")
    function.triggered_by(
        stream,
        function_response_types=REPORTS,
        maximum_retry_attempts=2,
        destination_config=on_failure(dead),
    )
    document = dead.expect_message(ANY).body
    assert delivered(function) == [
        ["a", "poison", "c", "poison"],
        *[["poison", "c", "poison"]] * 3,
    ]
    assert document["KinesisBatchInfo"]["batchSize"] == 3
    assert document["requestContext"]["approximateInvokeCount"] == 3
    assert document["responseContext"]["functionError"] is None


def test_a_partial_success_is_bisected_at_the_record_that_is_reported(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(REPORT_POISON)
    put(stream, "a", "b", "poison", "d", "e")
    function.triggered_by(
        stream,
        function_response_types=REPORTS,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=0,
    )
    sls.settle()
    assert delivered(function) == [
        ["a", "b", "poison", "d", "e"],
        ["poison", "d", "e"],
        ["poison"],
        ["d", "e"],
    ]


def test_an_error_bisects_whatever_may_be_reported(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(RAISE_ON_POISON)
    put(stream, "a", "poison")
    function.triggered_by(
        stream,
        function_response_types=REPORTS,
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=0,
    )
    sls.settle()
    assert delivered(function) == [["a", "poison"], ["a"], ["poison"]]


@pytest.mark.parametrize(
    "response", ["", [], None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}]
)
def test_an_empty_report_is_a_complete_success(
    deploy: Deploy, sls: Environment, delivered: Delivered, response: Any
) -> None:
    stream, function = sls.stream(), deploy(f"def handler(event, context): return {response!r}")
    put(stream, "a", "b")
    function.triggered_by(stream, function_response_types=REPORTS, maximum_retry_attempts=1)
    sls.settle()
    assert delivered(function) == [["a", "b"]]


@pytest.mark.parametrize(
    "response",
    [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifier": 123}]},
        {"batchItemFailures": [{"itemIdentifier": "no such record"}]},
        {"batchItemFailures": [{"foo": "bar"}]},
    ],
)
def test_a_report_that_names_no_record_is_a_complete_failure(
    deploy: Deploy, sls: Environment, delivered: Delivered, response: Any
) -> None:
    stream, function = sls.stream(), deploy(f"def handler(event, context): return {response!r}")
    put(stream, "a", "b")
    function.triggered_by(stream, function_response_types=REPORTS, maximum_retry_attempts=1)
    sls.settle()
    assert delivered(function) == [["a", "b"]] * 2


def test_a_report_that_was_not_asked_for_is_a_success(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(REPORT_POISON)
    put(stream, "a", "poison")
    function.triggered_by(stream)
    sls.settle()
    assert delivered(function) == [["a", "poison"]]


# -- the destination --------------------------------------------------------------------------


def test_a_batch_whose_retries_are_used_up_is_told_of_as_lambda_does(
    deploy: Deploy, sls: Environment
) -> None:
    stream, dead, function = sls.stream(), sls.queue(), deploy(RAISE_ON_POISON)
    put(stream, "a", "poison")
    function.triggered_by(stream, maximum_retry_attempts=1, destination_config=on_failure(dead))
    document = dead.expect_message(ANY).body
    first, last = (record["kinesis"] for record in function.invocations[0].event["Records"])
    assert_moment(document.pop("timestamp"))
    batch = document["KinesisBatchInfo"]
    assert_moment(batch.pop("approximateArrivalOfFirstRecord"))
    assert_moment(batch.pop("approximateArrivalOfLastRecord"))
    assert document == {
        "requestContext": {
            "requestId": function.invocations[-1].request_id,
            "functionArn": function.arn,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 2,
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": "shardId-000000000000",
            "startSequenceNumber": first["sequenceNumber"],
            "endSequenceNumber": last["sequenceNumber"],
            "batchSize": 2,
            "streamArn": stream.arn,
        },
    }


def test_a_topic_gets_what_a_queue_gets(deploy: Deploy, sls: Environment) -> None:
    stream, topic, function = sls.stream(), sls.topic(), deploy(RAISE_ON_POISON)
    put(stream, "poison")
    function.triggered_by(stream, maximum_retry_attempts=0, destination_config=on_failure(topic))
    document = topic.expect_message(ANY).body
    assert document["requestContext"]["requestId"] == function.invocations[-1].request_id
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert "payload" not in document


def test_a_bucket_gets_the_event_as_well(deploy: Deploy, sls: Environment) -> None:
    stream, bucket, function = sls.stream(), sls.bucket(), deploy(RAISE_ON_POISON)
    put(stream, "poison")
    mapping = function.triggered_by(
        stream, maximum_retry_attempts=0, destination_config=on_failure(bucket)
    )
    sls.settle()
    (stored,) = bucket.objects()
    prefix = f"aws/lambda/{mapping.uuid}/shardId-000000000000/"
    assert stored.key.startswith(prefix)
    year, month, day, name = stored.key.removeprefix(prefix).split("/")
    assert name.startswith(f"{year}-{month}-{day}T")
    assert len(name) == len("2024-12-31T23.59.59-") + 36
    document = json.loads(stored.body)
    assert document["KinesisBatchInfo"]["batchSize"] == 1
    assert json.loads(document["payload"]) == function.invocations[0].event


@pytest.mark.needs_clock
def test_records_that_are_too_old_are_told_of_without_a_response(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, dead, function = sls.stream(), sls.queue(), deploy(RAISE_ON_POISON)
    put(stream, "a", "b")
    sls.clock.advance(seconds=61)
    put(stream, "young")
    function.triggered_by(
        stream, maximum_record_age_in_seconds=60, destination_config=on_failure(dead)
    )
    document = dead.expect_message(ANY).body
    assert delivered(function) == [["young"]]
    assert document["requestContext"]["condition"] == "RecordAgeExceeded"
    assert document["requestContext"]["approximateInvokeCount"] == 1
    assert "responseContext" not in document
    assert document["KinesisBatchInfo"]["batchSize"] == 2


@pytest.mark.needs_clock
def test_a_batch_that_grows_too_old_while_it_is_retried_goes_to_the_destination(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, dead, function = sls.stream(), sls.queue(), deploy(RAISE_ON_POISON)
    put(stream, "poison")
    function.triggered_by(
        stream,
        batch_size=1,
        maximum_record_age_in_seconds=60,
        destination_config=on_failure(dead),
    )
    put(stream, "b")
    assert dead.expect_message(ANY).body["requestContext"]["condition"] == "RecordAgeExceeded"
    assert len(function.invocations) > 3
    assert delivered(function)[:2] == [["poison"]] * 2


def test_without_a_destination_records_are_given_up_silently(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, dead, function = sls.stream(), sls.queue(), deploy(RAISE_ON_POISON)
    mapping = function.triggered_by(
        stream, batch_size=1, maximum_retry_attempts=0, destination_config=on_failure(dead)
    )
    mapping.update(destination_config={"OnFailure": {"Destination": ""}})
    put(stream, "poison", "b")
    dead.expect_empty()
    assert delivered(function) == [["poison"], ["b"]]


def assert_moment(text: str) -> None:
    """As Lambda writes moments, with milliseconds if there are any."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    assert moment.utcoffset() == timedelta(0)
    assert moment.microsecond % 1000 == 0
    assert text.endswith("Z")
