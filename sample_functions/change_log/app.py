"""Keeps the history of a table's items: a DynamoDB stream in, one S3 object per change out.

The object's key follows from the change: the table, the item's key, the sequence number. A change
that is delivered again overwrites its own object instead of adding a second one, and the objects
of an item list in the order of its changes.

The stream must have both images (``NEW_AND_OLD_IMAGES``).

Environment: ``LOG_BUCKET`` names the bucket.
"""

from __future__ import annotations

import json
import logging
import os
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

BUCKET = os.environ["LOG_BUCKET"]
LONGEST_SEQUENCE_NUMBER = 40
s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: Any) -> None:
    """Write each change of the batch; an exception makes Lambda deliver all of them again."""
    for record in event["Records"]:
        s3.put_object(
            Bucket=BUCKET,
            Key=key_of(record),
            Body=json.dumps(entry_of(record), ensure_ascii=False).encode(),
            ContentType="application/json",
        )
    logger.info("%d changes logged", len(event["Records"]))


def key_of(record: dict[str, Any]) -> str:
    """``<table>/<item's key>/<sequence number>.json``."""
    table = record["eventSourceARN"].split("/")[1]
    change = record["dynamodb"]
    keys = "+".join(
        quote(str(plain(value)), safe="") for _, value in sorted(change["Keys"].items())
    )
    # As text, too, the numbers are to sort as numbers do.
    number = change["SequenceNumber"].zfill(LONGEST_SEQUENCE_NUMBER)
    return f"{table}/{keys}/{number}.json"


def entry_of(record: dict[str, Any]) -> dict[str, Any]:
    """What the log says of a change."""
    change = record["dynamodb"]
    if change["StreamViewType"] != "NEW_AND_OLD_IMAGES":
        raise ValueError(
            f"the stream {record['eventSourceARN']} has {change['StreamViewType']}; the log needs "
            "NEW_AND_OLD_IMAGES"
        )
    at = datetime.fromtimestamp(change["ApproximateCreationDateTime"], tz=timezone.utc)
    expired = record.get("userIdentity", {}).get("principalId") == "dynamodb.amazonaws.com"
    return {
        "change": "EXPIRE" if expired else record["eventName"],
        "at": at.isoformat(),
        "before": image(change.get("OldImage")),
        "after": image(change.get("NewImage")),
    }


def image(attributes: dict[str, Any] | None) -> dict[str, Any] | None:
    """An item in plain Python; None where there is none."""
    if attributes is None:
        return None
    return {name: plain(value) for name, value in attributes.items()}


def plain(attribute: dict[str, Any]) -> Any:
    """One attribute as JSON says it: a set as a list, binary as the base64 that events have."""
    ((kind, value),) = attribute.items()
    if kind == "NULL":
        return None
    if kind == "N":
        return json.loads(value)
    if kind == "M":
        return {name: plain(element) for name, element in value.items()}
    if kind == "L":
        return [plain(element) for element in value]
    if kind == "NS":
        return sorted(json.loads(element) for element in value)
    return sorted(value) if kind in ("SS", "BS") else value
