"""The Runtime API as a runtime sees it.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import http.client
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from slstest.runtimes.limits import MAX_RESPONSE_SIZE
from slstest.runtimes.process.runtime_api import Answer, Event, RuntimeApi
from slstest.runtimes.process.zygote.portable_client import PortableClient

INVOCATION = "/2018-06-01/runtime/invocation"
POST = b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"
EVENT = Event(
    request_id="8476a536-e9f4-11e8-9739-2dfe598c3fcd",
    payload=b'{"page": "/home"}',
    deadline=1542409706.888,
    invoked_function_arn="arn:aws:lambda:us-east-2:123456789012:function:custom-runtime",
    trace_id="Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    client_context='{"client": {"app_title": "Käse"}}',
)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Peer:
    """A runtime, in a thread of its own, while the test's thread serves the API."""

    def __init__(self, api: RuntimeApi, pool: ThreadPoolExecutor) -> None:
        self.api = api
        self._pool = pool
        self._connection = http.client.HTTPConnection(api.address, timeout=10)

    def begin(self, method: str, path: str, body: Any = None, **headers: str) -> Future[Reply]:
        def request() -> Reply:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            self._connection.request(method, path, body, names)
            response = self._connection.getresponse()
            return Reply(response.status, response.headers, response.read())

        return self._pool.submit(request)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        return self.finish(self.begin(method, path, body, **headers))

    def finish(self, reply: Future[Reply]) -> Reply:
        self.serve_until(reply.done)
        return reply.result()

    def serve_until(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not done():
            assert time.monotonic() < deadline
            readable, _, _ = select.select(self.api.descriptors(), [], [], 0.005)
            for descriptor in readable:
                self.api.handle(descriptor)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def api() -> Iterator[RuntimeApi]:
    api = RuntimeApi()
    yield api
    api.close()


@pytest.fixture
def peer(api: RuntimeApi) -> Iterator[Peer]:
    with ThreadPoolExecutor() as pool:
        peer = Peer(api, pool)
        yield peer
        peer.close()


def test_the_next_event_comes_with_all_that_lambda_tells_of_it(peer: Peer) -> None:
    peer.api.offer(EVENT)

    reply = peer.call("GET", f"{INVOCATION}/next")

    assert reply.status == 200
    assert reply.body == EVENT.payload
    headers = {name: value.encode("latin-1").decode() for name, value in reply.headers.items()}
    assert headers == {
        "Content-Type": "application/json",
        "Content-Length": "17",
        "Lambda-Runtime-Aws-Request-Id": EVENT.request_id,
        "Lambda-Runtime-Deadline-Ms": "1542409706888",
        "Lambda-Runtime-Invoked-Function-Arn": EVENT.invoked_function_arn,
        "Lambda-Runtime-Trace-Id": EVENT.trace_id,
        "Lambda-Runtime-Client-Context": EVENT.client_context,
    }


def test_what_an_event_does_not_have_is_no_header(peer: Peer) -> None:
    peer.api.offer(replace(EVENT, client_context=None, trace_id=""))

    headers = peer.call("GET", f"{INVOCATION}/next").headers

    assert "Lambda-Runtime-Client-Context" not in headers
    assert "Lambda-Runtime-Trace-Id" not in headers


def test_a_client_context_in_several_lines_is_one_header(peer: Peer) -> None:
    peer.api.offer(replace(EVENT, client_context='{\n  "custom": {}\r\n}'))

    headers = peer.call("GET", f"{INVOCATION}/next").headers

    assert json.loads(headers["Lambda-Runtime-Client-Context"]) == {"custom": {}}


def test_whoever_asks_early_waits_for_the_event(peer: Peer) -> None:
    asking = peer.begin("GET", f"{INVOCATION}/next")
    peer.serve_until(lambda: peer.api.idle)

    peer.api.offer(EVENT)

    assert peer.finish(asking).body == EVENT.payload
    assert not peer.api.idle


@pytest.mark.parametrize(("kind", "failed"), [("response", False), ("error", True)])
def test_an_answer_is_accepted_once(peer: Peer, kind: str, failed: bool) -> None:
    peer.api.offer(EVENT)
    peer.call("GET", f"{INVOCATION}/next")

    first = peer.call("POST", f"{INVOCATION}/{EVENT.request_id}/{kind}", b'"done"')
    again = peer.call("POST", f"{INVOCATION}/{EVENT.request_id}/{kind}", b'"twice"')

    assert (first.status, first.document) == (202, {"status": "OK"})
    assert (again.status, again.document["errorType"]) == (403, "InvalidStateTransition")
    assert peer.api.answer == Answer(b'"done"', failed)


@pytest.mark.parametrize("kind", ["response", "error"])
def test_an_answer_to_another_event_is_refused(peer: Peer, kind: str) -> None:
    peer.api.offer(EVENT)
    peer.call("GET", f"{INVOCATION}/next")

    reply = peer.call("POST", f"{INVOCATION}/another/{kind}", b"{}")

    assert reply.status == 400
    assert reply.document == {"errorType": "InvalidRequestID", "errorMessage": "Invalid request ID"}
    assert peer.api.answer is None


def test_there_is_no_next_event_before_the_answer_to_the_last(peer: Peer) -> None:
    peer.api.offer(EVENT)
    peer.call("GET", f"{INVOCATION}/next")

    reply = peer.call("GET", f"{INVOCATION}/next")

    assert (reply.status, reply.document["errorType"]) == (403, "InvalidStateTransition")


def test_one_connection_serves_one_event_after_the_other(peer: Peer) -> None:
    for number in range(3):
        event = replace(EVENT, request_id=f"id-{number}", payload=str(number).encode())
        peer.api.offer(event)
        assert peer.call("GET", f"{INVOCATION}/next").body == event.payload
        peer.call("POST", f"{INVOCATION}/id-{number}/response", event.payload)
        assert peer.api.answer == Answer(event.payload, failed=False)

    assert len(peer.api.descriptors()) == 2


@pytest.mark.parametrize("chunked", [False, True])
def test_a_response_may_be_as_large_as_lambda_allows_and_no_larger(
    peer: Peer, chunked: bool
) -> None:
    def body(size: int) -> Any:
        return iter([b"x" * 100, b"x" * (size - 100)]) if chunked else b"x" * size

    path = f"{INVOCATION}/{EVENT.request_id}/response"
    peer.api.offer(EVENT)
    peer.call("GET", f"{INVOCATION}/next")
    assert peer.call("POST", path, body(MAX_RESPONSE_SIZE)).status == 202
    assert peer.api.answer == Answer(b"x" * MAX_RESPONSE_SIZE, failed=False)

    peer.api.offer(EVENT)
    peer.call("GET", f"{INVOCATION}/next")
    reply = peer.call("POST", path, body(MAX_RESPONSE_SIZE + 1))

    assert reply.status == 413
    assert reply.document == {
        "errorType": "RequestEntityTooLarge",
        "errorMessage": "Exceeded maximum allowed payload size (6291556 bytes).",
    }
    assert peer.api.answer is not None
    assert peer.api.answer.failed
    assert json.loads(peer.api.answer.payload) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }


def test_a_failed_initialisation_is_taken_down_with_its_type(peer: Peer) -> None:
    document = b'{"errorMessage": "no such module", "errorType": "Runtime.ImportModuleError"}'

    reply = peer.call(
        "POST",
        "/2018-06-01/runtime/init/error",
        document,
        Lambda_Runtime_Function_Error_Type="Runtime.ImportModuleError",
    )

    assert (reply.status, reply.document) == (202, {"status": "OK"})
    assert peer.api.init_error == ("Runtime.ImportModuleError", document)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2020-01-01/extension/event/next"),
        ("POST", f"{INVOCATION}/next"),
        ("GET", f"{INVOCATION}/x/response"),
        ("POST", f"{INVOCATION}/x/y/response"),
    ],
)
def test_what_the_api_does_not_have_is_not_found(peer: Peer, method: str, path: str) -> None:
    assert peer.call(method, path).status == 404


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x16\x03\x01 no HTTP at all\r\n\r\n",
        POST + b"Content-Length: many\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
def test_rubbish_costs_its_sender_the_connection_and_nobody_else(
    peer: Peer, rubbish: bytes
) -> None:
    host, port = peer.api.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stranger:
        stranger.sendall(rubbish)
        peer.serve_until(lambda: len(peer.api.descriptors()) > 1)
        peer.serve_until(lambda: len(peer.api.descriptors()) == 1)

    peer.api.offer(EVENT)
    assert peer.call("GET", f"{INVOCATION}/next").status == 200


def test_half_a_request_is_waited_for_until_the_deadline_only(peer: Peer) -> None:
    host, port = peer.api.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as stranger:
        stranger.sendall(POST + b"Content-Length: 9\r\n\r\nhalf")
        peer.serve_until(lambda: len(peer.api.descriptors()) > 1)
        peer.api.deadline = time.monotonic() + 0.05

        peer.serve_until(lambda: len(peer.api.descriptors()) == 1)

    assert peer.api.init_error is None


def test_a_peer_that_hangs_up_waits_no_longer(peer: Peer) -> None:
    host, port = peer.api.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as impatient:
        impatient.sendall(f"GET {INVOCATION}/next HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        peer.serve_until(lambda: peer.api.idle)

    peer.serve_until(lambda: not peer.api.idle)


def test_closing_leaves_no_port_behind() -> None:
    api = RuntimeApi()
    host, port = api.address.split(":")

    api.close()
    api.close()

    with socket.socket() as client:
        assert client.connect_ex((host, int(port))) != 0


@pytest.mark.parametrize("outcome", ["result", "error", "too large"])
def test_the_portable_client_speaks_it_as_the_native_one_does(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", peer.api.address)
    got: list[Any] = []

    def runtime() -> None:
        client = PortableClient()
        client.initialize_client("aws-lambda-python/3")
        body, headers = client.next()
        got.extend((body, headers))
        if outcome == "result":
            client.post_invocation_result(EVENT.request_id, "é".encode(), "application/json")
        elif outcome == "error":
            client.post_error(EVENT.request_id, '{"errorMessage": "é"}', '{"stack": "é"}', "id")
        else:
            with pytest.raises(RuntimeError, match=r"answered 413 to .*/response"):
                client.post_invocation_result(EVENT.request_id, b"x" * 7_000_000, "text/plain")
        client.close()

    peer.api.offer(EVENT)
    thread = threading.Thread(target=runtime)
    thread.start()
    peer.serve_until(lambda: not thread.is_alive())

    assert got[0] == EVENT.payload
    assert got[1]["Lambda-Runtime-Aws-Request-Id"] == EVENT.request_id
    assert got[1]["Lambda-Runtime-Deadline-Ms"] == 1542409706888
    assert got[1]["Lambda-Runtime-Client-Context"] == EVENT.client_context
    assert got[1]["Content-Type"] == "application/json"
    expected = {"result": "é".encode(), "error": '{"errorMessage": "é"}'.encode()}
    assert peer.api.answer is not None
    assert peer.api.answer.failed == (outcome != "result")
    if outcome in expected:
        assert peer.api.answer.payload == expected[outcome]
