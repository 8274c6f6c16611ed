"""Keeps an index of a bucket: S3 notifications in, one DynamoDB item per object out.

S3 delivers an event at least once, and two events of an object in any order. Every item
therefore keeps the sequencer of the event that it comes from, and an event that is not later
than it changes nothing. An object that was deleted keeps its item, marked as deleted: without it,
the upload that arrives late would bring the object back.

Environment: ``INDEX_TABLE`` names a table with the partition key ``key`` (a string).
"""

from __future__ import annotations

import logging
import os
from typing import Any
from urllib.parse import unquote_plus

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

TABLE = os.environ["INDEX_TABLE"]
dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> None:
    """Bring the index up to date; an exception makes Lambda deliver the event again."""
    for record in event["Records"]:
        item = item_of(record)
        done = put(item)
        logger.info("%s of %s: %s", record["eventName"], item["key"]["S"], done)


def item_of(record: dict[str, Any]) -> dict[str, Any]:
    """The index entry that an event asks for."""
    described = record["s3"]["object"]
    item: dict[str, Any] = {
        "key": {"S": unquote_plus(described["key"])},
        "sequencer": {"S": comparable(described["sequencer"])},
        "changed": {"S": record["eventTime"]},
    }
    if record["eventName"].startswith("ObjectRemoved:"):
        return {**item, "deleted": {"BOOL": True}}
    return {**item, "size": {"N": str(described["size"])}, "etag": {"S": described["eTag"]}}


def comparable(sequencer: str) -> str:
    """Sequencers may be of different lengths; padded they sort as strings.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return sequencer.ljust(32, "0")


def put(item: dict[str, Any]) -> str:
    """Write an entry unless the one that is there is as new."""
    try:
        dynamodb.put_item(
            TableName=TABLE,
            Item=item,
            ConditionExpression="attribute_not_exists(sequencer) OR sequencer < :sequencer",
            ExpressionAttributeValues={":sequencer": item["sequencer"]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return "known already"
    return "indexed"
