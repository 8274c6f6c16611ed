"""What a request changes of the objects of buckets, as the keeper of the objects tells it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class BucketFacts:
    """What a bucket is."""

    name: str
    arn: str
    region: str
    account_id: str
    """The account of its owner."""


@dataclass(frozen=True)
class Change:
    """One thing that became of one object."""

    event: str
    """Its type, for example ``s3:ObjectCreated:Put``."""
    bucket: BucketFacts
    key: str
    details: Mapping[str, Any]
    """What the event's record says of the object beside key and sequencer."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the event's record says beside what all do."""
    by_s3: bool = False
    """Whether S3 did it on its own, some time after the request."""


_local = threading.local()
"""What the request that this thread answers has made so far, by the objects that are new."""


@contextmanager
def recording() -> Iterator[list[Change]]:
    """The list that is filled when the block ends, in the order in which things happened.

    A request is answered on one thread. Nothing is kept of what somebody else who uses moto in
    this process does in between.
    """
    outer = _made()
    made: list[tuple[object, Change]] = []
    _local.made = made
    changes: list[Change] = []
    try:
        yield changes
    finally:
        changes += [change for _, change in made]
        _local.made = outer


def is_recording() -> bool:
    """Whether this thread answers a request of the embedded cloud, and not one of somebody else
    who uses moto in this process."""
    return _made() is not None


def created(stored: object, change: Change) -> None:
    """The object that is kept as ``stored`` is new.

    What is said of it last counts: that it is written is only a part of what a copy or the end
    of a multipart upload does.
    """
    made = _made()
    if made is not None:
        made[:] = [each for each in made if each[0] is not stored]
        made.append((stored, change))


def changed(stored: object, change: Change) -> None:
    """Something became of the object that is kept as ``stored``; if it is new itself, then
    this is a part of its creation."""
    if not any(each is stored for each, _ in _made() or ()):
        happened(change)


def happened(change: Change) -> None:
    """Something became of an object whose creation this cannot be a part of."""
    made = _made()
    if made is not None:
        made.append((None, change))


def _made() -> list[tuple[object, Change]] | None:
    made: list[tuple[object, Change]] | None = getattr(_local, "made", None)
    return made
