"""Deleting what AWS may still be changing."""

from __future__ import annotations

from collections.abc import Callable, Collection

from slstest.calls import code_of
from slstest.clouds.base import Cloud
from slstest.ledger import Entry
from slstest.waiting import wait_until


def delete_when_free(
    cloud: Cloud,
    entry: Entry,
    delete: Callable[[], object],
    busy: Collection[str],
    state: str = "free for deletion",
) -> None:
    """Call ``delete`` until AWS refuses it no longer with one of the ``busy`` error codes.

    ``state`` is what is waited for, in words. Every other error passes. Raises
    :class:`slstest.errors.SlstestError` where it stays busy.
    """
    from botocore.exceptions import ClientError

    def deleted() -> bool | None:
        try:
            delete()
        except ClientError as error:
            if code_of(error) in busy:
                return None
            raise
        return True

    wait_until(f"{entry} to be {state}", deleted, pace=cloud.pace)
