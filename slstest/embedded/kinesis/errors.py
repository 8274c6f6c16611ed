"""Kinesis's API errors, with AWS's codes and messages.

https://docs.aws.amazon.com/kinesis/latest/APIReference/CommonErrors.html and the errors listed
with each operation. They all have the status 400.
"""

from __future__ import annotations

from collections.abc import Sequence


class KinesisError(Exception):
    """An error answer of the Kinesis API."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def invalid_argument(message: str) -> KinesisError:
    return KinesisError("InvalidArgumentException", message)


def not_found(message: str) -> KinesisError:
    return KinesisError("ResourceNotFoundException", message)


def in_use(message: str) -> KinesisError:
    return KinesisError("ResourceInUseException", message)


def limit_exceeded(message: str) -> KinesisError:
    return KinesisError("LimitExceededException", message)


def invalid(message: str) -> KinesisError:
    return KinesisError("ValidationException", message)


def validation_error(problems: Sequence[str]) -> KinesisError:
    noun = "error" if len(problems) == 1 else "errors"
    return invalid(f"{len(problems)} validation {noun} detected: {'; '.join(problems)}")


def not_built(what: str) -> KinesisError:
    """What Kinesis has and the embedded cloud has not: refused, never ignored."""
    return KinesisError(
        "NotImplemented",
        f"the embedded cloud does not have {what} of Kinesis; leave it out, or run this test on "
        "a cloud that has it",
        501,
    )
