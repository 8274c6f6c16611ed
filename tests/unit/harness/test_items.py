from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from slstest import ConfigurationError
from slstest.resources.items import from_attributes, normalised, to_attributes, to_number


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        False,
        0,
        -7,
        10**37,
        0.1,
        1e-5,
        1.5,
        "",
        "grün",
        b"\x00\xff",
        [],
        [1, "a", None, [2.5]],
        {},
        {"a": {"b": [1, {"c": b"x"}]}},
        {"a", "b"},
        {1, 2.5},
        {b"a"},
    ],
    ids=lambda value: repr(sorted(value)) if isinstance(value, set) else repr(value),
)
def test_a_value_comes_back_as_it_went(value: Any) -> None:
    back = from_attributes(to_attributes({"v": value}, "put"))["v"]
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("number", "read"),
    [
        ("2", 2),
        ("2.0", 2),
        ("1E+2", 100),
        ("0.1", 0.1),
        ("-0.25", -0.25),
        ("0.1234567890123456789", Decimal("0.1234567890123456789")),
    ],
)
def test_numbers_read_as_the_type_that_says_the_same(number: str, read: Any) -> None:
    back = to_number(Decimal(number))
    assert back == read
    assert type(back) is type(read)


def test_expected_decimals_compare_with_what_is_read_back() -> None:
    expected = normalised({"price": Decimal("0.1"), "list": [Decimal(2)], "set": {Decimal(3)}})
    assert expected == {"price": 0.1, "list": [2], "set": {3}}


def test_tuples_and_sets_inside_are_taken() -> None:
    assert to_attributes({"v": (1, 2)}, "put") == {"v": {"L": [{"N": "1"}, {"N": "2"}]}}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (set(), "no empty sets"),
        (object(), "Unsupported type"),
        (float("nan"), "NaN"),
        (Decimal("1." + "1" * 50), "38 digits"),
        ({1, "a"}, "Unsupported type"),
    ],
)
def test_what_dynamodb_cannot_hold_is_refused_by_attribute(value: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=f"table 't'.put: v: .*({reason})"):
        to_attributes({"v": value}, "table 't'.put")


def test_an_item_is_a_dict() -> None:
    with pytest.raises(
        ConfigurationError, match="an item is a dict, not 'x', which is of type str"
    ):
        to_attributes("x", "put")  # type: ignore[arg-type]
