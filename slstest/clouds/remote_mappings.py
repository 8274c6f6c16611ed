"""The event source mappings of a remote cloud, as far as its clients create and change them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from slstest.clouds.connection import Connection
from slstest.clouds.stream_starts import StreamStart, source_of, stream_of
from slstest.functions.recorded import Told

_ENABLED = "slstest-enabled"
"""In the context of a call that creates or updates a mapping, whether it enables it."""

_WINDOW = "slstest-window"
"""In the context of a call that updates a mapping, the batching window that it is given."""

_BEGINNING = 5.0
"""Seconds within which a cloud begins to read for a new mapping, which takes MiniStack longest. AWS
may take far longer to begin to read a stream, see ``stream_starts.py``."""


@dataclass(frozen=True)
class _Mapping:
    source: str
    """The ARN."""
    function: str
    """The name of the function."""
    enabled: float
    """When, on the monotonic clock."""
    invocations: int
    """How often the function had been invoked by then."""
    batches: int
    """How often of these with records of the source."""
    window: float
    """Seconds for which what came is held back until there is more."""
    start: StreamStart | None
    """Of a stream that may be read much later."""


class RemoteMappings:
    """Those that are enabled, and which of them nobody may have read for yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mappings: dict[str, _Mapping] = {}
        """By their UUIDs."""
        self._counts: Mapping[str, int] = {}
        """How often each function had been invoked when its log was last read."""
        self._batches: Counter[tuple[str, str]] = Counter()
        """How often of these with records of an event source, by its ARN."""

    def handlers(self) -> dict[str, Callable[..., None]]:
        """What has to hear of which events of Lambda's clients."""
        heard: dict[str, Callable[..., None]] = {
            "after-call.lambda.DeleteEventSourceMapping": self._deleted
        }
        for operation in ("CreateEventSourceMapping", "UpdateEventSourceMapping"):
            heard[f"before-parameter-build.lambda.{operation}"] = _note_settings
            heard[f"after-call.lambda.{operation}"] = self._set
        return heard

    def forget(self) -> None:
        """Expect nothing more of any of them."""
        self._mappings.clear()
        self._counts = {}
        self._batches.clear()

    def read(self, logs: Mapping[str, Told]) -> None:
        """Take note of what the logs of the functions tell now, by the functions' names."""
        self._counts = {name: len(told.finished) for name, told in logs.items()}
        self._batches = Counter(
            (name, source)
            for name, told in logs.items()
            for source in map(source_of, told.finished)
        )

    def sources(self) -> set[str]:
        """The ARNs of what they read."""
        return {mapping.source for mapping in list(self._mappings.values())}

    def held_back(self) -> float:
        """Seconds for which the one that waits longest for more holds back what came."""
        return max((mapping.window for mapping in list(self._mappings.values())), default=0.0)

    def beginning(self) -> list[str]:
        """Those for which nobody may have read yet, in words. What waits in a queue is counted."""
        return [each for each in map(self._first_look, list(self._mappings.values())) if each]

    # -- inside -------------------------------------------------------------------------

    def _set(self, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        enabled = context[_ENABLED]
        if enabled and "EventSourceArn" in parsed:
            function = parsed["FunctionArn"].rpartition(":")[2]
            source = parsed["EventSourceArn"]
            window = parsed.get("MaximumBatchingWindowInSeconds", 0)
            self._mappings[parsed["UUID"]] = _Mapping(
                source,
                function,
                time.monotonic(),
                self._counts.get(function, 0),
                self._batches[function, stream_of(source)],
                window if context[_WINDOW] is None else context[_WINDOW],
                self._start(parsed),
            )
        elif enabled is False:
            self._mappings.pop(parsed.get("UUID", ""), None)
        elif parsed.get("UUID") in self._mappings:
            known = self._mappings[parsed["UUID"]]
            if known.start is not None:
                known.start.hear(parsed)
            if context[_WINDOW] is not None:
                self._mappings[parsed["UUID"]] = replace(known, window=context[_WINDOW])

    def _deleted(self, parsed: dict[str, Any], **_: Any) -> None:
        self._mappings.pop(parsed.get("UUID", ""), None)

    def _start(self, mapping: dict[str, Any]) -> StreamStart | None:
        patience = self._connection.slow_start
        if patience is None or ":sqs:" in mapping["EventSourceArn"]:
            return None
        return StreamStart(self._connection.client, mapping, patience)

    def _first_look(self, mapping: _Mapping) -> str | None:
        age = time.monotonic() - mapping.enabled
        first = f"the first look at {mapping.source}, by a mapping that is {age:.1f} s old"
        if mapping.start is not None:
            batches = self._batches[mapping.function, stream_of(mapping.source)]
            if mapping.start.is_awaited(age, seen=batches > mapping.batches):
                return f"{first}, which AWS has not begun to read"
        if ":sqs:" in mapping.source or age >= _BEGINNING:
            return None
        if self._counts.get(mapping.function, 0) > mapping.invocations:
            return None
        return first


def _note_settings(params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
    by_default = True if model.name == "CreateEventSourceMapping" else None
    context[_ENABLED] = params.get("Enabled", by_default)
    context[_WINDOW] = params.get("MaximumBatchingWindowInSeconds")
