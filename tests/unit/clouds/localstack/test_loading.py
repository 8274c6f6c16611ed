from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from slstest.clouds.endpoint import Endpoint
from slstest.clouds.localstack.endpoint import ContainerEndpoint, FoundEndpoint
from slstest.clouds.localstack.loading import Loading
from slstest.clouds.localstack.readiness import Located
from slstest.waiting import wait_until

STARTING = (500, b'{"__type": "InternalError", "message": "Connection refused"}')
SWITCHED_OFF = (500, b'{"__type": "InternalFailure", "message": "Service is not enabled."}')
LOADED = (200, b"{}")


class Server(http.server.ThreadingHTTPServer):
    """Answers every request by the next of its answers, and the last for ever; and tells that it is
    of an edition."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = [LOADED]
        self.asked: list[str] = []
        self.edition = "community"
        self.open = threading.Event()
        self.open.set()
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                server.asked.append(self.headers.get("X-Amz-Target", ""))
                server.open.wait()
                status, body = server.answers[0]
                if len(server.answers) > 1:
                    server.answers.pop(0)
                self._answer(status, body)

            def do_GET(self) -> None:
                told = {"edition": server.edition, "services": {"kinesis": "available"}}
                self._answer(200, json.dumps(told).encode())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None: ...

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    started = Server()
    thread = threading.Thread(target=started.serve_forever, args=(0.01,))
    thread.start()
    yield started
    started.open.set()
    started.shutdown()
    thread.join()
    started.server_close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def loading(server: Server, said: list[str]) -> Iterator[Loading]:
    made = Loading(server.url, said.append)
    yield made
    made.close()


def test_each_service_is_asked_for_once(server: Server, loading: Loading) -> None:
    loading.begin(["kinesis", "dynamodb", "no-such-service"])
    loading.wait("kinesis")
    loading.wait("dynamodb")
    loading.wait("no-such-service")
    assert sorted(server.asked) == ["DynamoDB_20120810.ListTables", "Kinesis_20131202.ListStreams"]


def test_one_that_is_still_starting_is_waited_for(
    server: Server, loading: Loading, said: list[str]
) -> None:
    server.answers = [STARTING, STARTING, LOADED]
    loading.wait("kinesis")
    assert (len(server.asked), said) == (3, [])


def test_one_that_is_switched_off_is_not_waited_for(
    server: Server, loading: Loading, said: list[str]
) -> None:
    server.answers = [SWITCHED_OFF]
    loading.wait("kinesis")
    assert (len(server.asked), said) == (1, [])


def test_what_cannot_be_loaded_is_told(server: Server, loading: Loading, said: list[str]) -> None:
    server.answers = [(400, b'{"__type": "AccessDenied", "message": "not you"}')]
    loading.wait("kinesis")
    assert "kinesis could not be loaded" in said[0]
    assert "not you" in said[0]


def container_endpoint(url: str) -> Endpoint:
    loading = Loading(url)
    return ContainerEndpoint(Located(url, "id"), "us-east-1", loading.wait, loading.close)


def found_endpoint(url: str) -> Endpoint:
    endpoint = FoundEndpoint(url, "us-east-1")
    endpoint.examine()
    return endpoint


@pytest.mark.parametrize("open_endpoint", [container_endpoint, found_endpoint])
def test_a_client_is_given_when_its_service_is_loaded(
    server: Server, open_endpoint: Callable[[str], Endpoint]
) -> None:
    endpoint = open_endpoint(server.url)
    server.open.clear()
    clients: list[Any] = []
    thread = threading.Thread(target=lambda: clients.append(endpoint.client("kinesis")))
    thread.start()
    wait_until("the service to be asked for", lambda: server.asked or None)
    assert clients == []
    server.open.set()
    thread.join()
    assert len(clients) == 1
    assert endpoint.client("kinesis") is clients[0]
    assert server.asked == ["Kinesis_20131202.ListStreams"]
    endpoint.close()


@pytest.mark.parametrize("open_endpoint", [container_endpoint, found_endpoint])
def test_who_listens_to_the_session_hears_nothing_of_the_loading(
    server: Server, open_endpoint: Callable[[str], Endpoint]
) -> None:
    """It might ask for a client of the service that is being loaded, and wait for ever."""
    endpoint = open_endpoint(server.url)
    heard: list[str] = []
    endpoint.session.events.register("before-call", lambda model, **_: heard.append(model.name))
    endpoint.client("kinesis").list_shards(StreamName="clicks")
    assert heard == ["ListShards"]
    assert server.asked == ["Kinesis_20131202.ListStreams", "Kinesis_20131202.ListShards"]
    endpoint.close()


def test_of_a_localstack_that_was_found_a_service_that_is_starting_is_waited_for(
    server: Server,
) -> None:
    """Others may use it at this moment."""
    server.answers = [*[STARTING] * 4, LOADED]
    endpoint = found_endpoint(server.url)
    endpoint.client("kinesis").list_streams()
    assert len(server.asked) == 6


def test_of_a_localstack_that_was_found_one_that_is_switched_off_is_left_to_the_test(
    server: Server,
) -> None:
    server.answers = [(501, SWITCHED_OFF[1])]
    found_endpoint(server.url).client("kinesis")
    assert len(server.asked) == 1


@pytest.mark.parametrize("edition", ["", "light", "slstest"])
def test_what_is_no_localstack_is_not_asked_to_load_anything(server: Server, edition: str) -> None:
    server.edition = edition
    found_endpoint(server.url).client("kinesis")
    assert server.asked == []


def test_nobody_waits_for_what_is_loading_when_the_container_ends(
    server: Server, said: list[str]
) -> None:
    server.answers = [STARTING]
    loading = Loading(server.url, said.append)
    loading.begin(["kinesis"])
    wait_until("the service to be asked for", lambda: server.asked or None)
    loading.close()
    loading.wait("dynamodb")
    assert said == []


def test_nobody_waits_for_a_silent_service_when_the_container_ends(
    server: Server, loading: Loading
) -> None:
    server.open.clear()
    loading.begin(["kinesis", "dynamodb"])
    wait_until("both to be asked for", lambda: len(server.asked) == 2 or None)
    closing = threading.Thread(target=loading.close)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()
