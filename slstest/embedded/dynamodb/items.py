"""Items as they stand in JSON: ``{"id": {"S": "1"}, "count": {"N": "2"}}``.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Item = Mapping[str, Mapping[str, Any]]

_DOCUMENT_OVERHEAD = 3
_ELEMENT_OVERHEAD = 1


def number_text(number: str) -> str:
    """A number as DynamoDB gives it back: without leading and trailing zeroes.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
    """
    decimal = Decimal(number)
    return f"{decimal.normalize():f}" if decimal else "0"


def are_same(one: Item, other: Item) -> bool:
    """Whether two items have the same attributes; a set has no order."""
    return bool(_comparable({"M": one}) == _comparable({"M": other}))


def size_of(item: Item) -> int:
    """Bytes that an item takes, without what DynamoDB adds for storing it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _comparable(attribute: Mapping[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    if kind == "M":
        return kind, {name: _comparable(element) for name, element in value.items()}
    if kind == "L":
        return kind, [_comparable(element) for element in value]
    if kind in ("SS", "BS"):
        return kind, frozenset(value)
    if kind == "NS":
        return kind, frozenset(map(Decimal, value))
    return kind, Decimal(value) if kind == "N" else value


def _size(attribute: Mapping[str, Any]) -> int:
    ((kind, value),) = attribute.items()
    if kind == "M":
        elements = sum(len(name.encode()) + _size(element) for name, element in value.items())
        return elements + _DOCUMENT_OVERHEAD + _ELEMENT_OVERHEAD * len(value)
    if kind == "L":
        return sum(map(_size, value)) + _DOCUMENT_OVERHEAD + _ELEMENT_OVERHEAD * len(value)
    if kind in ("SS", "NS", "BS"):
        return sum(_size({kind[0]: element}) for element in value)
    if kind == "N":
        return _number_size(Decimal(value))
    if kind == "B":
        return len(base64.b64decode(value))
    return len(value.encode()) if kind == "S" else 1


def _number_size(number: Decimal) -> int:
    """ "Approximately (1 byte per two significant digits) + (1 byte)"."""
    digits = len(number.normalize().as_tuple().digits)
    return (digits + 1) // 2 + 1
