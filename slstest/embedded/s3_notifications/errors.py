"""What S3 answers to a notification configuration that it does not take."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from slstest.embedded.messages import AwsResponse


class Refused(Exception):
    """An error answer of S3, or of the embedded cloud in its place."""

    def __init__(
        self, code: str, message: str, details: Mapping[str, str] | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details or {}
        self.status = status

    def answer(self) -> AwsResponse:
        elements = {"Code": self.code, "Message": self.message, **self.details}
        inside = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in elements.items())
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inside}</Error>'
        return AwsResponse(self.status, {"Content-Type": "application/xml"}, body.encode())


def invalid_argument(message: str, argument: str = "", value: str = "") -> Refused:
    """The error for one argument; S3 names it where it is one."""
    details = {"ArgumentName": argument, "ArgumentValue": value} if argument else {}
    return Refused("InvalidArgument", message, details)


def malformed() -> Refused:
    return Refused(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )


def not_built(what: str, instead: str) -> Refused:
    """Something that AWS has and the embedded cloud does not: refused, never ignored."""
    return Refused(
        "NotImplemented",
        f"the embedded cloud {what}; {instead}, or run the test on a cloud that does",
        status=501,
    )
