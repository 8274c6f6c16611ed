"""What Lambda checks of a request before it looks at what is asked: sizes and payloads.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import base64
import json

from slstest.embedded.lambda_service.errors import invalid_content, too_large

_REQUEST_LIMITS = {
    "CreateFunction": 70_167_211,
    "UpdateFunctionCode": 70_167_211,
    "UpdateFunctionConfiguration": 5_120,
}
"""Bytes of a whole request, a zip in base64 included:
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-deployment.html"""

ZIP_LIMIT = 52_428_800
"""Bytes of a zip within a request; larger ones go through S3."""

_PAYLOAD_LIMITS = {"RequestResponse": 6_291_456, "Event": 1_048_576}
"""Bytes: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""


def check_request_size(operation: str, size: int) -> None:
    limit = _REQUEST_LIMITS.get(operation)
    if limit is not None and size >= limit:
        raise too_large(f"Request must be smaller than {limit} bytes for the {operation} operation")


def check_zip_size(size: int) -> None:
    if size >= ZIP_LIMIT:
        raise too_large(f"Zipped size must be smaller than {ZIP_LIMIT} bytes")


def check_payload(invocation_type: str, payload: bytes) -> None:
    """Raise for a payload that is too large for this type of invocation, or is no JSON."""
    limit = _PAYLOAD_LIMITS.get(invocation_type)
    if limit is not None and len(payload) > limit:
        raise too_large(
            f"{len(payload)} byte payload is too large for the {invocation_type} invocation type "
            f"(limit {limit} bytes)"
        )
    try:
        json.loads(payload, parse_constant=_refuse_constant)
    except ValueError as error:
        raise invalid_content(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from error


def client_context(encoded: str | None) -> str | None:
    """The JSON text of a client context."""
    if encoded is None:
        return None
    try:
        text = base64.b64decode(encoded, validate=True).decode()
        if isinstance(json.loads(text), dict):
            return text
    except ValueError as error:
        raise _bad_client_context() from error
    raise _bad_client_context()


def _bad_client_context() -> Exception:
    return invalid_content("Client context must be a valid Base64-encoded JSON object.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"Non-standard token '{name}'")
