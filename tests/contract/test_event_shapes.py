"""The events that functions get, field by field.

What AWS documents is compared twice: with the fields of the sample events of its pages, which
must be these and no others, and with the event models of Powertools for AWS Lambda.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamModel,
    KinesisDataStreamModel,
    S3Model,
    SnsModel,
    SqsModel,
)
from contract_columns.columns import Column

from slstest import Environment, Function

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

KINESIS_RECORD = {
    "kinesis": {
        "kinesisSchemaVersion": str,
        "partitionKey": str,
        "sequenceNumber": str,
        "data": str,
        "approximateArrivalTimestamp": float,
    },
    "eventSource": str,
    "eventVersion": str,
    "eventID": str,
    "eventName": str,
    "invokeIdentityArn": str,
    "awsRegion": str,
    "eventSourceARN": str,
}
"""https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html"""

WINDOW = {
    "window": {"start": str, "end": str},
    "state": dict,
    "shardId": str,
    "eventSourceARN": str,
    "isFinalInvokeForWindow": bool,
    "isWindowTerminatedEarly": bool,
}
"""https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""

DYNAMODB_RECORD = {
    "eventID": str,
    "eventName": str,
    "eventVersion": str,
    "eventSource": str,
    "awsRegion": str,
    "dynamodb": {
        "ApproximateCreationDateTime": float,
        "Keys": {"id": {"S": str}},
        "NewImage": {"id": {"S": str}, "n": {"N": str}},
        "SequenceNumber": str,
        "SizeBytes": int,
        "StreamViewType": str,
    },
    "eventSourceARN": str,
}
"""https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""

SQS_RECORD = {
    "messageId": str,
    "receiptHandle": str,
    "body": str,
    "attributes": {
        "ApproximateReceiveCount": str,
        "SentTimestamp": str,
        "SenderId": str,
        "ApproximateFirstReceiveTimestamp": str,
    },
    "messageAttributes": {},
    "md5OfBody": str,
    "eventSource": str,
    "eventSourceARN": str,
    "awsRegion": str,
}
"""https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""

FIFO_ATTRIBUTES = {
    **SQS_RECORD["attributes"],  # type: ignore[dict-item]
    "SequenceNumber": str,
    "MessageGroupId": str,
    "MessageDeduplicationId": str,
}

S3_RECORD = {
    "eventVersion": str,
    "eventSource": str,
    "awsRegion": str,
    "eventTime": str,
    "eventName": str,
    "userIdentity": {"principalId": str},
    "requestParameters": {"sourceIPAddress": str},
    "responseElements": {"x-amz-request-id": str, "x-amz-id-2": str},
    "s3": {
        "s3SchemaVersion": str,
        "configurationId": str,
        "bucket": {"name": str, "ownerIdentity": {"principalId": str}, "arn": str},
        "object": {"key": str, "size": int, "eTag": str, "sequencer": str},
    },
}
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""

SNS_RECORD = {
    "EventSource": str,
    "EventVersion": str,
    "EventSubscriptionArn": str,
    "Sns": {
        "Type": str,
        "MessageId": str,
        "TopicArn": str,
        "Subject": str,
        "Message": str,
        "Timestamp": str,
        "SignatureVersion": str,
        "Signature": str,
        "SigningCertUrl": str,
        "UnsubscribeUrl": str,
        "MessageAttributes": {"Test": {"Type": str, "Value": str}},
    },
}
"""https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html, with the names of the URLs that
events have"""


def shape(value: Any, like: Any) -> Any:
    """The fields of a document and the types of their values, as ``like`` spells them."""
    if isinstance(value, dict) and isinstance(like, dict):
        return {key: shape(each, like.get(key)) for key, each in value.items()}
    return float if like is float and type(value) is int else type(value)


def moment(text: str) -> datetime:
    """A moment as AWS writes it."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def events_of(function: Function) -> list[Any]:
    return [invocation.event for invocation in function.invocations]


def only_event(function: Function) -> Any:
    (event,) = events_of(function)
    return event


def test_a_kinesis_event(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream)
    stream.put("ä", partition_key="p")
    sls.settle()
    event = only_event(function)
    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert shape(record, KINESIS_RECORD) == KINESIS_RECORD
    (parsed,) = KinesisDataStreamModel(**event).Records
    assert parsed.kinesis.data == "ä".encode()
    assert parsed.kinesis.partitionKey == "p"
    assert parsed.kinesis.kinesisSchemaVersion == "1.0"
    assert parsed.eventID == f"{stream.records()[0].shard_id}:{parsed.kinesis.sequenceNumber}"
    assert parsed.eventSourceARN == stream.arn
    assert parsed.eventVersion == "1.0"
    assert parsed.awsRegion == stream.arn.split(":")[3]
    arrived = datetime.fromtimestamp(parsed.kinesis.approximateArrivalTimestamp).timestamp()
    shown = stream.records()[0].arrived
    assert shown is not None
    assert arrived == pytest.approx(shown.timestamp(), abs=0.002)


@pytest.mark.needs_clock
def test_a_kinesis_event_of_a_tumbling_window(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy("def handler(event, context): return {'state': {}}")
    function.triggered_by(stream, tumbling_window_in_seconds=10)
    stream.put("a")
    sls.settle()
    first, final = (invocation.event for invocation in function.invocations)
    for event in (first, final):
        records = event.pop("Records")
        assert shape(event, WINDOW) == WINDOW
        assert len(records) == (0 if event["isFinalInvokeForWindow"] else 1)
        assert event["shardId"] == "shardId-000000000000"
        start, end = (moment(event["window"][at]) for at in ("start", "end"))
        assert (end - start).total_seconds() == 10
        assert start.timestamp() % 10 == 0


def test_a_dynamodb_event(deploy: Deploy, sls: Environment, column: Column) -> None:
    table, function = sls.table(stream=True), deploy(QUIET)
    function.triggered_by(table)
    table.put({"id": "1", "n": 2})
    sls.settle()
    event = only_event(function)
    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert shape(record, DYNAMODB_RECORD) == DYNAMODB_RECORD
    (parsed,) = DynamoDBStreamModel(**event).Records
    assert parsed.eventName == "INSERT"
    assert record["eventVersion"] == "1.1"
    assert parsed.dynamodb.Keys == {"id": "1"}
    assert parsed.dynamodb.NewImage == {"id": "1", "n": 2}
    assert parsed.dynamodb.StreamViewType == "NEW_AND_OLD_IMAGES"
    if column.ours:  # all that AWS promises is that it is unique
        assert len(record["eventID"]) == 32
    assert parsed.eventSourceARN.startswith(f"{table.arn}/stream/")


def test_an_sqs_event(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    function.triggered_by(queue)
    queue.send("hello")
    sls.settle()
    event = only_event(function)
    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert shape(record, SQS_RECORD) == SQS_RECORD
    (parsed,) = SqsModel(**event).Records
    assert parsed.body == "hello"
    assert parsed.eventSourceARN == queue.arn
    assert parsed.attributes.ApproximateReceiveCount == "1"


def test_an_sqs_event_of_a_fifo_queue(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(fifo=True), deploy(QUIET)
    function.triggered_by(queue)
    queue.send("hello", message_group_id="g")
    sls.settle()
    event = only_event(function)
    (record,) = event["Records"]
    assert shape(record["attributes"], FIFO_ATTRIBUTES) == FIFO_ATTRIBUTES
    (parsed,) = SqsModel(**event).Records
    assert parsed.attributes.MessageGroupId == "g"


def test_an_sqs_event_with_message_attributes(deploy: Deploy, sls: Environment) -> None:
    queue, function = sls.queue(), deploy(QUIET)
    function.triggered_by(queue)
    given = {
        "text": {"DataType": "String", "StringValue": "t"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    queue.send("hello", message_attributes=given)
    sls.settle()
    event = only_event(function)
    (record,) = event["Records"]
    empty: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "text": {**empty, "dataType": "String", "stringValue": "t"},
        "bytes": {
            **empty,
            "dataType": "Binary",
            "binaryValue": base64.b64encode(b"\x00\xff").decode(),
        },
    }
    assert "md5OfMessageAttributes" in record
    (parsed,) = SqsModel(**event).Records
    assert parsed.messageAttributes["text"].stringValue == "t"


def test_an_s3_event(deploy: Deploy, sls: Environment) -> None:
    bucket, function = sls.bucket(), deploy(QUIET)
    function.triggered_by(bucket)
    bucket.put("a folder/ä.txt", "hello")
    sls.settle()
    event = only_event(function)
    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert shape(record, S3_RECORD) == S3_RECORD
    (parsed,) = S3Model(**event).Records
    assert parsed.eventName == "ObjectCreated:Put"
    assert parsed.s3.bucket.name == bucket.name
    assert record["s3"]["object"]["key"] == "a+folder/%C3%A4.txt"
    assert record["s3"]["object"]["size"] == 5


def test_an_sns_event(deploy: Deploy, sls: Environment) -> None:
    topic, function = sls.topic(), deploy(QUIET)
    function.triggered_by(topic)
    attributes = {"Test": {"DataType": "String", "StringValue": "TestString"}}
    (published,) = topic.publish("hello", subject="TestInvoke", message_attributes=attributes)
    topic.publish("bare")
    sls.settle()
    events = {
        each.event["Records"][0]["Sns"]["Message"]: each.event for each in function.invocations
    }
    event = events["hello"]
    (record,) = event["Records"]
    assert list(event) == ["Records"]
    assert shape(record, SNS_RECORD) == SNS_RECORD
    (parsed,) = SnsModel(**event).Records
    assert parsed.Sns.TopicArn == topic.arn
    assert parsed.Sns.MessageId == published.message_id
    (bare,) = SnsModel(**events["bare"]).Records
    assert (bare.Sns.Subject, bare.Sns.MessageAttributes) == (None, {})
