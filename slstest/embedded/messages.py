"""One AWS request and its answer, as both doors of the embedded cloud hand them over."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

_CREDENTIAL = re.compile(
    r"Credential=(?P<key>[^/,\s]+)/\d+/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request"
)

_UNSIGNED_TARGETS = {
    "AWSCognitoIdentityProviderService": "cognito-idp",
    "AWSCognitoIdentityService": "cognito-identity",
}
"""Services with operations that clients send unsigned, by the header that names them."""

_XML_SERVICES = frozenset({"s3", "cloudfront", "route53"})


class Headers(Protocol):
    """What the header collections of botocore and of werkzeug have in common."""

    def get(self, key: str, /) -> Any:
        """The value of a header, looked up without regard to case."""

    def items(self) -> Iterable[tuple[str, Any]]: ...


@dataclass(frozen=True)
class AwsRequest:
    """A signed AWS request, routed by what its signature says."""

    method: str
    url: str
    headers: Headers
    body: Any
    """bytes, str, None, or a file-like object where the client streams."""
    service: str
    """The signing name: ``dynamodb``, ``kinesis``, ``s3``, ..."""
    region: str
    access_key: str
    operation: str
    """The operation where the protocol names it in a header, else an empty string."""

    @property
    def target(self) -> str:
        """What the X-Amz-Target header says, or an empty string."""
        return _text(self.headers.get("X-Amz-Target"))

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    def header(self, name: str) -> str:
        """A header as text, empty where there is none."""
        return _text(self.headers.get(name))

    @property
    def session_token(self) -> str:
        """The session token that the caller's credentials have; "" without one."""
        signed = self.query.get("X-Amz-Security-Token")
        return signed[0] if signed else _text(self.headers.get("X-Amz-Security-Token"))

    @property
    def described(self) -> str:
        """The operation in words: its name, or the method and path where it has none."""
        if self.operation:
            return self.operation
        if self.service != "s3" and self.is_form():
            action = parse_qs(self.content().decode("utf-8", "replace")).get("Action")
            if action:
                return action[0]
        return f"{self.method} {self.path}"

    def is_form(self) -> bool:
        return self.header("Content-Type").startswith("application/x-www-form-urlencoded")

    def error(self, status: int, code: str, message: str) -> AwsResponse:
        """An error answer in the protocol that the request's service speaks."""
        if self.service in _XML_SERVICES or self.is_form():
            return AwsResponse(
                status, {"Content-Type": "text/xml"}, _xml_error(self.service, code, message)
            )
        headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}
        body = json.dumps({"__type": code, "message": message})
        return AwsResponse(status, headers, body.encode())

    def content(self) -> bytes:
        """The whole body as bytes."""
        body = self.body
        if body is None:
            return b""
        if hasattr(body, "read"):
            body = body.read()
        return body.encode() if isinstance(body, str) else bytes(body)


@dataclass(frozen=True)
class AwsResponse:
    """What is sent back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def route(method: str, url: str, headers: Headers, body: Any, *, default_region: str) -> AwsRequest:
    """Read service, region and caller from the signature (header or presigned query).

    An unsigned request goes to the service that its target header names, else to S3.
    """
    service, region, access_key = "s3", default_region, ""
    authorization = _text(headers.get("Authorization"))
    if found := _CREDENTIAL.search(authorization):
        service, region, access_key = found["service"], found["region"], found["key"]
    elif "X-Amz-Credential=" in url:
        credential = parse_qs(urlsplit(url).query)["X-Amz-Credential"][0].split("/")
        access_key, region, service = credential[0], credential[2], credential[3]
    elif "AWSAccessKeyId=" in url:
        # Presigned for S3 with version 2 of signatures, as boto3 does by default.
        access_key = parse_qs(urlsplit(url).query)["AWSAccessKeyId"][0]
    target, _, operation = _text(headers.get("X-Amz-Target")).rpartition(".")
    if not access_key:
        service = _UNSIGNED_TARGETS.get(target, service)
    return AwsRequest(
        method=method,
        url=url,
        headers=headers,
        body=body,
        service=service.lower(),
        region=region,
        access_key=access_key,
        operation=operation,
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _xml_error(service: str, code: str, message: str) -> bytes:
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        document = f"<Error>{error}</Error>"
    elif service == "ec2":
        document = f"<Response><Errors><Error>{error}</Error></Errors></Response>"
    else:
        document = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"
    return f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()
