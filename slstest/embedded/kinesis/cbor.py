"""CBOR (RFC 8949) as the AWS SDKs for Java speak it with Kinesis, ``application/x-amz-cbor-1.1``.

Moments are milliseconds since the epoch under tag 1, which CBOR libraries take for seconds, as
the RFC has it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

from slstest.embedded.kinesis.wire import Timestamp

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _OTHER = range(8)
_EPOCH_TAG = 1
_INDEFINITE = 31
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_BREAK = object()


class CborError(ValueError):
    """What was sent is no CBOR."""


def loads(content: bytes) -> Any:
    """Raises :class:`CborError`."""
    try:
        value, end = _read(content, 0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise CborError(str(error)) from error
    if value is _BREAK or end != len(content):
        raise CborError("more than one value")
    return value


def dumps(value: Any) -> bytes:
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _read(content: bytes, at: int) -> tuple[Any, int]:
    kind, info = content[at] >> 5, content[at] & 0x1F
    at += 1
    if kind == _OTHER:
        return _read_other(content, at, info)
    if info == _INDEFINITE:
        return _read_indefinite(content, at, kind)
    number, at = _read_number(content, at, info)
    if kind == _UNSIGNED:
        return number, at
    if kind == _NEGATIVE:
        return -1 - number, at
    if kind in (_BYTES, _TEXT):
        if at + number > len(content):
            raise CborError("the content ends too early")
        part = content[at : at + number]
        return part if kind == _BYTES else part.decode(), at + number
    if kind == _TAG:
        value, at = _read(content, at)
        return (Timestamp(value / 1000) if number == _EPOCH_TAG else value), at
    values: list[Any] = []
    for _ in range(number * (2 if kind == _MAP else 1)):
        value, at = _read(content, at)
        values.append(value)
    return _gathered(kind, values), at


def _read_number(content: bytes, at: int, info: int) -> tuple[int, int]:
    if info < 24:
        return info, at
    if info > 27:
        raise CborError(f"no number has the additional information {info}")
    size = 1 << (info - 24)
    if at + size > len(content):
        raise CborError("the content ends too early")
    return int.from_bytes(content[at : at + size], "big"), at + size


def _read_other(content: bytes, at: int, info: int) -> tuple[Any, int]:
    if info == _INDEFINITE:
        return _BREAK, at
    if info in _SIMPLE:
        return _SIMPLE[info], at
    if info in _FLOATS:
        form = _FLOATS[info]
        size = struct.calcsize(form)
        return struct.unpack(form, content[at : at + size])[0], at + size
    raise CborError(f"no simple value {info}")


def _read_indefinite(content: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind not in (_BYTES, _TEXT, _ARRAY, _MAP):
        raise CborError(f"no value of kind {kind} has an indefinite length")
    values: list[Any] = []
    while True:
        value, at = _read(content, at)
        if value is _BREAK:
            return _gathered(kind, values), at
        values.append(value)


def _gathered(kind: int, values: list[Any]) -> Any:
    if kind == _BYTES:
        return b"".join(values)
    if kind == _TEXT:
        return "".join(values)
    if kind == _ARRAY:
        return values
    if len(values) % 2:
        raise CborError("a map has a key without a value")
    return dict(zip(values[::2], values[1::2], strict=True))


def _write(value: Any, parts: list[bytes]) -> None:
    if value is None:
        parts.append(b"\xf6")
    elif isinstance(value, bool):
        parts.append(b"\xf5" if value else b"\xf4")
    elif isinstance(value, Timestamp):
        parts.append(_head(_TAG, _EPOCH_TAG))
        _write(round(value * 1000), parts)
    elif isinstance(value, int):
        parts.append(_head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value))
    elif isinstance(value, float):
        parts.append(b"\xfb" + struct.pack(">d", value))
    elif isinstance(value, bytes):
        parts += (_head(_BYTES, len(value)), value)
    elif isinstance(value, str):
        text = value.encode()
        parts += (_head(_TEXT, len(text)), text)
    elif isinstance(value, Mapping):
        parts.append(_head(_MAP, len(value)))
        for key, item in value.items():
            _write(key, parts)
            _write(item, parts)
    else:
        parts.append(_head(_ARRAY, len(value)))
        for item in value:
            _write(item, parts)


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    width = max(0, math.ceil(math.log2((number.bit_length() + 7) // 8)))
    return bytes([kind << 5 | 24 + width]) + number.to_bytes(1 << width, "big")
