"""What clouds elsewhere have in common: their time, and what they show of their queues."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from slstest.errors import Unavailable

_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def time_is_real(cloud: str) -> Unavailable:
    """The error for a test that wants to move the time of a cloud of this name."""
    return Unavailable(
        f"sls.clock.advance: the time of the cloud {cloud!r} is the real one and cannot "
        "be moved; run the test on the embedded cloud, or wait with expectations"
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
