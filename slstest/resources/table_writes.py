"""Writes items with as few requests as DynamoDB's limits allow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slstest.calls import ask
from slstest.errors import SlstestError

_BATCH = 25
"""Items in one BatchWriteItem:
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html"""


@dataclass(frozen=True)
class Write:
    """One way to write an item: by itself, and in a batch."""

    operation: str
    request: str
    parameter: str


PUT = Write("put_item", "PutRequest", "Item")
DELETE = Write("delete_item", "DeleteRequest", "Key")


def write_rows(
    client: Any,
    table: str,
    rows: Sequence[dict[str, Any]],
    how: Write,
    *,
    keys: tuple[str, ...],
    asked: str,
    timeout: float,
) -> None:
    """Write rows, in the order given where they have the same ``keys``.

    Raises :class:`slstest.errors.SlstestError` where DynamoDB throttles for longer than
    ``timeout`` seconds.
    """
    for batch in _batches(rows, keys):
        if len(batch) == 1:
            request = {"TableName": table, how.parameter: batch[0]}
            ask(client, how.operation, request, asked=asked)
        else:
            requests = [{how.request: {how.parameter: row}} for row in batch]
            _write_batch(client, table, requests, asked, timeout)


def _batches(
    rows: Sequence[dict[str, Any]], keys: tuple[str, ...]
) -> Iterator[list[dict[str, Any]]]:
    """In one batch a key may occur only once, and its items have no order."""
    batch: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row in rows:
        key = repr([row[name] for name in keys])
        if key in seen or len(batch) == _BATCH:
            yield batch
            batch, seen = [], set()
        batch.append(row)
        seen.add(key)
    if batch:
        yield batch


def _write_batch(
    client: Any, table: str, requests: list[dict[str, Any]], asked: str, timeout: float
) -> None:
    waiting = {table: requests}
    deadline, pause = time.monotonic() + timeout, 0.05
    while True:
        answer = ask(client, "batch_write_item", {"RequestItems": waiting}, asked=asked)
        waiting = answer.get("UnprocessedItems", {})
        if not waiting:
            return
        if time.monotonic() + pause > deadline:
            raise SlstestError(
                f"{asked}: DynamoDB still throttles {len(waiting[table])} items after {timeout:g} s"
            )
        time.sleep(pause)  # AWS asks for exponential backoff here
        pause *= 2
