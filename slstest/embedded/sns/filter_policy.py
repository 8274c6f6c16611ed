"""Filter policies: which of a topic's messages a subscription gets.

https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html has the operators,
https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html the limits.
The grammar looks like that of :mod:`slstest.embedded.event_sources.filters`, but numbers compare by
value here, names with dots are paths, other operators exist, and each mistake has its own message.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slstest.embedded.sns.conditions import InvalidPolicy, Test, condition, wildcard_tokens

ATTRIBUTES = "MessageAttributes"
BODY = "MessageBody"

_MAXIMUM_SIZE = 256 * 1024
_MAXIMUM_KEYS = 5
_MAXIMUM_COMBINATIONS = 150

_MAXIMUM_WILDCARD_POINTS = 100
"""Of the wildcards of all fields, as :func:`_wildcard_points` counts them."""

_Place = tuple[tuple[int, int], ...]
"""In which element of which array a value is: pairs of the array's number and the index."""


@dataclass(frozen=True)
class _Value:
    """One leaf of a message: a value, or an element of an array of values."""

    value: Any
    place: _Place


@dataclass(frozen=True)
class _Field:
    """What one field has to be."""

    path: str
    tests: Sequence[Test]


@dataclass(frozen=True)
class FilterPolicy:
    """A policy that was found to be right."""

    text: str
    """As the API gave it."""
    scope: str
    alternatives: tuple[tuple[_Field, ...], ...]
    """The policy with every ``$or`` taken apart: one of them has to match in full."""

    def passes(self, attributes: Mapping[str, Mapping[str, Any]], message: str) -> bool:
        """Whether a message with these attributes, as Publish takes them, is passed on."""
        leaves = _of_attributes(attributes) if self.scope == ATTRIBUTES else _of_body(message)
        if leaves is None:
            return False
        return any(_match(fields, leaves, {}) for fields in self.alternatives)


def parse(text: str, scope: str) -> FilterPolicy:
    """A policy as the API takes it. Raises :class:`InvalidPolicy`."""
    if len(text.encode()) > _MAXIMUM_SIZE:
        raise InvalidPolicy("Filter policy is too large")
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise InvalidPolicy(f"failed to parse JSON. {error}") from error
    if not isinstance(policy, dict):
        raise InvalidPolicy("Filter is not an object")
    if len(policy) > _MAXIMUM_KEYS:
        raise InvalidPolicy(f"Filter policy can not have more than {_MAXIMUM_KEYS} keys")
    if _combinations(policy, scope) > _MAXIMUM_COMBINATIONS:
        raise InvalidPolicy("Filter policy is too complex")
    alternatives = _alternatives(policy, "")
    if sum(_wildcard_points(values) for values in _value_lists(policy)) > _MAXIMUM_WILDCARD_POINTS:
        raise InvalidPolicy("Filter policy is too complex")
    return FilterPolicy(text, scope, alternatives)


# -- the shape of a policy --------------------------------------------------------------------


def _alternatives(policy: Mapping[str, Any], prefix: str) -> tuple[tuple[_Field, ...], ...]:
    found: tuple[tuple[_Field, ...], ...] = ((),)
    for key, wanted in policy.items():
        branches: tuple[tuple[_Field, ...], ...]
        if _is_or(key, wanted):
            branches = tuple(branch for each in wanted for branch in _alternatives(each, prefix))
        elif isinstance(wanted, dict):
            branches = _alternatives(wanted, f"{prefix}{key}.")
        else:
            branches = ((_Field(prefix + key, [condition(each) for each in wanted]),),)
        found = tuple(before + after for before in found for after in branches)
    return found


def _is_or(key: str, wanted: Any) -> bool:
    """Whether ``$or`` is the operator and not the name of a field: with at least two objects,
    none of which looks like a condition."""
    return (
        key == "$or"
        and isinstance(wanted, list)
        and len(wanted) > 1
        and all(isinstance(each, dict) and not _OPERATORS.intersection(each) for each in wanted)
    )


_OPERATORS = frozenset(
    {
        "anything-but",
        "cidr",
        "equals-ignore-case",
        "exists",
        "numeric",
        "prefix",
        "suffix",
        "wildcard",
    }
)


def _combinations(
    policy: Mapping[str, Any], scope: str, depth: int = 1, combinations: int = 1
) -> int:
    """In how many ways a message can match, as SNS counts it: the number of values of each field
    times its depth, multiplied; of ``$or`` the sum over its objects."""
    for key, wanted in policy.items():
        if _is_or(key, wanted):
            combinations = sum(_combinations(each, scope, depth, combinations) for each in wanted)
        elif isinstance(wanted, dict):
            combinations = _combinations(wanted, scope, depth + 1, combinations)
        elif isinstance(wanted, list):
            if not wanted:
                raise InvalidPolicy("Empty arrays are not allowed")
            combinations *= len(wanted) * depth
        else:
            raise InvalidPolicy(f'"{key}" must be an object or an array')
    if depth > 1 and scope == ATTRIBUTES:
        raise InvalidPolicy(
            f"Filter policy scope {ATTRIBUTES} does not support nested filter policy",
            of_the_policy=False,
        )
    return combinations


def _value_lists(policy: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    for key, wanted in policy.items():
        if isinstance(wanted, dict):
            yield from _value_lists(wanted)
        elif _is_or(key, wanted):
            for each in wanted:
                yield from _value_lists(each)
        else:
            yield wanted


def _wildcard_points(values: Sequence[Any]) -> int:
    """One point for a pattern with one ``*``, three for each ``*`` of a pattern with more; the
    points of a field's patterns together, times their number."""
    patterns = [pattern for value in values for pattern in _wildcards(value)]
    stars = [wildcard_tokens(pattern).count("*") for pattern in patterns]
    return sum(count if count < 2 else 3 * count for count in stars) * len(patterns)


def _wildcards(value: Any) -> list[str]:
    if isinstance(value, dict) and isinstance(value.get("anything-but"), dict):
        value = value["anything-but"]
    found = value.get("wildcard", []) if isinstance(value, dict) else []
    return found if isinstance(found, list) else [found]


# -- the fields of a message ------------------------------------------------------------------


def _of_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, list[_Value]]:
    """Strings, numbers, and arrays of them; binary attributes are ignored."""
    leaves: dict[str, list[_Value]] = {}
    for name, attribute in attributes.items():
        kind = attribute["DataType"]
        if kind.startswith("Binary"):
            continue
        text = attribute["StringValue"]
        if kind == "String.Array":
            leaves[name] = [_Value(_array(text), ())]
        elif kind.startswith("Number"):
            leaves[name] = [_Value(float(text), ())]
        else:
            leaves[name] = [_Value(text, ())]
    return leaves


def _array(text: str) -> list[Any]:
    try:
        values = json.loads(text)
    except ValueError:
        return [text]
    return values if isinstance(values, list) else [values]


def _of_body(message: str) -> dict[str, list[_Value]] | None:
    """Every leaf of a message that is a JSON object, by its path; None for another message."""
    try:
        body = json.loads(message)
    except ValueError:
        return None
    if not isinstance(body, dict):
        return None
    leaves: dict[str, list[_Value]] = {}
    _collect(body, "", (), leaves, itertools.count())
    return leaves


def _collect(
    value: Any,
    path: str,
    place: _Place,
    leaves: dict[str, list[_Value]],
    arrays: Iterator[int],
) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _collect(inner, f"{path}.{key}" if path else key, place, leaves, arrays)
    elif isinstance(value, list):
        array = next(arrays)
        for index, inner in enumerate(value):
            _collect(inner, path, (*place, (array, index)), leaves, arrays)
    else:
        leaves.setdefault(path, []).append(_Value(value, place))


def _match(
    fields: Sequence[_Field], leaves: Mapping[str, list[_Value]], chosen: Mapping[int, int]
) -> bool:
    """Whether every field has a value that does, all of them from the same elements of those
    arrays that they have in common (``chosen``)."""
    if not fields:
        return True
    field, *others = fields
    there = leaves.get(field.path, [])
    if not there:
        return any(test.absent for test in field.tests) and _match(others, leaves, chosen)
    for leaf in there:
        place = dict(leaf.place)
        if any(chosen.get(array, index) != index for array, index in place.items()):
            continue
        if any(test.accepts(leaf.value) for test in field.tests) and _match(
            others, leaves, {**chosen, **place}
        ):
            return True
    return False
