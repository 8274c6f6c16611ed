"""moto's tables, with streams of our own.

moto keeps the items, and reads and words the requests. Its streams have a record of what changes
nothing, and two of an update that creates an item; cannot be disabled, or enabled again; keep
every record for ever; and tell sizes, regions and versions that are not AWS's.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb import urls as moto_urls
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.dynamo_type import Item as MotoItem
from moto.dynamodb.models.table import StreamShard, Table

from slstest.embedded.dynamodb.changes import Changes
from slstest.embedded.dynamodb.items import Item, number_text
from slstest.embedded.dynamodb.streams import Change, ChangeStream, StreamedTable

_VIEW_TYPES = ("NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY")


class EmbeddedDynamoDbBackend(DynamoDBBackend):
    """moto's backend of one account and region; who uses moto past the cloud finds moto's own
    streams."""

    changes: Changes

    @property
    def _url_module(self) -> Any:
        return moto_urls

    def create_table(self, name: str, *args: Any, **kwargs: Any) -> Table:
        if self.changes.are_heard:
            _check(kwargs.get("streams"))
        table = super().create_table(name, *args, **kwargs)
        self._take_over(table)
        return table

    def update_table_streams(self, table: Table, stream_specification: dict[str, Any]) -> None:
        if not self.changes.are_heard:
            super().update_table_streams(table, stream_specification)
            return
        _check(stream_specification)
        enable = _enables(stream_specification)
        enabled = table.stream_shard is not None
        if enable and enabled:
            raise MockValidationException(
                f"Table already has an enabled stream: TableName: {table.name}"
            )
        if not enable and not enabled:
            raise MockValidationException(
                f"Table has no stream to disable: TableName: {table.name}"
            )
        if not enable:
            self._close(table)
            table.stream_shard = None
        table.set_stream_specification(stream_specification)
        self._take_over(table)

    def delete_table(self, name: str) -> Table:
        table = super().delete_table(name)
        self._close(table)
        return table

    def update_item(
        self, table_name: str, key: dict[str, dict[str, Any]], *args: Any, **kwargs: Any
    ) -> MotoItem:
        if not self.changes.are_heard:
            return super().update_item(table_name, key, *args, **kwargs)
        if not kwargs.get("update_expression") and kwargs.get("attribute_updates") is None:
            kwargs["attribute_updates"] = {}  # moto trips over an update that only makes an item
        with self.changes.together(), self._undone_if_it_fails(table_name, key):
            return super().update_item(table_name, key, *args, **kwargs)

    def transact_write_items(self, transact_items: list[dict[str, Any]]) -> None:
        with self.changes.together():
            super().transact_write_items(transact_items)

    @contextmanager
    def _undone_if_it_fails(self, table_name: str, key: dict[str, Any]) -> Iterator[None]:
        """Leave an item as it was where its update is refused: moto makes it, and changes it,
        before it has looked at the whole of the update."""
        table = self.get_table(table_name)
        hash_key, range_key = self.get_keys_value(table, key)
        before = copy.deepcopy(table.get_item(hash_key, range_key))
        try:
            yield
        except Exception:
            if before is None:
                table.delete_item(hash_key, range_key)
            else:
                table.put_item(before.to_json()["Attributes"])
            raise

    def _take_over(self, table: Table) -> None:
        """Put a stream of ours in the place of the one that moto has made."""
        if table.stream_shard is None or not self.changes.are_heard:
            return
        streamed = StreamedTable(table.name, table.table_arn, table.region_name, table.schema)
        specification: Any = table.stream_specification
        stream = self.changes.enable(streamed, specification["StreamViewType"])
        table.stream_shard = _Written(table, stream, self.changes)
        table.latest_stream_label = stream.label

    def _close(self, table: Table) -> None:
        if isinstance(table.stream_shard, _Written):
            self.changes.disable(table.stream_shard.stream)


class _Written(StreamShard):
    """Where moto's table tells what was written to it."""

    def __init__(self, table: Table, stream: ChangeStream, changes: Changes) -> None:
        super().__init__(table.account_id, table)
        self.stream = stream
        self._changes = changes

    def __deepcopy__(self, memo: Any) -> _Written:
        return self  # moto copies a table to undo a transaction; the stream stays the same one

    def add(self, old: MotoItem | None, new: MotoItem | None) -> None:
        item: Any = new if old is None else old
        keys = {self.table.hash_key_attr: _attribute(item.hash_key)}
        if self.table.range_key_attr is not None:
            keys[self.table.range_key_attr] = _attribute(item.range_key)
        self._changes.add(self.stream, Change(keys, _image(old), _image(new)))


def _check(specification: dict[str, Any] | None) -> None:
    """Refuse a StreamSpecification that cannot be, in DynamoDB's words."""
    if specification is None:
        return
    view_type = specification.get("StreamViewType")
    if view_type is not None and view_type not in _VIEW_TYPES:
        raise MockValidationException(
            f"1 validation error detected: Value '{view_type}' at "
            "'streamSpecification.streamViewType' failed to satisfy constraint: Member must "
            f"satisfy enum value set: [{', '.join(_VIEW_TYPES)}]"
        )
    if _enables(specification) and view_type is None:
        raise MockValidationException(
            "One or more parameter values were invalid: If stream is being enabled then "
            "UpdateViewType is required"
        )
    if not _enables(specification) and view_type is not None:
        raise MockValidationException(
            "One or more parameter values were invalid: If stream is being disabled, then "
            "UpdateViewType must not be specified"
        )


def _enables(specification: dict[str, Any]) -> bool:
    """Whether a stream is wanted; CloudFormation's specification has the view type alone."""
    return bool(specification.get("StreamEnabled", "StreamViewType" in specification))


def _image(item: MotoItem | None) -> Item | None:
    """An item as it is now: moto goes on changing it."""
    if item is None:
        return None
    return {name: _attribute(value) for name, value in item.attrs.items()}


def _attribute(attribute: DynamoType) -> dict[str, Any]:
    kind, value = attribute.type, attribute.value
    if kind == "M":
        return {kind: {name: _attribute(element) for name, element in value.items()}}
    if kind == "L":
        return {kind: [_attribute(element) for element in value]}
    if kind in ("SS", "NS", "BS"):
        return {kind: [_scalar(kind[0], element) for element in value]}
    return {kind: _scalar(kind, value)}


def _scalar(kind: str, value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return number_text(value) if kind == "N" else value
