"""Kinesis's wire protocol, driven by botocore's service model: JSON 1.1, as boto3 speaks it,
and CBOR, as other SDKs do."""

from __future__ import annotations

import binascii
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slstest.embedded.kinesis import cbor
from slstest.embedded.kinesis.errors import KinesisError
from slstest.embedded.kinesis.wire import Timestamp
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from botocore.model import OperationModel

_CBOR = "application/x-amz-cbor-1.1"
_JSON = "application/x-amz-json-1.1"

_Reader = Callable[[Any], Any]


class Protocol:
    """Reads the parameters of requests. What they are made of is found out once for each
    operation, because a request may have hundreds of records."""

    def __init__(self) -> None:
        self._readers: dict[str, _Reader] = {}

    def decode(self, operation: OperationModel, request: AwsRequest) -> dict[str, Any]:
        """The parameters of an operation as boto3 spells them. Raises a
        SerializationException."""
        content = request.content()
        try:
            document = cbor.loads(content) if _is_cbor(request) else json.loads(content or b"{}")
        except ValueError as error:
            raise _unreadable(f"the request body cannot be read: {error}") from error
        if operation.name not in self._readers:
            self._readers[operation.name] = _reader(operation.input_shape)
        params: dict[str, Any] = self._readers[operation.name](document)
        return params


def encode(request: AwsRequest, result: Mapping[str, Any] | None, request_id: str) -> AwsResponse:
    """An answer in the form of its request."""
    headers = _headers(request, request_id)
    if result is None:
        return AwsResponse(200, headers, b"")
    return AwsResponse(200, headers, _written(request, result))


def encode_error(request: AwsRequest, error: KinesisError, request_id: str) -> AwsResponse:
    headers = {**_headers(request, request_id), "x-amzn-ErrorType": error.code}
    document = {"__type": error.code, "message": error.message}
    return AwsResponse(error.status, headers, _written(request, document))


def _is_cbor(request: AwsRequest) -> bool:
    content_type = request.headers.get("Content-Type") or b""
    as_bytes = content_type.encode() if isinstance(content_type, str) else content_type
    return bool(as_bytes.startswith(_CBOR.encode()))


def _headers(request: AwsRequest, request_id: str) -> dict[str, str]:
    content_type = _CBOR if _is_cbor(request) else _JSON
    return {"Content-Type": content_type, "x-amzn-RequestId": request_id}


def _written(request: AwsRequest, document: Mapping[str, Any]) -> bytes:
    if _is_cbor(request):
        return cbor.dumps(document)
    return json.dumps(document, default=_blob_text, separators=(",", ":")).encode()


def _blob_text(value: Any) -> str:
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    raise TypeError(f"cannot be sent as JSON: {value!r}")


def _reader(shape: Any) -> _Reader:
    """What makes a value of a shape from what was sent."""
    kind = "structure" if shape is None else shape.type_name
    if kind == "structure":
        members = {} if shape is None else shape.members
        return _structure_reader({name: _reader(member) for name, member in members.items()})
    if kind == "list":
        return _list_reader(_reader(shape.member))
    if kind == "map":
        return _map_reader(_reader(shape.value))
    return _SCALARS[kind]


def _structure_reader(readers: Mapping[str, _Reader]) -> _Reader:
    def read(value: Any) -> dict[str, Any]:
        _expect(value, dict, "structure")
        return {
            name: readers[name](item)
            for name, item in value.items()
            if item is not None and name in readers
        }

    return read


def _list_reader(reader: _Reader) -> _Reader:
    def read(value: Any) -> list[Any]:
        _expect(value, list, "list")
        return [reader(item) for item in value]

    return read


def _map_reader(reader: _Reader) -> _Reader:
    def read(value: Any) -> dict[str, Any]:
        _expect(value, dict, "map")
        return {key: reader(item) for key, item in value.items()}

    return read


def _read_text(value: Any) -> str:
    _expect(value, str, "string")
    return str(value)


def _read_integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unexpected(value, "integer")
    return int(value)


def _read_boolean(value: Any) -> bool:
    _expect(value, bool, "boolean")
    return bool(value)


def _read_timestamp(value: Any) -> Timestamp:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _unexpected(value, "timestamp")
    return Timestamp(value)


def _read_blob(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    _expect(value, str, "blob")
    try:
        data = binascii.a2b_base64(value)
        if len(value) % 4 == 0 and len(data) == len(value) // 4 * 3 - value[-2:].count("="):
            return data
    except ValueError as error:
        raise _unreadable(f"'{value}' can not be converted to a Blob: {error}") from error
    raise _unreadable(f"'{value}' can not be converted to a Blob: it is not base64")


_SCALARS: Mapping[str, _Reader] = {
    "string": _read_text,
    "integer": _read_integer,
    "long": _read_integer,
    "boolean": _read_boolean,
    "timestamp": _read_timestamp,
    "blob": _read_blob,
}


def _expect(value: Any, kind: type, named: str) -> None:
    if not isinstance(value, kind):
        raise _unexpected(value, named)


def _unexpected(value: Any, named: str) -> KinesisError:
    return _unreadable(f"a {named} was expected, not a {type(value).__name__}")


def _unreadable(message: str) -> KinesisError:
    return KinesisError("SerializationException", message)
