from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest

from slstest import ConfigurationError, Environment, ExpectationFailed, NotSettled, SlstestError


def schema(world: Environment, table: Any) -> dict[str, Any]:
    described: dict[str, Any] = world.client("dynamodb").describe_table(TableName=table.name)
    return dict(described["Table"])


def test_a_table_has_the_keys_asked_for(world: Environment) -> None:
    table = schema(world, world.table(key="page", sort_key=("hour", "N")))
    assert table["KeySchema"] == [
        {"AttributeName": "page", "KeyType": "HASH"},
        {"AttributeName": "hour", "KeyType": "RANGE"},
    ]
    assert table["AttributeDefinitions"] == [
        {"AttributeName": "page", "AttributeType": "S"},
        {"AttributeName": "hour", "AttributeType": "N"},
    ]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


def test_the_key_of_an_index_is_a_string_unless_it_is_defined(world: Environment) -> None:
    indexes = [
        {
            "IndexName": "by-user",
            "KeySchema": [
                {"AttributeName": "user", "KeyType": "HASH"},
                {"AttributeName": "age", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    table = world.table(
        global_secondary_indexes=indexes,
        attribute_definitions=[{"AttributeName": "age", "AttributeType": "N"}],
    )
    types = {
        d["AttributeName"]: d["AttributeType"] for d in schema(world, table)["AttributeDefinitions"]
    }
    assert types == {"id": "S", "user": "S", "age": "N"}
    table.put({"id": "1", "user": "a", "age": 3})
    table.expect_item({"user": "a", "age": 3})


def test_provisioned_throughput_is_billed_as_such(world: Environment) -> None:
    throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    table = schema(world, world.table(provisioned_throughput=throughput))
    assert table["ProvisionedThroughput"]["ReadCapacityUnits"] == 1
    assert table.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"key": 5}, r"a key is a name, 'id', or a name and one of the types S, N and B"),
        ({"key": ("id", "X")}, r"not \('id', 'X'\)"),
        ({"key_schema": []}, "key_schema= cannot be given: write key= and sort_key="),
        ({"table_name": "x"}, "table_name= cannot be given: the name is a throwaway one"),
        ({"stream": "NEW"}, "stream= takes True or one of 'NEW_AND_OLD_IMAGES', .*, not 'NEW'"),
        (
            {"stream": True, "stream_specification": {"StreamEnabled": False}},
            "stream= and stream_specification= say the same; give one of them",
        ),
        ({"biling_mode": "x"}, "Did you mean billing_mode"),
        ({"billing_mode": 5}, "Invalid type for parameter BillingMode"),
        (
            {"attribute_definitions": [{"AttributeName": "x", "AttributeType": "S"}]},
            "CreateTable was refused: ValidationException: .*attributes",
        ),
    ],
)
def test_what_a_table_cannot_be_is_refused_and_leaves_nothing(
    world: Environment, cloud: Any, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        world.table("clicks", **arguments)
    assert str(raised.value).startswith("sls.table('clicks'): ")
    cloud.calls.clear()
    world.close()
    assert cloud.calls == []


def test_a_table_is_waited_for_until_it_is_active(world: Environment, cloud: Any) -> None:
    cloud.edit("CreateTable", lambda a: a["TableDescription"].update(TableStatus="CREATING"))
    cloud.edit("DescribeTable", lambda a: a["Table"].update(TableStatus="CREATING"))
    world.table()
    assert cloud.calls == ["CreateTable", "DescribeTable", "DescribeTable"]


def test_items_are_plain_python(world: Environment) -> None:
    clicks = world.table(key="page")
    item = {"page": "/home", "count": 2, "rate": 0.5, "raw": b"x", "tags": {"a"}, "more": [None]}
    clicks.put(item)
    assert clicks.items() == [item]
    assert clicks.item("/home") == item
    assert clicks.item("/cart") is None


def test_an_item_is_found_by_both_of_its_keys(world: Environment) -> None:
    table = world.table(key="page", sort_key=("hour", "N"))
    table.put({"page": "/home", "hour": 1, "n": 1}, {"page": "/home", "hour": 2, "n": 2})
    found = table.item("/home", 2)
    assert found is not None
    assert found["n"] == 2
    with pytest.raises(ConfigurationError, match=r"the table's key is page and hour; give 2"):
        table.item("/home")


def test_many_items_are_written_in_batches(world: Environment, cloud: Any) -> None:
    table = world.table(key=("n", "N"))
    cloud.calls.clear()
    table.put(*({"n": n} for n in range(60)))
    assert cloud.calls == ["BatchWriteItem"] * 3
    assert sorted(item["n"] for item in table.items()) == list(range(60))


def test_of_items_with_one_key_the_last_stays(world: Environment) -> None:
    table = world.table()
    table.put({"id": "a", "n": 1}, {"id": "b"}, {"id": "a", "n": 2}, {"id": "a", "n": 3})
    table.expect_item({"id": "a", "n": 3})
    table.expect_count(2)


def test_items_that_dynamodb_throttles_are_sent_again(world: Environment, cloud: Any) -> None:
    table = world.table()
    unprocessed = [{"PutRequest": {"Item": {"id": {"S": "b"}}}}]
    cloud.answer("BatchWriteItem", {"UnprocessedItems": {table.name: unprocessed}})
    table.put({"id": "a"}, {"id": "b"})
    assert table.items() == [{"id": "b"}]


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"n": 1}, r"table 't'\.put: an item lacks the table's key id: \{'n': 1\}"),
        ({"id": 5}, "PutItem was refused: ValidationException"),
        ({"id": "a", "x": set()}, "x: DynamoDB has no empty sets"),
    ],
)
def test_an_item_that_cannot_be_is_refused(
    world: Environment, item: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        world.table("t").put(item)


def test_an_expected_item_is_matched_in_part_and_returned(world: Environment) -> None:
    table = world.table(key="page")
    item = {"page": "/home", "count": 2, "by": {"user": "a", "age": 3}, "price": 0.1}
    table.put(item, {"page": "/cart", "count": 2})
    assert table.expect_item({"page": "/home", "by": {"user": "a"}}) == item
    assert table.expect_item({"price": Decimal("0.1"), "by": ANY}) == item
    assert table.expect_item({"page": ANY, "price": 0.1}) == item


def test_an_item_named_by_its_key_is_read_and_not_searched(world: Environment, cloud: Any) -> None:
    table = world.table(key="page", sort_key=("hour", "N"))
    table.put({"page": "/home", "hour": 1})
    cloud.calls.clear()
    table.expect_item({"page": "/home", "hour": 1})
    table.expect_item({"page": "/home"})
    table.expect_item({"page": "/home", "hour": ANY})
    assert cloud.calls == ["GetItem", "Scan", "Scan"]


def test_a_key_of_the_wrong_type_is_searched_for_and_explained(world: Environment) -> None:
    table = world.table(key=("n", "N"))
    table.put({"n": 1})
    with pytest.raises(ExpectationFailed, match="n is 1, expected '1'"):
        table.expect_item({"n": "1"})


def test_an_item_is_waited_for(world: Environment, cloud: Any) -> None:
    table = world.table(key="page")
    cloud.between_looks.extend(
        [
            lambda: table.put({"page": "/home", "count": 1}),
            lambda: table.put({"page": "/home", "count": 2}),
        ]
    )
    table.expect_item({"page": "/home", "count": 2})
    assert cloud.patience == [(3.0, False)]


def test_a_timeout_that_is_given_is_waited_patiently(world: Environment, cloud: Any) -> None:
    with pytest.raises(ExpectationFailed):
        world.table().expect_item({"id": "a"}, timeout=0.5)
    assert cloud.patience == [(0.5, True)]


@pytest.mark.parametrize("timeout", ["1", True, -1, float("nan")])
def test_a_timeout_is_a_number_of_seconds(world: Environment, timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout= is a number of seconds, not"):
        world.table().expect_item({"id": "a"}, timeout=timeout)


def test_a_missing_item_is_explained_by_the_nearest(world: Environment) -> None:
    clicks = world.table("clicks", key="page")
    clicks.put({"page": "/cart", "count": 5}, {"page": "/home", "count": 1})
    with pytest.raises(ExpectationFailed) as raised:
        clicks.expect_item({"page": "/home", "count": 2})
    assert str(raised.value) == (
        "table 'clicks' has no item like\n"
        "  {'page': '/home', 'count': 2}\n"
        "The nearest of 2 items is\n"
        f"  {clicks.item('/home')!r}\n"
        "    count is 1, expected 2\n"
        "Nothing is under way any more that could change this."
    )


def test_an_empty_table_is_explained_as_such(world: Environment) -> None:
    with pytest.raises(ExpectationFailed, match="There is no item at all"):
        world.table().expect_item({"id": "a"})


def test_no_item_is_expected_only_after_settling(world: Environment, cloud: Any) -> None:
    table = world.table("t")
    table.expect_no_item({"id": "a"})
    cloud.between_looks.append(lambda: table.put({"id": "a", "n": 1}))
    with pytest.raises(ExpectationFailed) as raised:
        table.expect_no_item({"id": "a"}, timeout=9)
    assert str(raised.value) == (
        "table 't' was to have no item like\n  {'id': 'a'}\nbut has\n  {'id': 'a', 'n': 1}"
    )
    assert cloud.settled == [3.0, 9]


def test_no_item_is_not_confirmed_while_work_is_under_way(world: Environment, cloud: Any) -> None:
    table = world.table()
    cloud.under_way.append("a retry")
    with pytest.raises(NotSettled, match="a retry"):
        table.expect_no_item({"id": "a"})


def test_a_count_is_waited_for(world: Environment, cloud: Any) -> None:
    table = world.table()
    cloud.between_looks.extend([lambda: table.put({"id": "a"}), lambda: table.put({"id": "b"})])
    table.expect_count(2)


def test_a_wrong_count_shows_what_is_there(world: Environment) -> None:
    table = world.table("t")
    table.put(*({"id": str(n)} for n in range(7)))
    with pytest.raises(
        ExpectationFailed, match=r"was to have 2 items but has 7:\n(.*\n){5}  and 2"
    ):
        table.expect_count(2)


def test_a_count_of_nothing_settles_first(world: Environment, cloud: Any) -> None:
    table = world.table("t")
    table.expect_count(0)
    cloud.between_looks.append(lambda: table.put({"id": "a"}))
    with pytest.raises(ExpectationFailed, match=r"was to be empty but has 1:\n  \{'id': 'a'\}"):
        table.expect_count(0)
    assert cloud.settled == [3.0, 3.0]


def test_an_expected_item_is_a_dict(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match="expect_item: give the attributes as a dict"):
        world.table().expect_item("x")  # type: ignore[arg-type]


def test_a_table_that_stays_throttled_is_given_up(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("slstest.resources.table_writes.time.monotonic", lambda: float(next(now)))
    monkeypatch.setattr("slstest.resources.table_writes.time.sleep", lambda _: None)
    table = world.table("t")
    requests = [{"PutRequest": {"Item": {"id": {"S": "b"}}}}]
    cloud.answer("BatchWriteItem", *[{"UnprocessedItems": {table.name: requests}}] * 9)
    with pytest.raises(SlstestError, match="still throttles 1 items after 3 s"):
        table.put({"id": "a"}, {"id": "b"})


@pytest.mark.parametrize(
    ("stream", "view_type"),
    [(True, "NEW_AND_OLD_IMAGES"), ("KEYS_ONLY", "KEYS_ONLY"), ("NEW_IMAGE", "NEW_IMAGE")],
)
def test_a_table_may_have_a_stream(world: Environment, stream: Any, view_type: str) -> None:
    table = world.table("t", stream=stream)
    described = schema(world, table)
    assert described["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": view_type}
    assert table.stream_arn == described["LatestStreamArn"]
    assert world.format("{t.stream_arn}") == table.stream_arn


@pytest.mark.parametrize("stream", [None, False])
def test_a_table_has_no_stream_unless_it_is_asked_for(world: Environment, stream: Any) -> None:
    table = world.table("t", stream=stream)
    assert "StreamSpecification" not in schema(world, table)
    with pytest.raises(
        ConfigurationError, match=r"table 't'\.stream_arn: the table has no stream; create"
    ):
        _ = table.stream_arn


def test_a_stream_that_was_disabled_is_told_as_such(world: Environment) -> None:
    table = world.table("t", stream=True)
    world.client("dynamodb").update_table(
        TableName=table.name, StreamSpecification={"StreamEnabled": False}
    )
    with pytest.raises(ConfigurationError, match=r"table 't'\.stream_arn: the stream is disabled"):
        _ = table.stream_arn


def test_items_are_deleted_by_their_keys(world: Environment, cloud: Any) -> None:
    table = world.table(key="page", sort_key=("hour", "N"))
    table.put(*({"page": "/home", "hour": n, "count": 1} for n in range(30)))
    cloud.calls.clear()
    table.delete(("/home", 0), {"page": "/home", "hour": 1, "count": 1}, ("/nowhere", 2))
    table.delete(*(("/home", n) for n in range(2, 29)))
    table.delete(("/home", 29))
    assert cloud.calls == ["BatchWriteItem"] * 3 + ["DeleteItem"]
    table.expect_count(0)


def test_an_item_is_deleted_by_the_value_of_its_key(world: Environment) -> None:
    table = world.table(key=("n", "N"))
    table.put({"n": 1}, {"n": 2}, {"n": 3})
    table.delete(1, 2)
    assert table.items() == [{"n": 3}]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        (("a",), r"the table's key is page and hour; give 2 value\(s\), not 1"),
        ("a", r"give 2 value\(s\), not 1"),
        (("a", 1, 2), r"give 2 value\(s\), not 3"),
        ({"page": "a"}, r"the table's key hour is lacking in \{'page': 'a'\}"),
        (("a", {1j}), "DynamoDB cannot store"),
    ],
)
def test_what_is_no_key_is_not_deleted(world: Environment, key: Any, problem: str) -> None:
    table = world.table("t", key="page", sort_key=("hour", "N"))
    with pytest.raises(ConfigurationError, match=problem) as raised:
        table.delete(key)
    assert str(raised.value).startswith("table 't'.delete")


def test_an_expectation_that_was_waited_for_in_vain_says_what_is_still_under_way(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, pending = world.table(), ["invocation r1 of clicks", "retry 1 (due in 60 s)"]
    monkeypatch.setattr(cloud, "pending", lambda: pending, raising=False)
    with pytest.raises(ExpectationFailed) as raised:
        table.expect_item({"id": "a"}, timeout=0)
    told = "Waited 0 s. Still under way:\n  - invocation r1 of clicks\n  - retry 1 (due in 60 s)"
    assert told in str(raised.value)
    pending.extend(["another"] * 7)
    with pytest.raises(ExpectationFailed, match=r"- another\n  and 1 more"):
        table.expect_item({"id": "a"}, timeout=0)
    pending.clear()
    with pytest.raises(ExpectationFailed) as raised:
        table.expect_item({"id": "a"}, timeout=0)
    assert "under way" not in str(raised.value)
