"""The Lambda Runtime API, through which an execution environment gets and answers events.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

It has no thread: whoever waits for the environment calls :meth:`RuntimeApi.handle` when one of
its descriptors is readable. Nothing is answered in between, and nothing needs to be: until the
environment is invoked, all that it can want is its next event.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from slstest.runtimes.limits import MAX_RESPONSE_SIZE, response_too_large

_PREFIX = "/2018-06-01/runtime"
_ANSWER = re.compile(rf"{_PREFIX}/invocation/([^/]+)/(response|error)")
_PIECE = 65536
# Closing then resets the connection at once, and its port is free again.
_NO_LINGERING = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Event:
    """One event for the environment, with what its headers say."""

    request_id: str
    payload: bytes
    deadline: float
    """Seconds since the epoch."""
    invoked_function_arn: str
    trace_id: str
    client_context: str | None

    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(self.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.invoked_function_arn,
        }
        if self.trace_id:
            headers["Lambda-Runtime-Trace-Id"] = self.trace_id
        if self.client_context is not None:
            # JSON may be written in lines, a header may not.
            headers["Lambda-Runtime-Client-Context"] = " ".join(self.client_context.splitlines())
        return headers


@dataclass(frozen=True)
class Answer:
    """What the environment made of an event."""

    payload: bytes
    failed: bool


class RuntimeApi:
    """The Runtime API of one execution environment, on a loopback port of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        host, port = self._listener.getsockname()
        self.address = f"{host}:{port}"
        self.init_error: tuple[str, bytes] | None = None
        """The error type and document with which the environment gave up initialising."""
        self.answer: Answer | None = None
        """To the event of the last :meth:`offer`."""
        self.deadline = float("inf")
        """When, by the monotonic clock, to give up on a peer that sends half a request."""
        self._undelivered: Event | None = None
        self._request_id: str | None = None
        """Of the last event that was delivered."""
        self._waiting: _Connection | None = None
        self._connections: dict[int, _Connection] = {}

    @property
    def idle(self) -> bool:
        """Whether the environment waits for its next event."""
        return self._waiting is not None

    @property
    def listener(self) -> int:
        """The descriptor that tells of new connections."""
        return self._listener.fileno()

    def descriptors(self) -> list[int]:
        """What to wait for being readable."""
        return [self._listener.fileno(), *self._connections]

    def handle(self, descriptor: int) -> None:
        """Read what came on one of :meth:`descriptors`."""
        if descriptor == self._listener.fileno():
            peer, address = self._listener.accept()
            self._connections[peer.fileno()] = _Connection(peer, address, self)
            return
        connection = self._connections.get(descriptor)
        if connection is None:  # hung up meanwhile
            return
        connection.connection.settimeout(self._patience())
        try:
            connection.handle_one_request()
        except (ConnectionError, ValueError):  # cut off, or no HTTP
            connection.close_connection = True
        if connection.close_connection:
            self._hang_up(connection)

    def offer(self, event: Event) -> None:
        """Give the environment its next event; its :attr:`answer` is None until there is one."""
        self._undelivered, self.answer = event, None
        if self._waiting is None:
            return
        waiting, self._waiting = self._waiting, None
        waiting.connection.settimeout(self._patience())
        try:
            self._deliver(waiting)
        except (ConnectionError, TimeoutError):
            self._hang_up(waiting)

    def close(self) -> None:
        for connection in list(self._connections.values()):
            self._hang_up(connection)
        self._listener.close()

    def serve(self, connection: _Connection) -> None:
        """Answer one request, or keep it waiting for an event."""
        path, method = connection.path, connection.command
        if method == "GET" and path == f"{_PREFIX}/invocation/next":
            self._next(connection)
        elif method == "POST" and path == f"{_PREFIX}/init/error":
            error_type = connection.headers.get("Lambda-Runtime-Function-Error-Type", "")
            self.init_error = (error_type, connection.read_body() or b"")
            connection.accept()
        elif method == "POST" and (answer := _ANSWER.fullmatch(path)):
            self._answered(connection, request_id=answer[1], failed=answer[2] == "error")
        else:
            connection.read_body()
            connection.refuse(HTTPStatus.NOT_FOUND, "NotFound", f"there is no {method} {path}")

    def _next(self, connection: _Connection) -> None:
        if self._undelivered is not None:
            self._deliver(connection)
        elif self._request_id is not None and self.answer is None:
            message = f"the event {self._request_id} has not been answered yet"
            connection.refuse(HTTPStatus.FORBIDDEN, "InvalidStateTransition", message)
        else:
            self._waiting = connection

    def _deliver(self, connection: _Connection) -> None:
        event, self._undelivered = self._undelivered, None
        assert event is not None
        self._request_id = event.request_id
        connection.respond(HTTPStatus.OK, event.payload, event.headers())

    def _answered(self, connection: _Connection, request_id: str, failed: bool) -> None:
        body = connection.read_body()
        if request_id != self._request_id:
            connection.refuse(HTTPStatus.BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
        elif self.answer is not None:
            message = f"the event {request_id} has been answered already"
            connection.refuse(HTTPStatus.FORBIDDEN, "InvalidStateTransition", message)
        elif body is None:
            self.answer = Answer(json.dumps(response_too_large()).encode(), failed=True)
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            limit = f"maximum allowed payload size ({MAX_RESPONSE_SIZE} bytes)."
            connection.refuse(status, "RequestEntityTooLarge", f"Exceeded {limit}")
        else:
            self.answer = Answer(body, failed)
            connection.accept()

    def _patience(self) -> float | None:
        left = self.deadline - time.monotonic()
        return None if left == float("inf") else max(left, 0.001)

    def _hang_up(self, connection: _Connection) -> None:
        self._connections.pop(connection.connection.fileno(), None)
        if self._waiting is connection:
            self._waiting = None
        connection.hang_up()


class _Connection(BaseHTTPRequestHandler):
    """One connection; :meth:`handle_one_request` reads one request from it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body leave as one piece

    def __init__(self, peer: socket.socket, address: Any, api: RuntimeApi) -> None:
        self._api = api
        super().__init__(peer, address, server=None)  # type: ignore[arg-type]

    def handle(self) -> None:
        """Nothing yet: requests are read when there are any."""

    def finish(self) -> None:
        """Nothing yet: the connection stays."""

    def do_GET(self) -> None:
        self._api.serve(self)

    do_POST: Callable[[_Connection], None] = do_GET

    def handle_expect_100(self) -> bool:
        """Have the peer go on, at once."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def log_message(self, *_: Any) -> None:
        """Keep quiet: the test's output is not the place."""

    def read_body(self) -> bytes | None:
        """The body, None where it is larger than a response may be."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        size = int(self.headers.get("Content-Length") or 0)
        if size <= MAX_RESPONSE_SIZE:
            return self.rfile.read(size)
        while size > 0 and (piece := self.rfile.read(min(size, _PIECE))):
            size -= len(piece)
        return None

    def _read_chunks(self) -> bytes | None:
        body = bytearray()
        size = total = -1
        while size != 0:
            size = int(self.rfile.readline().partition(b";")[0], 16)
            chunk = self.rfile.read(size)
            total += size
            if total < MAX_RESPONSE_SIZE:
                body += chunk
            if size:
                self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers, which only response streaming uses
        return bytes(body) if total < MAX_RESPONSE_SIZE else None

    def accept(self) -> None:
        self.respond(HTTPStatus.ACCEPTED, b'{"status":"OK"}\n')

    def refuse(self, status: HTTPStatus, error_type: str, message: str) -> None:
        self.respond(status, error_document(error_type, message))

    def respond(
        self, status: HTTPStatus, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        head = {"Content-Type": "application/json", **(headers or {})}
        head["Content-Length"] = str(len(body))
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.wfile.write(f"HTTP/1.1 {status.value} {status.phrase}\r\n{lines}\r\n".encode() + body)
        self.wfile.flush()

    def hang_up(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
        with contextlib.suppress(OSError):  # what was not sent yet, nobody is left to read
            self.wfile.close()
        self.rfile.close()
        self.connection.close()


def error_document(error_type: str, message: str) -> bytes:
    """Lambda's error document, as compact and in the order in which Lambda writes it."""
    document = {"errorType": error_type, "errorMessage": message}
    return json.dumps(document, separators=(",", ":")).encode()
