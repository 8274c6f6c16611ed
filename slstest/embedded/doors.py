"""The two ways into the embedded cloud: in this process, and HTTP on loopback."""

from __future__ import annotations

import io
import re
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import get_input_stream

from slstest.embedded.loopback import is_local_origin, listen, url_of
from slstest.embedded.messages import AwsRequest, AwsResponse, route
from slstest.errors import SlstestError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from botocore.awsrequest import AWSPreparedRequest, AWSResponse

Handle = Callable[[AwsRequest], AwsResponse]

Guard = Callable[[], AbstractContextManager[None]]
"""Surrounds the answering of a request, for a runtime that has to know of it."""

_HEADERS = "slstest.headers"
"""Where a request's headers are in its WSGI environment, as they were sent."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_WITHOUT_CONTENT = (204, 304)

_BUCKET_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.-]+?)(?:\.s3(?:[.-][a-z0-9-]+)?)?\.localhost(?:\.localstack\.cloud)?"
)


class InProcessDoor:
    """Answers the boto3 clients of this process without a socket.

    A handler of botocore's event ``before-send``, put among botocore's built-in ones, so
    that clients of every session made from now on have it. It answers only requests to the
    cloud's own endpoint; all others go their way.
    """

    def __init__(self, endpoint_url: str, region: str, handle: Handle) -> None:
        self._prefix = f"{endpoint_url}/"
        self._region = region
        self._handle = handle
        self._registration = ("before-send", self._answer)

    def open(self) -> None:
        from botocore.handlers import BUILTIN_HANDLERS

        BUILTIN_HANDLERS.append(self._registration)

    def close(self) -> None:
        from botocore.handlers import BUILTIN_HANDLERS

        if self._registration in BUILTIN_HANDLERS:
            BUILTIN_HANDLERS.remove(self._registration)

    def _answer(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        if not request.url.startswith(self._prefix):
            return None
        from botocore.awsrequest import AWSResponse

        answer = self._handle(
            route(
                request.method,
                request.url,
                request.headers,
                request.body,
                default_region=self._region,
            )
        )
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))  # type: ignore[arg-type]


class _Raw(io.BytesIO):
    """A response body with the one method of urllib3's that botocore uses."""

    def stream(self, amt: int = 65536, **_: Any) -> Iterable[bytes]:
        while chunk := self.read(amt):
            yield chunk


class HttpDoor:
    """Serves the cloud on a loopback port: to functions in processes, and to any client.

    A thread for each connection, because an Invoke holds its connection until the function
    has ended, and functions invoke functions.
    """

    def __init__(self, region: str, handle: Handle, listener: socket.socket | None = None) -> None:
        """``listener`` is the socket to serve, which the door closes; by default a free port."""
        self._region = region
        self._handle = handle
        with listener or listen() as given:
            self.endpoint_url = url_of(given)
            host, port, *_ = given.getsockname()
            self._server = _Server(host, port, self._application, _Handler, fd=given.fileno())
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.05},
            name="slstest-http",
            daemon=True,
        )

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()
        self._server.hang_up()

    def _application(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        request = route(
            environ["REQUEST_METHOD"],
            self.endpoint_url + environ["REQUEST_URI"],
            environ[_HEADERS],
            get_input_stream(environ).read(),
            default_region=self._region,
        )
        origin = environ.get("HTTP_ORIGIN", "")
        if origin and request.method not in _SAFE_METHODS and not is_local_origin(origin):
            answer = _foreign_page(request, origin)
        else:
            answer = self._answer(_in_path_style(request, environ.get("HTTP_HOST", "")))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status in _WITHOUT_CONTENT:
            headers.pop("content-length", None)
        elif request.method != "HEAD" or "content-length" not in headers:
            headers["content-length"] = str(len(answer.body))
        start_response(
            f"{answer.status} {HTTP_STATUS_CODES.get(answer.status, '')}", [*headers.items()]
        )
        return [answer.body]

    def _answer(self, request: AwsRequest) -> AwsResponse:
        try:
            return self._handle(request)
        except SlstestError as error:
            return request.error(501, "InternalFailure", str(error))
        except Exception as error:
            return _broken(request, error)


class _Server(ThreadedWSGIServer):
    """werkzeug's server, which knows its open connections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(*args, **kwargs)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._connections.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that has gone, killed perhaps, needs no answer and is no trouble of ours.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """End the connections that clients keep open for their next request."""
        with self._lock:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was quicker


class _Handler(WSGIRequestHandler):
    """Answers the requests of one connection.

    werkzeug closes the connection after each response, because it cannot know whether the
    application has read the request's body. This door's application always has, so
    connections stay open, which takes a third off the time of a request.
    """

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.closed(self.connection)
        super().finish()

    def log(self, type: str, message: str, *args: Any) -> None:
        """Requests are not logged; errors reach the client as responses."""

    def make_environ(self) -> WSGIEnvironment:
        environ = super().make_environ()
        # What moto words after the host (the URLs of queues) is to be the same for both doors.
        del self.headers["Host"]
        # WSGI takes "_" and "-" in names for the same, the names of S3's metadata do not.
        environ[_HEADERS] = self.headers
        return environ

    def handle_expect_100(self) -> bool:
        # What S3's clients wait a second for must not stay in the buffer.
        answered = super().handle_expect_100()
        self.wfile.flush()
        return answered

    def run_wsgi(self) -> None:
        body = b"".join(self.server.app(self.make_environ(), self._start_response))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        code, _, reason = status.partition(" ")
        self.send_response_only(int(code), reason)
        if "date" not in dict(headers):
            self.send_header("Date", self.date_time_string())
        for name, value in headers:
            self.send_header(name, value)
        return self.wfile.write


def _in_path_style(request: AwsRequest, host: str) -> AwsRequest:
    """Move a bucket that the host names into the path, as all other clients have it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html. Such hosts are
    ``bucket.localhost``, ``bucket.s3.localhost`` and ``bucket.s3.us-east-1.localhost``, each
    with ``.localstack.cloud`` behind it as well, where everything leads to this machine.
    """
    found = _BUCKET_HOST.fullmatch(host.partition(":")[0].lower())
    if request.service != "s3" or found is None or found["bucket"].split(".")[0] == "s3":
        return request
    parts = urlsplit(request.url)
    return replace(request, url=parts._replace(path=f"/{found['bucket']}{parts.path}").geturl())


def _foreign_page(request: AwsRequest, origin: str) -> AwsResponse:
    """A page of the Internet must not run code here by way of the browser that shows it: what
    changes something comes with the page's origin."""
    return request.error(
        403,
        "AccessDenied",
        f"the embedded cloud answers no web pages but those of this machine, and this is {origin}",
    )


def _broken(request: AwsRequest, error: Exception) -> AwsResponse:
    """What a client in another process gets of a defect in the cloud: all that there is."""
    text = "".join(traceback.format_exception(error))
    return request.error(
        501, "InternalFailure", f"the embedded cloud failed in {request.described}:\n{text}"
    )
