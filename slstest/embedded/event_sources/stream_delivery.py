"""Hands the records of a stream's lanes to a function, batch by batch.

The rules are those of https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from slstest.embedded.event_sources.base import InvokeBatch, NotInvoked, Throttled
from slstest.embedded.event_sources.batches import PAYLOAD_LIMIT, Batch, Step, fitting
from slstest.embedded.event_sources.failure_records import (
    RETRIES_EXHAUSTED,
    TOO_OLD,
    Discarded,
)
from slstest.embedded.event_sources.lane import Lane
from slstest.embedded.event_sources.records import StreamRecord, event_of
from slstest.embedded.event_sources.retries import is_bisected, is_exhausted, set_retry
from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.shard import Shard
from slstest.embedded.event_sources.stream_reader import StreamReader
from slstest.embedded.event_sources.tumbling import FRESH_STATE, Window, window_of
from slstest.embedded.event_sources.verdicts import Verdict, not_invoked, verdict_on

_SHORTEST_RETENTION = 24 * 3600.0
"""Seconds for which every stream keeps its records:
https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""

Discard = Callable[[str, Discarded, StreamSettings], None]
"""Takes a shard's id, the records that are given up, and the mapping's settings."""


@dataclass(frozen=True)
class Wait:
    """Nothing is to be handled before a moment."""

    until: float
    what: str
    """What is waited for, in words; a place follows."""


class StreamDelivery:
    """Forms batches and invokes with them. A lane is handled by one thread at a time."""

    def __init__(
        self,
        reader: StreamReader,
        now: Callable[[], float],
        invoke: InvokeBatch,
        discard: Discard,
    ) -> None:
        self._reader = reader
        self._now = now
        self._invoke = invoke
        self._discard = discard

    def resume(self, shard: Shard, lane: Lane, settings: StreamSettings) -> Wait | None:
        """Whether a batch that failed is still to wait. One that has grown too old meanwhile
        is given up. Raises StreamNotFound."""
        if lane.retry_due is not None:
            given_up_at = self._given_up_at(lane.pending[0], settings, lane.retry_due)
            due = min(lane.retry_due, given_up_at)
            if self._now() < due:
                return Wait(due, f"{lane.retry} of {lane.pending[0].step.value} of")
            lane.retry_due = None
            # Lambda reads the records again to retry; they are kept here, but the stream may
            # be gone.
            self._reader.retention()
        if lane.pending:
            self._give_up_what_is_too_old(shard, lane, settings)
        return None

    def give_up_unsent(self, shard: Shard, lane: Lane, settings: StreamSettings) -> None:
        """Give up what is too old of the records that are in no batch yet."""
        if not lane.pending:
            self._give_up_what_is_too_old(shard, lane, settings)

    def prepare(self, shard: Shard, lane: Lane, settings: StreamSettings) -> Wait | bool:
        """Whether a batch is ready to be delivered, or when to ask again."""
        if lane.pending:
            return True
        with shard.buffers:
            return self._form(shard, lane, settings)

    def deliver(self, shard: Shard, lane: Lane, settings: StreamSettings) -> bool:
        """Invoke with the batch that is ready; whether that was a success."""
        batch = lane.pending[0]
        batch.request_id = str(uuid.uuid4())
        if batch.first_tried is None:
            batch.first_tried = self._now()
        verdict = self._invoked_with(batch, shard, lane, settings)
        if verdict.error is None:
            lane.pending.popleft()
            _keep_state(lane, batch, verdict)
            return True
        self._after_failure(shard, lane, settings, verdict)
        if verdict.checkpoint:
            _keep_state(lane, batch, verdict)
        return False

    # -- forming batches ------------------------------------------------------------------

    def _form(self, shard: Shard, lane: Lane, settings: StreamSettings) -> Wait | bool:
        """Form a batch if it is complete or its time has come."""
        window = lane.window
        if window is None and lane.buffer and settings.tumbling_window:
            window = window_of(lane.buffer[0].arrived, settings.tumbling_window)
        end = float("inf") if window is None else window.end
        count, complete = fitting(lane.buffer, settings.batch_size, self._room(shard, window), end)
        if not count:
            lane.gathering_since = None
            return self._close_window(shard, lane)
        now = self._now()
        if lane.gathering_since is None:
            lane.gathering_since = now
        due = lane.gathering_since + settings.maximum_batching_window
        if window is not None:
            due = min(due, window.closes)
        if not complete and now < due:
            return Wait(due, "batching window of")
        lane.window = window
        lane.take(count)
        return True

    def _room(self, shard: Shard, window: Window | None) -> int:
        if window is None:
            return PAYLOAD_LIMIT
        return window.room(shard.shard_id, self._reader.arn)

    def _close_window(self, shard: Shard, lane: Lane) -> Wait | bool:
        """End the window that is open if it can have no more records, or none have come for
        long enough."""
        window = lane.window
        if window is None:
            return False
        if not lane.buffer and not shard.ended and self._now() < window.closes:
            return Wait(window.closes, "tumbling window of")
        lane.pending.append(Batch((), Step.FINAL))
        return True

    # -- invoking -------------------------------------------------------------------------

    def _invoked_with(
        self, batch: Batch, shard: Shard, lane: Lane, settings: StreamSettings
    ) -> Verdict:
        event = self._event(batch.records, batch.step, shard, lane)
        try:
            outcome = self._invoke(event, batch.attempt, batch.request_id)
        except (NotInvoked, Throttled) as error:
            return not_invoked(str(error))
        return verdict_on(
            outcome,
            batch,
            reports_failures=settings.report_batch_item_failures,
            in_window=lane.window is not None,
        )

    def _event(
        self, records: Sequence[StreamRecord], step: Step, shard: Shard, lane: Lane
    ) -> bytes:
        if lane.window is None:
            return event_of(records)
        return event_of(records, lane.window.fields(shard.shard_id, self._reader.arn, step))

    def _after_failure(
        self, shard: Shard, lane: Lane, settings: StreamSettings, verdict: Verdict
    ) -> None:
        batch = lane.pending[0]
        if is_bisected(batch, verdict, settings):
            lane.pending.popleft()
            lane.pending.extendleft(reversed(batch.halves()))
        elif is_exhausted(batch, verdict, settings):
            self._drop(shard, lane, settings, verdict)
        else:
            set_retry(lane, verdict, self._now())

    def _drop(self, shard: Shard, lane: Lane, settings: StreamSettings, verdict: Verdict) -> None:
        batch = lane.pending.popleft()
        _end_step(lane, batch)
        if batch.records:
            discarded = Discarded(
                batch.records,
                RETRIES_EXHAUSTED,
                batch.request_id,
                batch.attempt,
                self._event(batch.records, batch.step, shard, lane),
                verdict.function_error,
            )
            self._discard(shard.shard_id, discarded, settings)

    # -- age ------------------------------------------------------------------------------

    def _give_up_what_is_too_old(self, shard: Shard, lane: Lane, settings: StreamSettings) -> None:
        now = self._now()
        self._give_up_state(lane, settings, now)
        oldest = lane.oldest
        if oldest is None:
            return
        lifetime = self._lifetime(oldest.arrived, now, settings)

        def is_expired(record: StreamRecord) -> bool:
            return now >= record.arrived + lifetime

        if not is_expired(oldest):
            return
        for batch in list(lane.pending):
            expired = [record for record in batch.records if is_expired(record)]
            event = self._event(expired, batch.step, shard, lane)
            batch.records = [record for record in batch.records if not is_expired(record)]
            if expired and not batch.records:
                lane.pending.remove(batch)
            self._discard_expired(expired, batch, event, shard, settings)
        with shard.buffers:
            expired = lane.take_expired(is_expired)
        for start in range(0, len(expired), settings.batch_size):
            chunk = expired[start : start + settings.batch_size]
            self._discard_expired(chunk, Batch(chunk), event_of(chunk), shard, settings)

    def _discard_expired(
        self,
        expired: Sequence[StreamRecord],
        batch: Batch,
        event: bytes,
        shard: Shard,
        settings: StreamSettings,
    ) -> None:
        if expired:
            request_id = batch.request_id or str(uuid.uuid4())
            discarded = Discarded(expired, TOO_OLD, request_id, batch.attempt - 1, event)
            self._discard(shard.shard_id, discarded, settings)

    def _give_up_state(self, lane: Lane, settings: StreamSettings, now: float) -> None:
        """Drop the state of a window that could not be handed over for as long as a record
        is tried; there are no records then whose age would count."""
        batch = lane.pending[0] if lane.pending else None
        if batch is None or batch.records or now < self._given_up_at(batch, settings, now):
            return
        _end_step(lane, lane.pending.popleft())

    def _given_up_at(self, batch: Batch, settings: StreamSettings, moment: float) -> float:
        """When the newest record of a batch is too old, as far as that matters until
        ``moment``."""
        since = batch.records[-1].arrived if batch.records else batch.first_tried
        if since is None:
            return float("inf")
        return since + self._lifetime(since, moment, settings)

    def _lifetime(self, since: float, moment: float, settings: StreamSettings) -> float:
        """Seconds for which a record is tried, as far as that matters until ``moment``: the
        mapping's limit, or its stream's retention."""
        limit = settings.maximum_record_age
        lifetime = float("inf") if limit == -1 else float(limit)
        if moment - since < _SHORTEST_RETENTION:
            return lifetime
        return min(lifetime, self._reader.retention())


def _keep_state(lane: Lane, batch: Batch, verdict: Verdict) -> None:
    """Note what an invocation has left behind in its tumbling window."""
    if lane.window is None:
        return
    if batch.step is not Step.RECORDS:
        _end_step(lane, batch)
    elif verdict.state is not None:
        lane.window.state = verdict.state
        if lane.window.is_too_large:
            lane.pending.appendleft(Batch((), Step.EARLY_TERMINATION))


def _end_step(lane: Lane, batch: Batch) -> None:
    """Drop the state of a window that was handed over, and with a final one the window."""
    if batch.step is Step.FINAL:
        lane.window = None
    elif batch.step is Step.EARLY_TERMINATION and lane.window is not None:
        lane.window.state = FRESH_STATE
