"""What event sources and the asynchronous queue have delivered to functions with success."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

from slstest.embedded.event_sources.responses import failed_messages, first_failure


@dataclass(frozen=True)
class Delivery:
    """One event that a function has handled."""

    function_name: str
    event: bytes
    partial: bool
    """Whether the function may report that it has failed to handle some of it."""


class Deliveries:
    """The deliveries of one environment, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: list[Delivery] = []

    def add(self, function_name: str, event: bytes, *, partial: bool) -> None:
        with self._lock:
            self._all.append(Delivery(function_name, event, partial))

    def all(self) -> list[Delivery]:
        with self._lock:
            return list(self._all)

    def forget(self) -> None:
        with self._lock:
            self._all = []


def acknowledged(event: bytes, response: bytes) -> bytes | None:
    """The event with those records only that a function which reports batch item failures has
    not reported; None if none is left."""
    document: dict[str, Any] = json.loads(event)
    records: list[dict[str, Any]] = document.get("Records", [])
    if records and "messageId" in records[0]:
        failed = failed_messages(response, [record["messageId"] for record in records])
        kept = [record for record in records if record["messageId"] not in failed]
    else:
        kept = records[: first_failure(response, [_sequence_number(each) for each in records])]
    if len(kept) == len(records):
        return event
    return json.dumps(document | {"Records": kept}).encode() if kept else None


def _sequence_number(record: dict[str, Any]) -> str:
    if "kinesis" in record:
        return str(record["kinesis"]["sequenceNumber"])
    return str(record["dynamodb"]["SequenceNumber"])
