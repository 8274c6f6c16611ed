"""Time under ``slstest serve``: real, or skipped where nothing happens."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3
import pytest

if TYPE_CHECKING:
    from tests.serve.conftest import Server

HANDLER = """
import boto3, os

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody="attempt")
    raise RuntimeError("asked to fail")
"""


class Queue:
    """A queue of a server."""

    def __init__(self, server: Server, **attributes: str) -> None:
        make: Any = boto3.Session("any", "any", region_name="us-east-1").client
        self._sqs = make("sqs", endpoint_url=server.url)
        name = f"queue-{uuid.uuid4().hex[:8]}"
        self.url = self._sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def send(self, body: str, **settings: Any) -> None:
        self._sqs.send_message(QueueUrl=self.url, MessageBody=body, **settings)

    def receive(self, wait: int) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self.url, WaitTimeSeconds=wait, MessageSystemAttributeNames=["All"]
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def take(self) -> int:
        """Wait for a message, delete it, and give the moment when it was sent, in ms."""
        while not (messages := self.receive(20)):
            pass
        handle = messages[0]["ReceiptHandle"]
        self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=handle)
        return int(messages[0]["Attributes"]["SentTimestamp"])


def test_real_time_is_waited_for(server: Server) -> None:
    queue = Queue(server)
    began = time.monotonic()
    queue.send("delayed", DelaySeconds=1)
    assert queue.receive(0) == []
    (message,) = queue.receive(20)
    assert message["Body"] == "delayed"
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("which", ["server", "skipping_server"])
def test_a_long_poll_is_answered_when_a_message_comes(
    request: pytest.FixtureRequest, which: str
) -> None:
    server: Server = request.getfixturevalue(which)
    queue = Queue(server)
    queue.send("now")
    assert [message["Body"] for message in queue.receive(20)] == ["now"]


def test_skipped_time_brings_what_is_due_in_minutes(
    skipping_server: Server, zipped: Callable[[str], bytes]
) -> None:
    # Retries come after one minute and after two more.
    queue = Queue(skipping_server)
    make: Any = boto3.Session("any", "any", region_name="us-east-1").client
    functions = make("lambda", endpoint_url=skipping_server.url)
    functions.create_function(
        FunctionName="failing",
        Runtime=skipping_server.python,
        Role="arn:aws:iam::123456789012:role/failing",
        Handler="app.handler",
        Code={"ZipFile": zipped(HANDLER)},
        Environment={"Variables": {"QUEUE_URL": queue.url}},
        Timeout=30,
    )
    functions.invoke(FunctionName="failing", InvocationType="Event", Payload="{}")
    sent = [queue.take() for _ in range(3)]
    assert sent[1] - sent[0] >= 60_000
    assert sent[2] - sent[1] >= 120_000


def test_skipped_time_ends_a_long_poll_that_brings_nothing(skipping_server: Server) -> None:
    queue, other = Queue(skipping_server), Queue(skipping_server)
    other.send("before")
    for _ in range(10):
        assert queue.receive(20) == []
    other.send("after")
    before, after = sorted(other.take() for _ in range(2))
    assert after - before >= 200_000


def test_skipped_time_brings_a_hidden_message_back(skipping_server: Server) -> None:
    queue = Queue(skipping_server, VisibilityTimeout="60")
    queue.send("again")
    (first,) = queue.receive(20)
    while not (again := queue.receive(20)):
        pass
    assert [again[0]["Body"], first["MessageId"]] == ["again", again[0]["MessageId"]]
    assert again[0]["Attributes"]["ApproximateReceiveCount"] == "2"
