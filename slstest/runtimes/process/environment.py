"""An execution environment in a process of its own: its phases, and what becomes of each.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from slstest.runtimes import log_lines
from slstest.runtimes.base import EnvironmentSpec, InvocationOutcome, InvocationRequest
from slstest.runtimes.process.runtime_api import Event, error_document
from slstest.runtimes.process.sandbox import Ending, Sandbox, Stop

# Lambda's own log has no other error types than these.
_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][A-Za-z]+")
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class _Failure:
    """Why there is no answer of the handler's."""

    payload: bytes
    status: str
    """``error`` or ``timeout``, as the log's REPORT has it."""
    error_type: str | None = None
    log_line: str | None = None


@dataclass(frozen=True)
class _Beginning:
    """What came before the handler could be called."""

    began: float
    """When, by the monotonic clock, the time of the invocation began to run."""
    failure: _Failure | None = None
    init_duration: float | None = None
    repeated: bool = False
    """Whether the initialisation that counts was part of the invocation."""


class ProcessEnvironment:
    """Initialises at once, in the background, and then handles one invocation at a time.

    - An initialisation that fails is told by the next invocation, with the error document of
      the function's runtime. AWS would try it a second time within that invocation first.
    - One that takes longer than 10 s is ended, and repeated within the first invocation and
      its timeout, as on AWS.
    - After a timeout, too much memory, or an exit, nothing that the function started is alive
      when :meth:`invoke` returns.
    - The document of a timeout is the one that Lambda gives today, ``Sandbox.Timedout`` with
      ``RequestId: ... Error: Task timed out after 1.00 seconds``; in earlier years it had the
      log's line as its ``errorMessage`` and no type.
    """

    def __init__(
        self,
        spec: EnvironmentSpec,
        start: Callable[[float | None], Sandbox],
        init_timeout: float,
        forget: Callable[[ProcessEnvironment], None],
    ) -> None:
        """``start`` starts a sandbox whose initialisation may take so many seconds."""
        self._spec = spec
        self._start = start
        self._init_timeout = init_timeout
        self._forget = forget
        self._sandbox = start(init_timeout)
        self._cold = True
        self._dead = False
        self._closed = False
        self._busy = threading.Lock()

    def invoke(self, request: InvocationRequest) -> InvocationOutcome:
        """Run the handler once, see :class:`slstest.runtimes.base.ExecutionEnvironment`.

        Raises :class:`slstest.errors.SlstestError` where the zygote is gone.
        """
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("an execution environment handles one invocation at a time")
        try:
            return self._invoke(request)
        finally:
            self._busy.release()
            if self._closed:
                self._let_go()

    def close(self) -> None:
        """End it with everything it started; does not wait for that."""
        if self._closed:
            return
        self._closed = True
        self._sandbox.request_kill()
        self._let_go()
        self._forget(self)

    def _let_go(self) -> None:
        if self._busy.acquire(blocking=False):  # else the invocation does it at its end
            self._sandbox.close()
            self._busy.release()

    def _invoke(self, request: InvocationRequest) -> InvocationOutcome:
        lines: list[str] = []
        if self._dead or self._closed:
            killed = self._exited(request, "signal: killed")
            beginning = _Beginning(time.monotonic(), killed)
        elif self._cold:
            beginning = self._initialise(request, lines)
        else:
            beginning = _Beginning(time.monotonic())
        lines.append(log_lines.start(request.request_id, self._spec.version))
        failure, payload, failed = beginning.failure, b"", True
        if failure is None:
            failure = self._handle(request, beginning.began + self._spec.timeout)
        if failure is None:
            answer = self._sandbox.api.answer
            assert answer is not None
            payload, failed = answer.payload, answer.failed
        else:
            payload = failure.payload
        duration = (time.monotonic() - beginning.began) * 1000
        if failure is not None and failure.status == "timeout":
            duration = self._spec.timeout * 1000
        return self._outcome(request, lines, beginning, failure, payload, failed, duration)

    def _initialise(self, request: InvocationRequest, lines: list[str]) -> _Beginning:
        """Wait for the end of the initialisation, and tell ``lines`` of it."""
        self._cold = False
        spec = self._spec
        lines.append(log_lines.init_start(spec.runtime, spec.function_arn))
        began, phase = time.monotonic(), "init"
        failure = self._await_init(request, None)
        init_duration = self._sandbox.duration_of_init()
        if failure is not None and failure.status == "timeout":
            lines += self._sandbox.log.new_entries()
            lines.append(log_lines.init_report(init_duration, status="timeout"))
            began, phase = time.monotonic(), "invoke"
            self._replace_sandbox()
            failure = self._await_init(request, began + spec.timeout)
            init_duration = self._sandbox.duration_of_init()
        elif failure is None:
            began = time.monotonic()
        lines += self._sandbox.log.new_entries()
        if failure is not None:
            report = log_lines.init_report(
                init_duration, status=failure.status, error_type=failure.error_type, phase=phase
            )
            lines.append(report)
        return _Beginning(began, failure, init_duration, repeated=phase == "invoke")

    def _replace_sandbox(self) -> None:
        self._sandbox.close()
        self._sandbox = self._start(None)
        self._dead = False
        if self._closed:
            self._sandbox.request_kill()

    def _await_init(self, request: InvocationRequest, deadline: float | None) -> _Failure | None:
        sandbox = self._sandbox
        api = sandbox.api
        stop = sandbox.wait_until_ready(deadline)
        if stop is Stop.DONE:
            limit = time.monotonic() + self._init_timeout if deadline is None else deadline
            stop = sandbox.wait_for(lambda: api.idle or api.init_error is not None, limit)
        if stop is not Stop.DONE:
            return self._failed(request, stop)
        if api.init_error is not None:
            self._die()
            error_type, payload = api.init_error
            known = _ERROR_TYPE.fullmatch(error_type)
            return _Failure(payload, "error", error_type if known else "Runtime.Unknown")
        return None if sandbox.note_peak() else self._failed(request, Stop.MEMORY)

    def _handle(self, request: InvocationRequest, deadline: float) -> _Failure | None:
        sandbox = self._sandbox
        api = sandbox.api
        api.offer(
            Event(
                request_id=request.request_id,
                payload=request.payload,
                deadline=time.time() + deadline - time.monotonic(),
                invoked_function_arn=request.invoked_function_arn,
                trace_id=request.trace_id,
                client_context=request.client_context,
            )
        )
        stop = sandbox.wait_for(lambda: api.idle and api.answer is not None, deadline)
        if stop is Stop.DONE and not sandbox.note_peak():
            stop = Stop.MEMORY
        if stop is Stop.DONE:
            return None
        if stop is Stop.ENDED and api.answer is not None:
            self._dead = True  # it answered, and then it fell
            return None
        return self._failed(request, stop)

    def _failed(self, request: InvocationRequest, stop: Stop) -> _Failure:
        """End what is left of the sandbox, and say in Lambda's words what happened."""
        ending = self._die()
        request_id, timeout = request.request_id, self._spec.timeout
        if stop is Stop.DEADLINE or ending.reason == "init-timeout":
            message = log_lines.timeout_message(request_id, timeout)
            document = error_document("Sandbox.Timedout", message)
            line = log_lines.timed_out(request_id, timeout)
            return _Failure(document, "timeout", log_line=line)
        if stop is Stop.MEMORY or ending.reason == "memory":
            self._sandbox.peak = self._spec.memory_size * _MEGABYTE
            return self._exited(request, "signal: killed", "Runtime.OutOfMemory")
        return self._exited(request, ending.describe())

    @staticmethod
    def _exited(
        request: InvocationRequest, reason: str | None, error_type: str = "Runtime.ExitError"
    ) -> _Failure:
        message = log_lines.exit_message(request.request_id, reason)
        document = error_document("Runtime.ExitError", message)
        line = log_lines.crashed(message, "Runtime.ExitError")
        return _Failure(document, "error", error_type, line)

    def _die(self) -> Ending:
        self._dead = True
        return self._sandbox.kill()

    def _outcome(
        self,
        request: InvocationRequest,
        lines: list[str],
        beginning: _Beginning,
        failure: _Failure | None,
        payload: bytes,
        failed: bool,
        duration: float,
    ) -> InvocationOutcome:
        memory_used = min(-(-self._sandbox.peak // _MEGABYTE), self._spec.memory_size)
        if not self._sandbox.log.closed:
            lines += self._sandbox.log.new_entries()
        if failure is not None and failure.log_line is not None:
            lines.append(failure.log_line)
        lines.append(log_lines.end(request.request_id))
        # Init Duration stands only where initialising was a phase of its own, and succeeded.
        own_phase = beginning.failure is None and not beginning.repeated
        report = log_lines.report(
            request.request_id,
            duration=duration,
            memory_size=self._spec.memory_size,
            max_memory_used=memory_used,
            init_duration=beginning.init_duration if own_phase else None,
            status=None if failure is None else failure.status,
            error_type=None if failure is None else failure.error_type,
        )
        return InvocationOutcome(
            payload=payload,
            function_error="Unhandled" if failed else None,
            log_lines=(*lines, report),
            duration=duration,
            init_duration=beginning.init_duration,
            max_memory_used=memory_used,
            alive=not (self._dead or self._closed),
        )
