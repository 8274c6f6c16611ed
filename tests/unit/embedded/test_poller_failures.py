"""What pollers say of a cloud that refuses them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from slstest.embedded.event_sources.base import named
from slstest.errors import ConfigurationError, SlstestError
from tests.unit.embedded.conftest import TIMEOUT

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws


@contextmanager
def refused(client: Any, operation: str) -> Iterator[None]:
    """Within, an operation of a client is refused."""
    error = {"Code": "AccessDeniedException", "Message": "not authorized"}
    parsed = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
    service = client.meta.service_model.service_id.hyphenize()
    event = f"before-call.{service}.{operation}"

    def answer(**_: Any) -> Any:
        return SimpleNamespace(status_code=400, headers={}), parsed

    client.meta.events.register_first(event, answer)
    try:
        yield
    finally:
        client.meta.events.unregister(event, answer)


def create_stream(aws: Aws, name: str) -> str:
    aws.kinesis.create_stream(StreamName=name, ShardCount=1)
    return aws.arn(name)


def create_table(aws: Aws, name: str) -> str:
    made = aws.cloud.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    return str(made["TableDescription"]["LatestStreamArn"])


def create_queue(aws: Aws, name: str) -> str:
    aws.cloud.client("sqs").create_queue(QueueName=name)
    return aws.arn(name).replace(":kinesis:", ":sqs:").replace("stream/", "")


CREATE = {"kinesis": create_stream, "dynamodbstreams": create_table, "sqs": create_queue}


@pytest.mark.parametrize(
    ("service", "operation", "kind"),
    [
        ("kinesis", "GetRecords", "stream"),
        ("dynamodbstreams", "GetRecords", "the stream of table"),
        ("sqs", "ReceiveMessage", "queue"),
    ],
)
def test_a_poller_that_is_refused_names_its_function_and_its_source(
    aws: Aws, service: str, operation: str, kind: str
) -> None:
    client = aws.cloud.client(service)
    name, function = aws.name("source"), aws.function()
    position = {} if service == "sqs" else {"StartingPosition": "TRIM_HORIZON"}
    arn = CREATE[service](aws, name)
    with refused(client, operation):
        made = aws.lambda_.create_event_source_mapping(
            EventSourceArn=arn, FunctionName=function, **position
        )
        with pytest.raises(ConfigurationError) as raised:
            aws.cloud.settle(TIMEOUT)
        aws.lambda_.delete_event_source_mapping(UUID=made["UUID"])
    if service == "dynamodbstreams":
        aws.cloud.client("dynamodb").delete_table(TableName=name)
    assert str(raised.value) == (
        f"function '{function}', reading {kind} {name}: {operation} was refused: "
        "AccessDeniedException: not authorized"
    )
    assert isinstance(raised.value.__cause__, ClientError)


def test_a_poller_whose_cloud_is_out_of_reach_names_them_too() -> None:
    def read() -> None:
        raise EndpointConnectionError(endpoint_url="https://kinesis")

    with pytest.raises(SlstestError, match=r"^function 'f', reading stream 's': Could not connect"):
        named(read, lambda: "f", "stream 's'")()
