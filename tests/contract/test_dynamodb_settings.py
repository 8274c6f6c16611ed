"""Settings of a DynamoDB stream's mapping, where they differ from those of Kinesis:
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import ANY

import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

FAIL_ON_POISON = """
    def handler(event, context):
        for record in event["Records"]:
            if record["dynamodb"]["Keys"]["id"]["S"] == "poison":
                raise ValueError("poison")
    """

REPORT_POISON = """
    def handler(event, context):
        return {
            "batchItemFailures": [
                {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
                for record in event["Records"]
                if record["dynamodb"]["Keys"]["id"]["S"] == "poison"
            ]
        }
    """


def delivered(function: Function) -> list[list[str]]:
    """The ids of the items of each invocation."""
    return [
        [record["dynamodb"]["Keys"]["id"]["S"] for record in each.event["Records"]]
        for each in function.invocations
    ]


def write(table: Any, *ids: str) -> None:
    for each in ids:
        table.put({"id": each})


# -- failures ----------------------------------------------------------------------------------


def test_a_batch_that_is_given_up_is_told_to_the_destination(
    deploy: Deploy, sls: Environment
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
    table, dead, function = sls.table(stream=True), sls.queue(), deploy(FAIL_ON_POISON)
    mapping = function.triggered_by(
        table,
        maximum_retry_attempts=1,
        destination_config={"OnFailure": {"Destination": dead.arn}},
    )
    table.put({"id": "poison"})
    body = dead.expect_message(ANY).body
    (shard,) = sls.client("dynamodbstreams").describe_stream(StreamArn=table.stream_arn)[
        "StreamDescription"
    ]["Shards"]
    change = function.invocations[0].event["Records"][0]["dynamodb"]
    info = body.pop("DDBStreamBatchInfo")
    arrivals = [info.pop(f"approximateArrivalOf{which}Record") for which in ("First", "Last")]
    assert arrivals[0] == arrivals[1]
    assert "." not in arrivals[0]
    assert info == {
        "shardId": shard["ShardId"],
        "startSequenceNumber": change["SequenceNumber"],
        "endSequenceNumber": change["SequenceNumber"],
        "batchSize": 1,
        "streamArn": table.stream_arn,
    }
    assert body == {
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
        "timestamp": ANY,
    }
    assert mapping.state == "Enabled"


def test_a_batch_that_fails_is_split_in_two(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(FAIL_ON_POISON)
    write(table, "a", "b", "poison", "d")
    function.triggered_by(table, bisect_batch_on_function_error=True, maximum_retry_attempts=0)
    sls.settle()
    assert delivered(function) == [
        ["a", "b", "poison", "d"],
        ["a", "b"],
        ["poison", "d"],
        ["poison"],
        ["d"],
    ]


def test_a_batch_is_tried_again_from_the_record_that_was_reported(
    deploy: Deploy, sls: Environment
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html"""
    table, function = sls.table(stream="KEYS_ONLY"), deploy(REPORT_POISON)
    write(table, "a", "poison", "c")
    function.triggered_by(
        table, function_response_types=["ReportBatchItemFailures"], maximum_retry_attempts=1
    )
    sls.settle()
    assert delivered(function)[:2] == [["a", "poison", "c"], ["poison", "c"]]
    assert not any("a" in batch for batch in delivered(function)[1:])


# -- order -------------------------------------------------------------------------------------


def test_with_several_batches_at_once_the_changes_of_an_item_keep_their_order(
    deploy: Deploy, sls: Environment
) -> None:
    table = sls.table(key="id", sort_key=("day", "N"), stream="NEW_IMAGE")
    function = deploy(QUIET)
    function.triggered_by(table, parallelization_factor=5, batch_size=3)
    for number in range(40):
        table.put({"id": "one", "day": number % 7, "n": number})
    sls.settle()
    got: dict[int, list[int]] = {}
    for invocation in function.invocations:
        for record in invocation.event["Records"]:
            image = record["dynamodb"]["NewImage"]
            got.setdefault(int(image["day"]["N"]), []).append(int(image["n"]["N"]))
    assert got == {day: list(range(day, 40, 7)) for day in range(7)}


def test_an_item_whose_batch_fails_is_held_up_and_others_go_on(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    table, function = sls.table(stream=True), deploy(FAIL_ON_POISON)
    function.triggered_by(table, parallelization_factor=10, batch_size=1, maximum_retry_attempts=1)
    write(table, "poison", *(f"item-{number}" for number in range(20)))
    sls.settle()
    done = [batch[0] for batch in delivered(function)]
    _, again = (place for place, each in enumerate(done) if each == "poison")
    assert len(done[:again]) > (10 if column.ours else 1)  # elsewhere time does not wait
    assert len(done) == 22


# -- windows -----------------------------------------------------------------------------------


@pytest.mark.needs_clock
def test_a_tumbling_window_carries_its_state(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-windows.html"""
    table = sls.table(stream="KEYS_ONLY")
    function = deploy(
        """
        def handler(event, context):
            return {"state": {"count": event["state"].get("count", 0) + len(event["Records"])}}
        """
    )
    function.triggered_by(table, batch_size=1, tumbling_window_in_seconds=900)
    write(table, "a", "b")
    sls.settle()
    *_, last = (each.event for each in function.invocations)
    assert last["Records"] == []
    assert last["isFinalInvokeForWindow"] is True
    assert last["eventSourceARN"] == table.stream_arn
    counts = [each.event["state"].get("count", 0) for each in function.invocations]
    assert sum(len(each.event["Records"]) for each in function.invocations) == 2
    assert max(counts) in (1, 2)  # 1 where the two fell into windows of their own


# -- filters -----------------------------------------------------------------------------------


def criteria(*patterns: Any) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


@pytest.mark.parametrize(
    "pattern",
    [
        {"dynamodb": {"Keys": {"id": {"S": ["b"]}}}},
        {"dynamodb": {"NewImage": {"status": {"S": [{"prefix": "pa"}]}}}},
        {"dynamodb": {"NewImage": {"total": {"N": ["100"]}}}},
        {"dynamodb": {"NewImage": {"total": {"N": [{"exists": True}]}}}},
        {"dynamodb": {"OldImage": {"status": {"S": [{"anything-but": ["new"]}]}}}},
        {"eventName": ["MODIFY"]},
    ],
)
def test_a_filter_is_of_the_record_as_the_function_gets_it(
    deploy: Deploy, sls: Environment, pattern: Any
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html says that only the key
    ``dynamodb`` can be filtered on, while invocation-eventfiltering.html filters on any; Lambda
    does filter on ``eventName``."""
    table, function = sls.table(stream=True), deploy(QUIET)
    table.put({"id": "a", "status": "new"})
    table.put({"id": "b", "status": "packed", "total": 100})
    table.put({"id": "b", "status": "paid", "total": 100})
    function.triggered_by(table, filter_criteria=criteria(pattern))
    sls.settle()
    assert {item for batch in delivered(function) for item in batch} == {"b"}


@pytest.mark.parametrize(
    "pattern",
    [
        {"dynamodb": {"NewImage": {"total": {"N": [{"numeric": [">", 1]}]}}}},
        {"dynamodb": {"NewImage": {"total": {"N": [100]}}}},
        {"dynamodb": {"NewImage": {"total": [{"exists": True}]}}},
    ],
)
def test_numbers_are_text_and_attributes_are_no_leaves(
    deploy: Deploy, sls: Environment, pattern: Any
) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table, filter_criteria=criteria(pattern))
    table.put({"id": "a", "total": 100})
    sls.settle()
    assert function.invocations == []


def test_a_filter_that_takes_the_change_for_text_is_refused(
    deploy: Deploy, sls: Environment
) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    with pytest.raises(ConfigurationError, match="Invalid filter pattern definition"):
        function.triggered_by(table, filter_criteria=criteria({"dynamodb": ["text"]}))


@pytest.mark.needs_clock
def test_items_that_expired_can_be_filtered_out_by_their_user_identity(
    deploy: Deploy, sls: Environment
) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""
    table, function = sls.table(stream=True), deploy(QUIET)
    sls.client("dynamodb").update_time_to_live(
        TableName=table.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    identity = {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}
    function.triggered_by(table, filter_criteria=criteria({"userIdentity": identity}))
    table.put({"id": "deleted"}, {"id": "expired", "expires": int(time.time()) + 3600})
    table.delete("deleted")
    sls.clock.advance(hours=2)
    assert delivered(function) == [["expired"]]
    assert DynamoDBStreamModel.model_validate(function.invocations[0].event)
