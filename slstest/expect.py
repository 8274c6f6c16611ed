"""Expectations: wait until something is true, return it, or explain why it is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from slstest.clouds.base import TellsPending
from slstest.errors import ExpectationFailed
from slstest.matching import differences, nearest, show
from slstest.scope import Scope

T = TypeVar("T")

_ROWS = 8


def expect(
    scope: Scope,
    look: Callable[[], T | None],
    explain: Callable[[], str],
    timeout: float | None,
) -> T:
    """Look whenever it is worth it, and return the first thing that was found.

    Without a ``timeout`` the wait ends early where nothing is under way that could still
    bring it; with one the whole time is waited, for effects that come from outside the cloud.
    Raises :class:`slstest.errors.ExpectationFailed` with what ``explain`` says.
    """
    began = time.monotonic()
    limit = scope.limit(timeout)
    for _ in scope.cloud.moments(limit, patient=timeout is not None):
        found = look()
        if found is not None:
            return found
    if time.monotonic() - began < limit:
        waited = "Nothing is under way any more that could change this."
    else:
        waited = f"Waited {limit:g} s."
        pending = scope.cloud.pending() if isinstance(scope.cloud, TellsPending) else ()
        if pending:
            waited += " Still under way:" + "".join(f"\n  - {what}" for what in pending[:_ROWS])
            if len(pending) > _ROWS:
                waited += f"\n  and {len(pending) - _ROWS} more"
    raise failure(scope, f"{explain()}\n{waited}")


def expect_not(
    scope: Scope,
    look: Callable[[], T | None],
    explain: Callable[[T], str],
    timeout: float | None,
) -> None:
    """Settle, then look, and raise :class:`slstest.errors.ExpectationFailed` with what
    ``explain`` says of what was found.

    Raises :class:`slstest.errors.NotSettled` where work is still under way after the timeout.
    """
    scope.cloud.settle(scope.limit(timeout))
    found = look()
    if found is not None:
        raise failure(scope, explain(found))


def failure(scope: Scope, problem: str) -> ExpectationFailed:
    """The error to raise: the problem, then what the functions did."""
    story = scope.story()
    return ExpectationFailed(f"{problem}\n\n{story}" if story else problem)


def nearest_text(expected: Any, candidates: Sequence[Any], what: str) -> str:
    """The candidate that comes closest to what was expected and where it differs; ``what`` is
    the word for one candidate."""
    best = nearest(expected, candidates)
    if best is None:
        return f"There is no {what} at all."
    count = len(candidates)
    among = f"The only {what} is" if count == 1 else f"The nearest of {count} {what}s is"
    lines = [f"{among}", f"  {show(best)}"]
    lines += [f"    {line}" for line in differences(expected, best)]
    return "\n".join(lines)
