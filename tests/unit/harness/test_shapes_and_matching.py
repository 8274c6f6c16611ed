from __future__ import annotations

from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest

from slstest import ConfigurationError
from slstest.matching import differences, listed, matches, matches_data, nearest, shorten
from slstest.shapes import decode, encode


class Positive:
    """A matcher like those of dirty_equals: it decides by ``==``."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, int) and other > 0

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "Positive()"


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        ({"page": "/home"}, b'{"page": "/home"}'),
        ([1, None], b"[1, null]"),
        ("grün", "grün".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (bytearray(b"ab"), b"ab"),
    ],
)
def test_data_becomes_bytes(data: Any, raw: bytes) -> None:
    assert encode(data, "put") == raw


@pytest.mark.parametrize("data", [None, 5, 1.5, True, {1, 2}, object()])
def test_other_data_is_refused(data: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a dict or a list"):
        encode(data, "stream 's'.put")


def test_what_json_cannot_say_is_refused_with_the_reason() -> None:
    with pytest.raises(ConfigurationError, match=r"put: the data is not JSON: .*Decimal"):
        encode({"price": Decimal(1)}, "put")


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b'{"a": 1}', {"a": 1}), (b"5", 5), (b"hello", "hello"), (b"", ""), (b"\xff", b"\xff")],
)
def test_bytes_are_decoded_as_far_as_they_can_be(raw: bytes, value: Any) -> None:
    assert decode(raw) == value


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
        ({"a": ANY, "n": Positive()}, {"a": None, "n": 7}),
        ([{"a": 1}, ANY], [{"a": 1, "b": 2}, 3]),
        ({}, {"a": 1}),
        (ANY, {"a": 1}),
    ],
)
def test_a_match_is_partial_in_dicts(expected: Any, actual: Any) -> None:
    assert matches(expected, actual)
    assert differences(expected, actual) == []


@pytest.mark.parametrize(
    ("expected", "actual", "lines"),
    [
        ({"a": 1}, {}, ["a is missing, expected 1"]),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b is 2, expected 1"]),
        ({"a": None}, {}, ["a is missing, expected None"]),
        ({"n": Positive()}, {"n": -1}, ["n is -1, expected Positive()"]),
        ([1, 2], [1, 3], ["[1] is 3, expected 2"]),
        ({"l": [{"x": 1}]}, {"l": [{"x": 2}]}, ["l[0].x is 2, expected 1"]),
        ([1], [1, 2], ["is [1, 2], expected [1]"]),
        ({"a": 1}, "text", ["is 'text', expected {'a': 1}"]),
    ],
)
def test_what_does_not_match_is_told_by_its_place(
    expected: Any, actual: Any, lines: list[str]
) -> None:
    assert not matches(expected, actual)
    assert differences(expected, actual) == lines


@pytest.mark.parametrize(
    ("expected", "raw"),
    [
        ({"a": 1}, b'{"a": 1, "b": 2}'),
        ([{"a": 1}], b'[{"a": 1, "b": 2}]'),
        ("5", b"5"),
        (5, b"5"),
        ('{"a": 1}', b'{"a": 1}'),
        (b"\xff", b"\xff"),
        (ANY, b"\xff"),
        (Positive(), b"5"),
    ],
)
def test_data_is_compared_in_the_shape_that_is_expected(expected: Any, raw: bytes) -> None:
    assert matches_data(expected, raw)


@pytest.mark.parametrize(
    ("expected", "raw"), [("5", b"5 "), (b"5", b"6"), ({"a": 1}, b"a"), (Positive(), b"-5")]
)
def test_data_that_differs_does_not_match(expected: Any, raw: bytes) -> None:
    assert not matches_data(expected, raw)


def test_the_nearest_has_the_most_in_common() -> None:
    candidates = [{"page": "/cart", "count": 2}, {"page": "/home", "count": 1, "x": {"y": 1}}]
    assert nearest({"page": "/home", "count": 2, "x": {"y": 1}}, candidates) is candidates[1]
    assert nearest({"page": "/home"}, []) is None


def test_long_text_loses_its_middle() -> None:
    text = shorten("a" * 500 + "z" * 500, 100)
    assert len(text) == 100
    assert text.startswith("aaa")
    assert text.endswith("zzz")
    assert " ... " in text


def test_long_lists_end_with_how_many_more() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed(list("abc"), limit=2) == "a, b and 1 more"
    assert listed([]) == "none"
