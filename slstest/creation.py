"""Creating what AWS makes only so many of at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slstest.calls import StillRefused, ask, ask_while, code_of, told
from slstest.clouds.base import Cloud
from slstest.errors import SlstestError
from slstest.waiting import READY_TIMEOUT

_TOO_MANY_AT_ONCE = ("simultaneously", "Rate exceeded")
"""In what words AWS says so; in others the same error code says that a quota is used up:
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_CreateStream.html,
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html"""


def create_when_free(
    cloud: Cloud, client: Any, method: str, request: Mapping[str, Any], *, asked: str
) -> dict[str, Any]:
    """The response of ``client.method(**request)``, which is asked again as long as AWS is
    making too many others.

    Raises :class:`slstest.errors.SlstestError` with AWS's words where that does not end, and
    otherwise what :func:`slstest.calls.ask` raises.
    """
    if cloud.creates_at_once:
        return ask(client, method, request, asked=asked)

    def make() -> dict[str, Any]:
        response: dict[str, Any] = getattr(client, method)(**request)
        return response

    with told(asked):
        try:
            return ask_while(
                _is_one_too_many, make, f"{asked}: {method}", READY_TIMEOUT, cloud.pace
            )
        except StillRefused as error:
            raise SlstestError(
                f"{asked}: {error.refusal.operation_name} was refused for {READY_TIMEOUT:g} s: "
                f"{code_of(error.refusal)}: {error.refusal.response['Error'].get('Message', '')}"
            ) from error


def _is_one_too_many(error: Any) -> bool:
    message = error.response["Error"].get("Message", "")
    return code_of(error) == "LimitExceededException" and any(
        part in message for part in _TOO_MANY_AT_ONCE
    )
