"""Which operation of an AWS service a request asks for."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote

from slstest.embedded.messages import AwsRequest


def operation_of(model: Any, request: AwsRequest) -> str | None:
    """The operation's name, by botocore's model of the service; None if it has none such.

    Where several share a method and a path, as S3's do, it is the one of which most is asked
    for in the query and the headers, or else the one with the shorter, more general name.
    """
    if request.operation:
        return request.operation
    if request.is_form() and model.metadata.get("protocol") in ("query", "ec2"):
        return parse_qs(request.content().decode("utf-8", "replace")).get("Action", [None])[0]
    candidates = [
        (len(asked), -len(name), name)
        for name in model.operation_names
        for operation in [model.operation_model(name)]
        if operation.http["method"] == request.method
        and _path_matches(_path_template(operation), request.path)
        and (asked := _told_apart_by(operation)) is not None
        and all(_has(request, *each) for each in asked)
    ]
    return max(candidates)[-1] if candidates else None


def _path_template(operation: Any) -> str:
    """Such as ``/{Bucket}/{Key+}``. boto3's clients of S3 take the bucket out of the path of
    the models that they share, and leave the whole path under another name."""
    whole: str = operation.http.get("authPath") or operation.http["requestUri"].partition("?")[0]
    return whole


def _path_matches(template: str, path: str) -> bool:
    """Whether a path is one of a template such as ``/{Bucket}/{Key+}``."""
    wanted = template.strip("/").split("/")
    given = unquote(path).strip("/").split("/")
    if wanted[-1].endswith("+}"):
        head = len(wanted) - 1
        if len(given) <= head or not given[head]:
            return False
        wanted, given = wanted[:head], given[:head]
    return len(wanted) == len(given) and all(
        bool(part) if each.startswith("{") else each == part
        for each, part in zip(wanted, given, strict=True)
    )


def _told_apart_by(operation: Any) -> list[tuple[str, str, str]]:
    """What a request for this operation has in its query and headers: place, name, value."""
    _, _, query = operation.http["requestUri"].partition("?")
    fixed = [("querystring", name, values[0]) for name, values in _query(query).items()]
    shape = operation.input_shape
    required = [] if shape is None else [shape.members[each] for each in shape.required_members]
    members = [
        (member.serialization["location"], member.serialization["name"], "")
        for member in required
        if member.serialization.get("location") in ("querystring", "header")
    ]
    return [*fixed, *members]


def _has(request: AwsRequest, place: str, name: str, value: str) -> bool:
    if place == "header":
        return request.headers.get(name) is not None
    given = request.query.get(name)
    return given is not None and (not value or value in given)


def _query(text: str) -> dict[str, list[str]]:
    return parse_qs(text, keep_blank_values=True)
