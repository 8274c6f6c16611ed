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

    def flush(self) -> None:
        """Write everything that waits into CloudWatch Logs."""
        with self._flush_lock:
            with self._lock:
                waiting, self._waiting = self._waiting, []
            streams: dict[tuple[str, str], list[LogEvent]] = {}
            for event in waiting:
                streams.setdefault((event.group, event.stream), []).append(event)
            try:
                for (group, stream), events in streams.items():
                    for batch in _batches(events):
                        self._local.writing = batch[0].moment
                        self._put(group, stream, batch)
            finally:
                self._local.writing = None

    def forget(self) -> None:
        """Drop what waits, and the log groups that were written."""
        with self._flush_lock:
            with self._lock:
                self._waiting = []
            groups = sorted({group for group, _ in self._known})
            self._known.clear()
        client = self._client()
        for group in groups:
            try:
                client.delete_log_group(logGroupName=group)
            except client.exceptions.ResourceNotFoundException:
                continue

    # -- inside -------------------------------------------------------------------------

    def _put(self, group: str, stream: str, events: list[LogEvent]) -> None:
        client = self._client()
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
    batch: list[LogEvent] = []
    for event in events:
        if batch and (
            len(batch) == _EVENTS_PER_REQUEST
            or event.moment - batch[0].moment > _SECONDS_PER_REQUEST
        ):
            yield batch
            batch = []
        batch.append(event)
    if batch:
        yield batch
