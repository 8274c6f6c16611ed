"""The API of DynamoDB Streams:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from moto.dynamodb.models.table import Table

from slstest.embedded.dynamodb.streams import ChangeStreams
from slstest.embedded.dynamodb.streams_api import StreamsApi
from slstest.embedded.messages import route
from slstest.embedded.moto_backend import ACCOUNT_ID

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws
    from tests.unit.embedded.dynamodb.conftest import StreamedTable, Tables

DAY = 24 * 3600

OTHER_ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/none/stream/2024-01-01T00:00:00.000"
OTHER_SHARD = "shardId-00000000000000000000-00000000"


# -- the life of a stream ----------------------------------------------------------------------


def test_a_stream_is_described(aws: Aws, table: StreamedTable) -> None:
    stream = table.stream()
    created = stream.pop("CreationRequestDateTime").timestamp()
    assert 0 <= aws.now() - created < 60
    (shard,) = stream.pop("Shards")
    assert re.fullmatch(r"shardId-\d{20}-[0-9a-f]{8}", shard["ShardId"])
    assert set(shard["SequenceNumberRange"]) == {"StartingSequenceNumber"}
    label = stream["StreamLabel"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}", label)
    assert stream == {
        "StreamArn": f"{table.described['TableArn']}/stream/{label}",
        "StreamLabel": label,
        "StreamStatus": "ENABLED",
        "StreamViewType": "NEW_AND_OLD_IMAGES",
        "TableName": table.name,
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }


def test_a_table_tells_its_stream(table: StreamedTable) -> None:
    described = table.described
    assert described["LatestStreamArn"] == table.stream()["StreamArn"]
    assert described["LatestStreamLabel"] == table.stream()["StreamLabel"]
    assert described["StreamSpecification"] == {
        "StreamEnabled": True,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }


def test_a_stream_may_be_enabled_later(tables: Tables) -> None:
    table = tables.make(None)
    table.put("before")
    table.enable("NEW_IMAGE")
    table.put("after")
    assert table.changes() == [("INSERT", None, {"id": "after"})]


def test_a_disabled_stream_is_closed_and_still_read(table: StreamedTable) -> None:
    table.put("1")
    arn = table.arn
    iterator = table.iterator()
    table.disable()
    table.put("2")
    stream = table.stream(arn)
    assert stream["StreamStatus"] == "DISABLED"
    numbers = stream["Shards"][0]["SequenceNumberRange"]
    assert int(numbers["StartingSequenceNumber"]) < int(numbers["EndingSequenceNumber"])
    answer = table.streams.get_records(ShardIterator=iterator)
    assert len(answer["Records"]) == 1
    assert "NextShardIterator" not in answer
    assert table.described["LatestStreamArn"] == arn
    assert "StreamSpecification" not in table.described


def test_a_page_within_a_closed_shard_has_a_next_one(table: StreamedTable) -> None:
    table.put("1", "2")
    arn = table.arn
    table.disable()
    answer = table.streams.get_records(ShardIterator=table.iterator(arn=arn), Limit=1)
    answer = table.streams.get_records(ShardIterator=answer["NextShardIterator"], Limit=1)
    assert answer["Records"][0]["dynamodb"]["Keys"] == {"id": {"S": "2"}}
    assert "NextShardIterator" not in answer


def test_a_stream_that_is_enabled_again_is_another_one(table: StreamedTable) -> None:
    first = table.arn
    table.put("1")
    table.disable()
    second = table.enable("KEYS_ONLY")
    table.put("2")
    assert first != second
    assert [new["id"] for _, _, new in table.changes(first)] == ["1"]
    assert [record["dynamodb"]["Keys"] for record in table.records(second)] == [{"id": {"S": "2"}}]


def test_a_deleted_table_leaves_its_stream_for_a_day(aws: Aws, table: StreamedTable) -> None:
    table.put("1")
    arn = table.arn
    table.delete_table()
    assert table.stream(arn)["StreamStatus"] == "DISABLED"
    assert len(table.records(arn)) == 1
    aws.advance(DAY - 60)
    assert table.stream(arn)["StreamStatus"] == "DISABLED"
    aws.advance(60)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        table.stream(arn)


def test_the_end_of_an_environment_forgets_the_streams_of_deleted_tables(
    aws: Aws, table: StreamedTable
) -> None:
    arn = table.arn
    table.delete_table()
    aws.cloud.end()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        table.stream(arn)


def test_tables_of_one_name_have_streams_of_their_own(aws: Aws, table: StreamedTable) -> None:
    arns = [table.arn]
    for _ in range(3):
        table.delete_table()
        table.__init__(aws, table.name, "KEYS_ONLY")  # type: ignore[misc]
        arns.append(table.arn)
    assert len(set(arns)) == 4


@pytest.mark.parametrize(
    ("enabled", "specification", "message"),
    [
        (True, {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}, "has an enabled stream"),
        (False, {"StreamEnabled": False}, "Table has no stream to disable: TableName: table-"),
        (False, {"StreamEnabled": True}, "being enabled then UpdateViewType is required"),
        (
            True,
            {"StreamEnabled": False, "StreamViewType": "KEYS_ONLY"},
            "being disabled, then UpdateViewType must not be specified",
        ),
        (
            False,
            {"StreamEnabled": True, "StreamViewType": "ALL"},
            "Value 'ALL' at 'streamSpecification.streamViewType' failed to satisfy constraint",
        ),
    ],
)
def test_what_cannot_be_enabled_or_disabled_is_refused(
    aws: Aws, tables: Tables, enabled: bool, specification: dict[str, Any], message: str
) -> None:
    table = tables.make("NEW_IMAGE" if enabled else None)
    with pytest.raises(ClientError, match=message) as error:
        table.client.update_table(TableName=table.name, StreamSpecification=specification)
    assert aws.refused(error)[:2] == (400, "ValidationException")
    assert ("StreamSpecification" in table.described) is enabled


def test_a_table_with_a_wrong_stream_is_not_created(table: StreamedTable) -> None:
    with pytest.raises(ClientError, match="UpdateViewType is required"):
        table.client.create_table(
            TableName="wrong",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True},
        )
    assert "wrong" not in table.client.list_tables()["TableNames"]


def test_a_table_of_a_template_has_a_stream(aws: Aws, table: StreamedTable) -> None:
    """CloudFormation's StreamSpecification has the view type alone, and moto makes the table
    past DynamoDB's API."""
    properties = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
    }
    with aws.cloud._services._tables.changes.of_request():
        Table.create_from_cloudformation_json(
            "from-template", {"Properties": properties}, ACCOUNT_ID, "us-east-1"
        )
    found = table.client.describe_table(TableName="from-template")["Table"]
    table.client.put_item(TableName="from-template", Item={"id": {"S": "1"}})
    assert table.changes(found["LatestStreamArn"]) == [("INSERT", None, {"id": "1"})]


# -- listing -----------------------------------------------------------------------------------


def test_streams_are_listed_by_table_and_in_pages(tables: Tables) -> None:
    one, two = tables.make(), tables.make()
    one.disable()
    one.enable()
    answer = one.streams.list_streams(TableName=one.name)
    assert [each["TableName"] for each in answer["Streams"]] == [one.name] * 2
    assert "LastEvaluatedStreamArn" not in answer
    found: list[dict[str, Any]] = []
    arguments: dict[str, str] = {}
    while True:
        answer = one.streams.list_streams(Limit=1, **arguments)
        found += answer["Streams"]
        if "LastEvaluatedStreamArn" not in answer:
            break
        arguments = {"ExclusiveStartStreamArn": answer["LastEvaluatedStreamArn"]}
    assert {each["StreamArn"] for each in found} >= {one.arn, two.arn}
    assert len(found) == len({each["StreamArn"] for each in found})
    assert one.streams.list_streams(TableName="none")["Streams"] == []


def test_shards_are_listed_after_the_one_that_was_seen(table: StreamedTable) -> None:
    (shard,) = table.stream()["Shards"]
    answer = table.streams.describe_stream(
        StreamArn=table.arn, ExclusiveStartShardId=shard["ShardId"]
    )
    assert answer["StreamDescription"]["Shards"] == []


# -- reading -----------------------------------------------------------------------------------


def test_latest_begins_after_what_is_there(table: StreamedTable) -> None:
    table.put("1")
    iterator = table.iterator("LATEST")
    table.put("2")
    answer = table.streams.get_records(ShardIterator=iterator)
    assert [each["dynamodb"]["Keys"]["id"]["S"] for each in answer["Records"]] == ["2"]


def test_reading_begins_at_or_after_a_sequence_number(table: StreamedTable) -> None:
    table.put("1", "2", "3")
    second = table.records()[1]["dynamodb"]["SequenceNumber"]
    for kind, expected in (("AT", ["2", "3"]), ("AFTER", ["3"])):
        iterator = table.iterator(f"{kind}_SEQUENCE_NUMBER", SequenceNumber=second)
        found = table.streams.get_records(ShardIterator=iterator)["Records"]
        assert [each["dynamodb"]["Keys"]["id"]["S"] for each in found] == expected


def test_the_starting_number_of_a_shard_is_before_all_of_its_records(table: StreamedTable) -> None:
    start = table.stream()["Shards"][0]["SequenceNumberRange"]["StartingSequenceNumber"]
    iterators = [
        table.iterator(kind, SequenceNumber=start)
        for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")
    ]
    table.put("1")
    for iterator in iterators:
        assert len(table.streams.get_records(ShardIterator=iterator)["Records"]) == 1


def test_a_page_has_at_most_the_limit(table: StreamedTable) -> None:
    table.put(*map(str, range(5)))
    sizes, iterator = [], table.iterator()
    for _ in range(4):
        answer = table.streams.get_records(ShardIterator=iterator, Limit=2)
        sizes.append(len(answer["Records"]))
        iterator = answer["NextShardIterator"]
    assert sizes == [2, 2, 1, 0]


def test_a_page_has_at_most_a_megabyte(table: StreamedTable) -> None:
    for each in range(4):
        table.put(str(each), blob=b"x" * 300_000)
    answer = table.streams.get_records(ShardIterator=table.iterator())
    assert len(answer["Records"]) == 3
    assert len(table.records()) == 4


def test_an_iterator_expires_after_15_minutes(aws: Aws, table: StreamedTable) -> None:
    table.put("1")
    iterator = table.iterator()
    aws.advance(15 * 60 - 30)
    answer = table.streams.get_records(ShardIterator=iterator)
    aws.advance(30)
    with pytest.raises(table.streams.exceptions.ExpiredIteratorException):
        table.streams.get_records(ShardIterator=iterator)
    assert table.streams.get_records(ShardIterator=answer["NextShardIterator"])["Records"] == []


def test_records_are_trimmed_after_24_hours(aws: Aws, table: StreamedTable) -> None:
    table.put("1")
    (first,) = table.records()
    aws.advance(DAY - 60)
    table.put("2")
    iterator = table.iterator()
    assert len(table.records()) == 2
    aws.advance(60)
    assert [new["id"] for _, _, new in table.changes()] == ["2"]
    trimmed = table.streams.exceptions.TrimmedDataAccessException
    with pytest.raises(trimmed):
        table.streams.get_records(ShardIterator=iterator)
    with pytest.raises(trimmed):
        table.iterator("AT_SEQUENCE_NUMBER", SequenceNumber=first["dynamodb"]["SequenceNumber"])


# -- refusals ----------------------------------------------------------------------------------

Call = Callable[["StreamedTable"], Any]


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            lambda t: t.streams.describe_stream(StreamArn=OTHER_ARN),
            "ResourceNotFoundException",
            f"Requested resource not found: Stream: {OTHER_ARN} not found",
        ),
        (
            lambda t: t.streams.describe_stream(StreamArn="x" * 40),
            "ValidationException",
            "Invalid StreamArn",
        ),
        (
            lambda t: t.streams.get_shard_iterator(
                StreamArn=t.arn, ShardId=OTHER_SHARD, ShardIteratorType="LATEST"
            ),
            "ResourceNotFoundException",
            "Requested resource not found: Shard does not exist",
        ),
        (
            lambda t: t.iterator("AT_SEQUENCE_NUMBER"),
            "ValidationException",
            "AT_SEQUENCE_NUMBER needs a SequenceNumber",
        ),
        (
            lambda t: t.iterator("LATEST", SequenceNumber="1" * 21),
            "ValidationException",
            "LATEST does not take a SequenceNumber",
        ),
        (
            lambda t: t.iterator("AFTER_SEQUENCE_NUMBER", SequenceNumber="9" * 40),
            "ValidationException",
            "Invalid SequenceNumber",
        ),
        (
            lambda t: t.iterator("BULLE"),
            "ValidationException",
            "Value 'BULLE' at 'shardIteratorType' failed to satisfy constraint",
        ),
        (
            lambda t: t.streams.get_records(ShardIterator="x" * 60),
            "ValidationException",
            "Invalid ShardIterator",
        ),
        (
            lambda t: t.streams.get_records(ShardIterator=t.iterator(), Limit=1001),
            "ValidationException",
            "Value '1001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 1000",
        ),
        (
            lambda t: t.streams.list_streams(Limit=101),
            "ValidationException",
            "less than or equal to 100",
        ),
        (
            lambda t: t.streams.list_streams(ExclusiveStartStreamArn="x" * 40),
            "ValidationException",
            "Invalid StreamArn",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    aws: Aws, table: StreamedTable, call: Call, code: str, message: str
) -> None:
    with pytest.raises(ClientError) as error:
        call(table)
    status, found, text = aws.refused(error)
    assert (status, found) == (400, code)
    assert message in text


def test_a_stream_is_not_found_in_another_region(table: StreamedTable) -> None:
    client = table.aws.cloud.session().client(
        "dynamodbstreams", "eu-west-1", endpoint_url=table.aws.cloud.endpoint_url
    )
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client.describe_stream(StreamArn=table.arn)
    assert client.list_streams()["Streams"] == []


def ask(operation: str, body: str) -> tuple[int, bytes]:
    import botocore.session

    request = AWSRequest(
        "POST",
        "http://127.0.0.1/",
        headers={"X-Amz-Target": f"DynamoDBStreams_20120810.{operation}"},
        data=body,
    ).prepare()
    session = botocore.session.get_session()
    api = StreamsApi(
        ChangeStreams(lambda: 1000.0),
        lambda: session.get_service_model("dynamodbstreams"),
        lambda: 1000.0,
    )
    answer = api.answer(
        route("POST", "http://127.0.0.1/", request.headers, body, default_region="us-east-1")
    )
    return answer.status, answer.body


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("ListStreams", "{", b"SerializationException"),
        ("ListStreams", "[]", b"SerializationException"),
        ("ListStreams", '{"Limit": "1"}', b"SerializationException"),
        ("ListStreams", '{"Limit": true}', b"SerializationException"),
        ("DescribeStream", "{}", b"Value null at 'streamArn' failed to satisfy constraint"),
        ("DescribeStream", '{"StreamArn": "a"}', b"length greater than or equal to 37"),
        ("PutRecord", "{}", b"UnknownOperationException"),
    ],
)
def test_a_request_that_no_sdk_makes_is_answered_all_the_same(
    operation: str, body: str, code: bytes
) -> None:
    status, answer = ask(operation, body)
    assert status == 400
    assert code in answer


def test_a_null_is_as_good_as_nothing() -> None:
    assert ask("ListStreams", '{"TableName": null}') == (200, b'{"Streams": []}')
