"""LocalStack's role "runtime executor", played by a process.

It differs from a container in this: the code is not at ``/var/task`` but where LocalStack
unpacked it (``LAMBDA_TASK_ROOT`` says where), ``/tmp`` is shared by all functions, the memory
size is not enforced, and every Python runtime is the Python of the image.
"""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from concurrent.futures import CancelledError
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from localstack import config
from localstack.aws.api.lambda_ import PackageType
from localstack.services.lambda_.invocation.executor_endpoint import (
    ShutdownDuringStartup,
    StatusErrorException,
)
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from process_executor.process import (
    Answered,
    Ending,
    Event,
    Exited,
    FunctionProcess,
    InitFailed,
    Stopped,
    TimedOut,
)

_ADDRESS = "127.0.0.1"
_RUNTIME_DIR = "/var/runtime"
_STARTUP_FAILED = "Environment startup failed"


class ProcessExecutor(RuntimeExecutor):
    """One execution environment: a process that handles one invocation after the other.

    After a timeout or an exit, the next invocation starts a new process, as it would in a
    container.
    """

    def __init__(self, id: str, function_version: FunctionVersion) -> None:
        super().__init__(id, function_version)
        self._variables: dict[str, str] = {}
        self._process: FunctionProcess | None = None
        self._stopped = False
        self._lock = threading.Lock()

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack the code. What is raised becomes the StateReason of the function."""
        settings = function_version.config
        if settings.package_type != PackageType.Zip:
            raise NotImplementedError("this executor runs .zip packages only, no images")
        if not settings.runtime.startswith("python"):
            raise NotImplementedError(f"this executor runs Python only, not {settings.runtime}")
        if settings.layers:
            raise NotImplementedError("this executor knows no layers")
        settings.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing to do: LocalStack deletes the code itself."""

    def start(self, env_vars: dict[str, Any]) -> None:
        """Start the process and wait until it is initialised, or until :meth:`stop`."""
        code = str(self._code_folder())
        search_path = [env_vars.get("PYTHONPATH"), _RUNTIME_DIR]
        self._variables = {
            "LANG": "en_US.UTF-8",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            **{name: str(value) for name, value in env_vars.items()},
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.function_version.config.runtime}",
            "LAMBDA_RUNTIME_DIR": _RUNTIME_DIR,
            "LAMBDA_TASK_ROOT": code,
            "PWD": code,
            "PYTHONPATH": ":".join(filter(None, search_path)),
        }
        ending = self._start_process().wait_until_ready()
        match ending:
            case InitFailed(document):
                raise StatusErrorException(_STARTUP_FAILED, payload=document)
            case Exited(status):
                raise StatusErrorException(_STARTUP_FAILED, payload=_exit_document(status))
            case Stopped():
                raise ShutdownDuringStartup("stopped while the function was initialised")

    def stop(self) -> None:
        """End the process and all that it started."""
        with self._lock:
            self._stopped = True
            process = self._process
        if process is not None:
            process.stop()

    def get_address(self) -> str:
        """Where LocalStack reaches the function."""
        return _ADDRESS

    def get_endpoint_from_executor(self) -> str:
        """Where the function reaches LocalStack."""
        return _ADDRESS

    def get_runtime_endpoint(self) -> str:
        """Where a container would report to; this process reports to its own Runtime API."""
        return f"http://{_ADDRESS}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        """What the process wrote, for LocalStack's own log."""
        return "" if self._process is None else self._process.all_output()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the handler once, or tell why that failed."""
        request_id = payload["invoke-id"]
        timeout = int(self._variables["AWS_LAMBDA_FUNCTION_TIMEOUT"])
        began = time.monotonic()
        deadline = began + timeout
        process, ending = self._process, None
        if process is None:
            process = self._start_process()
            ending = process.wait_until_ready(deadline)
        lines = [
            process.new_output(),
            f"START RequestId: {request_id} Version: {self.function_version.id.qualifier}\n",
        ]
        outcome: Answered | Ending
        alive = False
        if ending is not None:
            outcome = ending
        else:
            event = Event(
                request_id=request_id,
                payload=payload["payload"].encode(),
                function_arn=payload["invoked-function-arn"],
                trace_id=payload["trace-id"],
                deadline_ms=int((time.time() + timeout) * 1000),
            )
            outcome, alive = process.invoke(event, deadline)
        if isinstance(outcome, Stopped):
            raise CancelledError
        duration = min(time.monotonic() - began, timeout)
        if not alive:
            process.stop()
            self._process = None
        document = _document(outcome, request_id, timeout)
        lines += [process.new_output(), self._closing_lines(request_id, duration)]
        return InvocationResult(
            request_id=request_id,
            payload=document,
            is_error=isinstance(outcome, TimedOut) or _has_error_type(document),
            logs="".join(lines),
        )

    def _start_process(self) -> FunctionProcess:
        handler = self.function_version.config.handler
        process = FunctionProcess(
            handler,
            self._variables,
            self._code_folder(),
            max_response_size=int(self._variables["LOCALSTACK_MAX_PAYLOAD_SIZE"]),
        )
        with self._lock:
            self._process = process
            stopped = self._stopped
        if stopped:
            process.stop()
        return process

    def _code_folder(self) -> Path:
        return Path(self.function_version.config.code.get_unzipped_code_location())

    def _closing_lines(self, request_id: str, duration: float) -> str:
        """END and REPORT; the memory used is not measured."""
        milliseconds = duration * 1000
        size = self._variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        return (
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {math.ceil(milliseconds)} ms\t"
            f"Memory Size: {size} MB\tMax Memory Used: {size} MB\t\n"
        )


def _document(outcome: Answered | Ending, request_id: str, timeout: int) -> bytes:
    """The response, or the error document in LocalStack's words."""
    match outcome:
        case Answered(payload) | InitFailed(payload):
            return payload
        case Exited(code):
            return _exit_document(code, f"RequestId: {request_id} ")
        case _:
            now = datetime.now(timezone.utc)
            message = (
                f"{now:%Y-%m-%dT%H:%M:%SZ} {request_id} Task timed out after {timeout}.00 seconds"
            )
            return json.dumps({"errorMessage": message}).encode()


def _exit_document(code: int, prefix: str = "") -> bytes:
    if code == 0:
        reason = "Runtime exited without providing a reason"
    elif code > 0:
        reason = f"Runtime exited with error: exit status {code}"
    else:
        reason = f"Runtime exited with error: signal: {str(signal.strsignal(-code)).lower()}"
    message = f"{prefix}Error: {reason}"
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": message}).encode()


def _has_error_type(document: bytes) -> bool:
    """What LocalStack takes for an error, although a handler may return it as well."""
    try:
        decoded = json.loads(document)
    except ValueError:
        return False
    return isinstance(decoded, dict) and "errorType" in decoded
