"""DynamoDB's attribute values as plain Python, and back.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from slstest.errors import ConfigurationError


def to_attributes(item: Mapping[str, Any], asked: str) -> dict[str, Any]:
    """An item as the API wants it.

    Takes None, bool, int, float, Decimal, str, bytes, list, dict, and sets of numbers, of
    strings or of bytes. Raises :class:`slstest.errors.ConfigurationError` for anything else.
    """
    if not isinstance(item, Mapping):
        raise ConfigurationError(
            f"{asked}: an item is a dict, not {item!r}, which is of type {type(item).__name__}"
        )
    return {name: to_attribute(value, f"{asked}: {name}") for name, value in item.items()}


def to_attribute(value: Any, asked: str) -> dict[str, Any]:
    """One value as the API wants it, for example ``{"N": "2"}``."""
    from boto3.dynamodb.types import TypeSerializer

    if isinstance(value, set | frozenset) and not value:
        raise ConfigurationError(f"{asked}: DynamoDB has no empty sets")
    try:
        return dict(TypeSerializer().serialize(_without_floats(value)))
    except (TypeError, ArithmeticError) as error:
        problem = str(error) or type(error).__name__
        if isinstance(error, ArithmeticError):
            problem = f"more than the 38 digits that DynamoDB keeps of a number ({problem})"
        raise ConfigurationError(f"{asked}: DynamoDB cannot store {value!r}: {problem}") from error


def from_attributes(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """An item of the API as plain Python; see :func:`to_number` for its numbers."""
    return {name: from_attribute(attribute) for name, attribute in item.items()}


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """One value of the API as plain Python."""
    ((kind, value),) = attribute.items()
    if kind == "N":
        return to_number(Decimal(value))
    if kind == "NULL":
        return None
    if kind == "M":
        return from_attributes(value)
    if kind == "L":
        return [from_attribute(element) for element in value]
    if kind == "NS":
        return {to_number(Decimal(element)) for element in value}
    if kind in ("SS", "BS"):
        return set(value)
    return value


def to_number(number: Decimal) -> int | float | Decimal:
    """An int where it is integral, else a float where that says exactly the same, else the
    Decimal; so that it compares equal to what the test wrote."""
    if not number.is_finite():
        return number
    if number == number.to_integral_value():
        return int(number)
    approximate = float(number)
    return approximate if Decimal(str(approximate)) == number else number


def normalised(expected: Any) -> Any:
    """``expected`` with its Decimals as :func:`to_number` reads them back."""
    if isinstance(expected, Decimal):
        return to_number(expected)
    if isinstance(expected, dict):
        return {name: normalised(value) for name, value in expected.items()}
    if isinstance(expected, list | tuple):
        return [normalised(value) for value in expected]
    if isinstance(expected, set | frozenset):
        return {normalised(value) for value in expected}
    return expected


def _without_floats(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {name: _without_floats(element) for name, element in value.items()}
    if isinstance(value, list | tuple):
        return [_without_floats(element) for element in value]
    if isinstance(value, set | frozenset):
        return {_without_floats(element) for element in value}
    return value
