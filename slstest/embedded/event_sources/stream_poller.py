"""Delivers a stream to a function, shard by shard.

The rules are those of https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html: records of a shard are delivered in
order, one batch at a time; a batch that fails is tried again, and holds up its shard, until it
succeeds, its retries are used up, or its records have expired.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from slstest.embedded.event_sources.records import event_of
from slstest.embedded.event_sources.settings import BatchFailure, StreamSettings
from slstest.embedded.event_sources.shard import BATCH_PAYLOAD_LIMIT, Shard
from slstest.embedded.event_sources.stream_reader import (
    Page,
    Position,
    StreamNotFound,
    StreamReader,
)
from slstest.embedded.scheduler import Scheduler

_FIRST_RETRY_DELAY = 1.0
"""Seconds before a failed batch is tried again; doubled each time. AWS documents that it
backs off exponentially, and not with which figures."""

_SHORTEST_RETENTION = 24 * 3600.0
"""Seconds for which every stream keeps its records:
https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""

InvokeBatch = Callable[[bytes, int], BatchFailure | None]
"""Takes the event and the number of the attempt; says what went wrong, if anything did."""


class StreamPoller:
    """Delivers one stream to one function.

    Nothing is polled in vain: :meth:`wake` is called when records were put, and each shard
    is read until its end is reached.

    A shard has at most one worker at a time, which alone reads it and forms its batches. All
    other threads only leave word for it, under the lock: that it is woken, that the mapping
    is enabled or not, and what its settings are.
    """

    def __init__(
        self,
        reader: StreamReader,
        settings: StreamSettings,
        scheduler: Scheduler,
        *,
        invoke: InvokeBatch,
    ) -> None:
        """Raises :class:`StreamNotFound`."""
        self.last_result = "No records processed"
        self.lost = False
        """Whether the stream has been deleted; nothing is read any more."""
        self._reader = reader
        self._settings = settings
        self._scheduler = scheduler
        self._invoke = invoke
        self._lock = threading.Lock()
        self._enabled = False
        self._shards: dict[str, Shard] = {}
        self._add_shards(settings.starting_position)

    def enable(self) -> None:
        """Begin, or go on where it was disabled. Raises :class:`StreamNotFound`."""
        for shard in self._all_shards():
            if shard.starting_position == "LATEST" and shard.iterator is None:
                shard.iterator = self._open(shard)
        with self._lock:
            self._enabled = True
        self.wake()

    def disable(self) -> None:
        """Finish the batches that are being handled, and begin no other."""
        with self._lock:
            self._enabled = False
            for shard in self._shards.values():
                shard.cancel_timer(self._scheduler)

    def update(self, settings: StreamSettings) -> None:
        """Go on with other settings, from the next batch."""
        with self._lock:
            self._settings = settings
        self.wake()

    def wake(self, shard_ids: Iterable[str] | None = None) -> None:
        """Records may have come: into these shards, or into any."""
        if not self._enabled:
            return
        if shard_ids is None:
            woken = self._all_shards()
        else:
            if any(shard_id not in self._shards for shard_id in shard_ids):
                self._add_shards("TRIM_HORIZON")
            woken = [self._shards[each] for each in shard_ids if each in self._shards]
        for shard in woken:
            self._wake_shard(shard)

    # -- called from any thread -----------------------------------------------------------

    def _all_shards(self) -> list[Shard]:
        with self._lock:
            return list(self._shards.values())

    def _add_shards(self, starting_position: str) -> None:
        found = self._reader.shards()
        with self._lock:
            for shard in found:
                if shard.shard_id not in self._shards:
                    self._shards[shard.shard_id] = Shard(shard.shard_id, starting_position)

    def _wake_shard(self, shard: Shard) -> None:
        with self._lock:
            if not self._enabled:
                return
            shard.woken = True
            if shard.working:
                return
            shard.working = True
        self._scheduler.submit(f"records of {self._place(shard)}", lambda: self._work(shard))

    def _set_timer(self, shard: Shard, due: float, what: str) -> None:
        with self._lock:
            if not self._enabled or (shard.timer is not None and shard.timer.due == due):
                return
            shard.cancel_timer(self._scheduler)

            def fire() -> None:
                with self._lock:
                    if shard.timer is timer:
                        shard.timer = None
                self._wake_shard(shard)

            timer = self._scheduler.call_at(due, f"{what} {self._place(shard)}", fire)
            shard.timer = timer

    def _clear_timer(self, shard: Shard) -> None:
        with self._lock:
            shard.cancel_timer(self._scheduler)

    # -- called by a shard's worker alone -------------------------------------------------

    def _work(self, shard: Shard) -> None:
        try:
            while self._has_work(shard):
                while self._deliver_next(shard):
                    pass
        except BaseException as error:
            with self._lock:
                shard.working = False
            if not isinstance(error, StreamNotFound):
                raise
            self.lost = True
            self.last_result = f"PROBLEM: Stream not found: {self._reader.arn}"
            self.disable()

    def _has_work(self, shard: Shard) -> bool:
        with self._lock:
            if shard.woken and self._enabled:
                shard.woken = False
                shard.read_to_end = False
                return True
            shard.working = False
            return False

    def _deliver_next(self, shard: Shard) -> bool:
        """Handle one batch of a shard; False where there is none to handle now."""
        if not self._enabled:
            return False
        if shard.retry_due is not None:
            if self._scheduler.now() < shard.retry_due:
                self._set_timer(shard, shard.retry_due, f"{shard.retry} of a batch of")
                return False
            shard.retry_due = None
        if shard.batch:
            self._discard_expired(shard)
            if not shard.batch:
                return True
        else:
            self._read(shard)
            self._discard_expired(shard)
            if not self._enabled or not self._close_batch(shard):
                return False
        failure = self._invoke(event_of(shard.batch), shard.attempt)
        if failure is None:
            self.last_result = "OK"
            shard.next_batch()
            return True
        self.last_result = "PROBLEM: Function call failed"
        return self._after_failure(shard, failure)

    def _read(self, shard: Shard) -> None:
        while len(shard.buffer) < self._settings.batch_size and shard.size < BATCH_PAYLOAD_LIMIT:
            if shard.ended or shard.read_to_end:
                return
            if shard.iterator is None:
                shard.iterator = self._open(shard)
            page = self._next_page(shard, shard.iterator)
            for record in page.records:
                shard.append(record)
            shard.iterator = page.next_iterator
            shard.ended = shard.iterator is None
            shard.read_to_end = page.at_end

    def _next_page(self, shard: Shard, iterator: str) -> Page:
        page = self._reader.read(iterator, shard.shard_id)
        while page is None:
            page = self._reader.read(self._open(shard), shard.shard_id)
        return page

    def _open(self, shard: Shard) -> str:
        position = Position(shard.starting_position)
        if shard.last_read is not None:
            position = Position("AFTER_SEQUENCE_NUMBER", sequence_number=shard.last_read)
        elif shard.starting_position == "AT_TIMESTAMP":
            position = Position("AT_TIMESTAMP", self._settings.starting_position_timestamp)
        elif shard.starting_position == "LATEST" and shard.opened is not None:
            # Opened before, and expired: the latest record is another one by now.
            position = Position("AT_TIMESTAMP", shard.opened)
        shard.opened = shard.opened or self._scheduler.now()
        return self._reader.open(shard.shard_id, position)

    def _close_batch(self, shard: Shard) -> bool:
        """Form a batch if it is complete or its window is over; else wait for the window.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html,
        "Batching behavior": the next window begins when the previous invocation has ended.
        """
        if not shard.buffer:
            shard.window_start = None
            return False
        now = self._scheduler.now()
        if shard.window_start is None:
            shard.window_start = now
        window_end = shard.window_start + self._settings.maximum_batching_window
        if not shard.is_full(self._settings.batch_size) and now < window_end:
            self._set_timer(shard, window_end, "batching window of")
            return False
        self._clear_timer(shard)
        shard.take_batch(self._settings.batch_size)
        return True

    def _after_failure(self, shard: Shard, failure: BatchFailure) -> bool:
        """Drop what is out of retries, else set the time of the next try."""
        limit = self._settings.maximum_retry_attempts
        if failure.invoked:
            if limit != -1 and shard.attempt > limit:
                shard.next_batch()
                return True
            shard.attempt += 1
        shard.failures += 1
        next_try = self._scheduler.now() + _FIRST_RETRY_DELAY * 2 ** (shard.failures - 1)
        newest = shard.batch[-1].arrived
        shard.retry_due = min(next_try, newest + self._lifetime(newest, next_try))
        shard.retry = f"retry {shard.failures}, after {failure.error},"
        self._set_timer(shard, shard.retry_due, f"{shard.retry} of a batch of")
        return False

    def _discard_expired(self, shard: Shard) -> None:
        oldest = shard.oldest
        if oldest is None:
            return
        now = self._scheduler.now()
        lifetime = self._lifetime(oldest.arrived, now)
        if now >= oldest.arrived + lifetime:
            shard.discard(lambda record: now >= record.arrived + lifetime)

    def _lifetime(self, arrived: float, moment: float) -> float:
        """Seconds for which a record is tried, as far as that matters until ``moment``: the
        mapping's limit, or its stream's retention."""
        limit = self._settings.maximum_record_age
        lifetime = float("inf") if limit == -1 else float(limit)
        if moment - arrived < _SHORTEST_RETENTION:
            return lifetime
        return min(lifetime, self._reader.retention())

    def _place(self, shard: Shard) -> str:
        return f"{shard.shard_id} of {self._reader.name}"
