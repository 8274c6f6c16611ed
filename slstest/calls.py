"""AWS calls whose refusal is told in the words of what the test asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from slstest.errors import ConfigurationError, SlstestError


@contextmanager
def told(asked: str, cures: Mapping[str, str] | None = None) -> Iterator[None]:
    """Within, a refusal becomes a :class:`slstest.errors.ConfigurationError` that says what
    was ``asked``, AWS's error code and message, and the cure where one is known: ``cures``
    maps a part of "code: message" to it.

    A failure on the cloud's side, throttling, or the refusal of a request that botocore had to
    send again becomes a plain :class:`slstest.errors.SlstestError`: the request may have been
    carried out all the same.
    """
    from botocore.exceptions import ClientError, ParamValidationError

    try:
        yield
    except ParamValidationError as error:
        problems = str(error).removeprefix("Parameter validation failed:\n")
        raise ConfigurationError(f"{asked}: {_with_cure(problems, cures)}") from error
    except ClientError as error:
        code, message = code_of(error), error.response["Error"].get("Message", "")
        text = _with_cure(f"{code}: {message}", cures)
        if _may_have_happened(error):
            raise SlstestError(f"{asked}: {error.operation_name} failed: {text}") from error
        raise ConfigurationError(f"{asked}: {error.operation_name} was refused: {text}") from error


def ask(
    client: Any,
    method: str,
    parameters: Mapping[str, Any],
    *,
    asked: str,
    cures: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The response of ``client.method(**parameters)``, its refusal :func:`told`."""
    with told(asked, cures):
        response: dict[str, Any] = getattr(client, method)(**parameters)
        return response


def troubles() -> tuple[type[Exception], ...]:
    """The errors with which a question to a cloud may end, for an ``except`` of whoever can do
    without the answer: those of the harness, and botocore's."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return (SlstestError, BotoCoreError, ClientError, ResponseParserError)


def code_of(error: Any) -> str:
    """The AWS error code of a ``ClientError``."""
    return str(error.response["Error"].get("Code", ""))


def refused_with(error: BaseException, codes: Collection[str]) -> bool:
    """Whether an error that was :func:`told` is a refusal with one of the error codes."""
    response = getattr(error.__cause__, "response", None)
    return response is not None and code_of(error.__cause__) in codes


def ask_unless(
    codes: Collection[str], client: Any, method: str, **parameters: Any
) -> dict[str, Any] | None:
    """The response of ``client.method(**parameters)``, or None where it is refused with one
    of the error codes. Every other error passes."""
    from botocore.exceptions import ClientError

    try:
        response: dict[str, Any] = getattr(client, method)(**parameters)
        return response
    except ClientError as error:
        if code_of(error) in codes:
            return None
        raise


def _may_have_happened(error: Any) -> bool:
    told = error.response.get("ResponseMetadata", {})
    status: int = told.get("HTTPStatusCode", 400)
    attempts: int = told.get("RetryAttempts", 0)
    in_trouble = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return in_trouble or status == HTTPStatus.TOO_MANY_REQUESTS or attempts > 0


def _with_cure(text: str, cures: Mapping[str, str] | None) -> str:
    for part, cure in (cures or {}).items():
        if part in text:
            return f"{text.rstrip('.')}. {cure}"
    return text
