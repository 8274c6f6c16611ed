"""Comparing what is there with what a test expects, and telling the difference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slstest.shapes import decode

_MISSING = object()


def matches(expected: Any, actual: Any) -> bool:
    """Whether ``actual`` is at least what was expected.

    Of a dict the expected keys must be there, at every depth; a list must have the same
    length; everything else must compare ``==``, so matchers such as ``unittest.mock.ANY``
    and ``dirty_equals`` work.
    """
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return all(key in actual and matches(value, actual[key]) for key, value in expected.items())
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return len(expected) == len(actual) and all(map(matches, expected, actual))
    return bool(expected == actual)


def matches_data(expected: Any, raw: bytes) -> bool:
    """Whether bytes from a record, a message or an object are what was expected: bytes are
    compared with bytes, a str with the text, a dict or a list with the JSON, and a matcher
    with whichever of them it accepts."""
    if isinstance(expected, bytes | bytearray):
        return bytes(expected) == raw
    decoded = decode(raw)
    if isinstance(expected, str):
        return expected.encode() == raw
    if isinstance(expected, Mapping | list | tuple):
        return matches(expected, decoded)
    if bool(expected == decoded) or bool(expected == raw):
        return True
    return not isinstance(decoded, str | bytes) and bool(expected == raw.decode())


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """What keeps ``actual`` from matching, one line for each place."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        lines = []
        for key, value in expected.items():
            at = f"{path}.{key}" if path else str(key)
            lines += differences(value, actual.get(key, _MISSING), at)
        return lines
    both_lists = isinstance(expected, list | tuple) and isinstance(actual, list | tuple)
    if both_lists and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for i, (e, a) in pairs for line in differences(e, a, f"{path}[{i}]")]
    if actual is not _MISSING and matches(expected, actual):
        return []
    found = "is missing" if actual is _MISSING else f"is {show(actual, 120)}"
    return [f"{path + ' ' if path else ''}{found}, expected {show(expected, 120)}"]


def nearest(expected: Any, candidates: Sequence[Any]) -> Any:
    """The candidate that has most in common with what was expected; None without any."""
    return max(candidates, key=lambda actual: _likeness(expected, actual), default=None)


def _likeness(expected: Any, actual: Any) -> int:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        return sum(
            1 + _likeness(value, actual[key]) for key, value in expected.items() if key in actual
        )
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        return sum(map(_likeness, expected, actual))
    return 4 if matches(expected, actual) else 0


def show(value: Any, width: int = 300) -> str:
    """``value`` as Python writes it, shortened in the middle to ``width`` characters."""
    return shorten(repr(value), width)


def shorten(text: str, width: int) -> str:
    """``text``, with its middle left out where it is longer than ``width`` characters."""
    if len(text) <= width:
        return text
    head = (width - 5) * 2 // 3
    return f"{text[:head]} ... {text[len(text) - (width - 5 - head) :]}"


def listed(things: Iterable[str], limit: int = 10) -> str:
    """Names for a sentence: the first ones, and how many more."""
    names = list(things)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more if names else "none"
