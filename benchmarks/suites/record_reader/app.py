"""Answers with what it was given: the shard, and the number in each record."""

from __future__ import annotations

import base64
import json
from typing import Any


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Read one batch, which Lambda takes from one shard."""
    records = event["Records"]
    (shard,) = {record["eventID"].partition(":")[0] for record in records}
    data = [json.loads(base64.b64decode(record["kinesis"]["data"])) for record in records]
    return {"shard": shard, "numbers": [one["number"] for one in data]}
