"""A proxy in front of a cloud that notes what is called and lets calls go wrong, as AWS does."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.session

from slstest.clouds.iam_actions import actions_of
from slstest.embedded.messages import AwsRequest, AwsResponse, route
from slstest.embedded.operations import operation_of

_OF_ONE_CONNECTION = frozenset({"connection", "transfer-encoding", "content-length", "host"})

_MODELS = {"dynamodb": ("dynamodb", "dynamodbstreams")}
"""boto3's names of the services that sign with another one's name."""


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    service: str
    """The name with which it was signed."""
    operation: str
    access_key: str
    request: AwsRequest
    status: int

    @property
    def actions(self) -> list[str]:
        """The IAM actions that allow it."""
        return actions_of(self.service, self.operation)

    @property
    def form(self) -> dict[str, str]:
        """The parameters, where they were sent as a form."""
        fields = parse_qs(self.request.content().decode())
        return {name: values[0] for name, values in fields.items()}


@dataclass
class _Fault:
    operation: str
    answer: Callable[[AwsRequest], AwsResponse]
    left: float


@dataclass
class Proxy:
    """Hands requests on to ``target``."""

    target: str
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._faults: list[_Fault] = []
        self._lock = threading.Lock()
        self._session = botocore.session.get_session()
        self._server = _Server(self._answer)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def refuse(
        self, operation: str, code: str, message: str, *, times: float = 1, status: int = 400
    ) -> None:
        """Answer the next calls of an operation with an error, and hand none of them on."""
        fault = _Fault(operation, lambda request: request.error(status, code, message), times)
        self._faults.append(fault)

    def answer(self, operation: str, body: str) -> None:
        """Answer the next call of an operation."""
        told = AwsResponse(200, {"Content-Type": "text/xml"}, body.encode())
        self._faults.append(_Fault(operation, lambda _: told, 1))

    def heal(self) -> None:
        """Refuse nothing any more."""
        self._faults.clear()

    def operations(self) -> list[str]:
        """What was called, in order."""
        return [call.operation for call in self.calls]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    # -- inside -------------------------------------------------------------------------

    def _answer(self, request: AwsRequest) -> AwsResponse:
        operation = self._operation(request)
        answer = self._struck(operation, request) or self._handed_on(request)
        with self._lock:
            self.calls.append(
                Call(request.service, operation, request.access_key, request, answer.status)
            )
        return answer

    def _operation(self, request: AwsRequest) -> str:
        with self._lock:
            for name in _MODELS.get(request.service, (request.service,)):
                found = operation_of(self._session.get_service_model(name), request)
                if found:
                    return found
        raise AssertionError(f"no operation of {request.service}: {request.described}")

    def _struck(self, operation: str, request: AwsRequest) -> AwsResponse | None:
        with self._lock:
            for fault in self._faults:
                if fault.operation == operation and fault.left > 0:
                    fault.left -= 1
                    return fault.answer(request)
        return None

    def _handed_on(self, request: AwsRequest) -> AwsResponse:
        connection = http.client.HTTPConnection(urlsplit(self.target).netloc, timeout=60)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in _OF_ONE_CONNECTION
        }
        try:
            connection.request(request.method, request.url, request.content(), headers)
            answer = connection.getresponse()
            told = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in _OF_ONE_CONNECTION
            }
            return AwsResponse(answer.status, told, answer.read())
        finally:
            connection.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[AwsRequest], AwsResponse]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                headers = self.headers
                if headers.get("Transfer-Encoding", "") == "chunked":
                    body = self._chunks()
                else:
                    body = self.rfile.read(int(headers.get("Content-Length") or 0))
                request = route(self.command, self.path, headers, body, default_region="")
                told = answer(request)
                self.send_response(told.status)
                for name, value in told.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(told.body)

            def _chunks(self) -> bytes:
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _any

            def send_response(self, code: int, message: str | None = None) -> None:
                self.send_response_only(code, message)

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
