"""DynamoDB streams as an event source: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function, Invocation, Table

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

FAIL_ON_POISON = """
def handler(event, context):
    for record in event["Records"]:
        if record["dynamodb"]["Keys"]["id"]["S"] == "poison":
            raise ValueError("poison")
"""


def records_of(function: Function) -> list[dict[str, Any]]:
    return [record for each in function.invocations for record in each.event["Records"]]


def ids(invocation: Invocation) -> list[str]:
    return [record["dynamodb"]["Keys"]["id"]["S"] for record in invocation.event["Records"]]


def changes(function: Function) -> list[tuple[str, Any, Any]]:
    return [
        (r["eventName"], r["dynamodb"].get("OldImage"), r["dynamodb"].get("NewImage"))
        for r in records_of(function)
    ]


# -- what an event says ------------------------------------------------------------------------


def test_an_event_has_exactly_the_fields_of_the_documented_one(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    """The example event of with-ddb.html; its field userIdentity is that of items that were
    deleted for their time to live."""
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table)
    table.put({"id": "1"})
    table.put({"id": "1", "n": 101})
    table.delete("1")
    sls.settle()
    inserted, modified, removed = records_of(function)
    for record in (inserted, modified, removed):
        assert set(record) == {
            "eventID",
            "eventName",
            "eventVersion",
            "eventSource",
            "awsRegion",
            "dynamodb",
            "eventSourceARN",
        }
        if column.ours:  # all that AWS promises is that it is unique
            assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
        assert (record["eventVersion"], record["eventSource"]) == ("1.1", "aws:dynamodb")
        assert record["awsRegion"] == "us-east-1"
        assert record["eventSourceARN"] == table.stream_arn
        assert record["dynamodb"].pop("SequenceNumber").isdecimal()
        assert isinstance(record["dynamodb"].pop("ApproximateCreationDateTime"), int)
    assert len({record["eventID"] for record in (inserted, modified, removed)}) == 3
    keys = {"Keys": {"id": {"S": "1"}}, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    old = {"id": {"S": "1"}}
    new = {"id": {"S": "1"}, "n": {"N": "101"}}
    assert [(r["eventName"], r["dynamodb"]) for r in (inserted, modified, removed)] == [
        ("INSERT", {**keys, "NewImage": old, "SizeBytes": 6}),
        ("MODIFY", {**keys, "NewImage": new, "OldImage": old, "SizeBytes": 13}),
        ("REMOVE", {**keys, "OldImage": new, "SizeBytes": 10}),
    ]


def test_an_event_parses_as_powertools_model_of_it(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table)
    item = {
        "id": "1",
        "n": 12,
        "price": 1.5,
        "nothing": None,
        "yes": True,
        "tags": {"a", "b"},
        "deep": [{"x": [1]}],
    }
    table.put(item)
    table.delete("1")
    sls.settle()
    events = [DynamoDBStreamModel.model_validate(i.event) for i in function.invocations]
    put, deleted = (record for event in events for record in event.Records)
    assert (put.eventName, deleted.eventName) == ("INSERT", "REMOVE")
    assert put.dynamodb.NewImage == deleted.dynamodb.OldImage == item
    assert put.dynamodb.Keys == {"id": "1"}
    assert put.userIdentity is None
    assert put.eventSourceARN == table.stream_arn
    assert put.dynamodb.ApproximateCreationDateTime is not None


def test_binary_values_are_base64(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table)
    table.put({"id": "1", "b": b"foobar", "deep": [{"b": b"\xff"}], "set": {b"x"}})
    sls.settle()
    (record,) = records_of(function)
    assert record["dynamodb"]["NewImage"] == {
        "id": {"S": "1"},
        "b": {"B": "Zm9vYmFy"},
        "deep": {"L": [{"M": {"b": {"B": "/w=="}}}]},
        "set": {"BS": ["eA=="]},
    }


@pytest.mark.parametrize(
    ("view_type", "images"),
    [
        ("KEYS_ONLY", []),
        ("NEW_IMAGE", ["NewImage"]),
        ("OLD_IMAGE", ["OldImage"]),
        ("NEW_AND_OLD_IMAGES", ["NewImage", "OldImage"]),
    ],
)
def test_the_view_type_says_which_images_a_change_has(
    deploy: Deploy, sls: Environment, view_type: str, images: list[str]
) -> None:
    table, function = sls.table(stream=view_type), deploy(QUIET)
    table.put({"id": "1"})
    table.put({"id": "1", "n": 1})
    function.triggered_by(table)
    sls.settle()
    _, modified = records_of(function)
    assert sorted({"NewImage", "OldImage"} & set(modified["dynamodb"])) == images
    assert modified["dynamodb"]["StreamViewType"] == view_type


# -- what is a change --------------------------------------------------------------------------


def test_a_write_that_changes_nothing_invokes_nothing(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table)
    client = sls.client("dynamodb")
    for tags, n in ((["a", "b"], "1.0"), (["b", "a"], "1")):
        item = {"id": {"S": "1"}, "tags": {"SS": tags}, "n": {"N": n}}
        client.put_item(TableName=table.name, Item=item)
    table.delete("nobody")
    sls.settle()
    assert [name for name, *_ in changes(function)] == ["INSERT"]


def test_an_update_that_makes_an_item_is_an_insert(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table)
    for _ in range(2):
        sls.client("dynamodb").update_item(
            TableName=table.name,
            Key={"id": {"S": "1"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    sls.settle()
    one, two = ({"id": {"S": "1"}, "n": {"N": n}} for n in ("1", "2"))
    assert changes(function) == [("INSERT", None, one), ("MODIFY", one, two)]


def test_a_transaction_is_recorded_as_a_whole_or_not_at_all(
    deploy: Deploy, sls: Environment
) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    function.triggered_by(table, batch_size=10)
    client = sls.client("dynamodb")

    def put(item: str) -> dict[str, Any]:
        return {"TableName": table.name, "Item": {"id": {"S": item}}}

    client.transact_write_items(TransactItems=[{"Put": put("1")}, {"Put": put("2")}])
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(
            TransactItems=[
                {"Put": put("3")},
                {"Put": {**put("1"), "ConditionExpression": "attribute_not_exists(id)"}},
            ]
        )
    sls.settle()
    assert [item for each in function.invocations for item in ids(each)] == ["1", "2"]


def test_what_a_function_writes_triggers_the_next(deploy: Deploy, sls: Environment) -> None:
    first, second = sls.table(stream=True), sls.table(stream=True)
    copier = deploy(
        """
        import os, boto3

        client = boto3.client("dynamodb")

        def handler(event, context):
            for record in event["Records"]:
                client.put_item(TableName=os.environ["TO"], Item=record["dynamodb"]["NewImage"])
        """,
        environment={"TO": second.name},
    )
    last = deploy(QUIET)
    copier.triggered_by(first)
    last.triggered_by(second)
    first.put({"id": "1"})
    sls.settle()
    assert changes(last) == [("INSERT", None, {"id": {"S": "1"}})]


@pytest.mark.needs_clock
def test_items_that_expire_are_removed_by_dynamodb_itself(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""
    table, function = sls.table(stream=True), deploy(QUIET)
    sls.client("dynamodb").update_time_to_live(
        TableName=table.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    function.triggered_by(table)
    table.put({"id": "1", "expires": int(time.time()) + 86_400}, {"id": "2"})
    sls.clock.advance(days=2)
    *_, removed = records_of(function)
    assert removed["eventName"] == "REMOVE"
    assert removed["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert DynamoDBStreamModel.model_validate({"Records": [removed]})
    assert table.items() == [{"id": "2"}]


# -- where reading begins ----------------------------------------------------------------------


def test_trim_horizon_delivers_what_was_written_before_the_mapping(
    deploy: Deploy, sls: Environment
) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    table.put({"id": "1"})
    function.triggered_by(table)
    sls.settle()
    assert [ids(each) for each in function.invocations] == [["1"]]


def test_latest_delivers_only_what_is_written_after_the_mapping(
    deploy: Deploy, sls: Environment, column: Column
) -> None:
    """Where LATEST is becomes known some time after the mapping was made:
    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    table.put({"id": "1"})
    function.triggered_by(table, starting_position="LATEST")
    for number in range(2, 3 if column.ours else 12):
        table.put({"id": str(number)})
        sls.settle()
        if function.invocations:
            break
    assert [ids(each) for each in function.invocations] == [[str(number)]]


def test_at_timestamp_is_no_starting_position(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"""
    table, function = sls.table(stream=True), deploy(QUIET)
    with pytest.raises(ConfigurationError, match="Unsupported starting position for arn type"):
        function.triggered_by(
            table, starting_position="AT_TIMESTAMP", starting_position_timestamp=0
        )


def test_of_a_stream_that_was_enabled_again_only_the_new_one_is_read(
    deploy: Deploy, sls: Environment
) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    table.put({"id": "1"})
    client = sls.client("dynamodb")
    client.update_table(TableName=table.name, StreamSpecification={"StreamEnabled": False})
    table.put({"id": "2"})
    with pytest.raises(ConfigurationError, match="the stream is disabled"):
        function.triggered_by(table)
    client.update_table(
        TableName=table.name,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    function.triggered_by(table)
    table.put({"id": "3"})
    sls.settle()
    assert [ids(each) for each in function.invocations] == [["3"]]


# -- delivery ----------------------------------------------------------------------------------


def test_a_mapping_has_the_documented_defaults(deploy: Deploy, sls: Environment) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html"""
    table, function = sls.table(stream=True), deploy(QUIET)
    mapping = function.triggered_by(table)
    document = sls.client("lambda").get_event_source_mapping(UUID=mapping.uuid)
    defaults = {
        "EventSourceArn": table.stream_arn,
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "TumblingWindowInSeconds": 0,
        "StartingPosition": "TRIM_HORIZON",
    }
    assert {name: document[name] for name in defaults} == defaults


def test_records_arrive_in_batches_of_the_batch_size(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    for n in range(5):
        table.put({"id": str(n)})
    function.triggered_by(table, batch_size=2)
    sls.settle()
    assert [ids(each) for each in function.invocations] == [["0", "1"], ["2", "3"], ["4"]]


def test_a_batching_window_gathers_records(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    function.triggered_by(table, batch_size=10, maximum_batching_window_in_seconds=5)
    table.put({"id": "1"})
    table.put({"id": "2"})
    assert function.invocations == []
    sls.settle()
    assert [ids(each) for each in function.invocations] == [["1", "2"]]


def test_the_changes_of_an_item_keep_their_order(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table, batch_size=7)
    for n in range(30):
        table.put({"id": str(n % 3), "n": n})
    sls.settle()
    seen: dict[str, list[int]] = {}
    for _, _, new in changes(function):
        seen.setdefault(new["id"]["S"], []).append(int(new["n"]["N"]))
    assert seen == {str(k): list(range(k, 30, 3)) for k in range(3)}
    numbers = [int(r["dynamodb"]["SequenceNumber"]) for r in records_of(function)]
    assert numbers == sorted(set(numbers))


def test_a_failed_batch_holds_up_the_stream_until_its_retries_are_used_up(
    deploy: Deploy, sls: Environment
) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(FAIL_ON_POISON)
    function.triggered_by(table, batch_size=1, maximum_retry_attempts=2)
    for item in ("good", "poison", "better"):
        table.put({"id": item})
    sls.settle()
    assert [ids(each)[0] for each in function.invocations] == [
        "good",
        "poison",
        "poison",
        "poison",
        "better",
    ]
    assert [each.attempt for each in function.invocations] == [1, 1, 2, 3, 1]


@pytest.mark.needs_clock
def test_a_failed_batch_is_dropped_when_the_stream_keeps_it_no_longer(
    deploy: Deploy, sls: Environment
) -> None:
    """24 hours: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    table, function = sls.table(stream="KEYS_ONLY"), deploy(FAIL_ON_POISON)
    function.triggered_by(table, batch_size=1)
    table.put({"id": "poison"})
    table.put({"id": "good"})
    sls.clock.advance(hours=23)
    assert {ids(each)[0] for each in function.invocations} == {"poison"}
    sls.settle()
    table.put({"id": "better"})
    sls.settle()
    assert ids(function.invocations[-1]) == ["better"]


def test_two_functions_read_a_stream_each_for_itself(deploy: Deploy, sls: Environment) -> None:
    table, one, two = sls.table(stream="KEYS_ONLY"), deploy(QUIET), deploy(FAIL_ON_POISON)
    one.triggered_by(table, batch_size=10)
    two.triggered_by(table, batch_size=1, maximum_retry_attempts=1)
    table.put({"id": "poison"})
    sls.settle()
    assert len(one.invocations) == 1
    assert len(two.invocations) == 2


def test_a_disabled_mapping_goes_on_where_it_stopped(deploy: Deploy, sls: Environment) -> None:
    table, function = sls.table(stream="KEYS_ONLY"), deploy(QUIET)
    mapping = function.triggered_by(table)
    table.put({"id": "1"})
    function.expect_invoked(times=1)
    mapping.disable()
    table.put({"id": "2"})
    function.expect_invoked(times=1)
    mapping.enable()
    sls.settle()
    assert [ids(each) for each in function.invocations] == [["1"], ["2"]]


def test_what_was_written_before_a_table_was_deleted_is_delivered(
    deploy: Deploy, sls: Environment
) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_DeleteTable.html: the
    stream is disabled then, and deleted after 24 hours."""
    table: Table = sls.table(stream="KEYS_ONLY")
    function = deploy(QUIET)
    function.triggered_by(table, batch_size=10, maximum_batching_window_in_seconds=5)
    table.put({"id": "1"})
    sls.client("dynamodb").delete_table(TableName=table.name)
    sls.settle()
    assert [ids(each) for each in function.invocations] == [["1"]]
