"""Tables with streams, and what their streams hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()


def attributes(item: dict[str, Any]) -> dict[str, Any]:
    """A plain item as the API wants it."""
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def plain(item: dict[str, Any] | None) -> dict[str, Any] | None:
    """An item of the API as plain Python."""
    if item is None:
        return None
    return {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}


class StreamedTable:
    """A table with the key ``id``, and its stream."""

    def __init__(self, aws: Aws, name: str, view_type: str | None) -> None:
        self.aws = aws
        self.client = aws.cloud.client("dynamodb")
        self.streams = aws.cloud.client("dynamodbstreams")
        self.name = name
        stream = {"StreamEnabled": True, "StreamViewType": view_type} if view_type else {}
        self.client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            **({"StreamSpecification": stream} if stream else {}),
        )

    @property
    def described(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.describe_table(TableName=self.name)["Table"]
        return found

    @property
    def arn(self) -> str:
        """Of the latest stream."""
        return str(self.described["LatestStreamArn"])

    def enable(self, view_type: str = "NEW_AND_OLD_IMAGES") -> str:
        self._update(StreamEnabled=True, StreamViewType=view_type)
        return self.arn

    def disable(self) -> None:
        self._update(StreamEnabled=False)

    def _update(self, **specification: Any) -> None:
        self.client.update_table(TableName=self.name, StreamSpecification=specification)

    def delete_table(self) -> None:
        self.client.delete_table(TableName=self.name)

    @staticmethod
    def attributes(item: dict[str, Any]) -> dict[str, Any]:
        return attributes(item)

    def put(self, *ids: str, **others: Any) -> None:
        for each in ids:
            self.client.put_item(TableName=self.name, Item=attributes({"id": each, **others}))

    def update(self, item_id: str, expression: str, **values: Any) -> None:
        named = {f":{name}": value for name, value in attributes(values).items()}
        self.client.update_item(
            TableName=self.name,
            Key={"id": {"S": item_id}},
            UpdateExpression=expression,
            **({"ExpressionAttributeValues": named} if named else {}),
        )

    def delete(self, item_id: str) -> None:
        self.client.delete_item(TableName=self.name, Key={"id": {"S": item_id}})

    def stream(self, arn: str | None = None) -> dict[str, Any]:
        """The description of the stream."""
        answer = self.streams.describe_stream(StreamArn=arn or self.arn)
        found: dict[str, Any] = answer["StreamDescription"]
        return found

    def iterator(self, kind: str = "TRIM_HORIZON", arn: str | None = None, **others: Any) -> str:
        arn = arn or self.arn
        (shard,) = self.stream(arn)["Shards"]
        answer = self.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType=kind, **others
        )
        return str(answer["ShardIterator"])

    def records(self, arn: str | None = None) -> list[dict[str, Any]]:
        """All records of the stream."""
        found: list[dict[str, Any]] = []
        iterator: str | None = self.iterator(arn=arn)
        while iterator:
            answer = self.streams.get_records(ShardIterator=iterator)
            if not answer["Records"]:
                break
            found += answer["Records"]
            iterator = answer.get("NextShardIterator")
        return found

    def changes(self, arn: str | None = None) -> list[tuple[str, Any, Any]]:
        """Name, old and new image of each record."""
        return [
            (
                record["eventName"],
                plain(record["dynamodb"].get("OldImage")),
                plain(record["dynamodb"].get("NewImage")),
            )
            for record in self.records(arn)
        ]


class Tables:
    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.made: list[StreamedTable] = []

    def make(self, view_type: str | None = "NEW_AND_OLD_IMAGES") -> StreamedTable:
        self.made.append(StreamedTable(self.aws, self.aws.name("table"), view_type))
        return self.made[-1]


@pytest.fixture
def tables(aws: Aws) -> Iterator[Tables]:
    """Makes tables, and deletes them again."""
    tables = Tables(aws)
    yield tables
    client = aws.cloud.client("dynamodb")
    for name in client.list_tables()["TableNames"]:
        client.delete_table(TableName=name)


@pytest.fixture
def table(tables: Tables) -> StreamedTable:
    """A table whose stream has both images."""
    return tables.make()
