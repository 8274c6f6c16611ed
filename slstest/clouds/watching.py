"""What a cloud elsewhere shows of its queues: whether messages are left in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class MessageCounts:
    """Counts the messages of queues, by their ARNs."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._client = client
        self._urls: dict[str, str] = {}

    def waiting(self, source_arns: Iterable[str]) -> list[str]:
        """The queues among these event sources that have messages, in words."""
        told = []
        for arn in source_arns:
            if ":sqs:" in arn and (count := self._count(arn)):
                told.append(f"{count} messages of queue {arn.rpartition(':')[2]}")
        return told

    def _count(self, arn: str) -> int:
        client = self._client("sqs")
        try:
            if arn not in self._urls:
                answer = client.get_queue_url(QueueName=arn.rpartition(":")[2])
                self._urls[arn] = answer["QueueUrl"]
            url = self._urls[arn]
            told = client.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))
        except client.exceptions.QueueDoesNotExist:
            return 0
        return sum(int(told["Attributes"][name]) for name in _COUNTS)
