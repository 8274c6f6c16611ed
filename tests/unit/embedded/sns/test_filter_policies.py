"""https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html"""

from __future__ import annotations

import json
from typing import Any

import pytest

from slstest.embedded.sns.conditions import InvalidPolicy
from slstest.embedded.sns.filter_policy import ATTRIBUTES, BODY, parse


def text(value: str) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value}


def number(value: str) -> dict[str, Any]:
    return {"DataType": "Number", "StringValue": value}


def array(*values: Any) -> dict[str, Any]:
    return {"DataType": "String.Array", "StringValue": json.dumps(values)}


def passes(policy: Any, attributes: dict[str, Any]) -> bool:
    return parse(json.dumps(policy), ATTRIBUTES).passes(attributes, "")


def body_passes(policy: Any, body: Any) -> bool:
    return parse(json.dumps(policy), BODY).passes({}, json.dumps(body))


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("rugby", text("rugby"), True),
        ("rugby", text("Rugby"), False),
        ("rugby", array("tennis", "rugby"), True),
        ("rugby", array("tennis"), False),
        ("rugby", {"DataType": "String.Array", "StringValue": "rugby"}, True),
        ("true", text("true"), True),
        (True, array(True), True),
        (None, array(None), True),
        (None, array(False), False),
        ({"anything-but": ["rugby", "tennis"]}, text("baseball"), True),
        ({"anything-but": "rugby"}, text("rugby"), False),
        ({"anything-but": [100, 500]}, number("100.1"), True),
        ({"anything-but": [100, 500]}, number("1e2"), False),
        ({"anything-but": {"prefix": "order-"}}, text("data-entry"), True),
        ({"anything-but": {"prefix": "order-"}}, text("order-cancelled"), False),
        ({"anything-but": {"wildcard": "*-debug"}}, text("app-debug"), False),
        ({"anything-but": {"wildcard": ["*-debug", "test*"]}}, text("app"), True),
        ({"equals-ignore-case": "tennis"}, text("TENnis"), True),
        ({"equals-ignore-case": "tennis"}, text("tenniS!"), False),
        ({"prefix": "bas"}, text("baseball"), True),
        ({"prefix": "bas"}, text("rugby"), False),
        ({"suffix": "ball"}, text("baseball"), True),
        ({"suffix": "ball"}, text("ballot"), False),
        ({"suffix": "ball"}, number("1"), False),
        ({"wildcard": "*/src/*.js"}, text("dir/src/a.js"), True),
        ({"wildcard": "*/src/*.js"}, text("dir/lib/a.js"), False),
        ({"wildcard": r"a\*b"}, text("a*b"), True),
        ({"wildcard": r"a\*b"}, text("axb"), False),
        ({"cidr": "10.0.0.0/24"}, text("10.0.0.255"), True),
        ({"cidr": "10.0.0.0/24"}, text("10.1.1.0"), False),
        ({"cidr": "10.0.0.0/24"}, text("home"), False),
        ({"cidr": "2001:db8::/32"}, text("2001:db8::1"), True),
        ({"numeric": ["=", 301.5]}, number("3.015e2"), True),
        ({"numeric": ["=", 301.5]}, number("301.50001"), False),
        ({"numeric": ["=", 301.5]}, number("301.5000001"), True),
        ({"numeric": ["=", 301.5]}, text("301.5"), False),
        ({"numeric": ["<", 0]}, number("-1"), True),
        ({"numeric": [">", 0, "<=", 150]}, number("150"), True),
        ({"numeric": [">", 0, "<=", 150]}, number("0"), False),
        ({"numeric": [">=", 0, "<", 150]}, array(200, 10), True),
        (301.5, number("3.015e2"), True),
        (1, array(1.0), True),
        ({"exists": True}, text("anything"), True),
        ({"exists": False}, text("anything"), False),
        ({"exists": True}, {"DataType": "Binary", "BinaryValue": b"x"}, False),
    ],
)
def test_an_attribute_meets_a_condition(wanted: Any, value: dict[str, Any], expected: bool) -> None:
    assert passes({"key": [wanted]}, {"key": value, "other": text("ignored")}) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("rugby", False), ({"anything-but": "rugby"}, False), ({"exists": False}, True)],
)
def test_a_missing_attribute_only_meets_that_it_does_not_exist(wanted: Any, expected: bool) -> None:
    assert passes({"key": [wanted]}, {"other": text("rugby")}) is expected


def test_every_key_must_match_by_one_of_its_values() -> None:
    policy = {"store": ["a", "b"], "event": [{"anything-but": "cancelled"}]}
    assert passes(policy, {"store": text("b"), "event": text("placed")})
    assert not passes(policy, {"store": text("c"), "event": text("placed")})
    assert not passes(policy, {"store": text("a")})


def test_anything_but_must_hold_for_the_whole_array_of_an_attribute() -> None:
    """The page said once that one other element is enough, and says so of bodies still."""
    policy = {"key": [{"anything-but": ["rugby", "tennis"]}]}
    assert passes(policy, {"key": array("baseball", "football")})
    assert not passes(policy, {"key": array("rugby", "baseball")})
    assert body_passes(policy, {"key": ["rugby", "baseball"]})
    assert not body_passes(policy, {"key": ["rugby", "tennis"]})


def test_or_takes_one_of_several_objects() -> None:
    policy = {
        "source": ["aws.cloudwatch"],
        "$or": [{"metric": ["cpu"]}, {"kind": ["alarm"], "$or": [{"id": [1]}, {"id": [2]}]}],
    }
    source = {"source": text("aws.cloudwatch")}
    assert passes(policy, {**source, "metric": text("cpu")})
    assert passes(policy, {**source, "kind": text("alarm"), "id": number("2")})
    assert not passes(policy, {**source, "kind": text("alarm"), "id": number("3")})
    assert not passes(policy, {"metric": text("cpu")})


def test_or_may_be_the_name_of_a_field() -> None:
    assert passes({"$or": ["a"]}, {"$or": text("a")})
    assert passes({"$or": [{"prefix": "a"}, {"suffix": "b"}]}, {"$or": text("ab")})


@pytest.mark.parametrize(
    ("policy", "body", "expected"),
    [
        ({"object": {"key": [{"prefix": "auto-"}]}}, {"object": {"key": "auto-1"}}, True),
        ({"object": {"key": [{"prefix": "auto-"}]}}, {"object": {"key": "home"}}, False),
        ({"object": {"key": [{"prefix": "auto-"}]}}, {"key": "auto-1"}, False),
        ({"object": {"key": ["a"]}}, {"object": "a"}, False),
        ({"object": {"key": [{"exists": False}]}}, {"object": {"other": 1}}, True),
        ({"object": [{"exists": True}]}, {"object": {"key": 1}}, False),
        ({"headers": {"to": ["q1"]}}, {"headers": {"to": ["q1", "q2"]}}, True),
        ({"price": [{"numeric": ["=", 301.5]}]}, {"price": 3.015e2}, True),
        ({"price": [301.5]}, {"price": "301.5"}, False),
        ({"flag": [True]}, {"flag": True}, True),
        ({"flag": [True]}, {"flag": 1}, False),
        ({"gone": [None]}, {"gone": None}, True),
        ({"a.b": ["x"]}, {"a": {"b": "x"}}, True),
        ({"a.b": ["x"]}, {"a.b": "x"}, True),
        ({"a": {"b": ["x"]}}, {"a.b": "x"}, True),
        ({"a.b.c": ["x"]}, {"a": {"b.c": "x"}}, True),
        ({"a.b": ["x"]}, {"a": {"b": "y"}}, False),
        ({"a": [{"exists": False}]}, ["a"], False),
        ({"a": [{"exists": False}]}, "a", False),
    ],
)
def test_a_body_meets_a_policy(policy: Any, body: Any, expected: bool) -> None:
    assert body_passes(policy, body) is expected


def test_a_body_that_is_not_json_meets_no_policy() -> None:
    assert not parse('{"a": [{"exists": false}]}', BODY).passes({}, "text")


def test_fields_of_an_array_must_match_in_one_element() -> None:
    policy = {"Records": {"s3": {"key": [{"prefix": "auto-"}]}, "event": [{"prefix": "Created"}]}}
    put, removed = {"event": "Created:Put"}, {"event": "Removed"}
    auto, home = {"s3": {"key": "auto-1"}}, {"s3": {"key": "home-1"}}
    assert body_passes(policy, {"Records": [{**auto, **put}, {**home, **removed}]})
    assert body_passes(policy, {"Records": [{**put, "s3": [[{"key": "auto-1"}]]}]})
    assert not body_passes(policy, {"Records": [{**auto, **removed}, {**home, **put}]})


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ([], "Filter is not an object"),
        ({"key": "value"}, '"key" must be an object or an array'),
        ({"key": []}, "Empty arrays are not allowed"),
        ({"key": [["a"]]}, "Match value must be String, number, true, false, or null"),
        ({"key": [{"is": 1}]}, "Unrecognized match type is"),
        ({"key": [{"suffix": "a", "prefix": "b"}]}, "Only one key allowed in match expression"),
        ({"key": [{"suffix": 100}]}, "suffix match pattern must be a string"),
        ({"key": [{"prefix": None}]}, "prefix match pattern must be a string"),
        ({"key": [{"wildcard": "a**b"}]}, "Invalid wildcard match pattern: a**b"),
        ({"key": [{"wildcard": "a\\b"}]}, "Invalid wildcard match pattern: a\\b"),
        ({"key": [{"wildcard": "*a*b*c*"}]}, "Filter policy is too complex"),
        ({"key": {"suffix": "value"}}, '"suffix" must be an object or an array'),
        ({"key": [{"exists": "no"}]}, "exists match pattern must be either true or false."),
        ({"key": [{"cidr": "10.0.0.0"}]}, "Malformed CIDR, one '/' required"),
        ({"key": [{"cidr": "10.0.0.0/x"}]}, "Malformed CIDR, mask bits must be an integer"),
        ({"key": [{"cidr": "ten/8"}]}, "Nonstandard IP address: ten"),
        ({"key": [{"cidr": 8}]}, "prefix match pattern must be a string"),
        ({"key": [{"anything-but": {"suffix": "x"}}]}, "Unsupported anything-but pattern: suffix"),
        ({"key": [{"anything-but": {"prefix": 1}}]}, "prefix match pattern must be a string"),
        ({"key": [{"numeric": []}]}, "Invalid member in numeric match: ]"),
        ({"key": [{"numeric": ["is"]}]}, "Unrecognized numeric range operator: is"),
        ({"key": [{"numeric": [1, "<="]}]}, "Invalid member in numeric match: 1"),
        ({"key": [{"numeric": ["=", "0"]}]}, "Value of equals must be numeric"),
        ({"key": [{"numeric": [">="]}]}, "Value of >= must be numeric"),
        ({"key": [{"numeric": ["<", 9, ">", 1]}]}, "Too many elements in numeric expression"),
        ({"key": [{"numeric": [">=", 1, ">", 2]}]}, "Bad numeric range operator: >"),
        ({"key": [{"numeric": [">", 3, "<", 1]}]}, "Bottom must be less than top"),
        ({"key": [{"numeric": [">", 20, "<="]}]}, "Value of <= must be numeric"),
        ({"key": [{"numeric": [">", 20, 30]}]}, "Bad value in numeric range: 30"),
        (
            {"key": [{"numeric": [">", 20, "<", 30, "<", 50]}]},
            "Too many terms in numeric range expression",
        ),
        ({"key": [{"numeric": ["<", 1e10]}]}, "Value must be between -1000000000 and 1000000000"),
        ({str(key): ["a"] for key in range(6)}, "Filter policy can not have more than 5 keys"),
        ({"key": [str(value) for value in range(151)]}, "Filter policy is too complex"),
        (
            {"a": [str(value) for value in range(100)], "b": ["x", "y"]},
            "Filter policy is too complex",
        ),
        (
            {"a": [{"wildcard": f"{value}*x*"} for value in range(6)]},
            "Filter policy is too complex",
        ),
        (
            {
                "source": ["1", "2", "3", "4"],
                "$or": [
                    {"metric": ["1", "2", "3", "4", "5", "6"]},
                    {"kind": ["1", "2", "3", "4"], "$or": [{"id": [1, 2, 3, 4]}] * 2},
                ],
            },
            "Filter policy is too complex",
        ),
    ],
    ids=str,
)
def test_a_wrong_policy_is_refused_in_the_words_of_sns(policy: Any, problem: str) -> None:
    with pytest.raises(InvalidPolicy) as error:
        parse(json.dumps(policy), ATTRIBUTES)
    assert str(error.value).startswith(problem)


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match=r"failed to parse JSON\."):
        parse("{invalidjson}", ATTRIBUTES)


def test_a_policy_that_is_too_large_is_refused() -> None:
    with pytest.raises(InvalidPolicy, match="too large"):
        parse(json.dumps({"key": ["x" * 262_144]}), ATTRIBUTES)


def test_only_policies_of_bodies_may_be_nested() -> None:
    policy = json.dumps({"object": {"key": ["a"]}})
    parse(policy, BODY)
    with pytest.raises(InvalidPolicy) as error:
        parse(policy, ATTRIBUTES)
    assert str(error.value) == (
        "Filter policy scope MessageAttributes does not support nested filter policy"
    )
    assert not error.value.of_the_policy


def test_nesting_counts_in_the_complexity() -> None:
    """The example of AWS's page: 3 x 4 x 2 x 3 x 1 x 3 = 216."""
    policy = {
        "a": {"b": {"c": ["1", "2", "3", "4"]}},
        "d": {"e": ["1", "2", "3"]},
        "f": ["1", "2", "3"],
    }
    with pytest.raises(InvalidPolicy, match="too complex"):
        parse(json.dumps(policy), BODY)
    del policy["f"]
    parse(json.dumps(policy), BODY)
