"""FilterCriteria: which records a mapping hands to its function.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html has the syntax, which
is that of EventBridge, and the comparison operators. What happens where one side is JSON and
the other is not is on the pages of the sources: with-sqs-filtering.html for the body of a
message, with-kinesis-filtering.html for the data of a record; a DynamoDB record is always JSON
(with-ddb-filtering.html).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_MAXIMUM_FILTERS = 5
_MAXIMUM_PATTERN_LENGTH = 4096

_Test = Callable[[Any], bool]
_ABSENT = object()


class InvalidFilter(ValueError):
    """The criteria are not what AWS accepts; the text is AWS's."""


@dataclass(frozen=True)
class FilterCriteria:
    """The filters of one mapping: a record passes if any of them matches, or if there is none."""

    filters: tuple[_Test, ...]
    document: Mapping[str, Any]
    """As the API gave it."""

    def passes(self, record: Mapping[str, Any]) -> bool:
        """Whether a record is handed on."""
        return not self.filters or any(matches(record) for matches in self.filters)

    def passes_with(self, record: Mapping[str, Any], field: str, text: str | None) -> bool:
        """Whether a record passes whose ``field`` holds ``text``, JSON or a plain string.

        A pattern that describes JSON drops what is not JSON, and a pattern for a plain string
        drops JSON; a pattern that says nothing about the field looks at the rest alone.
        ``text`` is None where the field is not text at all.
        """
        return not self.filters or self.passes({**record, field: _Content(text)})


NO_FILTERS = FilterCriteria((), {})


def parse(document: Mapping[str, Any]) -> FilterCriteria:
    """Criteria as the API takes them. Raises :class:`InvalidFilter`."""
    filters = document.get("Filters") or []
    if len(filters) > _MAXIMUM_FILTERS:
        raise InvalidFilter(f"The number of filters exceeds the limit of {_MAXIMUM_FILTERS}.")
    return FilterCriteria(tuple(_filter(each.get("Pattern") or "") for each in filters), document)


class _Content:
    """The body of a message, or the data of a record: text, or JSON where it is an object or an
    array."""

    def __init__(self, text: str | None) -> None:
        self.text = text
        self.decoded: Any = None
        if text is not None and text.lstrip()[:1] in ("{", "["):
            with suppress(ValueError):  # it may only begin like JSON
                self.decoded = _loads(text)

    @property
    def is_json(self) -> bool:
        return self.decoded is not None


class _Number(float):
    """A number that knows how it was written.

    "For numbers, Lambda also uses string representation. For example, 300, 300.0, and 3.0e2 are
    not considered equal."
    """

    written: str

    def __new__(cls, written: str) -> _Number:
        number = super().__new__(cls, written)
        number.written = written
        return number


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number)


def _filter(text: str) -> _Test:
    if len(text) > _MAXIMUM_PATTERN_LENGTH:
        raise _invalid()
    try:
        pattern = _loads(text)
    except ValueError as error:
        raise _invalid() from error
    if not isinstance(pattern, dict):
        raise _invalid()
    return _pattern(pattern)


def _invalid() -> InvalidFilter:
    return InvalidFilter("Invalid filter pattern definition.")


# -- the shape of a pattern -------------------------------------------------------------------


def _pattern(pattern: Any) -> _Test:
    """Whether a record has all the fields of a pattern."""
    if not isinstance(pattern, dict) or not pattern:
        raise _invalid()
    tests = [_field(key, wanted) for key, wanted in pattern.items()]

    def matches(record: Any) -> bool:
        fields = record if isinstance(record, Mapping) else {}
        return all(test(fields) for test in tests)

    return matches


def _field(key: str, wanted: Any) -> _Test:
    if key == "$or":
        if not isinstance(wanted, list) or len(wanted) < 2:
            raise _invalid()
        alternatives = [_pattern(each) for each in wanted]
        return lambda fields: any(matches(fields) for matches in alternatives)
    if isinstance(wanted, list):
        if not wanted:
            raise _invalid()
        tests = [_test(alternative) for alternative in wanted]
        return lambda fields: _leaf_matches(tests, fields.get(key, _ABSENT))
    inner = _pattern(wanted)
    return lambda fields: _json_matches(inner, fields.get(key, _ABSENT))


def _json_matches(matches: _Test, value: Any) -> bool:
    if isinstance(value, _Content):
        if not value.is_json:
            return False
        value = value.decoded
    if isinstance(value, list) and value:
        return any(matches(each) for each in value)
    return matches(value)


def _leaf_matches(tests: Sequence[_Test], value: Any) -> bool:
    """Alternatives against the value there, or against each element of an array.

    What is no leaf of the record, an object or an empty array, is as good as not there.
    """
    if isinstance(value, _Content):
        if value.is_json or value.text is None:
            return False
        value = value.text
    leaves = list(_leaves(value)) or [_ABSENT]
    return any(test(leaf) for test in tests for leaf in leaves)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif not isinstance(value, Mapping):
        yield value


# -- comparison operators ---------------------------------------------------------------------


def _test(alternative: Any) -> _Test:
    if isinstance(alternative, list):
        raise _invalid()
    if not isinstance(alternative, dict):
        return lambda value: _equal(value, alternative)
    if len(alternative) != 1:
        raise _invalid()
    ((operator, operand),) = alternative.items()
    make = _OPERATORS.get(operator)
    if make is None:
        raise _invalid()
    return make(operand)


def _equal(value: Any, wanted: Any) -> bool:
    if _is_number(value) and _is_number(wanted):
        return _written(value) == _written(wanted)
    return type(value) is type(wanted) and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _written(number: Any) -> str:
    return number.written if isinstance(number, _Number) else json.dumps(number)


def _on_text(operand: Any, compare: Callable[[str, str], bool]) -> _Test:
    if isinstance(operand, dict):
        if set(operand) != {"equals-ignore-case"}:
            raise _invalid()
        folded = _text(operand["equals-ignore-case"]).casefold()
        return lambda value: isinstance(value, str) and compare(value.casefold(), folded)
    text = _text(operand)
    return lambda value: isinstance(value, str) and compare(value, text)


def _prefix(operand: Any) -> _Test:
    return _on_text(operand, str.startswith)


def _suffix(operand: Any) -> _Test:
    return _on_text(operand, str.endswith)


def _equals_ignore_case(operand: Any) -> _Test:
    folded = _text(operand).casefold()
    return lambda value: isinstance(value, str) and value.casefold() == folded


def _text(operand: Any) -> str:
    if not isinstance(operand, str):
        raise _invalid()
    return operand


_MAY_BE_NEGATED: Mapping[str, Callable[[Any], _Test]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _equals_ignore_case,
}


def _anything_but(operand: Any) -> _Test:
    alternatives = operand if isinstance(operand, list) else [operand]
    if not alternatives:
        raise _invalid()
    tests = [_negated(alternative) for alternative in alternatives]
    return lambda value: value is not _ABSENT and not any(test(value) for test in tests)


def _negated(alternative: Any) -> _Test:
    if isinstance(alternative, dict) and not set(alternative) <= set(_MAY_BE_NEGATED):
        raise _invalid()
    return _test(alternative)


def _exists(operand: Any) -> _Test:
    if not isinstance(operand, bool):
        raise _invalid()
    return lambda value: (value is not _ABSENT) is operand


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: value == limit,
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def _numeric(operand: Any) -> _Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise _invalid()
    pairs = list(zip(operand[::2], operand[1::2], strict=True))
    for comparison, limit in pairs:
        if comparison not in _COMPARISONS or not _is_number(limit):
            raise _invalid()
    return lambda value: (
        _is_number(value)
        and all(_COMPARISONS[comparison](value, limit) for comparison, limit in pairs)
    )


_OPERATORS: Mapping[str, Callable[[Any], _Test]] = {
    **_MAY_BE_NEGATED,
    "anything-but": _anything_but,
    "exists": _exists,
    "numeric": _numeric,
}
