"""From the writes of requests to the records of streams."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from slstest.embedded.dynamodb.streams import Change, ChangeStream, ChangeStreams, StreamedTable


@dataclass
class _Request:
    """What one request has done to streams so far."""

    touched: set[str] = field(default_factory=set)
    """The ARNs of the streams that it wrote to, or closed."""
    pending: list[tuple[ChangeStream, Change]] | None = None
    """What an operation has written that is not over yet."""


class Changes:
    """Hears each write to a table that has a stream, and writes it into the stream.

    Only writes within :meth:`of_request` count: a project's own tests may use moto in the same
    process.
    """

    def __init__(self, streams: ChangeStreams) -> None:
        self._streams = streams
        self._local = threading.local()

    @contextmanager
    def of_request(self) -> Iterator[set[str]]:
        """Within, this thread answers a request; yields the ARNs of the streams it touches."""
        request, before = _Request(), self._request
        self._local.request = request
        try:
            yield request.touched
        finally:
            self._local.request = before

    @property
    def are_heard(self) -> bool:
        """Whether this thread answers a request of the cloud."""
        return self._request is not None

    @contextmanager
    def by_time_to_live(self) -> Iterator[None]:
        """Within, it is DynamoDB itself whose requests this thread makes."""
        self._local.by_service = True
        try:
            yield
        finally:
            self._local.by_service = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within, what happens to an item is one change; nothing is, where it fails.

        moto creates an item before it updates it, and undoes a transaction that is cancelled.
        """
        request = self._request
        if request is None or request.pending is not None:
            yield
            return
        request.pending = []
        try:
            yield
            written = request.pending
        except BaseException:
            written = []
            raise
        finally:
            request.pending = None
            for stream, change in _merged(written):
                self._append(request, stream, change)

    def enable(self, table: StreamedTable, view_type: str) -> ChangeStream:
        """A new stream of a table."""
        return self._streams.enable(table, view_type)

    def disable(self, stream: ChangeStream) -> None:
        """Close the stream of a table."""
        self._streams.disable(stream)
        if self._request is not None:
            self._request.touched.add(stream.arn)

    def add(self, stream: ChangeStream, change: Change) -> None:
        """An item of the stream's table was written."""
        request = self._request
        if request is None:
            return
        if request.pending is not None:
            request.pending.append((stream, change))
        else:
            self._append(request, stream, change)

    @property
    def _request(self) -> _Request | None:
        return getattr(self._local, "request", None)

    def _append(self, request: _Request, stream: ChangeStream, change: Change) -> None:
        if not change.is_none:
            by_service = getattr(self._local, "by_service", False)
            self._streams.append(stream, change, by_service=by_service)
            request.touched.add(stream.arn)


def _merged(
    written: list[tuple[ChangeStream, Change]],
) -> list[tuple[ChangeStream, Change]]:
    """One change for each item, in the order in which they were written first."""
    found: dict[tuple[str, str], tuple[ChangeStream, Change]] = {}
    for stream, change in written:
        item = (stream.arn, repr(sorted(change.keys.items())))
        first = found.get(item, (stream, change))[1]
        found[item] = stream, Change(change.keys, first.old, change.new)
    return list(found.values())
