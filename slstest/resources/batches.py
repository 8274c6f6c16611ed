"""Sending many entries through the batch operations of SQS and SNS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from slstest.errors import SlstestError

Entry = Mapping[str, Any]
T = TypeVar("T")


def send_in_batches(
    entries: Sequence[Entry],
    send: Callable[[list[Entry]], Mapping[str, Any]],
    sent: Callable[[Entry, Mapping[str, Any]], T],
    *,
    size: Callable[[Entry], int],
    count_limit: int,
    size_limit: int,
    asked: str,
) -> list[T]:
    """Send entries in order, in as few requests as the limits allow, and return what ``sent``
    makes of each and of its result.

    ``send`` sends one batch and gives the answer. ``size`` tells the bytes of an entry that
    count against ``size_limit``. Raises :class:`slstest.errors.SlstestError` for what is not
    taken.
    """
    made: list[T] = []
    for chunk in _chunks(entries, size, count_limit, size_limit):
        answer = send(chunk)
        if failed := answer.get("Failed"):
            first = failed[0]
            raise SlstestError(
                f"{asked}: {len(failed)} of {len(chunk)} messages were not taken: "
                f"{first['Code']}: {first.get('Message', '')}"
            )
        by_id = {result["Id"]: result for result in answer["Successful"]}
        made += [sent(entry, by_id[entry["Id"]]) for entry in chunk]
    return made


def _chunks(
    entries: Sequence[Entry], size_of: Callable[[Entry], int], count_limit: int, size_limit: int
) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        added = size_of(entry)
        if chunk and (len(chunk) == count_limit or size + added > size_limit):
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += added
    if chunk:
        yield chunk
