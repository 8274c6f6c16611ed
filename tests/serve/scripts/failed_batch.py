"""A function fails at one record of a Kinesis stream, and a queue is told of it.

Plain boto3, but for the endpoint: ``python failed_batch.py http://127.0.0.1:4566``. The record
of the failure is the one of
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html.
"""

from __future__ import annotations

import io
import json
import re
import sys
import uuid
import zipfile
from typing import Any

import boto3

HANDLER = """
import base64, os, boto3

sqs = boto3.client("sqs")

def handler(event, context):
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
    if "broken" in data:
        raise ValueError("a broken record")
    for each in data:
        sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=each)
"""

DATA = ("one", "two", "broken", "four")
INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z"


def main(endpoint_url: str) -> None:
    """Set it up, put four records of which one is broken, and look at both queues."""
    make: Any = boto3.client
    kinesis, functions, sqs = (
        make(service, endpoint_url=endpoint_url) for service in ("kinesis", "lambda", "sqs")
    )
    name = f"clicks-{uuid.uuid4().hex[:8]}"
    handled_url = sqs.create_queue(QueueName=f"{name}-handled")["QueueUrl"]
    failed_url = sqs.create_queue(QueueName=f"{name}-failed")["QueueUrl"]
    failed = sqs.get_queue_attributes(QueueUrl=failed_url, AttributeNames=["QueueArn"])
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1})
    stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    created = functions.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role=f"arn:aws:iam::123456789012:role/{name}",
        Handler="app.handler",
        Code={"ZipFile": zipped(HANDLER)},
        Environment={"Variables": {"QUEUE_URL": handled_url}},
        Timeout=30,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    mapping = functions.create_event_source_mapping(
        EventSourceArn=stream["StreamARN"],
        FunctionName=name,
        StartingPosition="TRIM_HORIZON",
        BatchSize=4,
        MaximumBatchingWindowInSeconds=1,
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        DestinationConfig={"OnFailure": {"Destination": failed["Attributes"]["QueueArn"]}},
    )
    put = kinesis.put_records(
        StreamName=name, Records=[{"Data": data.encode(), "PartitionKey": "key"} for data in DATA]
    )
    broken = put["Records"][DATA.index("broken")]

    (told,) = receive(sqs, failed_url, 1)
    record = json.loads(told)
    for context, field, pattern in (
        (record["requestContext"], "requestId", r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        (record, "timestamp", INSTANT),
        (record["KinesisBatchInfo"], "approximateArrivalOfFirstRecord", INSTANT),
        (record["KinesisBatchInfo"], "approximateArrivalOfLastRecord", INSTANT),
    ):
        value = context.pop(field)
        assert re.fullmatch(pattern, value), (field, value)
    assert record["requestContext"].pop("approximateInvokeCount") >= 2, told
    assert record == {
        "requestContext": {
            "functionArn": created["FunctionArn"],
            "condition": "RetryAttemptsExhausted",
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "version": "1.0",
        "KinesisBatchInfo": {
            "shardId": broken["ShardId"],
            "startSequenceNumber": broken["SequenceNumber"],
            "endSequenceNumber": broken["SequenceNumber"],
            "batchSize": 1,
            "streamArn": stream["StreamARN"],
        },
    }, told
    # With what it says the record can be read again, as long as the stream keeps it.
    iterator = kinesis.get_shard_iterator(
        StreamName=name,
        ShardId=record["KinesisBatchInfo"]["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=record["KinesisBatchInfo"]["startSequenceNumber"],
    )["ShardIterator"]
    (read, *_) = kinesis.get_records(ShardIterator=iterator, Limit=1)["Records"]
    assert read["Data"] == b"broken"
    assert sorted(receive(sqs, handled_url, 3)) == ["four", "one", "two"]

    functions.delete_event_source_mapping(UUID=mapping["UUID"])
    functions.delete_function(FunctionName=name)
    kinesis.delete_stream(StreamName=name)
    for queue_url in (handled_url, failed_url):
        sqs.delete_queue(QueueUrl=queue_url)


def receive(sqs: Any, queue_url: str, count: int) -> list[str]:
    """The bodies of so many messages; waits for each."""
    bodies: list[str] = []
    while len(bodies) < count:
        answer = sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=20)
        for message in answer["Messages"]:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(message["Body"])
    return bodies


def zipped(source: str) -> bytes:
    """A deployment package with the module ``app``."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return content.getvalue()


if __name__ == "__main__":
    main(sys.argv[1])
