"""An execution environment that is killed after its handler has done its work."""

from __future__ import annotations

import json
from dataclasses import replace

from slstest.runtimes import log_lines
from slstest.runtimes.base import InvocationOutcome

_ERROR_TYPE = "Runtime.ExitError"


def killed_before_acknowledgement(outcome: InvocationOutcome, request_id: str) -> InvocationOutcome:
    """What Lambda knows of an invocation whose environment ended before it answered."""
    message = log_lines.exit_message(request_id, "signal: killed")
    *before, end, report = outcome.log_lines
    error = f"Status: error\tError Type: {_ERROR_TYPE}"
    return replace(
        outcome,
        payload=json.dumps({"errorType": _ERROR_TYPE, "errorMessage": message}).encode(),
        function_error="Unhandled",
        log_lines=(
            *before,
            log_lines.crashed(message, _ERROR_TYPE),
            end,
            f"{report.rstrip()}\t{error}",
        ),
        alive=False,
    )
