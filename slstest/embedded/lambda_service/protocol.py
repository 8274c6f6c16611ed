"""Lambda's wire protocol (REST with JSON bodies), driven by botocore's service model."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from slstest.embedded.lambda_service.errors import LambdaApiError
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel, Shape


class Protocol:
    """Finds the operation of a request and decodes its parameters as boto3 spells them."""

    def __init__(self, model: ServiceModel) -> None:
        self._model = model
        rules = [
            Rule(
                operation.http["requestUri"].split("?")[0].replace("{", "<").replace("}", ">"),
                methods=[operation.http["method"]],
                endpoint=name,
            )
            for name in model.operation_names
            for operation in [model.operation_model(name)]
        ]
        self._urls = Map(rules, strict_slashes=False, merge_slashes=False).bind("lambda")

    def match(self, request: AwsRequest) -> tuple[OperationModel, Mapping[str, Any]]:
        """The operation and what the path says. Raises :class:`LambdaApiError`."""
        try:
            name, labels = self._urls.match(unquote(request.path), method=request.method)
        except HTTPException as error:
            raise LambdaApiError(
                "UnknownOperationException",
                f"Lambda has no operation at {request.method} {request.path}",
                404,
            ) from error
        return self._model.operation_model(name), labels

    @staticmethod
    def decode(
        operation: OperationModel, labels: Mapping[str, Any], request: AwsRequest, content: bytes
    ) -> dict[str, Any]:
        """The parameters of an operation as boto3 spells them."""
        return _decode_parameters(operation, labels, request, content)

    @staticmethod
    def encode(
        operation: OperationModel, result: Mapping[str, Any], request_id: str
    ) -> AwsResponse:
        """The answer of an operation; members that the model puts in headers go there."""
        status = int(result.get("StatusCode", operation.http.get("responseCode", 200)))
        headers = {"Content-Type": "application/json", "x-amzn-RequestId": request_id}
        output = operation.output_shape
        members = output.members if output is not None else {}
        payload_member = output.serialization.get("payload") if output is not None else None
        body: dict[str, Any] = {}
        for name, value in result.items():
            if name not in members:
                continue  # an older model that puts the status nowhere else
            shape = members[name]
            location = shape.serialization.get("location")
            if location == "header":
                headers[shape.serialization["name"]] = str(value)
            elif location is None and name != payload_member:
                body[name] = value
        if payload_member is not None:
            return AwsResponse(status, headers, bytes(result.get(payload_member) or b""))
        if status == 204:
            return AwsResponse(status, headers, b"")
        return AwsResponse(status, headers, json.dumps(body, default=_to_json).encode())

    @staticmethod
    def encode_error(error: LambdaApiError, request_id: str) -> AwsResponse:
        headers = {
            "Content-Type": "application/json",
            "x-amzn-RequestId": request_id,
            "x-amzn-ErrorType": error.code,
        }
        body = {**error.details, "Message": error.message, "message": error.message}
        return AwsResponse(error.status, headers, json.dumps(body).encode())


def _decode_parameters(
    operation: OperationModel, labels: Mapping[str, Any], request: AwsRequest, content: bytes
) -> dict[str, Any]:
    shape = operation.input_shape
    if shape is None:
        return {}
    query = request.query
    payload_member = shape.serialization.get("payload")
    params: dict[str, Any] = {}
    body_members: dict[str, Shape] = {}
    for name, member in shape.members.items():
        location = member.serialization.get("location")
        wire_name = member.serialization.get("name", name)
        if location == "uri":
            params[name] = labels[wire_name]
        elif location == "querystring":
            if wire_name in query:
                params[name] = _from_text(member, query[wire_name])
        elif location == "header":
            value = request.headers.get(wire_name)
            if value is not None:
                params[name] = value.decode() if isinstance(value, bytes) else value
        elif name == payload_member:
            params[name] = content
        else:
            body_members[wire_name] = member
    if body_members and content:
        params.update(_decode_body(content, body_members))
    return params


def _decode_body(content: bytes, members: Mapping[str, Shape]) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise LambdaApiError(
            "SerializationException", f"Could not parse request body into json: {error}"
        ) from error
    if not isinstance(document, dict):
        raise LambdaApiError("SerializationException", "the request body is not a JSON object")
    return {
        name: _from_json(members[name], value)
        for name, value in document.items()
        if name in members and value is not None
    }


def _from_text(shape: Shape, values: list[str]) -> Any:
    text = values[0]
    if shape.type_name == "list":
        return values
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "boolean":
        return text == "true"
    return text


def _from_json(shape: Shape, value: Any) -> Any:
    members: Any = getattr(shape, "members", None)
    if shape.type_name == "structure" and isinstance(value, dict):
        return {
            name: _from_json(members[name], item)
            for name, item in value.items()
            if name in members and item is not None
        }
    if shape.type_name == "list" and isinstance(value, list):
        element: Any = shape.member  # type: ignore[attr-defined]
        return [_from_json(element, item) for item in value]
    if shape.type_name == "blob" and isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error as error:
            raise LambdaApiError("SerializationException", f"not base64: {error}") from error
    return value


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"cannot be sent as JSON: {value!r}")
