"""The records of events, as AWS words them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StreamRecord:
    """One record of a stream, ready for an event."""

    document: str
    """The record as JSON text."""
    sequence_number: str
    arrived: float
    """Seconds since the epoch."""
    size: int
    """Bytes that it takes in the event, the comma after it included."""
    key: str
    """Records that have the same one are delivered in their order, whatever is handled at
    once: the partition key, or of a table's change the item's primary key."""


def kinesis_record(
    record: dict[str, Any], shard_id: str, stream_arn: str, role_arn: str
) -> StreamRecord:
    """A record of GetRecords as it stands in an event.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    arrived = record["ApproximateArrivalTimestamp"].timestamp()
    sequence_number = record["SequenceNumber"]
    document = json.dumps(
        {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": record["PartitionKey"],
                "sequenceNumber": sequence_number,
                "data": base64.b64encode(record["Data"]).decode(),
                "approximateArrivalTimestamp": round(arrived, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard_id}:{sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role_arn,
            "awsRegion": stream_arn.split(":")[3],
            "eventSourceARN": stream_arn,
        },
        separators=(",", ":"),
    )
    return StreamRecord(
        document, sequence_number, arrived, len(document) + 1, record["PartitionKey"]
    )


def dynamodb_record(record: dict[str, Any], stream_arn: str) -> StreamRecord:
    """A record of GetRecords of DynamoDB Streams as it stands in an event.

    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    change = record["dynamodb"]
    created = int(change["ApproximateCreationDateTime"].timestamp())
    event = {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": record["eventVersion"],
        "eventSource": record["eventSource"],
        "awsRegion": record["awsRegion"],
        "dynamodb": {**change, "ApproximateCreationDateTime": created},
        "eventSourceARN": stream_arn,
    }
    if "userIdentity" in record:
        identity = record["userIdentity"]
        event["userIdentity"] = {"type": identity["Type"], "principalId": identity["PrincipalId"]}
    document = json.dumps(event, default=_base64_text, separators=(",", ":"))
    key = json.dumps(change["Keys"], default=_base64_text, sort_keys=True)
    return StreamRecord(document, change["SequenceNumber"], created, len(document) + 1, key)


def _base64_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def event_of(records: Iterable[StreamRecord], more: str = "") -> bytes:
    """The event that a function gets. ``more`` is what it has besides the records: JSON text
    that begins with a comma."""
    listed = ",".join(record.document for record in records)
    return f'{{"Records":[{listed}]{more}}}'.encode()
