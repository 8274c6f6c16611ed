"""A Lambda function in a process of its own, and the Runtime API that it asks for its events.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_PREFIX = "/2018-06-01/runtime"
_NEXT = f"{_PREFIX}/invocation/next"
_INIT_ERROR = f"{_PREFIX}/init/error"
_ANSWER = re.compile(rf"{_PREFIX}/invocation/[^/]+/(response|error)")
_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Event:
    """What the function is to handle."""

    request_id: str
    payload: bytes
    function_arn: str
    trace_id: str
    deadline_ms: int
    """Milliseconds since the epoch."""


@dataclass(frozen=True)
class Ready:
    """The function waits for its next event."""


@dataclass(frozen=True)
class Answered:
    """The function answered an event, with a response or an error."""

    payload: bytes


@dataclass(frozen=True)
class InitFailed:
    """The function could not be initialised; ``payload`` is its error document."""

    payload: bytes


@dataclass(frozen=True)
class Exited:
    """The process ended; a negative ``code`` is the signal that ended it."""

    code: int


@dataclass(frozen=True)
class TimedOut:
    """Nothing happened until the deadline."""


@dataclass(frozen=True)
class Stopped:
    """:meth:`FunctionProcess.stop` was called."""


Ending = InitFailed | Exited | TimedOut | Stopped
_Report = Ready | Answered | Ending


class FunctionProcess:
    """Deadlines are seconds of the monotonic clock."""

    def __init__(
        self, handler: str, variables: Mapping[str, str], folder: Path, max_response_size: int
    ) -> None:
        self._events: queue.Queue[Event | None] = queue.Queue()
        self._reports: queue.Queue[_Report] = queue.Queue()
        # A file and not a pipe: whatever was written before an answer can be read after it. It is
        # open as long as this object lives.
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._output_read = 0
        self._lock = threading.Lock()
        self._stopped = False
        serve = functools.partial(_RuntimeApi, self._events, self._reports, max_response_size)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        self._process = subprocess.Popen(
            [_PYTHON, "-m", "awslambdaric", handler],
            cwd=folder,
            env={**variables, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}"},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._watch, daemon=True).start()

    def wait_until_ready(self, deadline: float | None = None) -> Ending | None:
        """None as soon as it is initialised, or what happened instead."""
        report = self._next_report(deadline)
        assert not isinstance(report, Answered), "there was nothing to answer yet"
        return None if isinstance(report, Ready) else report

    def invoke(self, event: Event, deadline: float) -> tuple[Answered | Ending, bool]:
        """The answer, or what happened instead, and whether another event can follow."""
        self._events.put(event)
        report = self._next_report(deadline)
        assert not isinstance(report, Ready), "it may not ask for an event before it answered"
        if not isinstance(report, Answered):
            return report, False
        # It is done only when it asks for the next event.
        return report, isinstance(self._next_report(deadline), Ready)

    def new_output(self) -> str:
        """What it wrote to stdout and stderr since the last call."""
        descriptor = self._output.fileno()
        written = os.pread(descriptor, os.fstat(descriptor).st_size, self._output_read)
        self._output_read += len(written)
        return written.decode(errors="replace")

    def all_output(self) -> str:
        """All that it wrote so far."""
        descriptor = self._output.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def stop(self) -> None:
        """End it with all that it started; who waits for it gets :class:`Stopped`."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        self._reports.put(Stopped())
        with contextlib.suppress(ProcessLookupError):  # it ended, and it had started nothing
            os.killpg(self._process.pid, signal.SIGKILL)
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _next_report(self, deadline: float | None) -> _Report:
        left = None if deadline is None else max(deadline - time.monotonic(), 0)
        try:
            return self._reports.get(timeout=left)
        except queue.Empty:
            return TimedOut()

    def _watch(self) -> None:
        self._reports.put(Exited(self._process.wait()))


class _RuntimeApi(BaseHTTPRequestHandler):
    """Passes events to the process, and what it says of them to whoever waits."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave as one piece

    def __init__(
        self,
        events: queue.Queue[Event | None],
        reports: queue.Queue[_Report],
        max_response_size: int,
        *request: Any,
    ) -> None:
        self._events = events
        self._reports = reports
        self._max_response_size = max_response_size
        super().__init__(*request)

    def do_GET(self) -> None:
        """Answer with the next event, as soon as there is one."""
        if self.path != _NEXT:
            self._respond(HTTPStatus.NOT_FOUND)
            return
        self._reports.put(Ready())
        event = self._events.get()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
            "Lambda-Runtime-Trace-Id": event.trace_id,
        }
        self._respond(HTTPStatus.OK, event.payload, headers)

    def do_POST(self) -> None:
        """Report the function's answer to its event, or that there will be none."""
        body = self._read_body()
        if self.path == _INIT_ERROR:
            self._reports.put(InitFailed(body))
        elif _ANSWER.fullmatch(self.path) and len(body) > self._max_response_size:
            self._reports.put(Answered(self._too_large(len(body))))
            self._respond(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        elif _ANSWER.fullmatch(self.path):
            self._reports.put(Answered(body))
        else:
            self._respond(HTTPStatus.NOT_FOUND)
            return
        self._respond(HTTPStatus.ACCEPTED, b'{"status":"OK"}')

    def log_message(self, *_: Any) -> None:
        """Keep LocalStack's log for LocalStack."""

    def _too_large(self, size: int) -> bytes:
        message = (
            f"Response payload size ({size} bytes) exceeded maximum allowed payload size "
            f"({self._max_response_size} bytes)."
        )
        document = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
        return json.dumps(document).encode()

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return body

    def _respond(
        self, status: HTTPStatus, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
