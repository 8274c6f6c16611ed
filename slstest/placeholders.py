"""Placeholders such as ``{clicks.name}`` in what a test asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from slstest.errors import ConfigurationError
from slstest.matching import listed
from slstest.resources.base import Resource

_PLACEHOLDER = re.compile(r"(\{?)\{([A-Za-z_][\w-]*)\.([A-Za-z_]\w*)\}(\}?)")


def filled(value: Any, named: Mapping[str, Resource]) -> Any:
    """``value`` with placeholders filled in, at any depth of dicts and lists.

    Raises :class:`slstest.errors.ConfigurationError` for a name that is not among ``named``, or
    for an attribute that the resource has not.
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: _fill(found, named), value)
    if isinstance(value, dict):
        return {key: filled(element, named) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(filled(element, named) for element in value)
    return value


def _fill(found: re.Match[str], named: Mapping[str, Resource]) -> str:
    opening, name, attribute, closing = found.groups()
    if opening and closing:
        return found.group()[1:-1]
    if name not in named:
        raise ConfigurationError(
            f"{found.group()}: nothing has the name {name!r}. Names there are: {listed(named)}."
        )
    resource = named[name]
    if attribute not in resource.placeholders:
        raise ConfigurationError(
            f"{found.group()}: {resource} has no {attribute!r} to fill in, but "
            f"{listed(resource.placeholders)}."
        )
    return f"{opening}{getattr(resource, attribute)}{closing}"
