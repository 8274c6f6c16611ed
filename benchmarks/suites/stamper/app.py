"""Writes down when it was called and what it was called with, one line for each call."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path
from typing import Any


def handler(event: dict[str, Any], context: Any) -> None:
    """Append the moment, and the number in each record, to the file that STAMPS names."""
    began = time.time()
    line = json.dumps({"began": began, "numbers": [_number(each) for each in event["Records"]]})
    with Path(os.environ["STAMPS"]).open("a", encoding="utf-8") as stamps:
        stamps.write(f"{line}\n")


def _number(record: dict[str, Any]) -> int:
    if "kinesis" in record:
        return int(base64.b64decode(record["kinesis"]["data"]))
    if "dynamodb" in record:
        return int(record["dynamodb"]["Keys"]["id"]["S"])
    if "s3" in record:
        return int(record["s3"]["object"]["key"])
    return int(record["body"])
