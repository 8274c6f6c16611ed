from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from slstest.clouds import silence
from slstest.clouds.connection import Health
from slstest.clouds.endpoint import Endpoint
from slstest.clouds.urls import checked_url
from slstest.errors import ConfigurationError, NothingAnswers, SlstestError

Answer = tuple[int, str, bytes]
Serve = Callable[[Callable[[str], Answer]], "Server"]

IDENTITY = b"""<GetCallerIdentityResponse><GetCallerIdentityResult>
<Account>000000000000</Account><Arn>arn:aws:iam::000000000000:root</Arn><UserId>x</UserId>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


class Server(http.server.ThreadingHTTPServer):
    """A server on loopback that answers every path by a function."""

    daemon_threads = True

    def __init__(self, answer: Callable[[str], Answer]) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, kind, body = answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def start(answer: Callable[[str], Answer]) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def cloud(path: str) -> Answer:
    if path.startswith("/_localstack/health"):
        told = {
            "services": {"sqs": "running", "s3": "available", "kms": "disabled"},
            "edition": "community",
            "version": "4.14.0",
        }
        return 200, "application/json", json.dumps(told).encode()
    return 200, "text/xml", IDENTITY


def test_an_endpoint_tells_its_account_and_what_it_has(serve: Serve) -> None:
    account, health = Endpoint(serve(cloud).url, "us-east-1").examine()
    assert account == "000000000000"
    assert health == Health("community", "4.14.0", frozenset({"s3", "sqs"}))
    assert str(health) == "community 4.14.0"


def test_an_endpoint_need_not_tell_of_itself(serve: Serve) -> None:
    server = serve(lambda path: (404, "text/plain", b"") if "_" in path else cloud(path))
    account, health = Endpoint(server.url, "us-east-1").examine()
    assert (account, health) == ("000000000000", Health())


@pytest.mark.parametrize(
    "url",
    ["localhost:4566", "ftp://localhost", "http://", "http://h:99999", "http://h/path", "", "x"],
)
def test_what_is_no_url_of_an_endpoint_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="looks like http://localhost:4566"):
        checked_url(url)


def test_aws_itself_is_no_endpoint() -> None:
    with pytest.raises(ConfigurationError, match="choose the cloud 'aws'"):
        checked_url("https://sqs.us-east-1.amazonaws.com")


def test_where_nothing_listens_the_message_says_so(closed_port: int) -> None:
    endpoint = Endpoint(f"http://127.0.0.1:{closed_port}", "us-east-1")
    with pytest.raises(NothingAnswers, match=rf"nothing answers at .*{closed_port}: .*refused"):
        endpoint.examine()


def test_what_answers_otherwise_is_no_cloud(serve: Serve) -> None:
    server = serve(lambda _: (200, "text/html", b"<html>Welcome</html>"))
    with pytest.raises(ConfigurationError, match="not as an AWS cloud does"):
        Endpoint(server.url, "us-east-1").examine()


def test_an_endpoint_that_ends_is_named(serve: Serve) -> None:
    server = serve(cloud)
    endpoint = Endpoint(server.url, "us-east-1")
    client = endpoint.client("sts")
    client.get_caller_identity()
    server.stop()
    with pytest.raises(SlstestError, match=f"{server.url} does not answer any more"):
        client.get_caller_identity()
    server.__init__(cloud)  # type: ignore[misc]


def test_the_users_credentials_are_never_used(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_PROFILE", "production")
    endpoint = Endpoint(serve(cloud).url, "us-east-1")
    credentials: Any = endpoint.session.get_credentials()
    assert credentials.access_key == "test"


@pytest.mark.parametrize(
    "variable",
    ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "AWS_ENDPOINT_URL_SQS=http://elsewhere"],
)
def test_every_client_of_the_session_reaches_the_endpoint(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(*variable.split("="))
    endpoint = Endpoint(serve(cloud).url, "us-east-1")
    make: Any = endpoint.session.client
    assert make("sqs").meta.endpoint_url == endpoint.url
    assert endpoint.client("sqs").meta.endpoint_url == endpoint.url


def test_what_speaks_no_http_is_no_cloud() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with listener.accept()[0] as connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
                connection.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        endpoint = Endpoint(f"http://127.0.0.1:{listener.getsockname()[1]}", "us-east-1")
        with pytest.raises(ConfigurationError, match="does not speak HTTP"):
            endpoint.examine()


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look sooner whether an endpoint is still there, and wait less for its answer."""
    monkeypatch.setattr(silence, "_LOOK_AGAIN", 0.05)
    monkeypatch.setattr(silence, "_PATIENCE", 1.5)
    monkeypatch.setattr(silence, "_SHORT_PATIENCE", 1.0)


def test_an_answer_that_takes_long_is_waited_for_and_asked_for_once(
    serve: Serve, restless: None
) -> None:
    asked = []
    looked_often = threading.Event()

    def slow(path: str) -> Answer:
        asked.append(path)
        if path.startswith("/_"):
            if len(asked) > 5:
                looked_often.set()
        elif not looked_often.wait(10):
            return 500, "text/plain", b""
        return cloud(path)

    client = Endpoint(serve(slow).url, "us-east-1").client("sts")
    assert client.get_caller_identity()["Account"] == "000000000000"
    assert asked.count("/") == 1


def test_an_endpoint_that_stops_answering_while_it_is_waited_for_is_named(
    serve: Serve, restless: None
) -> None:
    over = threading.Event()

    def silent(path: str) -> Answer:
        over.wait()
        return cloud(path)

    server = serve(silent)
    client = Endpoint(server.url, "us-east-1").client("sts")
    with pytest.raises(SlstestError, match=f"{server.url} does not answer any more. Is it still"):
        client.get_caller_identity()
    over.set()


class Fickle:
    """A cloud that can go silent, and counts what it is asked."""

    def __init__(self) -> None:
        self.speaks = threading.Event()
        self.speaks.set()
        self.calls = 0
        self.looks = 0

    def __call__(self, path: str) -> Answer:
        if path.startswith("/_"):
            self.looks += 1
        else:
            self.calls += 1
        self.speaks.wait()
        return cloud(path)


@pytest.fixture
def fickle() -> Iterator[Fickle]:
    made = Fickle()
    yield made
    made.speaks.set()


def test_an_endpoint_found_silent_is_called_no_more(
    serve: Serve, restless: None, fickle: Fickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_INTERVAL", 3600.0)
    server = serve(fickle)
    endpoint = Endpoint(server.url, "us-east-1")
    make: Any = endpoint.session.client
    clients = [endpoint.client("sts"), endpoint.own_client("sts", 1, 5.0), make("sts")]
    for client in clients:
        client.get_caller_identity()
    fickle.speaks.clear()
    gone = f"{server.url} does not answer any more. Is it still running"
    with pytest.raises(SlstestError, match=gone):
        clients[0].get_caller_identity()
    calls, looks = fickle.calls, fickle.looks
    for client in clients:
        with pytest.raises(SlstestError, match=gone):
            client.get_caller_identity()
    assert (fickle.calls, fickle.looks) == (calls, looks)


def test_an_endpoint_found_silent_is_looked_at_once_for_all_who_call(
    serve: Serve, restless: None, fickle: Fickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint(serve(fickle).url, "us-east-1")
    clients = [endpoint.client("sts"), endpoint.client("sqs"), endpoint.client("s3")]
    fickle.speaks.clear()
    with pytest.raises(SlstestError):
        clients[0].get_caller_identity()
    calls, looks = fickle.calls, fickle.looks
    now = time.monotonic() + silence._INTERVAL
    monkeypatch.setattr(silence, "monotonic", lambda: now)

    def call(client: Any) -> None:
        with pytest.raises(SlstestError, match="does not answer any more"):
            getattr(client, _ANY_CALL[client.meta.service_model.service_name])()

    with ThreadPoolExecutor() as pool:
        list(pool.map(call, clients * 3))
    assert (fickle.calls, fickle.looks) == (calls, looks + 1)


_ANY_CALL = {"sts": "get_caller_identity", "sqs": "list_queues", "s3": "list_buckets"}


def test_an_endpoint_that_answers_again_is_called_as_before(
    serve: Serve, restless: None, fickle: Fickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(silence, "_INTERVAL", 0.0)
    endpoint = Endpoint(serve(fickle).url, "us-east-1")
    client = endpoint.client("sts")
    fickle.speaks.clear()
    with pytest.raises(SlstestError):
        client.get_caller_identity()
    fickle.speaks.set()
    looks = fickle.looks
    for _ in range(3):
        assert client.get_caller_identity()["Account"] == "000000000000"
    assert fickle.looks == looks + 1


def test_of_a_silent_endpoint_other_endpoints_are_not_suspected(
    serve: Serve, restless: None, fickle: Fickle
) -> None:
    lambda_url, other_url = serve(cloud).url, serve(cloud).url
    endpoint = Endpoint(serve(fickle).url, "us-east-1")
    make: Any = endpoint.session_with({"sts": lambda_url}).client
    fickle.speaks.clear()
    with pytest.raises(SlstestError):
        endpoint.client("sts").get_caller_identity()
    assert make("sts").get_caller_identity()["Account"] == "000000000000"
    elsewhere: Any = endpoint.session.client
    assert elsewhere("sts", endpoint_url=other_url).get_caller_identity()


def test_a_call_that_was_answered_meanwhile_speaks_for_the_endpoint() -> None:
    """Of two looks the one that began first may end last."""
    looks: list[tuple[threading.Event, bool]] = []
    began = threading.Semaphore(0)

    def probe(timeout: float) -> bool:
        look = (threading.Event(), not looks)
        looks.append(look)
        began.release()
        look[0].wait()
        return not look[1]

    presence = silence.Presence(probe)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(presence.answers)
        began.acquire()
        second = pool.submit(presence.answers)
        began.acquire()
        looks[1][0].set()
        assert second.result()
        looks[0][0].set()
        assert first.result()
    assert not presence.is_silent()
