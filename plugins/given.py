"""One setting as it was given: by its option, or by its twin in the ini file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import pytest

from slstest.errors import ConfigurationError

T = TypeVar("T")


@dataclass(frozen=True)
class Given(Generic[T]):
    """A value that has the right form."""

    value: T
    where: str
    """The option, or the ini setting and its file, as the person wrote it."""
    by_option: bool


def given(
    config: pytest.Config, name: str, parse: Callable[[str], T], takes: str = "text in quotes"
) -> Given[T] | None:
    """What holds: the option before the ini setting. None where neither is given.

    ``parse`` reads the text of both, so that a wrong ini setting is told even where the option
    beats it, or nothing needs it; it raises :class:`slstest.errors.ConfigurationError`. ``takes``
    says what a value of the wrong type in a TOML file should have been.

    Raises :class:`pytest.UsageError`, which names the option or the setting.
    """
    place = ini_place(config, name)
    by_ini = ini(config, name, takes)
    found = None if by_ini is None else Given(_parsed(parse, _text(by_ini), place), place, False)
    by_option = config.getoption(name)
    if by_option is None:
        return found
    option = f"--{name.replace('_', '-')}"
    return Given(_parsed(parse, str(by_option), option), option, True)


def flag(config: pytest.Config, name: str) -> bool:
    """Whether something is on: the option says so, else the ini setting.

    Raises :class:`pytest.UsageError` for an ini setting that is neither true nor false.
    """
    by_ini = bool(ini(config, name, "true or false"))
    by_option = config.getoption(name)
    return by_ini if by_option is None else bool(by_option)


def ini(config: pytest.Config, name: str, takes: str) -> object:
    """An ini setting in its declared type. Raises :class:`pytest.UsageError` for another."""
    try:
        value: object = config.getini(name)
    except (ValueError, TypeError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{ini_place(config, name)}: {error}; it takes {takes}") from error
    return value


def ini_place(config: pytest.Config, name: str) -> str:
    """An ini setting and its file."""
    return f"{name} in {config.inipath.name}" if config.inipath else f"{name} (ini setting)"


def _parsed(parse: Callable[[str], T], text: str, where: str) -> T:
    try:
        return parse(text)
    except ConfigurationError as error:
        raise pytest.UsageError(f"{where}: {error}") from error


def _text(value: object) -> str:
    """A TOML file gives a number, and where it is declared as a float, one with a fraction."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
