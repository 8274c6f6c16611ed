"""Deleting what AWS may still be changing."""

from __future__ import annotations

from collections.abc import Callable, Collection

from slstest.calls import code_of
from slstest.clouds.base import Cloud
from slstest.errors import SlstestError
from slstest.ledger import Entry
from slstest.waiting import READY_TIMEOUT, wait_until


def delete_when_free(
    cloud: Cloud,
    entry: Entry,
    delete: Callable[[], object],
    busy: Collection[str],
    state: str = "free for deletion",
    timeout: float = READY_TIMEOUT,
) -> None:
    """Call ``delete`` until AWS refuses it no longer with one of the ``busy`` error codes.

    ``state`` is what is waited for, in words. Every other error passes. Raises
    :class:`slstest.errors.SlstestError` with AWS's words where it stays busy for ``timeout``
    seconds.
    """
    from botocore.exceptions import ClientError

    refusal: ClientError | None = None

    def deleted() -> bool | None:
        nonlocal refusal
        refusal = None
        try:
            delete()
        except ClientError as error:
            if code_of(error) not in busy:
                raise
            refusal = error
            return None
        return True

    try:
        wait_until(f"{entry} to be {state}", deleted, timeout, cloud.pace)
    except SlstestError as error:
        if refusal is None:
            raise
        raise SlstestError(f"{error}: {refusal}") from error
