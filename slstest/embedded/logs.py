"""What functions log, on its way to CloudWatch Logs.

Writing through the logs API costs several requests for each invocation, and few tests read
them. So lines wait here, and reach moto's log groups when a request to CloudWatch Logs is
about to be answered: nobody can tell the difference.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_EVENTS_PER_REQUEST = 10_000
_SECONDS_PER_REQUEST = 3600.0
"""Events of one PutLogEvents lie close together, none more than two hours in its future:
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html"""


@dataclass(frozen=True)
class LogEvent:
    group: str
    stream: str
    moment: float
    """Seconds since the epoch."""
    message: str


class LogBuffer:
    """Holds log events until somebody looks."""

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._waiting: list[LogEvent] = []
        self._known: set[tuple[str, str]] = set()
        self._flush_lock = threading.Lock()
        self._local = threading.local()

    def write(self, group: str, stream: str, moment: float, lines: tuple[str, ...]) -> None:
        """Log lines; each becomes a message that ends with a newline, as Lambda's do."""
        with self._lock:
            self._waiting.extend(LogEvent(group, stream, moment, f"{line}\n") for line in lines)

    def writing(self) -> float | None:
        """The moment at which what this thread writes was logged; None while it does not."""
        return getattr(self._local, "writing", None)

    def flush(self, group: str | None = None) -> None:
        """Write everything that waits into CloudWatch Logs, or what waits for one log group. What
        cannot be written goes on waiting."""
        with self._flush_lock:
            unwritten = list(_batches(self._take(group)))
            try:
                while unwritten:
                    self._local.writing = unwritten[0][0].moment
                    self._put(unwritten[0])
                    del unwritten[0]
            finally:
                self._local.writing = None
                with self._lock:
                    self._waiting[:0] = [event for batch in unwritten for event in batch]

    def drop(self, group: str) -> None:
        """Drop what waits for a log group that is about to be deleted."""
        with self._flush_lock:
            self._take(group)
            self._known = {each for each in self._known if each[0] != group}

    def forget(self) -> None:
        """Drop what waits, and the log groups that were written."""
        with self._flush_lock:
            with self._lock:
                self._waiting = []
            groups = sorted({group for group, _ in self._known})
            self._known.clear()
        for group in groups:
            client = self._client()
            try:
                client.delete_log_group(logGroupName=group)
            except client.exceptions.ResourceNotFoundException:
                continue

    # -- inside -------------------------------------------------------------------------

    def _take(self, group: str | None) -> list[LogEvent]:
        with self._lock:
            taken = [each for each in self._waiting if group in (None, each.group)]
            self._waiting = [each for each in self._waiting if group not in (None, each.group)]
        return taken

    def _put(self, events: list[LogEvent]) -> None:
        client = self._client()
        group, stream = events[0].group, events[0].stream
        request = {
            "logGroupName": group,
            "logStreamName": stream,
            "logEvents": [
                {"timestamp": int(event.moment * 1000), "message": event.message}
                for event in events
            ],
        }
        if (group, stream) in self._known:
            try:
                client.put_log_events(**request)
            except client.exceptions.ResourceNotFoundException:
                pass  # the test deleted it meanwhile; Lambda would make it again, as is done now
            else:
                return
        self._make(group, stream)
        client.put_log_events(**request)

    def _make(self, group: str, stream: str) -> None:
        client = self._client()
        for create, names in (
            (client.create_log_group, {"logGroupName": group}),
            (client.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                create(**names)
            except client.exceptions.ResourceAlreadyExistsException:
                continue
        self._known.add((group, stream))


def _batches(events: list[LogEvent]) -> Iterator[list[LogEvent]]:
    streams: dict[tuple[str, str], list[LogEvent]] = {}
    for event in events:
        streams.setdefault((event.group, event.stream), []).append(event)
    for of_stream in streams.values():
        batch: list[LogEvent] = []
        for event in of_stream:
            if batch and (
                len(batch) == _EVENTS_PER_REQUEST
                or event.moment - batch[0].moment > _SECONDS_PER_REQUEST
            ):
                yield batch
                batch = []
            batch.append(event)
        yield batch
