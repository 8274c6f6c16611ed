"""From the stream of a table to a function: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws
    from tests.unit.embedded.dynamodb.conftest import StreamedTable, Tables

DAY = 24 * 3600


def map_stream(table: StreamedTable, **params: Any) -> str:
    """Map the table's stream to a new function and return the mapping's UUID."""
    answer = table.aws.lambda_.create_event_source_mapping(
        **{
            "EventSourceArn": table.arn,
            "FunctionName": table.aws.function(),
            "StartingPosition": "TRIM_HORIZON",
            **params,
        }
    )
    return str(answer["UUID"])


def delivered(aws: Aws) -> list[list[str]]:
    """The ids of the items of all batches."""
    return [
        [record["dynamodb"]["Keys"]["id"]["S"] for record in call.event["Records"]]
        for call in aws.runtime.calls
    ]


# -- waking ------------------------------------------------------------------------------------

WRITES: dict[str, Callable[[StreamedTable], object]] = {
    "PutItem": lambda t: t.put("new"),
    "UpdateItem": lambda t: t.update("new", "SET n = :n", n=1),
    "DeleteItem": lambda t: t.delete("old"),
    "BatchWriteItem": lambda t: t.client.batch_write_item(
        RequestItems={t.name: [{"PutRequest": {"Item": {"id": {"S": "new"}}}}]}
    ),
    "TransactWriteItems": lambda t: t.client.transact_write_items(
        TransactItems=[{"Put": {"TableName": t.name, "Item": {"id": {"S": "new"}}}}]
    ),
    "ExecuteStatement": lambda t: t.client.execute_statement(
        Statement=f"INSERT INTO \"{t.name}\" VALUE {{'id': 'new'}}"
    ),
    "BatchExecuteStatement": lambda t: t.client.batch_execute_statement(
        Statements=[{"Statement": f"INSERT INTO \"{t.name}\" VALUE {{'id': 'new'}}"}]
    ),
    "ExecuteTransaction": lambda t: t.client.execute_transaction(
        TransactStatements=[{"Statement": f"INSERT INTO \"{t.name}\" VALUE {{'id': 'new'}}"}]
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES.keys())
def test_every_operation_that_writes_wakes_the_reader(
    aws: Aws, table: StreamedTable, write: Callable[[StreamedTable], object]
) -> None:
    table.put("old")
    map_stream(table, StartingPosition="LATEST")
    write(table)
    aws.settle()
    (batch,) = delivered(aws)
    assert batch in (["new"], ["old"])


def test_what_changes_nothing_and_what_is_another_table_s_wakes_nobody(
    aws: Aws, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, other = tables.make(), tables.make()
    table.put("1", n=1)
    map_stream(table)
    aws.settle()
    read: list[object] = []
    streams = aws.cloud.client("dynamodbstreams")
    streams.meta.events.register("before-call", lambda **_: read.append(1), unique_id="count")
    try:
        table.put("1", n=1)
        table.delete("none")
        other.put("1")
        table.client.get_item(TableName=table.name, Key={"id": {"S": "1"}})
        aws.settle()
    finally:
        streams.meta.events.unregister("before-call", unique_id="count")
    assert read == []
    assert delivered(aws) == [["1"]]


def test_nothing_is_under_way_while_nothing_is_written(aws: Aws, table: StreamedTable) -> None:
    map_stream(table)
    table.put("1")
    aws.settle()
    assert aws.cloud._scheduler.pending() == []


# -- where reading begins ----------------------------------------------------------------------


def test_trim_horizon_begins_with_what_is_there(aws: Aws, table: StreamedTable) -> None:
    table.put("1", "2")
    map_stream(table, BatchSize=10)
    aws.settle()
    assert delivered(aws) == [["1", "2"]]


@pytest.mark.parametrize("before", [[], ["1", "2"]])
@pytest.mark.parametrize("idle", [0, 20 * 60])
def test_latest_begins_with_what_comes_however_late_it_comes(
    aws: Aws, table: StreamedTable, before: list[str], idle: int
) -> None:
    """A shard iterator is good for 15 minutes only."""
    table.put(*before)
    map_stream(table, StartingPosition="LATEST")
    aws.quiesce()
    if idle:
        aws.advance(idle)
    table.put("3")
    aws.settle()
    assert delivered(aws) == [["3"]]


def test_latest_begins_with_what_comes_after_more_than_a_day(
    aws: Aws, table: StreamedTable
) -> None:
    table.put("1")
    map_stream(table, StartingPosition="LATEST")
    aws.advance(DAY + 60)
    table.put("2")
    aws.settle()
    assert delivered(aws) == [["2"]]


def test_latest_of_a_disabled_stream_has_nothing(aws: Aws, table: StreamedTable) -> None:
    table.put("1")
    arn = table.arn
    table.disable()
    map_stream(table, EventSourceArn=arn, StartingPosition="LATEST")
    aws.settle()
    assert delivered(aws) == []


def test_a_reader_goes_on_where_it_stopped(aws: Aws, table: StreamedTable) -> None:
    uuid = map_stream(table)
    table.put("1")
    aws.settle()
    aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
    table.put("2")
    aws.advance(20 * 60)
    assert delivered(aws) == [["1"]]
    aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)
    aws.settle()
    assert delivered(aws) == [["1"], ["2"]]


def test_what_was_trimmed_while_nobody_read_is_lost(aws: Aws, table: StreamedTable) -> None:
    uuid = map_stream(table)
    table.put("1")
    aws.settle()
    aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
    table.put("lost")
    aws.advance(DAY)
    table.put("2")
    aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)
    aws.settle()
    assert delivered(aws) == [["1"], ["2"]]


# -- batches and retries -----------------------------------------------------------------------


def test_a_batch_may_be_of_many_pages(aws: Aws, table: StreamedTable) -> None:
    """GetRecords answers with 1,000 records at most."""
    for start in range(0, 1100, 25):
        requests = [
            {"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(start, start + 25)
        ]
        table.client.batch_write_item(RequestItems={table.name: requests})
    map_stream(table, BatchSize=10_000)
    aws.settle()
    assert delivered(aws) == [[str(n) for n in range(1100)]]


def test_a_batch_may_be_of_large_records(aws: Aws, table: StreamedTable) -> None:
    """GetRecords answers with 1 MB at most."""
    for each in range(5):
        table.put(str(each), blob=b"x" * 300_000)
    map_stream(table)
    aws.settle()
    assert delivered(aws) == [["0", "1", "2", "3", "4"]]


def test_a_batch_is_tried_until_its_records_are_a_day_old(aws: Aws, table: StreamedTable) -> None:
    def fail(event: Any) -> None:
        if event["Records"][0]["dynamodb"]["Keys"]["id"]["S"] == "poison":
            raise ValueError("poison")

    aws.runtime.handler = fail
    map_stream(table, BatchSize=1)
    table.put("poison")
    start = aws.now()
    aws.settle()
    assert DAY - 120 <= aws.now() - start <= DAY + 120
    table.put("good")
    aws.settle()
    assert delivered(aws)[-1] == ["good"]
    assert len(delivered(aws)) > 5


def test_a_record_age_and_retry_attempts_end_the_retries(aws: Aws, tables: Tables) -> None:
    def fail(event: Any) -> None:
        raise ValueError

    aws.runtime.handler = fail
    table = tables.make()
    map_stream(table, MaximumRetryAttempts=2)
    table.put("1")
    aws.settle()
    assert delivered(aws) == [["1"]] * 3
    other = tables.make()
    map_stream(other, MaximumRecordAgeInSeconds=60)
    start = aws.now()
    other.put("2")
    aws.settle()
    assert aws.now() - start < 120
    assert len(delivered(aws)) > 5


# -- the end of a stream -----------------------------------------------------------------------


def test_a_stream_that_ends_is_read_to_its_end(aws: Aws, table: StreamedTable) -> None:
    uuid = map_stream(table, BatchSize=10, MaximumBatchingWindowInSeconds=60)
    table.put("1")
    table.disable()
    table.enable()
    table.put("2")
    aws.settle()
    assert delivered(aws) == [["1"]]
    assert aws.lambda_.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"


def test_a_table_may_be_deleted_while_it_is_read(aws: Aws, table: StreamedTable) -> None:
    uuid = map_stream(table, BatchSize=10, MaximumBatchingWindowInSeconds=60)
    table.put("1")
    table.delete_table()
    aws.settle()
    assert delivered(aws) == [["1"]]
    aws.advance(DAY)
    aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)
    aws.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)
    aws.settle()
    aws.lambda_.delete_event_source_mapping(UUID=uuid)


# -- refusals ----------------------------------------------------------------------------------


def test_a_stream_has_no_position_at_a_timestamp(aws: Aws, table: StreamedTable) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html: AT_TIMESTAMP
    is for Kinesis, not for DynamoDB."""
    with pytest.raises(ClientError) as error:
        map_stream(table, StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=aws.now())
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        f"Unsupported starting position for arn type: {table.arn}",
    )


def test_a_stream_that_does_not_exist_is_not_mapped(aws: Aws, table: StreamedTable) -> None:
    arns = {
        f"{table.arn}0": f"Stream not found: {table.arn}0",
        table.arn.replace("us-east-1", "eu-west-1"): "Stream not found: ",
        table.described["TableArn"]: "Unrecognized event source.",
    }
    for arn, message in arns.items():
        with pytest.raises(ClientError) as error:
            map_stream(table, EventSourceArn=arn)
        assert aws.refused(error)[:2] == (400, "InvalidParameterValueException")
        assert message in aws.refused(error)[2]
    assert aws.lambda_.list_event_source_mappings()["EventSourceMappings"] == []


def test_a_stream_is_mapped_to_a_function_once(aws: Aws, table: StreamedTable) -> None:
    function = aws.function()
    uuid = map_stream(table, FunctionName=function)
    with pytest.raises(ClientError) as error:
        map_stream(table, FunctionName=function)
    assert aws.refused(error) == (
        409,
        "ResourceConflictException",
        f'The event source arn (" {table.arn} ") and function (" {function} ") provided mapping '
        f"already exists. Please update or delete the existing mapping with UUID {uuid}",
    )


def test_a_batch_size_is_10000_at_most(aws: Aws, table: StreamedTable) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html says 10,000; the
    documentation of SAM and of the CDK still say 1,000."""
    with pytest.raises(ClientError, match="Value '10001' at 'batchSize' failed"):
        map_stream(table, BatchSize=10_001)
    map_stream(table, BatchSize=10_000)


# -- moto in the same process ------------------------------------------------------------------


@mock_aws
def test_a_project_s_own_use_of_moto_has_moto_s_streams() -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    made = client.create_table(
        TableName="theirs",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    arn = made["TableDescription"]["LatestStreamArn"]
    for _ in range(2):
        client.put_item(TableName="theirs", Item={"id": {"S": "1"}})
    with pytest.raises(ClientError):
        client.update_item(
            TableName="theirs",
            Key={"id": {"S": "1"}},
            UpdateExpression="ADD tags :x",
            ExpressionAttributeValues={":x": {"S": "no set"}},
        )
    streams = boto3.client(
        "dynamodbstreams",
        region_name="us-east-1",
        config=Config(account_id_endpoint_mode="disabled"),  # moto does not know the newer host
    )
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    records = streams.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
    assert [record["dynamodb"]["Keys"] for record in records] == [{"id": {"S": "1"}}] * 2
    client.delete_table(TableName="theirs")


def test_a_project_may_use_moto_between_tests(aws: Aws, tables: Tables) -> None:
    for _ in range(2):
        table = tables.make()
        map_stream(table)
        table.put("1")
        aws.settle()
        assert delivered(aws)[-1:] == [["1"]]
        test_a_project_s_own_use_of_moto_has_moto_s_streams()
        aws.clean()
