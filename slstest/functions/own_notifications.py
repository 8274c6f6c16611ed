"""What one environment has let a bucket notify, whatever S3 tells of it.

A bucket's configuration is eventually consistent, and can be changed as a whole only: whoever
reads, adds and writes loses what was not told yet.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LISTS = {
    "LambdaFunctionArn": "LambdaFunctionConfigurations",
    "QueueArn": "QueueConfigurations",
}
"""The lists of a bucket's configuration that have ours, by the field that names who is notified:
functions, or the queues in their places."""


class OwnNotifications:
    """Those of one bucket, added and taken out since it was created."""

    def __init__(self) -> None:
        self._there: dict[str, tuple[str, Mapping[str, Any]]] = {}
        self._gone: set[str] = set()

    def add(self, name: str, notification: Mapping[str, Any]) -> None:
        """S3 has taken a notification into the list ``name``."""
        self._there[notification["Id"]] = (name, notification)
        self._gone.discard(notification["Id"])

    def take_out(self, id: str) -> None:
        """A notification is not wanted any more."""
        self._there.pop(id, None)
        self._gone.add(id)

    def corrected(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The configuration that S3 told, with all that is ours and nothing that was."""
        whole = {name: value for name, value in found.items() if name not in LISTS.values()}
        told = set(_ids(found))
        for name in LISTS.values():
            kept = [each for each in found.get(name, ()) if each.get("Id") not in self._gone]
            kept += [
                one for own, one in self._there.values() if own == name and one["Id"] not in told
            ]
            if kept:
                whole[name] = kept
        return whole

    def agree(self, found: Mapping[str, Any]) -> bool:
        """Whether S3 tells all that is ours and nothing that was."""
        told = set(_ids(found))
        return self._there.keys() <= told and not self._gone & told


def _ids(found: Mapping[str, Any]) -> Iterator[str]:
    for name in LISTS.values():
        yield from (each.get("Id", "") for each in found.get(name, ()))
