"""Creating what AWS makes only so many of at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slstest.calls import ask, code_of, told
from slstest.clouds.base import Cloud
from slstest.errors import SlstestError
from slstest.waiting import READY_TIMEOUT, wait_until

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
    from botocore.exceptions import ClientError

    if cloud.creates_at_once:
        return ask(client, method, request, asked=asked)
    refusal: ClientError | None = None

    def made() -> dict[str, Any] | None:
        nonlocal refusal
        refusal = None
        try:
            response: dict[str, Any] = getattr(client, method)(**request)
        except ClientError as error:
            if not _is_one_too_many(error):
                raise
            refusal = error
            return None
        return response

    with told(asked):
        try:
            return wait_until(f"{asked}: {method}", made, READY_TIMEOUT, cloud.pace)
        except SlstestError as error:
            if refusal is None:  # it is the call's own
                raise
            raise SlstestError(
                f"{asked}: {refusal.operation_name} was refused for {READY_TIMEOUT:g} s: "
                f"{code_of(refusal)}: {refusal.response['Error'].get('Message', '')}"
            ) from error


def _is_one_too_many(error: Any) -> bool:
    message = error.response["Error"].get("Message", "")
    return code_of(error) == "LimitExceededException" and any(
        part in message for part in _TOO_MANY_AT_ONCE
    )
