"""What the Lambda service asks of whatever executes a handler.

A *runtime* starts *execution environments*; an execution environment initialises the
function once and then handles one invocation at a time, as AWS Lambda's does
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class EnvironmentSpec:
    """Everything that an execution environment is made from."""

    function_name: str
    function_arn: str
    version: str
    runtime: str
    """The runtime identifier, for example ``python3.12``."""
    handler: str
    code: Path
    """The folder that holds the unpacked deployment package (``LAMBDA_TASK_ROOT``). Shared
    by every environment of the same package, and never written to."""
    timeout: float
    """Seconds that one invocation may take."""
    memory_size: int
    """Megabytes."""
    region: str
    log_group: str
    log_stream: str
    variables: Mapping[str, str] = field(default_factory=dict)
    """The function's own environment variables, as configured."""
    aws_variables: Mapping[str, str] = field(default_factory=dict)
    """Credentials, region and endpoint, through which boto3 reaches the cloud."""


@dataclass(frozen=True)
class InvocationRequest:
    """One invocation handed to an execution environment."""

    request_id: str
    payload: bytes
    invoked_function_arn: str
    trace_id: str
    client_context: str | None = None
    """The client context as JSON text, already decoded from base64."""


@dataclass(frozen=True)
class InvocationOutcome:
    """How one invocation ended."""

    payload: bytes
    """What the handler returned, or Lambda's error document, as JSON."""
    function_error: str | None
    """None, or ``Unhandled``: the value of the header ``X-Amz-Function-Error``."""
    log_lines: tuple[str, ...]
    """What CloudWatch Logs gets, oldest first, each without its final newline: INIT_START,
    START, the function's output, END, REPORT. A line that the function wrote in several
    lines at once (a logged traceback) is one entry with newlines inside."""
    duration: float
    """Milliseconds spent in the invoke phase."""
    init_duration: float | None = None
    """Milliseconds spent initialising; None where the environment was warm."""
    max_memory_used: int = 0
    """Megabytes."""
    alive: bool = True
    """False where the environment must not be used again: it timed out, exited, ran out of
    memory or could not initialise."""

    @property
    def cold_start(self) -> bool:
        return self.init_duration is not None


class ExecutionEnvironment(Protocol):
    """One initialised (or still initialising) function, used by one invocation at a time."""

    def invoke(self, request: InvocationRequest) -> InvocationOutcome:
        """Run the handler once and wait for its end, at most ``spec.timeout`` seconds.

        Never raises for what the function does: exceptions, timeouts, exits and
        initialisation errors come back as an outcome with Lambda's error document.
        """

    def close(self) -> None:
        """Kill it with everything it started; safe to call more than once, and while an
        invocation is running (which then ends as one whose environment exited)."""


class Runtime(Protocol):
    """Starts execution environments."""

    name: str
    """As the option ``--sls-runtime`` names it."""

    def check(self, spec: EnvironmentSpec) -> None:
        """Raise :class:`slstest.errors.UnsupportedRuntime` where this runtime cannot run it."""

    def start(self, spec: EnvironmentSpec) -> ExecutionEnvironment:
        """Begin to initialise an environment and return at once."""

    def close(self) -> None:
        """End every environment and whatever serves them."""
