"""What an invocation with a batch of a stream's records came to.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from slstest.embedded.event_sources.batches import Batch, Step
from slstest.embedded.event_sources.responses import first_failure
from slstest.embedded.lambda_service.invocation import error_type
from slstest.runtimes.base import InvocationOutcome


@dataclass(frozen=True)
class Verdict:
    """What an invocation came to; a success, unless there is an error."""

    error: str | None = None
    """What went wrong: the type of the function's error, or else in words."""
    invoked: bool = True
    """Whether the function saw the batch. What it did not see uses up no retry."""
    function_error: str | None = None
    """As the header X-Amz-Function-Error has it."""
    checkpoint: int = 0
    """How many records at the batch's beginning are processed although the others failed."""
    state: str | None = None
    """The state that the function returned for its tumbling window, as JSON text."""


def not_invoked(why: str) -> Verdict:
    return Verdict(why, invoked=False)


def verdict_on(
    outcome: InvocationOutcome, batch: Batch, *, reports_failures: bool, in_window: bool
) -> Verdict:
    """Judge how an invocation with a batch has ended."""
    if outcome.function_error is not None:
        return Verdict(error_type(outcome), function_error=outcome.function_error)
    state = _state(outcome.payload) if in_window else None
    if in_window and state is None:
        return Verdict("a response that has no state")
    if not reports_failures or batch.step is not Step.RECORDS:
        return Verdict(state=state)
    failed = first_failure(outcome.payload, [each.sequence_number for each in batch.records])
    if failed is None:
        return Verdict(state=state)
    return Verdict(
        f"a report of failure from record {failed + 1} of {len(batch.records)} on",
        checkpoint=failed,
        state=state,
    )


def _state(payload: bytes) -> str | None:
    try:
        document = json.loads(payload)
    except ValueError:
        return None
    if not isinstance(document, dict) or "state" not in document:
        return None
    return json.dumps(document["state"], separators=(",", ":"), ensure_ascii=False)
