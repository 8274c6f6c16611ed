"""Time to live: items that DynamoDB deletes because their time is over.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html. AWS deletes an item
within a few days of its expiry. Here it is deleted at its expiry where a test moves the clock past
it, and not at all where time skips or passes by itself: waiting for what is under way must not
wait for an item to grow old.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slstest.embedded.dynamodb.changes import Changes
from slstest.embedded.scheduler import Scheduler

_TOO_OLD = 5 * 365 * 86_400
"""Seconds: "if the timestamp is more than five years in the past, DynamoDB doesn't delete it"."""


@dataclass(frozen=True)
class ExpiringTable:
    """A table whose items have a time to live."""

    name: str
    keys: tuple[str, ...]
    attribute: str


class TimeToLive:
    """Deletes items that have expired, in DynamoDB's own name."""

    def __init__(
        self,
        tables: Callable[[], Sequence[ExpiringTable]],
        client: Callable[[], Any],
        changes: Changes,
        scheduler: Scheduler,
    ) -> None:
        """``client`` gives a client of DynamoDB that is answered on the thread that calls."""
        self._tables = tables
        self._client = client
        self._changes = changes
        self._scheduler = scheduler

    def watch_until(self, moment: float) -> None:
        """Delete items as they expire, up to a moment of the cloud's time that is about to come."""
        tables = self._tables()
        moments = {
            float(item[table.attribute]["N"])
            for table in tables
            for item in self._items(table, moment)
        }
        if tables:
            moments.add(moment)  # for what is written meanwhile
        for due in moments:
            self._scheduler.call_at(due, "time to live of items", self._delete_expired)

    def _delete_expired(self) -> None:
        client = self._client()
        for table in self._tables():
            for item in self._items(table, self._scheduler.now()):
                try:
                    with self._changes.by_time_to_live():
                        client.delete_item(
                            TableName=table.name,
                            Key={name: item[name] for name in table.keys},
                            ConditionExpression="#expiry = :expiry",
                            ExpressionAttributeNames={"#expiry": table.attribute},
                            ExpressionAttributeValues={":expiry": item[table.attribute]},
                        )
                except client.exceptions.ConditionalCheckFailedException:
                    continue  # somebody has given it more time, or deleted it

    def _items(self, table: ExpiringTable, moment: float) -> Iterator[dict[str, Any]]:
        """The items of a table that will have expired at a moment."""
        paginator = self._client().get_paginator("scan")
        pages = paginator.paginate(
            TableName=table.name,
            FilterExpression=(
                "attribute_type(#expiry, :number) AND #expiry BETWEEN :oldest AND :newest"
            ),
            ExpressionAttributeNames={"#expiry": table.attribute},
            ExpressionAttributeValues={
                ":number": {"S": "N"},
                ":oldest": {"N": str(math.ceil(self._scheduler.now()) - _TOO_OLD)},
                ":newest": {"N": str(math.floor(moment))},
            },
        )
        for page in pages:
            yield from page["Items"]
