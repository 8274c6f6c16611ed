"""Counts the clicks of each page: Kinesis in, one DynamoDB item per page out.

Kinesis delivers a record at least once: a batch that failed, or whose end was not noticed,
comes again, perhaps together with other records. Every item therefore keeps, per shard, the
sequence number up to which that shard's clicks are counted, and one conditional update moves
the count and that number together. A click is counted once however often it arrives, also
where the invocation before broke off between two pages.

This relies on the order of records within a shard. With a parallelization factor above 1, use
the page as the partition key.

Environment: ``CLICKS_TABLE`` names a table with the partition key ``page`` (a string).
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections import defaultdict
from typing import Any

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

TABLE = os.environ["CLICKS_TABLE"]
dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], context: Any) -> None:
    """Count the batch; an exception makes Lambda deliver it again."""
    clicks: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for record in event["Records"]:
        clicks[page_of(record), shard_of(record)].append(position_of(record))
    for (page, shard), positions in clicks.items():
        count(page, shard, positions)
    logger.info("%d clicks on %d pages", len(event["Records"]), len(clicks))


def page_of(record: dict[str, Any]) -> str:
    """The page of a record such as ``{"page": "/home"}``."""
    try:
        page = json.loads(base64.b64decode(record["kinesis"]["data"]))["page"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"record {record['eventID']} is not a click: {error!r}") from error
    if not isinstance(page, str):
        raise ValueError(f"record {record['eventID']} is not a click: page is {page!r}")
    return page


def shard_of(record: dict[str, Any]) -> str:
    """The shard with its stream: shard ids are alike in every stream."""
    stream = record["eventSourceARN"].partition("/")[2]
    return f"{stream}/{record['eventID'].partition(':')[0]}"


def position_of(record: dict[str, Any]) -> str:
    """The sequence number as text that sorts as the number does.

    Sequence numbers have up to 129 digits, DynamoDB's numbers 38.
    """
    number = record["kinesis"]["sequenceNumber"]
    return f"{len(number):03}-{number}"


def count(page: str, shard: str, positions: list[str]) -> None:
    """Add the clicks at these positions, in ascending order, that were not counted before."""
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"page": {"S": page}},
            UpdateExpression="SET #shard = :last ADD #count :clicks",
            ConditionExpression="attribute_not_exists(#shard) OR #shard < :first",
            ExpressionAttributeNames={"#shard": shard, "#count": "count"},
            ExpressionAttributeValues={
                ":first": {"S": positions[0]},
                ":last": {"S": positions[-1]},
                ":clicks": {"N": str(len(positions))},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        counted_up_to = error.response["Item"][shard]["S"]
        new = [position for position in positions if position > counted_up_to]
        again = len(positions) - len(new)
        logger.info("%s: %d of %d clicks came again", page, again, len(positions))
        if new:
            count(page, shard, new)
