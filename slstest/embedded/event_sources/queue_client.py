"""What a poller asks of SQS."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from slstest.embedded.event_sources.messages import ReceivedMessage, received_message

MESSAGES_PER_REQUEST = 10
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html"""


class QueueClient:
    """One queue, through the API of SQS.

    Each call raises :attr:`missing` where the queue does not exist (any more).
    """

    def __init__(self, client: Any, queue_arn: str) -> None:
        *_, account_id, self.name = queue_arn.split(":")
        self.arn = queue_arn
        self.missing: type[Exception] = client.exceptions.QueueDoesNotExist
        self._client = client
        self._account_id = account_id

    @cached_property
    def _url(self) -> str:
        answer = self._client.get_queue_url(
            QueueName=self.name, QueueOwnerAWSAccountId=self._account_id
        )
        return str(answer["QueueUrl"])

    def receive(self, count: int, *, now: float) -> list[ReceivedMessage]:
        """Up to ``count`` messages of those that are there."""
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=count,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            WaitTimeSeconds=0,
        )
        return [received_message(each, self.arn, now) for each in answer.get("Messages", ())]

    def delete(self, messages: Sequence[ReceivedMessage]) -> None:
        """Delete messages; one that was received again meanwhile stays."""
        for start in range(0, len(messages), MESSAGES_PER_REQUEST):
            part = messages[start : start + MESSAGES_PER_REQUEST]
            self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message.receipt_handle}
                    for number, message in enumerate(part)
                ],
            )

    def still_hidden(
        self, messages: Sequence[ReceivedMessage], moment: float
    ) -> list[ReceivedMessage]:
        """Those that the queue does not show to others again before ``moment``."""
        timeout = self.visibility_timeout()
        return [message for message in messages if moment < message.received + timeout]

    def visibility_timeout(self) -> int:
        """The queue's VisibilityTimeout, in seconds."""
        answer = self._client.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["VisibilityTimeout"]
        )
        return int(answer["Attributes"]["VisibilityTimeout"])
