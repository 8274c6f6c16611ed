"""What a test says of a table, as CreateTable wants it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slstest.errors import ConfigurationError

KeySpec = str | tuple[str, str]
"""A key attribute: its name (a string), or name and type, ``("id", "N")``; the types are
``S`` (string), ``N`` (number) and ``B`` (bytes)."""

STREAM_VIEW_TYPES = ("NEW_AND_OLD_IMAGES", "NEW_IMAGE", "OLD_IMAGE", "KEYS_ONLY")
"""What the records of a table's stream may hold; the first is what ``stream=True`` means."""

KEY_VALUES: dict[str, type | tuple[type, ...]] = {"S": str, "N": (int, float), "B": bytes}
"""What a key of each type is in Python."""


def key_of(spec: KeySpec, asked: str) -> tuple[str, str | None]:
    """The name of a key attribute, and its type where the test says it.

    ``asked`` names the call for the error text. Raises
    :class:`slstest.errors.ConfigurationError` for what is no key.
    """
    if isinstance(spec, str):
        return spec, None
    if isinstance(spec, tuple | list) and len(spec) == 2 and spec[1] in KEY_VALUES:
        return spec[0], spec[1]
    raise ConfigurationError(
        f"{asked}: a key is a name, 'id', or a name and one of the types S, N and B, "
        f"('id', 'N'); not {spec!r}"
    )


def stream_settings(
    stream: bool | str | None, settings: Mapping[str, Any], asked: str
) -> dict[str, Any]:
    """``stream=`` as a parameter of CreateTable.

    ``settings`` are the others that the test gives, ``asked`` names the call for the error
    text. Raises :class:`slstest.errors.ConfigurationError` for what is no view type.
    """
    if stream is None or stream is False:
        return {}
    if stream is not True and stream not in STREAM_VIEW_TYPES:
        raise ConfigurationError(
            f"{asked}: stream= takes True or one of "
            f"{', '.join(map(repr, STREAM_VIEW_TYPES))}, not {stream!r}"
        )
    if "stream_specification" in settings:
        raise ConfigurationError(
            f"{asked}: stream= and stream_specification= say the same; give one of them"
        )
    view_type = STREAM_VIEW_TYPES[0] if stream is True else stream
    return {"stream_specification": {"StreamEnabled": True, "StreamViewType": view_type}}


def attribute_types(keys: list[tuple[str, str | None]], given: Mapping[str, Any]) -> dict[str, str]:
    """The type of each attribute that is a key of the table or of an index: what ``key=`` or
    ``attribute_definitions=`` says, else string."""
    defined = {
        definition["AttributeName"]: definition["AttributeType"]
        for definition in given.get("AttributeDefinitions", ())
    }
    types = {name: kind or defined.get(name, "S") for name, kind in keys}
    indexes = [
        *given.get("GlobalSecondaryIndexes", ()),
        *given.get("LocalSecondaryIndexes", ()),
    ]
    for index in indexes:
        for part in index.get("KeySchema", ()):
            types.setdefault(part["AttributeName"], defined.get(part["AttributeName"], "S"))
    return {**defined, **types}
