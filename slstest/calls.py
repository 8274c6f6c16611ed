"""AWS calls whose refusal is told in the words of what the test asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, TypeVar

from slstest.errors import ConfigurationError, SlstestError
from slstest.waiting import Pace, wait_until

T = TypeVar("T")


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


class StillRefused(SlstestError):
    """AWS has refused a call for as long as it was asked again."""

    def __init__(self, waited: str, refusal: Any) -> None:
        super().__init__(f"{waited}: {refusal}")
        self.refusal = refusal
        """The last ``ClientError``."""


def ask_while(
    passes: Callable[[Any], bool], call: Callable[[], T], what: str, timeout: float, pace: Pace
) -> T:
    """The result of ``call``, which is called again as long as it is refused with a
    ``ClientError`` of which ``passes`` says that it will pass; ``what`` says what is waited for.

    Every other error is raised as it is. Raises :class:`StillRefused` after ``timeout`` seconds.
    """
    from botocore.exceptions import ClientError

    refusal: ClientError | None = None

    def taken() -> tuple[T] | None:
        nonlocal refusal
        refusal = None
        try:
            return (call(),)
        except ClientError as error:
            if not passes(error):
                raise
            refusal = error
            return None

    try:
        (result,) = wait_until(what, taken, timeout, pace)
    except SlstestError as error:
        if refusal is None:  # it is the call's own
            raise
        raise StillRefused(str(error), refusal) from error
    return result


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
