"""The form that a setting's value must have, whichever cloud the run has.

Each reads a text and raises :class:`slstest.errors.ConfigurationError`, which says the right ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from slstest.clouds.localstack.images import split_image
from slstest.errors import ConfigurationError


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    """One of these names."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ConfigurationError(f"unknown value {text!r}; choose from {', '.join(choices)}")
        return text

    return parse


def seconds(text: str) -> float:
    """A time to wait."""
    found = _number(text)
    if not (0 < found < math.inf):
        raise ConfigurationError(
            f"{text!r} is not a time to wait; give seconds above 0, such as 30 or 2.5"
        )
    return found


def count(text: str) -> int:
    """A number of tests."""
    found = _number(text)
    if not (found >= 0 and found.is_integer()):
        raise ConfigurationError(f"{text!r} is not a number of coming tests; give 0, 1, 2 or more")
    return int(found)


def port(text: str) -> int:
    """A port on this machine."""
    if not (text.isdecimal() and 1 <= int(text) <= 65535):
        raise ConfigurationError(f"{text!r} is no port; give one from 1 to 65535")
    return int(text)


def image(text: str) -> str:
    """The name of an image; whether it can start is another question."""
    split_image(text)
    return text


def _number(text: str) -> float:
    """What a text says; not a number where it says none."""
    try:
        return float(text)
    except ValueError:
        return math.nan
