"""Deleting what AWS may still be changing."""

from __future__ import annotations

from collections.abc import Callable, Collection

from slstest.calls import StillRefused, ask_while, code_of
from slstest.clouds.base import Cloud
from slstest.errors import SlstestError
from slstest.ledger import Entry
from slstest.waiting import READY_TIMEOUT


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
    what = f"{entry} to be {state}"
    try:
        ask_while(lambda error: code_of(error) in busy, delete, what, timeout, cloud.pace)
    except StillRefused as error:
        raise SlstestError(str(error)) from error
