"""The lines that Lambda itself writes to a function's log, in its own words.

Lambda's text format: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html and,
for initialisation, timeouts and crashes,
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html. Durations are
milliseconds, sizes megabytes; no line ends with a newline.
"""

from __future__ import annotations

import hashlib
import math
import re
from datetime import datetime, timezone


def runtime_version_arn(runtime: str, function_arn: str) -> str:
    """The ARN of a runtime version, in the partition and region of the function.

    AWS names a version by a hash that it publishes nowhere; here it is derived from the
    runtime's identifier, so that it is the same everywhere.
    """
    _, partition, _, region, *_ = function_arn.split(":")
    version = hashlib.sha256(runtime.encode()).hexdigest()
    return f"arn:{partition}:lambda:{region}::runtime:{version}"


def init_start(runtime: str, function_arn: str) -> str:
    """The first line of an execution environment, written before the function's own output."""
    version = re.sub(r"^([a-z]+)\.?", r"\1:", runtime).removesuffix(".x")
    arn = runtime_version_arn(runtime, function_arn)
    return f"INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}"


def init_report(
    duration: float, *, status: str, error_type: str | None = None, phase: str = "init"
) -> str:
    """The line that ends an initialisation which failed (``error``) or took too long
    (``timeout``); one that succeeded is told by the Init Duration of :func:`report`."""
    line = f"INIT_REPORT Init Duration: {duration:.2f} ms\tPhase: {phase}\tStatus: {status}"
    return line if error_type is None else f"{line}\tError Type: {error_type}"


def start(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}"


def end(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def billed_duration(duration: float, init_duration: float | None = None) -> int:
    """Whole milliseconds billed: both phases, rounded up
    (https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/)."""
    # Rounding to the log's two digits first keeps 5.000000001 from being billed as 6.
    return math.ceil(round(duration + (init_duration or 0.0), 2))


def report(
    request_id: str,
    *,
    duration: float,
    memory_size: int,
    max_memory_used: int,
    init_duration: float | None = None,
    status: str | None = None,
    error_type: str | None = None,
) -> str:
    """The last line of an invocation.

    ``status`` is given only where the environment did not survive: ``timeout``, or ``error``
    with its ``error_type`` (``Runtime.ExitError``, ``Runtime.OutOfMemory``, an error of
    initialisation). An exception that the handler raised is no such case.
    """
    fields = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration:.2f} ms",
        f"Billed Duration: {billed_duration(duration, init_duration)} ms",
        f"Memory Size: {memory_size} MB",
        f"Max Memory Used: {max_memory_used} MB",
    ]
    if init_duration is not None:
        fields.append(f"Init Duration: {init_duration:.2f} ms")
    # AWS ends the line of a normal invocation with a tab, and that of a failed one without.
    if status is None:
        fields.append("")
    else:
        fields.append(f"Status: {status}")
        if error_type is not None:
            fields.append(f"Error Type: {error_type}")
    return "\t".join(fields)


def timed_out(request_id: str, timeout: float, at: datetime | None = None) -> str:
    """The line of an invocation that took longer than ``timeout`` seconds."""
    moment = (at or datetime.now(timezone.utc)).astimezone(timezone.utc)
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return f"{stamp} {request_id} Task timed out after {timeout:.2f} seconds"


def timeout_message(request_id: str, timeout: float) -> str:
    """``errorMessage`` of ``Sandbox.Timedout``."""
    return f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"


def exit_message(request_id: str, reason: str | None) -> str:
    """``errorMessage`` of ``Runtime.ExitError``. ``reason`` is ``exit status 3``,
    ``signal: killed``, or None for an exit with status 0."""
    if reason is None:
        return f"RequestId: {request_id} Error: Runtime exited without providing a reason"
    return f"RequestId: {request_id} Error: Runtime exited with error: {reason}"


def crashed(message: str, error_type: str) -> str:
    """The line of an environment that ended during an invocation; ``message`` is the
    ``errorMessage`` that the caller gets, see :func:`exit_message`."""
    return f"{message}\n{error_type}"
