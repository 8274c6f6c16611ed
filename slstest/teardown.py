"""Deleting what an environment created."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from slstest.clouds.base import Cloud
from slstest.errors import SlstestError, TeardownError
from slstest.functions import mapping, notification, role
from slstest.functions.deployment import LOG_GROUP, delete_function, delete_log_group
from slstest.functions.function import Function
from slstest.functions.mapping import delete_mapping
from slstest.functions.notification import delete_notification
from slstest.ledger import Entry, Ledger
from slstest.resources.bucket import Bucket, delete_bucket
from slstest.resources.consumer import Consumer, delete_consumer
from slstest.resources.queue import Queue, delete_queue
from slstest.resources.stream import Stream, delete_stream
from slstest.resources.table import Table, delete_table
from slstest.resources.topic import Topic, delete_topic

DELETERS: dict[str, Callable[[Cloud, Entry], None]] = {
    mapping.KIND: delete_mapping,
    notification.KIND: delete_notification,
    Function.kind: delete_function,
    LOG_GROUP: delete_log_group,
    role.KIND: role.delete_role,
    Bucket.kind: delete_bucket,
    Consumer.kind: delete_consumer,
    Queue.kind: delete_queue,
    Stream.kind: delete_stream,
    Table.kind: delete_table,
    Topic.kind: delete_topic,
}
"""How each kind of entry is deleted; also what another process left behind."""

_FIRST = (mapping.KIND, notification.KIND, Function.kind)
"""Whatever triggers goes before what it triggers, and that before what it uses."""


def delete_entries(cloud: Cloud, ledger: Ledger, entries: Iterable[Entry]) -> None:
    """Delete the resources of entries, triggers first, then in the reverse of their order.

    One that cannot be deleted does not keep the others. Raises
    :class:`slstest.errors.TeardownError` that lists those.
    """
    failures: list[tuple[Entry, Exception]] = []
    for entry in in_order(entries):
        if not ledger.is_open(entry):
            continue
        try:
            DELETERS[entry.kind](cloud, entry)
        except Exception as error:
            failures.append((entry, error))
            continue
        try:
            ledger.strike(entry)
        except OSError as error:
            failures.append((entry, SlstestError(f"it is gone, but still in a ledger: {error}")))
    if failures:
        told = "\n".join(f"  {entry}: {type(e).__name__}: {e}" for entry, e in failures)
        raise TeardownError(
            f"could not delete {len(failures)} resource(s) of {failures[0][0].environment!r} "
            f"on the cloud {cloud.name}:\n{told}"
        ) from failures[0][1]


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Entries, given oldest first, in the order of their deletion: triggers first, then the
    newest."""
    newest_first = list(entries)[::-1]
    return sorted(newest_first, key=_rank)


def _rank(entry: Entry) -> int:
    return _FIRST.index(entry.kind) if entry.kind in _FIRST else len(_FIRST)
