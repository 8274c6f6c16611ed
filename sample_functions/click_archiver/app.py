"""Archives clicks: Kinesis in, one S3 object of JSON lines per batch out.

The object's key follows from the batch's first record. A batch that is delivered again
overwrites its own object instead of adding a second one.

Environment: ``ARCHIVE_BUCKET`` names the bucket.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from datetime import datetime, timezone
from typing import Any

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

BUCKET = os.environ["ARCHIVE_BUCKET"]
s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Write the batch as one object and return its key."""
    records = event["Records"]
    key = key_of(records[0])
    s3.put_object(
        Bucket=BUCKET,
        Key=key,
        Body="".join(line_of(record) for record in records).encode(),
        ContentType="application/x-ndjson",
    )
    logger.info("%d clicks archived as %s", len(records), key)
    return {"key": key}


def key_of(record: dict[str, Any]) -> str:
    """``<stream>/<day of arrival>/<shard>-<sequence number>.jsonl``."""
    stream = record["eventSourceARN"].partition("/")[2]
    shard = record["eventID"].partition(":")[0]
    arrival = record["kinesis"]["approximateArrivalTimestamp"]
    day = datetime.fromtimestamp(arrival, tz=timezone.utc).date().isoformat()
    return f"{stream}/{day}/{shard}-{record['kinesis']['sequenceNumber']}.jsonl"


def line_of(record: dict[str, Any]) -> str:
    """The record's JSON on one line, whatever whitespace it came with."""
    try:
        click = json.loads(base64.b64decode(record["kinesis"]["data"]))
    except ValueError as error:
        raise ValueError(f"record {record['eventID']} is not JSON: {error}") from error
    return json.dumps(click, ensure_ascii=False, separators=(",", ":")) + "\n"
