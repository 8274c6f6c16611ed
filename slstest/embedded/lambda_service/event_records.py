"""What Lambda tells of an event that was invoked asynchronously, when it is done with it.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slstest.embedded.destinations import iso_time
from slstest.runtimes.base import InvocationOutcome

SUCCESS = "Success"
RETRIES_EXHAUSTED = "RetriesExhausted"
EVENT_AGE_EXCEEDED = "EventAgeExceeded"
NO_CONCURRENCY = "ZeroReservedConcurrency"
"""Why a record is sent: its ``condition``."""

_OK, _TOO_MANY_REQUESTS = 200, 429

_ERROR_MESSAGE_LIMIT = 1_024
"""Bytes of a dead letter's ErrorMessage."""

_THROTTLED = "Rate Exceeded."
_NO_CONCURRENCY = (
    "Function not invoked. Function isconfigured with zero reserved concurrent executions"
)
"""ErrorMessage of dead letters whose event was not tried in the end, in Lambda's spelling."""


@dataclass(frozen=True)
class Response:
    """What came of the latest try of an event."""

    status: int
    version: str | None = None
    function_error: str | None = None
    payload: Any = None
    """Decoded."""

    @property
    def error_message(self) -> str:
        if self.status == _TOO_MANY_REQUESTS:
            return _THROTTLED
        error = self.payload if isinstance(self.payload, dict) else {}
        return str(error.get("errorMessage", ""))


THROTTLED = Response(_TOO_MANY_REQUESTS)


def response_of(outcome: InvocationOutcome) -> Response:
    payload = json.loads(outcome.payload) if outcome.payload else None
    return Response(_OK, "$LATEST", outcome.function_error, payload)


def invocation_record(
    *,
    request_id: str,
    function_arn: str,
    condition: str,
    invoke_count: int,
    payload: bytes,
    response: Response | None,
    now: float,
) -> dict[str, Any]:
    """The document that a destination gets. ``function_arn`` has its qualifier, ``response``
    is None where the function was not even tried."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": iso_time(now),
        "requestContext": {
            "requestId": request_id,
            "functionArn": function_arn,
            "condition": condition,
            "approximateInvokeCount": invoke_count,
        },
        "requestPayload": json.loads(payload),
    }
    if response is not None:
        context = {
            "statusCode": response.status,
            "executedVersion": response.version,
            "functionError": response.function_error,
        }
        record["responseContext"] = {k: v for k, v in context.items() if v is not None}
        if response.version is not None:
            record["responsePayload"] = response.payload
    return record


def dead_letter_attributes(
    request_id: str, condition: str, response: Response | None
) -> Mapping[str, Mapping[str, str]]:
    """The message attributes of a dead letter, whose body is the event.

    SQS and SNS take no attribute that is empty, so there is none without an error message.
    """
    attributes = {"RequestID": _text(request_id)}
    message = response.error_message if response is not None else ""
    if condition == NO_CONCURRENCY:
        message = _NO_CONCURRENCY
    elif response is not None:
        attributes["ErrorCode"] = {"DataType": "Number", "StringValue": str(response.status)}
    if message:
        cut = message.encode()[:_ERROR_MESSAGE_LIMIT].decode(errors="ignore")
        attributes["ErrorMessage"] = _text(cut)
    return attributes


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}
