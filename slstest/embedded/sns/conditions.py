"""The conditions of a filter policy, each a test of one value.

https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html,
https://docs.aws.amazon.com/sns/latest/dg/numeric-value-matching.html and
https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html. The messages are those that
SNS gives, without the place in the policy that it adds.
"""

from __future__ import annotations

import ipaddress
import itertools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_DIGITS = 5
"""After the decimal point, to which numbers are compared."""

_LARGEST_NUMBER = 1_000_000_000

_MAXIMUM_WILDCARDS = 3
"""In one pattern."""


class InvalidPolicy(ValueError):
    """The policy is not what SNS accepts; the text is SNS's."""

    def __init__(self, message: str, *, of_the_policy: bool = True) -> None:
        """``of_the_policy`` tells whether SNS names the attribute in front of the message."""
        super().__init__(message)
        self.of_the_policy = of_the_policy


@dataclass(frozen=True)
class Test:
    """A condition that a value meets or not."""

    __test__ = False  # pytest collects what is called so

    holds: Callable[[Any], bool]
    """For one value."""
    absent: bool = False
    """Whether the condition is that there is no value at all."""
    of_all: bool = False
    """Whether every element of an attribute that is an array has to meet it: "For String.Array
    type attributes, it matches if none of the array elements are listed in the policy property."
    The elements of an array in a message's body are tested one by one all the same."""

    def accepts(self, value: Any) -> bool:
        """Whether a value, or an array of values, meets the condition."""
        if not isinstance(value, list):
            return self.holds(value)
        elements = map(self.holds, value)
        return all(elements) if self.of_all else any(elements)


def condition(wanted: Any) -> Test:
    """One element of the array that stands for a field. Raises :class:`InvalidPolicy`."""
    if isinstance(wanted, dict):
        if len(wanted) != 1:
            raise InvalidPolicy("Only one key allowed in match expression")
        ((operator, operand),) = wanted.items()
        make = _OPERATORS.get(operator)
        if make is None:
            raise InvalidPolicy(f"Unrecognized match type {operator}")
        return make(operand)
    return Test(_equals(wanted))


def _equals(wanted: Any) -> Callable[[Any], bool]:
    if _is_number(wanted):
        rounded = _rounded(wanted)
        return lambda value: _is_number(value) and _rounded(value) == rounded
    if isinstance(wanted, list | dict):
        raise InvalidPolicy("Match value must be String, number, true, false, or null")
    return lambda value: type(value) is type(wanted) and bool(value == wanted)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _rounded(number: float) -> int:
    return round(number * float(10**_DIGITS))


def _text(operand: Any, operator: str) -> str:
    if not isinstance(operand, str):
        raise InvalidPolicy(f"{operator} match pattern must be a string")
    return operand


def _on_text(compare: Callable[[str], bool]) -> Test:
    return Test(lambda value: isinstance(value, str) and compare(value))


def _prefix(operand: Any) -> Test:
    prefix = _text(operand, "prefix")
    return _on_text(lambda value: value.startswith(prefix))


def _suffix(operand: Any) -> Test:
    suffix = _text(operand, "suffix")
    return _on_text(lambda value: value.endswith(suffix))


def _equals_ignore_case(operand: Any) -> Test:
    folded = _text(operand, "equals-ignore-case").casefold()
    return _on_text(lambda value: value.casefold() == folded)


def _wildcard(operand: Any) -> Test:
    pattern = _text(operand, "wildcard")
    tokens = wildcard_tokens(pattern)
    if tokens.count("*") > _MAXIMUM_WILDCARDS:
        raise InvalidPolicy("Filter policy is too complex")
    if "\\" in tokens or ("*", "*") in itertools.pairwise(tokens):
        raise InvalidPolicy(f"Invalid wildcard match pattern: {pattern}")
    expression = "".join(".*" if each == "*" else re.escape(each[-1]) for each in tokens)
    compiled = re.compile(expression, re.DOTALL)
    return _on_text(lambda value: compiled.fullmatch(value) is not None)


def wildcard_tokens(pattern: str) -> list[str]:
    """The characters of a pattern; those that a backslash escapes together with it."""
    return re.findall(r"\\[*\\]|.", pattern, re.DOTALL)


def _cidr(operand: Any) -> Test:
    text = _text(operand, "prefix")  # this is how SNS words it
    address, slash, mask = text.partition("/")
    if not slash or "/" in mask:
        raise InvalidPolicy("Malformed CIDR, one '/' required")
    if not mask.isdecimal():
        raise InvalidPolicy("Malformed CIDR, mask bits must be an integer")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise InvalidPolicy(f"Nonstandard IP address: {address}") from error

    def within(value: str) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return _on_text(within)


def _exists(operand: Any) -> Test:
    if not isinstance(operand, bool):
        raise InvalidPolicy("exists match pattern must be either true or false.")
    return Test(lambda _: operand, absent=not operand, of_all=True)


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, limit: _rounded(value) == _rounded(limit),
    "<": lambda value, limit: value < limit,
    "<=": lambda value, limit: value <= limit,
    ">": lambda value, limit: value > limit,
    ">=": lambda value, limit: value >= limit,
}


def _numeric(operand: Any) -> Test:
    terms = list(operand) if isinstance(operand, list) else [operand]
    if not terms:
        raise InvalidPolicy("Invalid member in numeric match: ]")
    if not isinstance(terms[0], str):
        raise InvalidPolicy(f"Invalid member in numeric match: {terms[0]}")
    if terms[0] not in _COMPARISONS:
        raise InvalidPolicy(f"Unrecognized numeric range operator: {terms[0]}")
    limits = [(terms[0], _limit(terms, 0))]
    if len(terms) > 2:
        limits.append(_upper_limit(terms))
    return Test(
        lambda value: (
            _is_number(value)
            and all(_COMPARISONS[operator](value, limit) for operator, limit in limits)
        )
    )


def _upper_limit(terms: list[Any]) -> tuple[str, float]:
    if terms[0] not in (">", ">="):
        raise InvalidPolicy("Too many elements in numeric expression")
    if not isinstance(terms[2], str):
        raise InvalidPolicy(f"Bad value in numeric range: {terms[2]}")
    if terms[2] not in ("<", "<="):
        raise InvalidPolicy(f"Bad numeric range operator: {terms[2]}")
    top = _limit(terms, 2)
    if top <= terms[1]:
        raise InvalidPolicy("Bottom must be less than top")
    if len(terms) > 4:
        raise InvalidPolicy("Too many terms in numeric range expression")
    return terms[2], top


def _limit(terms: list[Any], operator: int) -> float:
    limit: Any = terms[operator + 1] if len(terms) > operator + 1 else None
    if not _is_number(limit):
        name = "equals" if terms[operator] == "=" else terms[operator]
        raise InvalidPolicy(f"Value of {name} must be numeric")
    if abs(limit) > _LARGEST_NUMBER:
        raise InvalidPolicy(
            f"Value must be between -{_LARGEST_NUMBER} and {_LARGEST_NUMBER}, inclusive"
        )
    return float(limit)


_MAY_BE_NEGATED: Mapping[str, Callable[[Any], Test]] = {"prefix": _prefix, "wildcard": _wildcard}


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, dict):
        if len(operand) != 1:
            raise InvalidPolicy("Only one key allowed in match expression")
        ((operator, inner),) = operand.items()
        make = _MAY_BE_NEGATED.get(operator)
        if make is None:
            raise InvalidPolicy(f"Unsupported anything-but pattern: {operator}")
        tests = [make(each).holds for each in (inner if isinstance(inner, list) else [inner])]
    else:
        tests = [_equals(each) for each in (operand if isinstance(operand, list) else [operand])]
    return Test(lambda value: not any(test(value) for test in tests), of_all=True)


_OPERATORS: Mapping[str, Callable[[Any], Test]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _equals_ignore_case,
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _wildcard,
}
