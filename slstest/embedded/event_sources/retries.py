"""What becomes of a batch that failed: bisected, tried again later, or given up.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html: "Splitting
batches doesn't consume the retry quota", nor does a batch that the function did not see. Where
a function has reported its first failure, the records from there on are a batch of their own,
with all its retries.
"""

from __future__ import annotations

from slstest.embedded.event_sources.batches import Batch
from slstest.embedded.event_sources.lane import Lane
from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.verdicts import Verdict

_FIRST_DELAY = 1.0
"""Seconds before a failed batch is tried again; doubled each time. AWS documents that it
backs off exponentially, and not with which figures."""


def is_bisected(batch: Batch, verdict: Verdict, settings: StreamSettings) -> bool:
    """Whether a failed batch is split in two, which are tried at once. After a partial success
    the records that are left are retried as they are: the batch has been split where the
    function said."""
    return (
        settings.bisect_batch_on_function_error
        and verdict.invoked
        and verdict.checkpoint == 0
        and len(batch.records) > 1
    )


def is_exhausted(batch: Batch, verdict: Verdict, settings: StreamSettings) -> bool:
    """Whether a failed batch has no retry left."""
    limit = settings.maximum_retry_attempts
    return verdict.invoked and verdict.checkpoint == 0 and limit != -1 and batch.attempt > limit


def set_retry(lane: Lane, verdict: Verdict, now: float) -> None:
    """Have what is left of the first pending batch of a lane tried again."""
    batch = lane.pending[0]
    if verdict.checkpoint:
        batch = lane.pending[0] = batch.after(verdict.checkpoint)
    elif verdict.invoked:
        batch.attempt += 1
    batch.failures += 1
    lane.retry = f"retry {batch.failures}, after {verdict.error},"
    lane.retry_due = now + _FIRST_DELAY * 2.0 ** (batch.failures - 1)
