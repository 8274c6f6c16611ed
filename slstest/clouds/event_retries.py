"""What a remote cloud will do again of the events that have invoked its functions.

Lambda tries an event that failed twice more unless it is told otherwise, after one minute and after
two: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator

from slstest.invocation import Invocation

_PAUSES = (60.0, 120.0)
"""Seconds before each retry."""
_LATE = 20.0
"""Seconds by which a retry may be late, and after which it is not expected any more."""


class EventRetries:
    """The events that are known by the request that was answered: its id is the invocation's."""

    def __init__(self) -> None:
        self._events: defaultdict[str, set[str]] = defaultdict(set)
        """The request ids, by the name of the function."""
        self._retries: dict[str, int] = {}
        """How many a function is set to have, by its name."""
        self._failed: dict[tuple[str, int], float] = {}
        """When an attempt at an event was first seen to have failed, on the monotonic clock."""

    def forget(self) -> None:
        """Expect nothing more."""
        self._events.clear()
        self._retries.clear()
        self._failed.clear()

    def invoked(self, function_name: str, request_id: str) -> None:
        """An event has invoked a function."""
        self._events[function_name].add(request_id)

    def configured(self, function_name: str, retries: int | None) -> None:
        """A function was set to so many retries; None for Lambda's own number."""
        self._retries[function_name] = len(_PAUSES) if retries is None else retries

    def due(self, function_name: str, finished: Iterable[Invocation]) -> Iterator[str]:
        """The retries to come, in words; ``finished`` are the function's invocations."""
        retries = self._retries.get(function_name, len(_PAUSES))
        events = self._events.get(function_name, ())
        last = {each.request_id: each for each in finished if each.request_id in events}
        for each in last.values():
            if each.error is None or each.attempt > retries:
                continue
            now, pause = time.monotonic(), _PAUSES[each.attempt - 1]
            failed = self._failed.setdefault((each.request_id, each.attempt), now)
            if now - failed < pause + _LATE:
                yield (
                    f"retry {each.attempt} of an asynchronous invocation of {function_name} "
                    f"({pause:g} s after the one that failed)"
                )
