"""Lambda's API errors, with AWS's codes, statuses and messages."""

from __future__ import annotations

from slstest.embedded.constraints import detected


class LambdaApiError(Exception):
    """An error answer of the Lambda API.

    https://docs.aws.amazon.com/lambda/latest/api/CommonErrors.html and the errors listed
    with each operation.
    """

    def __init__(self, code: str, message: str, status: int = 400, **details: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details


def invalid_parameter(message: str) -> LambdaApiError:
    return LambdaApiError("InvalidParameterValueException", message, 400, Type="User")


def validation_error(problems: list[str]) -> LambdaApiError:
    return LambdaApiError("ValidationException", detected(problems), 400)


def not_found(message: str) -> LambdaApiError:
    return LambdaApiError("ResourceNotFoundException", message, 404, Type="User")


def conflict(message: str) -> LambdaApiError:
    return LambdaApiError("ResourceConflictException", message, 409, Type="User")


def too_large(message: str) -> LambdaApiError:
    """The API model calls this RequestTooLargeException; what AWS sends has another name."""
    return LambdaApiError("RequestEntityTooLargeException", message, 413)


def invalid_content(message: str) -> LambdaApiError:
    return LambdaApiError("InvalidRequestContentException", message, 400, Type="User")


def not_built(operation: str, what: str) -> LambdaApiError:
    """A setting that AWS has and the embedded cloud does not: refused, never ignored."""
    return invalid_parameter(
        f"{operation}: the embedded cloud does not support {what} yet; leave it out, or run "
        "this test on a cloud that has it"
    )
