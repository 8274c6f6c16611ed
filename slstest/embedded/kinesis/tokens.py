"""Shard iterators, and the tokens of further pages: both say all that they stand for.

A shard iterator is good for five minutes, and so is a token:
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetShardIterator.html,
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_ListShards.html
"""

from __future__ import annotations

import base64
import binascii
import itertools
import time
from dataclasses import dataclass

from slstest.embedded.kinesis.errors import KinesisError, invalid_argument

_LIFETIME = 300_000
"""Milliseconds."""

_VERSION = b"\0\0\0\0\0\0\0\1"

_count = itertools.count()
"""Makes each iterator another one, as those of AWS are."""


@dataclass(frozen=True)
class ShardIterator:
    """Where to read on."""

    stream: str
    shard_id: str
    position: int
    """The sequence number of the first record to read, or any between it and the one before."""

    def token(self, now: float) -> str:
        text = f"{int(now * 1000)}/{self.stream}/{self.shard_id}/{self.position}/{next(_count)}"
        return base64.b64encode(_VERSION + text.encode()).decode()


def shard_iterator(token: str, now: float) -> ShardIterator:
    """Raises Kinesis's errors for an iterator that is none, or has expired."""
    try:
        content = base64.b64decode(token, validate=True)
        made, stream, shard_id, position, _ = content.removeprefix(_VERSION).decode().split("/")
        iterator, created = ShardIterator(stream, shard_id, int(position)), int(made)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("Invalid ShardIterator.") from error
    if int(now * 1000) - created > _LIFETIME:
        raise KinesisError(
            "ExpiredIteratorException",
            f"Iterator expired. The iterator was created at time {_words(created / 1000)} while "
            f"right now it is {_words(now)} which is further in the future than the tolerated "
            f"delay of {_LIFETIME} milliseconds.",
        )
    return iterator


@dataclass(frozen=True)
class PageToken:
    """Which list to go on with, and after what."""

    stream: str
    created: float
    """When the stream was created: the token is not for another of its name."""
    after: str
    filter: str = ""

    def token(self, now: float) -> str:
        text = f"{int(now * 1000)}/{self.stream}/{self.created}/{self.after}/{self.filter}"
        return base64.b64encode(text.encode()).decode()


def page_token(token: str, now: float) -> PageToken:
    """Raises Kinesis's errors for a token that is none, or has expired."""
    try:
        made, stream, stream_created, after, chosen = (
            base64.b64decode(token, validate=True).decode().split("/", 4)
        )
        page, created = PageToken(stream, float(stream_created), after, chosen), int(made)
    except (binascii.Error, ValueError) as error:
        raise invalid_argument("NextToken is invalid.") from error
    if int(now * 1000) - created > _LIFETIME:
        raise KinesisError("ExpiredNextTokenException", "NextToken has expired.")
    return page


def _words(moment: float) -> str:
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(moment))
