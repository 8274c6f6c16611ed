"""The floor: what the same work costs with moto alone and the handler called by hand.

Run as a program it prints the seconds of each repetition as JSON.
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import os
import time
from collections.abc import Callable
from typing import Any

from benchmarks.measure import CLICK_PROCESSOR, CLICKS, COUNTS, ROOT, run_python

WARM_UP = 4
NAME = "clicks"

Handler = Callable[[dict[str, Any], Any], None]


def measure(repetitions: int) -> list[float]:
    """The seconds of each repetition, in a process of its own."""
    arguments = ["-m", "benchmarks.floor", "--repetitions", str(repetitions)]
    times: list[float] = json.loads(run_python(arguments, folder=ROOT))
    return times


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, required=True)
    repetitions: int = parser.parse_args().repetitions
    from moto import mock_aws

    os.environ.update(AWS_DEFAULT_REGION="us-east-1", CLICKS_TABLE=NAME)
    with mock_aws():
        print(json.dumps(_repeat(repetitions)))


def _repeat(repetitions: int) -> list[float]:
    import boto3

    # The floor is as low as can be: the clients are made once, the handler is imported once.
    make: Callable[..., Any] = boto3.client
    dynamodb, kinesis, handler = make("dynamodb"), make("kinesis"), _handler()
    times = []
    for _ in range(WARM_UP + repetitions):
        began = time.perf_counter()
        _once(dynamodb, kinesis, handler)
        times.append(time.perf_counter() - began)
    return times[WARM_UP:]


def _handler() -> Handler:
    spec = importlib.util.spec_from_file_location("app", CLICK_PROCESSOR / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def _once(dynamodb: Any, kinesis: Any, handler: Handler) -> None:
    dynamodb.create_table(
        TableName=NAME,
        KeySchema=[{"AttributeName": "page", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "page", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    kinesis.create_stream(StreamName=NAME, ShardCount=1)
    records = [
        {"Data": json.dumps(click).encode(), "PartitionKey": str(number)}
        for number, click in enumerate(CLICKS)
    ]
    shard = kinesis.put_records(StreamName=NAME, Records=records)["Records"][0]["ShardId"]

    iterator = kinesis.get_shard_iterator(
        StreamName=NAME, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    read = kinesis.get_records(ShardIterator=iterator)["Records"]
    handler({"Records": [_as_lambda_gets_it(shard, record) for record in read]}, None)

    items = dynamodb.scan(TableName=NAME)["Items"]
    counts = {item["page"]["S"]: int(item["count"]["N"]) for item in items}
    assert counts == COUNTS, counts

    dynamodb.delete_table(TableName=NAME)
    kinesis.delete_stream(StreamName=NAME)


def _as_lambda_gets_it(shard: str, record: dict[str, Any]) -> dict[str, Any]:
    return {
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"{shard}:{record['SequenceNumber']}",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::123456789012:role/clicks",
        "awsRegion": "us-east-1",
        "eventSourceARN": f"arn:aws:kinesis:us-east-1:123456789012:stream/{NAME}",
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": record["PartitionKey"],
            "sequenceNumber": record["SequenceNumber"],
            "data": base64.b64encode(record["Data"]).decode(),
            "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"].timestamp(),
        },
    }


if __name__ == "__main__":
    main()
