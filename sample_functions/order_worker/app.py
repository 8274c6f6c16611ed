"""Takes orders: SQS in, one DynamoDB item per order and a running total per customer out.

    {"order_id": "o-1", "customer": "ada", "lines": [{"sku": "tea", "quantity": 2, "cents": 450}]}

Every message succeeds or fails by itself: the function reports those that failed, and its mapping
has ``ReportBatchItemFailures``. They come again, and what never succeeds ends in the queue's
dead-letter queue. SQS delivers at least once, so an order and its part of the total are written in
one transaction, which is refused where the order is there already.

Environment: ``ORDERS_TABLE`` names a table with the partition key ``id`` (a string).
"""

from __future__ import annotations

import json
import logging
import os
from typing import Any

import boto3

logger = logging.getLogger()
logger.setLevel(logging.INFO)

table = boto3.resource("dynamodb").Table(os.environ["ORDERS_TABLE"])
client = table.meta.client


class BadOrder(Exception):
    """The message is no order, and never will be one."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take the orders of a batch and report the messages that failed."""
    failed: list[str] = []
    blocked: set[str] = set()
    for record in event["Records"]:
        group = ordered_group(record)
        if group in blocked:
            failed.append(record["messageId"])
            continue
        try:
            take(order_in(record["body"]))
        except Exception:
            logger.exception("message %s failed", record["messageId"])
            failed.append(record["messageId"])
            if group is not None:
                blocked.add(group)
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def ordered_group(record: dict[str, Any]) -> str | None:
    """The group within which messages must not overtake one another; None in a standard queue."""
    if not record["eventSourceARN"].endswith(".fifo"):
        return None
    group: str = record["attributes"]["MessageGroupId"]
    return group


def order_in(body: str) -> dict[str, Any]:
    """The order that a message holds, with its total."""
    try:
        order = json.loads(body)
        total = sum(line["quantity"] * line["cents"] for line in order["lines"])
        return {
            "id": f"order#{order['order_id']}",
            "customer": order["customer"],
            "lines": order["lines"],
            "cents": total,
        }
    except (ValueError, LookupError, TypeError) as error:
        raise BadOrder(f"{type(error).__name__}: {error}") from error


def take(order: dict[str, Any]) -> None:
    """Keep the order and add it to its customer's total, once, however often it comes."""
    keep = {
        "TableName": table.name,
        "Item": order,
        "ConditionExpression": "attribute_not_exists(id)",
    }
    add = {
        "TableName": table.name,
        "Key": {"id": f"customer#{order['customer']}"},
        "UpdateExpression": "ADD orders :one, cents :cents",
        "ExpressionAttributeValues": {":one": 1, ":cents": order["cents"]},
    }
    try:
        client.transact_write_items(TransactItems=[{"Put": keep}, {"Update": add}])
    except client.exceptions.TransactionCanceledException as error:
        if error.response["CancellationReasons"][0]["Code"] != "ConditionalCheckFailed":
            raise
        logger.info("%s was taken before", order["id"])
    else:
        logger.info("%s taken", order["id"])
