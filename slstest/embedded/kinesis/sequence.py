"""Sequence numbers: 56 digits that grow within a shard, and from a parent to its children.

What AWS documents of them is that they grow with time within a shard:
https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html. Their structure is the one
that the numbers of AWS show (version 2): when the shard was created, the record's number in it,
when the record came (both in seconds), and the shard.
"""

from __future__ import annotations

from typing import NamedTuple

_VERSION = 2
_BITS = 188
_CREATED, _LOW_SHARD, _RECORD, _SECOND, _SHARD = 148, 144, 80, 36, 4

LAST_RECORD = 2**63 - 1
"""The record's number in the ending sequence number of a shard that is closed."""


class SequenceNumber(NamedTuple):
    """What a sequence number is made of."""

    created: int
    """When the shard was created: seconds since the epoch."""
    shard: int
    """The shard's number in its stream."""
    record: int
    """The record's number in the shard; 0 is that of the shard's beginning."""
    second: int
    """When the record came: seconds since the epoch."""


def compose(created: int, shard: int, record: int, second: int) -> int:
    return (
        _VERSION << (_BITS - 4)
        | created << _CREATED
        | (shard & 0xF) << _LOW_SHARD
        | record << _RECORD
        | second << _SECOND
        | shard << _SHARD
        | _VERSION
    )


def parse(text: str) -> SequenceNumber:
    """Raises ValueError for what is no sequence number of this form."""
    number = int(text)
    if number >> (_BITS - 4) != _VERSION or number & 0xF != _VERSION:
        raise ValueError(f"not a sequence number: {text}")
    record, shard = number >> _RECORD & 2**64 - 1, number >> _SHARD & 2**32 - 1
    if record > LAST_RECORD or shard >= 2**31:
        raise ValueError(f"not a sequence number: {text}")
    return SequenceNumber(
        number >> _CREATED & 2**36 - 1, shard, record, number >> _SECOND & 2**36 - 1
    )
