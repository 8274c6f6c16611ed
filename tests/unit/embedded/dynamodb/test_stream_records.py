"""What a stream's records say:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""

from __future__ import annotations

import re
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from slstest.embedded.dynamodb.items import are_same, number_text, size_of

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws
    from tests.unit.embedded.dynamodb.conftest import StreamedTable, Tables


def test_a_new_item_a_changed_one_and_a_deleted_one(table: StreamedTable) -> None:
    table.put("1", n=1)
    table.put("1", m=2)
    table.delete("1")
    assert table.changes() == [
        ("INSERT", None, {"id": "1", "n": 1}),
        ("MODIFY", {"id": "1", "n": 1}, {"id": "1", "m": 2}),
        ("REMOVE", {"id": "1", "m": 2}, None),
    ]


def test_an_update_that_creates_an_item_is_one_insert(table: StreamedTable) -> None:
    table.update("1", "SET n = :n", n=1)
    table.update("1", "SET m = :m REMOVE n", m=2)
    assert table.changes() == [
        ("INSERT", None, {"id": "1", "n": 1}),
        ("MODIFY", {"id": "1", "n": 1}, {"id": "1", "m": 2}),
    ]


def test_an_update_that_sets_nothing_creates_an_item(table: StreamedTable) -> None:
    for _ in range(2):
        table.client.update_item(TableName=table.name, Key={"id": {"S": "1"}})
    assert table.changes() == [("INSERT", None, {"id": "1"})]


def test_what_changes_nothing_is_not_recorded(table: StreamedTable) -> None:
    table.put("1", n=Decimal("1.50"), tags={"a", "b"}, deep=[{"x": None}])
    for _ in range(3):
        table.put("1", n=Decimal("1.5"), tags={"b", "a"}, deep=[{"x": None}])
    table.update("1", "SET n = :n", n=Decimal("1.5"))
    table.update("1", "REMOVE nope")
    table.delete("2")
    assert [name for name, *_ in table.changes()] == ["INSERT"]


def test_a_condition_that_fails_leaves_no_record(table: StreamedTable) -> None:
    table.put("1")
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        table.client.put_item(
            TableName=table.name,
            Item=table.attributes({"id": "1", "n": 1}),
            ConditionExpression="attribute_not_exists(id)",
        )
    with pytest.raises(ClientError, match="ValidationException"):
        table.update("2", "SET n = nope + :n", n=1)
    assert len(table.changes()) == 1


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("ADD tags :x", {"x": "no set"}),
        ("SET n = :n ADD tags :x", {"n": 2, "x": "no set"}),
        ("SET blob = :x", {"x": "x" * 500_000}),
    ],
)
def test_an_update_that_is_refused_changes_nothing(
    table: StreamedTable, expression: str, values: dict[str, Any]
) -> None:
    item = {"id": "there", "n": 1, "tags": {"a"}, "b": b"x", "deep": [{"b": b"y"}]}
    table.client.put_item(TableName=table.name, Item=table.attributes(item))
    for each in ("there", "new"):
        with pytest.raises(ClientError, match="ValidationException"):
            table.update(each, expression, **values)
    assert table.client.scan(TableName=table.name)["Items"] == [table.attributes(item)]
    assert len(table.changes()) == 1
    table.put("new")
    assert table.changes()[1] == ("INSERT", None, {"id": "new"})


def test_a_batch_has_a_record_for_each_item(tables: Tables) -> None:
    table, other = tables.make(), tables.make()
    table.put("gone")
    table.client.batch_write_item(
        RequestItems={
            table.name: [
                {"PutRequest": {"Item": table.attributes({"id": "1"})}},
                {"PutRequest": {"Item": table.attributes({"id": "2"})}},
                {"DeleteRequest": {"Key": table.attributes({"id": "gone"})}},
            ],
            other.name: [{"PutRequest": {"Item": table.attributes({"id": "3"})}}],
        }
    )
    assert sorted((name, (old or new)["id"]) for name, old, new in table.changes()) == [
        ("INSERT", "1"),
        ("INSERT", "2"),
        ("INSERT", "gone"),
        ("REMOVE", "gone"),
    ]
    assert other.changes() == [("INSERT", None, {"id": "3"})]


def test_a_transaction_has_a_record_for_each_item(tables: Tables) -> None:
    table, other = tables.make(), tables.make()
    table.put("old")
    table.client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": table.name, "Item": table.attributes({"id": "1"})}},
            {
                "Update": {
                    "TableName": other.name,
                    "Key": table.attributes({"id": "2"}),
                    "UpdateExpression": "SET n = :n",
                    "ExpressionAttributeValues": table.attributes({":n": 1}),
                }
            },
            {"Delete": {"TableName": table.name, "Key": table.attributes({"id": "old"})}},
        ]
    )
    assert table.changes()[1:] == [
        ("INSERT", None, {"id": "1"}),
        ("REMOVE", {"id": "old"}, None),
    ]
    assert other.changes() == [("INSERT", None, {"id": "2", "n": 1})]


def test_a_cancelled_transaction_has_none(table: StreamedTable) -> None:
    table.put("kept")
    with pytest.raises(ClientError, match="TransactionCanceled"):
        table.client.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": table.name, "Item": table.attributes({"id": "1"})}},
                {
                    "ConditionCheck": {
                        "TableName": table.name,
                        "Key": table.attributes({"id": "kept"}),
                        "ConditionExpression": "attribute_not_exists(id)",
                    }
                },
            ]
        )
    table.put("2")
    assert [new["id"] for _, _, new in table.changes()] == ["kept", "2"]


def test_statements_are_recorded_like_other_writes(table: StreamedTable) -> None:
    table.client.execute_statement(Statement=f"INSERT INTO \"{table.name}\" VALUE {{'id': '1'}}")
    table.client.batch_execute_statement(
        Statements=[
            {
                "Statement": f'UPDATE "{table.name}" SET n = ? WHERE id = ?',
                "Parameters": [{"N": "2"}, {"S": "1"}],
            }
        ]
    )
    table.client.execute_statement(Statement=f"DELETE FROM \"{table.name}\" WHERE id = '1'")
    assert table.changes() == [
        ("INSERT", None, {"id": "1"}),
        ("MODIFY", {"id": "1"}, {"id": "1", "n": 2}),
        ("REMOVE", {"id": "1", "n": 2}, None),
    ]


@pytest.mark.parametrize(
    ("view_type", "images"),
    [
        ("KEYS_ONLY", [set(), set(), set()]),
        ("NEW_IMAGE", [{"NewImage"}, {"NewImage"}, set()]),
        ("OLD_IMAGE", [set(), {"OldImage"}, {"OldImage"}]),
        ("NEW_AND_OLD_IMAGES", [{"NewImage"}, {"NewImage", "OldImage"}, {"OldImage"}]),
    ],
)
def test_the_view_type_says_which_images_there_are(
    tables: Tables, view_type: str, images: list[set[str]]
) -> None:
    table = tables.make(view_type)
    table.put("1")
    table.put("1", n=1)
    table.delete("1")
    found = [record["dynamodb"] for record in table.records()]
    assert [{"NewImage", "OldImage"} & set(each) for each in found] == images
    assert {each["StreamViewType"] for each in found} == {view_type}
    assert [each["Keys"] for each in found] == [{"id": {"S": "1"}}] * 3


def test_a_record_has_every_field_of_the_api(aws: Aws, table: StreamedTable) -> None:
    table.put("1")
    (record,) = table.records()
    assert set(record) == {
        "eventID",
        "eventName",
        "eventVersion",
        "eventSource",
        "awsRegion",
        "dynamodb",
    }
    assert re.fullmatch("[0-9a-f]{32}", record["eventID"])
    assert (record["eventVersion"], record["eventSource"]) == ("1.1", "aws:dynamodb")
    assert record["awsRegion"] == "us-east-1"
    created = record["dynamodb"]["ApproximateCreationDateTime"].timestamp()
    assert created == int(created)
    assert 0 <= aws.now() - created < 60


def test_sequence_numbers_grow_and_have_21_to_40_digits(tables: Tables) -> None:
    table, other = tables.make(), tables.make()
    for each in ("1", "2", "3"):
        table.put(each)
        other.put(each)
    numbers = [r["dynamodb"]["SequenceNumber"] for r in table.records()]
    assert all(re.fullmatch(r"\d{21,40}", number) for number in numbers)
    assert sorted(map(int, numbers)) == list(map(int, numbers))
    assert not set(numbers) & {r["dynamodb"]["SequenceNumber"] for r in other.records()}


def test_every_type_of_attribute_is_in_the_image(table: StreamedTable) -> None:
    item: dict[str, Any] = {
        "id": "1",
        "n": Decimal("-12.5"),
        "b": b"\x00\xff",
        "bool": True,
        "null": None,
        "list": [b"\x01", {"deep": [Decimal(1)]}],
        "map": {"b": b"\x02", "set": {Decimal(1), Decimal(2)}},
        "strings": {"a", "b"},
        "bytes": {b"\x03", b"\x04"},
    }
    table.client.put_item(TableName=table.name, Item=table.attributes(item))
    ((_, _, new),) = table.changes()
    assert new == item


def test_the_image_is_that_of_the_moment(table: StreamedTable) -> None:
    table.put("1", tags=["a"])
    table.update("1", "SET tags = list_append(tags, :more)", more=["b"])
    table.update("1", "SET tags = list_append(tags, :more)", more=["c"])
    assert [new["tags"] for _, _, new in table.changes()] == [["a"], ["a", "b"], ["a", "b", "c"]]


def test_the_keys_are_those_of_hash_and_range(tables: Tables) -> None:
    table = tables.make()
    answer = table.client.create_table(
        TableName="ranged",
        KeySchema=[
            {"AttributeName": "user", "KeyType": "HASH"},
            {"AttributeName": "day", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "user", "AttributeType": "S"},
            {"AttributeName": "day", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    for day in (1, 2):
        table.client.put_item(
            TableName="ranged", Item=table.attributes({"user": "a", "day": day, "x": 1})
        )
    found = table.records(answer["TableDescription"]["LatestStreamArn"])
    assert [record["dynamodb"]["Keys"] for record in found] == [
        {"user": {"S": "a"}, "day": {"N": "1"}},
        {"user": {"S": "a"}, "day": {"N": "2"}},
    ]


# The example event of https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html has these sizes.
ID = {"Id": {"N": "101"}}
NEW = {"Message": {"S": "New item!"}, **ID}
CHANGED = {"Message": {"S": "This item has changed"}, **ID}


@pytest.mark.parametrize(
    ("parts", "size"),
    [((ID, NEW), 26), ((ID, CHANGED, NEW), 59), ((ID, CHANGED), 38)],
)
def test_sizes_are_those_of_the_example_event(parts: tuple[Any, ...], size: int) -> None:
    assert sum(map(size_of, parts)) == size


def test_the_size_counts_the_keys_and_the_images_that_are_there(tables: Tables) -> None:
    sizes = []
    for view_type in ("KEYS_ONLY", "NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        table = tables.make(view_type)
        table.put("1")
        table.put("1", n=123)
        sizes.append([record["dynamodb"]["SizeBytes"] for record in table.records()])
    assert sizes == [[3, 3], [6, 10], [6, 13]]


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({"a": {"S": "é"}}, 3),
        ({"a": {"N": "-1200"}}, 3),
        ({"a": {"N": "0"}}, 3),
        ({"a": {"B": "AAEC"}}, 4),
        ({"a": {"NULL": True}}, 2),
        ({"a": {"BOOL": False}}, 2),
        ({"a": {"L": []}}, 4),
        ({"a": {"L": [{"S": "xy"}]}}, 7),
        ({"a": {"M": {"bc": {"S": "xy"}}}}, 9),
        ({"a": {"SS": ["xy", "z"]}}, 4),
        ({"a": {"NS": ["1", "22"]}}, 5),
    ],
)
def test_the_size_of_an_attribute(item: dict[str, Any], size: int) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""
    assert size_of(item) == size


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("1.50", "1.5"),
        ("007", "7"),
        ("1E+3", "1000"),
        ("-0", "0"),
        ("0.00", "0"),
        ("-1e-3", "-0.001"),
    ],
)
def test_numbers_lose_their_zeroes(given: str, text: str) -> None:
    assert number_text(given) == text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": {"N": "1"}}, {"a": {"N": "1.0"}}, True),
        ({"a": {"N": "1"}}, {"a": {"S": "1"}}, False),
        ({"a": {"SS": ["x", "y"]}}, {"a": {"SS": ["y", "x"]}}, True),
        ({"a": {"NS": ["1"]}}, {"a": {"NS": ["1.0"]}}, True),
        ({"a": {"L": [{"S": "x"}, {"S": "y"}]}}, {"a": {"L": [{"S": "y"}, {"S": "x"}]}}, False),
        ({"a": {"M": {"b": {"N": "1"}}}}, {"a": {"M": {"b": {"N": "1.0"}}}}, True),
        ({"a": {"L": [{"S": "eA=="}]}}, {"a": {"L": [{"B": "eA=="}]}}, False),
        ({"a": {"S": "x"}}, {"a": {"S": "x"}, "b": {"NULL": True}}, False),
    ],
)
def test_items_are_the_same_by_their_values(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    assert are_same(one, other) is same


def test_the_creation_time_is_the_cloud_s(aws: Aws, table: StreamedTable) -> None:
    aws.advance(3600)
    table.put("1")
    (record,) = table.records()
    assert record["dynamodb"]["ApproximateCreationDateTime"].timestamp() > time.time() + 3000
