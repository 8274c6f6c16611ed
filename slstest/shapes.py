"""What a test's data looks like in bytes, and bytes as a test reads them."""

from __future__ import annotations

import json
from typing import Any

from slstest.errors import ConfigurationError


def encode(data: Any, asked: str) -> bytes:
    """Data for a record, a message or an object: a dict or a list as JSON, a str as UTF-8,
    bytes as they are.

    ``asked`` names the call for the error text. Raises
    :class:`slstest.errors.ConfigurationError` for anything else.
    """
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, dict | list | tuple):
        return encode_json(data, asked)
    raise ConfigurationError(
        f"{asked}: give a dict or a list (sent as JSON), a str (sent as UTF-8) or bytes, not "
        f"{data!r}, which is of type {type(data).__name__}"
    )


def message_text(data: Any, asked: str) -> str:
    """The text of a message: as :func:`encode` has it, but SQS and SNS know no bytes.

    Raises :class:`slstest.errors.ConfigurationError` for bytes that are no UTF-8 as well.
    """
    try:
        return encode(data, asked).decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{asked}: a message is text, and these bytes are no UTF-8: {error}. Send them in a "
            "message attribute, or encoded as base64."
        ) from error


def encode_json(data: Any, asked: str) -> bytes:
    """Any data as JSON. Raises :class:`slstest.errors.ConfigurationError` where JSON cannot
    say it."""
    try:
        return json.dumps(data).encode()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{asked}: the data is not JSON: {error}") from error


def decode(raw: bytes) -> Any:
    """The value where ``raw`` is JSON, else the text where it is UTF-8, else ``raw``."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return raw
    try:
        return json.loads(text)
    except ValueError:
        return text
