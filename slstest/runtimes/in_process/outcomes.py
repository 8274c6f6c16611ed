"""What comes of an invocation, told as Lambda tells it: to the caller and in the log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from slstest.runtimes import log_lines
from slstest.runtimes.base import EnvironmentSpec, InvocationOutcome, InvocationRequest
from slstest.runtimes.in_process.handler import (
    Ending,
    Exited,
    Failed,
    Killed,
    TimedOut,
    document,
)
from slstest.runtimes.in_process.output import FunctionLog

# Lambda's own log has no other error types than these.
_LOGGED_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][A-Za-z]+")


@dataclass(frozen=True)
class Initialisation:
    """The initialisation that came before an invocation."""

    duration: float
    """Milliseconds."""
    repeated: bool
    """Whether it was part of the invocation."""
    succeeded: bool


def tell_failed_initialisation(
    log: FunctionLog, ending: Ending, duration: float, phase: str
) -> None:
    status, error_type = _in_the_log(ending, initialising=True)
    assert status is not None
    log.append(log_lines.init_report(duration, status=status, error_type=error_type, phase=phase))


def tell(
    log: FunctionLog,
    spec: EnvironmentSpec,
    request: InvocationRequest,
    ending: bytes | Ending,
    duration: float,
    initialisation: Initialisation | None,
) -> InvocationOutcome:
    """Write the end of an invocation to the log, and take from there what belongs to it.

    ``ending`` is the payload that the handler returned, or how it ended otherwise;
    ``duration`` is in milliseconds, ``initialisation`` None in a warm environment.
    """
    request_id = request.request_id
    began_well = initialisation is None or initialisation.succeeded
    status: str | None = None
    error_type: str | None = None
    if isinstance(ending, bytes):
        payload = ending
    else:
        status, error_type = _in_the_log(ending, initialising=not began_well)
        error, line = _in_words(ending, request_id, spec.timeout)
        payload = document(error)
        if line is not None:
            log.append(line)
    if status == "timeout":
        duration = spec.timeout * 1000
    log.append(log_lines.end(request_id))
    own_phase = initialisation is not None and began_well and not initialisation.repeated
    log.append(
        log_lines.report(
            request_id,
            duration=duration,
            memory_size=spec.memory_size,
            max_memory_used=0,
            init_duration=initialisation.duration if initialisation and own_phase else None,
            status=status,
            error_type=error_type,
        )
    )
    return InvocationOutcome(
        payload=payload,
        function_error=None if isinstance(ending, bytes) else "Unhandled",
        log_lines=log.take(),
        duration=duration,
        init_duration=None if initialisation is None else initialisation.duration,
        alive=status is None,
    )


def _in_words(ending: Ending, request_id: str, timeout: float) -> tuple[dict[str, Any], str | None]:
    """The error document, and the line in the log that stands for it if there is one."""
    match ending:
        case Failed(error):
            return error, None
        case TimedOut():
            message = log_lines.timeout_message(request_id, timeout)
            error = {"errorType": "Sandbox.Timedout", "errorMessage": message}
            return error, log_lines.timed_out(request_id, timeout)
        case Exited() | Killed():
            message = log_lines.exit_message(request_id, ending.reason)
            error = {"errorType": "Runtime.ExitError", "errorMessage": message}
            return error, log_lines.crashed(message, "Runtime.ExitError")


def _in_the_log(ending: Ending, *, initialising: bool) -> tuple[str | None, str | None]:
    """Status and error type, where Lambda's log tells them."""
    match ending:
        case TimedOut():
            return "timeout", None
        case Exited() | Killed():
            return "error", "Runtime.ExitError"
        case Failed(error) if initialising:
            known = _LOGGED_ERROR_TYPE.fullmatch(error["errorType"])
            return "error", error["errorType"] if known else "Runtime.Unknown"
        case _:
            return None, None
