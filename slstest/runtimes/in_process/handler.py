"""Loading a handler and calling it, with the words of AWS's own ``awslambdaric``."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slstest.runtimes.base import InvocationRequest
from slstest.runtimes.in_process.debugger import is_raised_by_a_debugger
from slstest.runtimes.in_process.output import FunctionLog
from slstest.runtimes.limits import MAX_RESPONSE_SIZE, response_too_large

Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True)
class Failed:
    """An exception, as Lambda's error document."""

    error: dict[str, Any]


@dataclass(frozen=True)
class Exited:
    """The end of what would be the function's process, with this status."""

    status: int

    @property
    def reason(self) -> str | None:
        """In Lambda's words, which has none for a good end."""
        return f"exit status {self.status}" if self.status else None


@dataclass(frozen=True)
class TimedOut:
    """The end of the function's time."""


@dataclass(frozen=True)
class Killed:
    """The end of the environment from outside."""

    @property
    def reason(self) -> str:
        """In Lambda's words."""
        return "signal: killed"


Ending = Failed | Exited | TimedOut | Killed


def load(name: str, log: FunctionLog) -> Handler | Failed:
    """Import the handler ``module.function``; call it on stage."""
    from awslambdaric import bootstrap, lambda_literals

    try:
        handler: Handler = bootstrap._get_handler(name)
        return handler
    except bootstrap.FaultException as fault:
        error = bootstrap.make_error(fault.msg, fault.exception_type, fault.trace)
    except Exception as raised:
        if is_raised_by_a_debugger(raised):
            raise
        error = bootstrap.build_fault_result(_without_this_frame(), None)
    logging.warning(lambda_literals.lambda_unhandled_exception_warning_message.rstrip("\r"))
    bootstrap.log_error(error, log)
    return Failed(error)


def call(
    handler: Handler, request: InvocationRequest, deadline: float, log: FunctionLog
) -> bytes | Failed:
    """Call the handler; ``deadline`` is in seconds since the epoch. Call it on stage."""
    from awslambdaric import bootstrap
    from awslambdaric.lambda_context import LambdaContext
    from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

    marshaller = LambdaMarshaller()
    try:
        client_context = None
        if request.client_context:
            client_context = bootstrap.parse_json_header(request.client_context, "Client Context")
        context = LambdaContext(
            request.request_id,
            client_context,
            None,
            int(deadline * 1000),
            request.invoked_function_arn,
        )
        event = marshaller.unmarshal_request(request.payload)
        response = handler(event, context)
        payload, _ = marshaller.marshal_response(response)
    except bootstrap.FaultException as fault:
        error = bootstrap.make_error(
            fault.msg, fault.exception_type, fault.trace, request.request_id
        )
    except Exception as raised:
        if is_raised_by_a_debugger(raised):
            raise
        error = bootstrap.build_fault_result(_without_this_frame(), None)
        error["requestId"] = request.request_id
    else:
        # What UTF-8 cannot say, JSON can: a lone surrogate goes out as its escape.
        answer: bytes = (
            payload if isinstance(payload, bytes) else payload.encode("utf-8", "backslashreplace")
        )
        return answer if len(answer) <= MAX_RESPONSE_SIZE else Failed(response_too_large())
    bootstrap.log_error(error, log)
    return Failed(error)


def document(error: dict[str, Any]) -> bytes:
    """An error document as JSON."""
    from awslambdaric.lambda_runtime_marshaller import to_json

    text: str = to_json(error)
    return text.encode("utf-8", "backslashreplace")


def exit_status(code: object) -> int:
    """The status of a process that ends with ``SystemExit(code)``."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1


def _without_this_frame() -> tuple[Any, Any, Any]:
    kind, error, trace = sys.exc_info()
    return kind, error, trace.tb_next if trace is not None else None
