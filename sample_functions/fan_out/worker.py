"""Counts the words of one document and keeps the result in DynamoDB.

    {"name": "a.txt", "text": "one two"}  -> {"name": "a.txt", "words": 2}

Environment: ``RESULTS_TABLE`` names a table with the partition key ``name`` (a string).
"""

from __future__ import annotations

import os
from typing import Any

import boto3

table = boto3.resource("dynamodb").Table(os.environ["RESULTS_TABLE"])


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Count, keep, return. An empty document is an error."""
    words = len(event["text"].split())
    if not words:
        raise ValueError(f"{event['name']} is empty")
    result = {"name": event["name"], "words": words}
    table.put_item(Item=result)
    return result
