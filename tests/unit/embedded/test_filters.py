"""Event filtering: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html"""

from __future__ import annotations

import json
from typing import Any

import pytest

from slstest.embedded.event_sources.filters import NO_FILTERS, InvalidFilter, parse


def passes(pattern: Any, record: Any) -> bool:
    return parse(document(pattern)).passes(json.loads(json.dumps(record)))


def document(*patterns: Any) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


PERSON = {"person": {"name": "John Doe", "address": {"city": "Anytown"}}}


@pytest.mark.parametrize(
    ("rule", "matching", "others"),
    [
        pytest.param([None], [None], ["", 0, False], id="null"),
        pytest.param([""], [""], [None, "a"], id="empty"),
        pytest.param(["Alice"], ["Alice"], ["alice", "Alice ", None], id="equals"),
        pytest.param([True], [True], [False, "true", 1], id="equals a boolean"),
        pytest.param([100], [100], ["100", 101, True], id="equals a number"),
        pytest.param(
            [{"equals-ignore-case": "alice"}], ["ALICE", "alice"], ["alicia", 1], id="ignore case"
        ),
        pytest.param(["Credit", "Debit"], ["Credit", "Debit"], ["Cash"], id="or"),
        pytest.param(
            [{"anything-but": ["Raining"]}], ["Sunny", 1, None], ["Raining"], id="anything but"
        ),
        pytest.param([{"anything-but": "Raining"}], ["Sunny"], ["Raining"], id="anything but one"),
        pytest.param([{"anything-but": [1, 2]}], [3, "1"], [1, 2], id="anything but numbers"),
        pytest.param(
            [{"anything-but": {"prefix": "us-"}}], ["eu-1"], ["us-1"], id="anything but a prefix"
        ),
        pytest.param([{"numeric": ["=", 100]}], [100, 100.0], [101, "100"], id="numeric equals"),
        pytest.param(
            [{"numeric": [">", 10, "<=", 20]}], [10.5, 20], [10, 20.5, None], id="numeric range"
        ),
        pytest.param([{"numeric": [">=", 10]}], [10, 11], [9], id="at least"),
        pytest.param([{"numeric": ["<", 10]}], [-1, 9.9], [10], id="less than"),
        pytest.param([{"exists": True}], ["x", None, 0, ""], [], id="exists"),
        pytest.param([{"prefix": "us-"}], ["us-1"], ["eu-us-", "US-1", 1], id="begins with"),
        pytest.param(
            [{"prefix": {"equals-ignore-case": "us-"}}], ["US-1"], ["eu"], id="begins, any case"
        ),
        pytest.param([{"suffix": ".png"}], ["a.png"], ["a.PNG", ".png.gz"], id="ends with"),
        pytest.param(
            [{"suffix": {"equals-ignore-case": ".png"}}], ["a.PNG"], ["a.jpg"], id="ends, any case"
        ),
    ],
)
def test_each_comparison_operator(rule: Any, matching: list[Any], others: list[Any]) -> None:
    assert [value for value in matching if not passes({"field": rule}, {"field": value})] == []
    assert [value for value in others if passes({"field": rule}, {"field": value})] == []


def test_a_field_that_is_not_there_matches_only_does_not_exist() -> None:
    rules = [[None], [""], ["a"], [{"anything-but": ["a"]}], [{"exists": True}]]
    assert [rule for rule in rules if passes({"field": rule}, {"other": 1})] == []
    assert passes({"field": [{"exists": False}]}, {"other": 1})
    assert not passes({"field": [{"exists": False}]}, {"field": None})


def test_every_field_of_a_pattern_must_match() -> None:
    pattern = {"Location": ["New York"], "Day": ["Monday"]}
    assert passes(pattern, {"Location": "New York", "Day": "Monday", "Other": 1})
    assert not passes(pattern, {"Location": "New York", "Day": "Tuesday"})
    assert not passes(pattern, {"Location": "New York"})


def test_or_is_between_fields_too() -> None:
    pattern = {"$or": [{"Location": ["New York"]}, {"Day": ["Monday"]}]}
    assert passes(pattern, {"Location": "New York"})
    assert passes(pattern, {"Day": "Monday"})
    assert not passes(pattern, {"Day": "Tuesday"})


def test_patterns_go_as_deep_as_the_record() -> None:
    pattern = {"dynamodb": {"Keys": {"Number": {"N": ["4567"]}}}}
    assert passes(pattern, {"dynamodb": {"Keys": {"Number": {"N": "4567"}}}})
    assert not passes(pattern, {"dynamodb": {"Keys": {"Number": {"N": "1"}}}})
    assert not passes(pattern, {"dynamodb": "4567"})


def test_exists_works_on_leaves_only() -> None:
    assert passes({"person": {"name": [{"exists": True}]}}, PERSON)
    assert not passes({"person": {"address": [{"exists": True}]}}, PERSON)


def test_numbers_are_equal_where_they_are_written_alike() -> None:
    criteria = parse({"Filters": [{"Pattern": '{"body": {"n": [300]}}'}]})
    assert criteria.passes_with({}, "body", '{"n": 300}')
    assert not criteria.passes_with({}, "body", '{"n": 300.0}')
    assert not criteria.passes_with({}, "body", '{"n": 3.0e2}')


def test_an_element_of_an_array_is_enough() -> None:
    assert passes({"tags": ["new"]}, {"tags": ["old", "new"]})
    assert passes({"tags": ["new"]}, {"tags": [["old"], ["new"]]})
    assert not passes({"tags": ["new"]}, {"tags": []})
    assert passes({"tags": [{"exists": False}]}, {"tags": []})


def test_the_fields_of_objects_in_an_array_must_match_in_one_of_them() -> None:
    pattern = {"items": {"kind": ["book"], "price": [{"numeric": ["<", 10]}]}}
    assert passes(pattern, {"items": [{"kind": "book", "price": 5}, {"kind": "pen", "price": 9}]})
    assert not passes(
        pattern, {"items": [{"kind": "book", "price": 50}, {"kind": "pen", "price": 9}]}
    )


def test_one_of_several_filters_is_enough() -> None:
    criteria = parse(document({"a": [1]}, {"b": [2]}))
    assert criteria.passes({"b": 2})
    assert not criteria.passes({"a": 2})


def test_everything_passes_without_filters() -> None:
    assert NO_FILTERS.passes({})
    assert parse({}).passes_with({}, "body", None)


# -- the content of messages and records ------------------------------------------------------


def test_a_pattern_for_json_drops_what_is_a_plain_string() -> None:
    criteria = parse(document({"body": {"kind": [{"exists": False}]}}))
    assert criteria.passes_with({}, "body", '{"other": 1}')
    assert not criteria.passes_with({}, "body", "plain")
    assert not criteria.passes_with({}, "body", "{broken")
    assert not criteria.passes_with({}, "body", None)


def test_a_pattern_for_a_plain_string_drops_what_is_json() -> None:
    criteria = parse(document({"body": [{"anything-but": ["unwanted"]}]}))
    assert criteria.passes_with({}, "body", "wanted")
    assert not criteria.passes_with({}, "body", "unwanted")
    assert not criteria.passes_with({}, "body", '{"kind": "wanted"}')


def test_a_pattern_that_says_nothing_of_the_content_looks_at_the_rest() -> None:
    criteria = parse(document({"awsRegion": ["us-east-1"]}))
    for content in ("plain", '{"json": true}', None):
        assert criteria.passes_with({"awsRegion": "us-east-1"}, "body", content)
        assert not criteria.passes_with({"awsRegion": "eu-west-1"}, "body", content)


def test_content_and_the_rest_may_be_alternatives() -> None:
    criteria = parse(document({"$or": [{"data": {"kind": ["good"]}}, {"partitionKey": ["1"]}]}))
    assert criteria.passes_with({"partitionKey": "2"}, "data", '{"kind": "good"}')
    assert criteria.passes_with({"partitionKey": "1"}, "data", "plain")
    assert not criteria.passes_with({"partitionKey": "2"}, "data", "plain")


# -- wrong patterns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "simple string",
        "null",
        "[]",
        "{}",
        '{"eventSource": "aws:sqs"}',
        '{"eventSource": []}',
        '{"eventSource": {}}',
        '{"eventSource": [["aws:sqs"]]}',
        '{"eventSource": [{"exists": "yes"}]}',
        '{"eventSource": [{"wildcard": "*"}]}',
        '{"eventSource": [{"prefix": 1}]}',
        '{"eventSource": [{"prefix": "a", "suffix": "b"}]}',
        '{"eventSource": [{"anything-but": []}]}',
        '{"eventSource": [{"anything-but": {"exists": true}}]}',
        '{"eventSource": [{"numeric": [">"]}]}',
        '{"eventSource": [{"numeric": ["~", 1]}]}',
        '{"eventSource": [{"numeric": [">", "1"]}]}',
        '{"$or": [{"eventSource": ["aws:sqs"]}]}',
        '{"$or": [{"eventSource": ["aws:sqs"]}, {}]}',
        '{"a": ["' + "x" * 4096 + '"]}',
    ],
)
def test_a_pattern_that_cannot_be_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidFilter, match=r"^Invalid filter pattern definition\.$"):
        parse({"Filters": [{"Pattern": pattern}]})


def test_a_mapping_has_at_most_five_filters() -> None:
    assert len(parse(document(*[{"a": [1]}] * 5)).filters) == 5
    with pytest.raises(InvalidFilter, match="limit of 5"):
        parse(document(*[{"a": [1]}] * 6))
