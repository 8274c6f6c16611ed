"""Topics and queues of the cloud that the tests of the embedded cloud share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

_NAMES = itertools.count()


@dataclass
class Topics:
    """SNS and SQS, and what most tests need of them."""

    aws: Aws
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sns = self.aws.cloud.client("sns")
        self.sqs = self.aws.cloud.client("sqs")

    def topic(self, *, fifo: bool = False, **attributes: str) -> str:
        """Create a topic and return its ARN."""
        name = f"topic-{next(_NAMES)}" + (".fifo" if fifo else "")
        if fifo:
            attributes = {"FifoTopic": "true", **attributes}
        arn: str = self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]
        self.made.append(arn)
        return arn

    def queue(self, *, fifo: bool = False, open_to: str | None = "*", **attributes: str) -> str:
        """Create a queue that lets a topic in, by default every one, and return its ARN."""
        name = f"queue-{next(_NAMES)}" + (".fifo" if fifo else "")
        arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
        if fifo:
            attributes = {"FifoQueue": "true", **attributes}
        if open_to is not None:
            attributes = {"Policy": policy(arn, open_to), **attributes}
        self.made.append(self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        return arn

    def subscribe(self, topic: str, queue: str, **attributes: Any) -> str:
        """Subscribe a queue and return the subscription's ARN."""
        texts = {
            name: json.dumps(value) if isinstance(value, dict) else value
            for name, value in attributes.items()
        }
        arn: str = self.sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=texts
        )["SubscriptionArn"]
        return arn

    def subscribed(self, topic: str, **attributes: Any) -> str:
        """A new queue that is subscribed to a topic."""
        queue = self.queue(fifo=topic.endswith(".fifo"))
        self.subscribe(topic, queue, **attributes)
        return queue

    def publish(self, topic: str, message: str = "hello", **params: Any) -> dict[str, Any]:
        """Publish a message and let it be delivered."""
        answer: dict[str, Any] = self.sns.publish(TopicArn=topic, Message=message, **params)
        self.aws.quiesce()
        return answer

    def url(self, queue: str) -> str:
        return f"{self.aws.cloud.endpoint_url}/123456789012/{queue.rpartition(':')[2]}"

    def received(self, queue: str) -> list[dict[str, Any]]:
        """Receive and delete what is in a queue."""
        found: list[dict[str, Any]] = []
        while messages := self.sqs.receive_message(
            QueueUrl=self.url(queue),
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        ).get("Messages"):
            for message in messages:
                self.sqs.delete_message(
                    QueueUrl=self.url(queue), ReceiptHandle=message["ReceiptHandle"]
                )
            found += messages
        return found

    def bodies(self, queue: str) -> list[str]:
        return [message["Body"] for message in self.received(queue)]

    def texts(self, queue: str) -> list[str]:
        """The messages in the notifications of a queue."""
        return [json.loads(body)["Message"] for body in self.bodies(queue)]

    def clean(self) -> None:
        for made in self.made:
            if made.startswith("arn:aws:sns:"):
                self.sns.delete_topic(TopicArn=made)
            else:
                self.sqs.delete_queue(QueueUrl=made)


def policy(queue: str, topic: str) -> str:
    """A policy that lets a topic send to a queue."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnLike": {"aws:SourceArn": topic}} if topic != "*" else {},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
    """Status, code and message of an error answer."""
    response: Any = error.value.response
    return (
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Code"],
        response["Error"]["Message"],
    )


@pytest.fixture
def topics(aws: Aws) -> Iterator[Topics]:
    made = Topics(aws)
    yield made
    made.clean()
