"""DynamoDB tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slstest.calls import ask_unless
from slstest.casing import parameters
from slstest.clouds.base import Cloud
from slstest.creation import create_when_free
from slstest.deletion import delete_when_free
from slstest.errors import ConfigurationError
from slstest.expect import expect, expect_not, nearest_text
from slstest.functions.mapping import EventSourceMapping, create_mapping
from slstest.ledger import Entry
from slstest.matching import matches, show
from slstest.resources.base import Resource
from slstest.resources.items import from_attributes, normalised, to_attribute, to_attributes
from slstest.resources.table_settings import (
    KEY_VALUES,
    STREAM_VIEW_TYPES,
    KeySpec,
    attribute_types,
    key_of,
    stream_settings,
)
from slstest.resources.table_writes import DELETE, PUT, Write, write_rows
from slstest.scope import Scope
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

_TAKEN = {
    "table_name": "the name is a throwaway one; give yours as the first argument, "
    "and it is added to it",
    "key_schema": "write key= and sort_key=",
}


@dataclass(frozen=True)
class TableStream:
    """The stream of a table, as what a mapping reads."""

    table: Table
    arn: str

    def __str__(self) -> str:
        return f"the stream of {self.table}"


class Table(Resource):
    """A throwaway DynamoDB table. Its items are plain Python: ``2``, not ``{"N": "2"}``."""

    kind = "table"
    placeholders = ("name", "arn", "stream_arn")

    def __init__(
        self, scope: Scope, label: str, name: str, arn: str, keys: Mapping[str, str]
    ) -> None:
        super().__init__(scope, label, name, arn)
        self._keys = keys

    def put(self, *items: Mapping[str, Any]) -> None:
        """Write items, in the order given where they have the same key.

        Raises :class:`slstest.errors.ConfigurationError` for what an item cannot be.
        """
        asked = f"{self}.put"
        rows = [to_attributes(item, asked) for item in items]
        for row in rows:
            missing = [name for name in self._keys if name not in row]
            if missing:
                raise ConfigurationError(
                    f"{asked}: an item lacks the table's key {' and '.join(missing)}: "
                    f"{show(from_attributes(row))}"
                )
        self._write(rows, PUT, asked)

    def delete(self, *keys: Any) -> None:
        """Delete items. A key is the value of the key attribute, a pair of values where the
        table has a sort key, or a dict that has the key attributes, such as the item itself.

        Items that are not there are no error. Raises
        :class:`slstest.errors.ConfigurationError` for what is no key of the table.
        """
        asked = f"{self}.delete"
        rows = [to_attributes(self._named_key(key, asked), asked) for key in keys]
        self._write(rows, DELETE, asked)

    @property
    def stream_arn(self) -> str:
        """The Amazon Resource Name of its stream, the latest one.

        Raises :class:`slstest.errors.ConfigurationError` where it has none that is enabled.
        """
        return self._stream_arn(f"{self}.stream_arn")

    def items(self) -> list[dict[str, Any]]:
        """Every item, in no particular order."""
        pages = self._pages()
        return [from_attributes(item) for page in pages for item in page.get("Items", ())]

    def contents(self) -> Mapping[str, Any]:
        """Every item by its key."""
        return {
            "item " + " and ".join(show(item[key]) for key in self._keys): item
            for item in self.items()
        }

    def item(self, key: Any, sort_key: Any = None) -> dict[str, Any] | None:
        """The item of a key, None where there is none."""
        asked = f"{self}.item"
        given = self._key_values([key] if sort_key is None else [key, sort_key], asked)
        return self._get(dict(zip(self._keys, given, strict=True)), asked)

    def expect_item(
        self, expected: Mapping[str, Any], timeout: float | None = None
    ) -> dict[str, Any]:
        """Wait for an item that has at least these attributes, and return it.

        Values compare ``==``, nested dicts again only by the keys given. ``timeout`` is in
        seconds; given, the whole of it is waited, otherwise no longer than something is under
        way. Raises :class:`slstest.errors.ExpectationFailed`, showing the nearest item.
        """
        expected = self._expected(expected, "expect_item")
        return expect(
            self._scope,
            lambda: self._find(expected),
            lambda: self._explain_missing(expected),
            timeout,
        )

    def expect_no_item(self, expected: Mapping[str, Any], timeout: float | None = None) -> None:
        """Settle, then check that no item has at least these attributes.

        ``timeout`` is the seconds that settling may take. Raises
        :class:`slstest.errors.ExpectationFailed`, showing the item, or
        :class:`slstest.errors.NotSettled`.
        """
        expected = self._expected(expected, "expect_no_item")
        expect_not(
            self._scope,
            lambda: self._find(expected),
            lambda found: (
                f"{self} was to have no item like\n  {show(expected)}\nbut has\n  {show(found)}"
            ),
            timeout,
        )

    def expect_count(self, count: int, timeout: float | None = None) -> None:
        """Wait until the table has exactly ``count`` items; 0 settles first.

        Raises :class:`slstest.errors.ExpectationFailed`, showing some of what is there.
        """
        if count == 0:
            expect_not(
                self._scope,
                lambda: self.items() or None,
                lambda found: f"{self} was to be empty but has {_sample(found)}",
                timeout,
            )
            return
        expect(
            self._scope,
            lambda: True if self._count() == count else None,
            lambda: f"{self} was to have {count} items but has {_sample(self.items())}",
            timeout,
        )

    def _map_to(self, function: Function, settings: Mapping[str, Any]) -> EventSourceMapping:
        stream = TableStream(self, self._stream_arn(f"{function}.triggered_by({self})"))
        defaults = {"starting_position": "TRIM_HORIZON"}
        return create_mapping(self._scope, function, stream, {**defaults, **settings})

    # -- inside -------------------------------------------------------------------------

    def _stream_arn(self, asked: str) -> str:
        table = self._client("dynamodb").describe_table(TableName=self._name)["Table"]
        if not table.get("StreamSpecification", {}).get("StreamEnabled"):
            was = "stream is disabled" if "LatestStreamArn" in table else "table has no stream"
            raise ConfigurationError(
                f"{asked}: the {was}; create the table with stream=True, or with one of "
                f"{', '.join(map(repr, STREAM_VIEW_TYPES))}"
            )
        return str(table["LatestStreamArn"])

    def _expected(self, expected: Mapping[str, Any], method: str) -> dict[str, Any]:
        if not isinstance(expected, Mapping):
            raise ConfigurationError(
                f"{self}.{method}: give the attributes as a dict, not {expected!r}"
            )
        return {name: normalised(value) for name, value in expected.items()}

    def _named_key(self, key: Any, asked: str) -> dict[str, Any]:
        if isinstance(key, Mapping):
            missing = [name for name in self._keys if name not in key]
            if missing:
                raise ConfigurationError(
                    f"{asked}: the table's key {' and '.join(missing)} is lacking in {show(key)}"
                )
            return {name: key[name] for name in self._keys}
        values = key if isinstance(key, tuple | list) else (key,)
        return dict(zip(self._keys, self._key_values(values, asked), strict=True))

    def _key_values(self, values: Sequence[Any], asked: str) -> Sequence[Any]:
        if len(values) != len(self._keys):
            raise ConfigurationError(
                f"{asked}: the table's key is {' and '.join(self._keys)}; give "
                f"{len(self._keys)} value(s), not {len(values)}"
            )
        return values

    def _find(self, expected: Mapping[str, Any]) -> dict[str, Any] | None:
        if self._names_one_item(expected):
            item = self._get({name: expected[name] for name in self._keys}, f"{self}.expect")
            return item if item is not None and matches(expected, item) else None
        for page in self._pages():
            for attributes in page.get("Items", ()):
                item = from_attributes(attributes)
                if matches(expected, item):
                    return item
        return None

    def _names_one_item(self, expected: Mapping[str, Any]) -> bool:
        return all(
            isinstance(expected.get(name), KEY_VALUES[kind])
            and not isinstance(expected[name], bool)
            for name, kind in self._keys.items()
        )

    def _explain_missing(self, expected: Mapping[str, Any]) -> str:
        items = self.items()
        return (
            f"{self} has no item like\n  {show(expected)}\n{nearest_text(expected, items, 'item')}"
        )

    def _get(self, key: Mapping[str, Any], asked: str) -> dict[str, Any] | None:
        response = self._client("dynamodb").get_item(
            TableName=self._name,
            Key={name: to_attribute(value, asked) for name, value in key.items()},
            ConsistentRead=True,
        )
        return from_attributes(response["Item"]) if "Item" in response else None

    def _count(self) -> int:
        return sum(page["Count"] for page in self._pages(Select="COUNT"))

    def _pages(self, **parameters: Any) -> Iterator[dict[str, Any]]:
        client = self._client("dynamodb")
        while True:
            page = client.scan(TableName=self._name, ConsistentRead=True, **parameters)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _write(self, rows: list[dict[str, Any]], how: Write, asked: str) -> None:
        write_rows(
            self._client("dynamodb"),
            self._name,
            rows,
            how,
            keys=tuple(self._keys),
            asked=asked,
            timeout=self._scope.timeout,
        )


def create_table(
    scope: Scope,
    label: str,
    *,
    key: KeySpec,
    sort_key: KeySpec | None,
    stream: bool | str | None = None,
    settings: Mapping[str, Any],
) -> Table:
    """Create a table and wait until it is active."""
    asked = f"sls.table({label!r})"
    settings = {**settings, **stream_settings(stream, settings, asked)}
    client = scope.cloud.client("dynamodb")
    given = parameters(
        client,
        "CreateTable",
        settings,
        asked=asked,
        taken=_TAKEN,
        own=("key", "sort_key", "stream"),
    )
    keys = [key_of(spec, asked) for spec in (key, sort_key) if spec is not None]
    types = attribute_types(keys, given)
    name = scope.names.throwaway(label)
    request = {
        "TableName": name,
        "KeySchema": [
            {"AttributeName": attribute, "KeyType": key_type}
            for (attribute, _), key_type in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        **given,
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in types.items()
        ],
    }
    if "ProvisionedThroughput" not in given:
        request.setdefault("BillingMode", "PAY_PER_REQUEST")
    tags = [{"Key": tag, "Value": value} for tag, value in scope.tags().items()]
    if tags or "Tags" in given:
        request["Tags"] = [*tags, *given.get("Tags", ())]
    with scope.creating(Table.kind, name):
        answer = create_when_free(scope.cloud, client, "create_table", request, asked=asked)
    made = answer["TableDescription"]
    _wait_until_active(scope, made, asked)
    return Table(scope, label, name, made["TableArn"], {key: types[key] for key, _ in keys})


def delete_table(cloud: Cloud, entry: Entry) -> None:
    """Delete a table; one that is gone already is fine, one that is busy is waited for."""
    client, gone = cloud.client("dynamodb"), ("ResourceNotFoundException",)
    delete_when_free(
        cloud,
        entry,
        lambda: ask_unless(gone, client, "delete_table", TableName=entry.name),
        busy=("ResourceInUseException", "LimitExceededException"),
    )


def _wait_until_active(scope: Scope, table: Mapping[str, Any], asked: str) -> None:
    client, name = scope.cloud.client("dynamodb"), table["TableName"]

    def active() -> bool | None:
        # AWS may not know it yet.
        found = ask_unless(("ResourceNotFoundException",), client, "describe_table", TableName=name)
        return True if found and found["Table"]["TableStatus"] == "ACTIVE" else None

    if table["TableStatus"] != "ACTIVE":
        wait_until(f"{asked}: the table to become active", active, pace=scope.cloud.pace)


def _sample(items: list[dict[str, Any]]) -> str:
    shown = "".join(f"\n  {show(item)}" for item in items[:5])
    more = f"\n  and {len(items) - 5} more" if len(items) > 5 else ""
    return f"{len(items)}{':' if items else ''}{shown}{more}"
