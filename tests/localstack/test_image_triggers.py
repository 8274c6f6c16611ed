"""What happens in the image's services reaches functions that run inside it."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from localstack_container import LocalStack

from slstest.waiting import wait_until

from .conftest import Deploy, Function

KEEPS_EVENTS = """
    import json
    import os

    import boto3

    s3 = boto3.client("s3")

    def handler(event, context):
        key = f"events/{context.aws_request_id}"
        s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=json.dumps(event))
"""


@dataclass(frozen=True)
class Listener:
    """A function that keeps its events in a bucket."""

    function: Function
    bucket: str
    s3: Any

    def first_event(self) -> Any:
        """As soon as there is one."""
        contents = wait_until(
            "an event to arrive",
            lambda: self.s3.list_objects_v2(Bucket=self.bucket, Prefix="events/").get("Contents"),
        )
        return json.load(self.s3.get_object(Bucket=self.bucket, Key=contents[0]["Key"])["Body"])

    def listen_to(self, source: str, **settings: Any) -> str:
        """Map an event source; returns the mapping's id as soon as it is enabled."""
        client = self.function.client
        mapping: str = client.create_event_source_mapping(
            FunctionName=self.function.name, EventSourceArn=source, **settings
        )["UUID"]
        wait_until(
            "the mapping to be enabled",
            lambda: client.get_event_source_mapping(UUID=mapping)["State"] == "Enabled" or None,
        )
        return mapping


@pytest.fixture
def name() -> str:
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def listener(localstack: LocalStack, deploy: Deploy, name: str) -> Listener:
    s3 = localstack.client("s3")
    s3.create_bucket(Bucket=name)
    function = deploy(KEEPS_EVENTS, Environment={"Variables": {"BUCKET": name}})
    return Listener(function, name, s3)


def test_sqs(localstack: LocalStack, listener: Listener, name: str) -> None:
    sqs = localstack.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    listener.listen_to(attributes["QueueArn"])
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert [record["body"] for record in listener.first_event()["Records"]] == ["hello"]


def test_kinesis(localstack: LocalStack, listener: Listener, name: str) -> None:
    kinesis = localstack.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)

    def active() -> Any:
        stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        return stream if stream["StreamStatus"] == "ACTIVE" else None

    stream = wait_until("the stream to be active", active)
    listener.listen_to(stream["StreamARN"], StartingPosition="TRIM_HORIZON")
    kinesis.put_record(StreamName=name, Data=b"hello", PartitionKey="1")
    (record,) = listener.first_event()["Records"]
    assert base64.b64decode(record["kinesis"]["data"]) == b"hello"


def test_dynamodb_streams(localstack: LocalStack, listener: Listener, name: str) -> None:
    dynamodb = localstack.client("dynamodb")
    table = dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    listener.listen_to(table["LatestStreamArn"], StartingPosition="TRIM_HORIZON")
    dynamodb.put_item(TableName=name, Item={"id": {"S": "hello"}})
    (record,) = listener.first_event()["Records"]
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "hello"}}


def test_s3(listener: Listener) -> None:
    rule = {"Name": "prefix", "Value": "uploads/"}
    listener.s3.put_bucket_notification_configuration(
        Bucket=listener.bucket,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {
                    "LambdaFunctionArn": listener.function.arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": [rule]}},
                }
            ]
        },
    )
    listener.s3.put_object(Bucket=listener.bucket, Key="uploads/hello", Body=b"")
    (record,) = listener.first_event()["Records"]
    assert record["s3"]["object"]["key"] == "uploads/hello"


def test_sns(localstack: LocalStack, listener: Listener, name: str) -> None:
    sns = localstack.client("sns")
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=listener.function.arn)
    sns.publish(TopicArn=topic, Message="hello")
    (record,) = listener.first_event()["Records"]
    assert record["Sns"]["Message"] == "hello"


def test_eventbridge(localstack: LocalStack, listener: Listener, name: str) -> None:
    events = localstack.client("events")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": listener.function.arn}])
    events.put_events(Entries=[{"Source": name, "DetailType": "greeting", "Detail": "{}"}])
    assert listener.first_event()["detail-type"] == "greeting"
