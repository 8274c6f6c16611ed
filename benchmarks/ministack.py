"""The same work through MiniStack, an emulator, in a virtual environment of its own."""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.measure import CLICK_PROCESSOR, CLICKS, COUNTS, Goal, Row, Scale, milliseconds
from ci.ministack import VERSION, Unavailable, server

GOAL = Goal(25, "at least", " times the process runtime")
PATIENCE = 60.0
LOOK_AGAIN = 0.01


def rows(scale: Scale, process_runtime: float | None) -> list[Row]:
    """MiniStack's line: against the seconds of a test in the process runtime, if measured."""
    what = f"the same through MiniStack {VERSION}"
    try:
        seconds = median(measure(scale.ministack_repetitions))
    except Unavailable as reason:
        return [Row(what, f"not to be had: {reason}", goal=GOAL)]
    if process_runtime is None:
        return [Row(what, milliseconds(seconds))]
    ratio = seconds / process_runtime
    compared = f"{ratio:.0f} times the process runtime"
    return [Row(what, milliseconds(seconds), compared, GOAL, ratio)]


def measure(repetitions: int) -> list[float]:
    """The seconds of each repetition. Raises :class:`Unavailable`."""
    with server() as endpoint_url:
        return [_once(endpoint_url, number) for number in range(repetitions)]


def _once(endpoint_url: str, number: int) -> float:
    import boto3

    make: Callable[..., Any] = boto3.Session("test", "test", region_name="us-east-1").client
    dynamodb, kinesis, functions = (
        make(service, endpoint_url=endpoint_url) for service in ("dynamodb", "kinesis", "lambda")
    )
    name = f"clicks-{number}"
    code = _zip()

    began = time.perf_counter()
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "page", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "page", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    kinesis.create_stream(StreamName=name, ShardCount=1)
    stream = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    functions.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role="arn:aws:iam::000000000000:role/clicks",
        Handler="app.handler",
        Code={"ZipFile": code},
        Environment={"Variables": {"CLICKS_TABLE": name}},
        Timeout=30,
    )
    mapping = functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream["StreamARN"], StartingPosition="TRIM_HORIZON"
    )
    kinesis.put_records(
        StreamName=name,
        Records=[
            {"Data": json.dumps(click).encode(), "PartitionKey": str(key)}
            for key, click in enumerate(CLICKS)
        ],
    )
    _wait_for_the_effect(dynamodb, name)
    functions.delete_event_source_mapping(UUID=mapping["UUID"])
    functions.delete_function(FunctionName=name)
    kinesis.delete_stream(StreamName=name)
    dynamodb.delete_table(TableName=name)
    return time.perf_counter() - began


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(CLICK_PROCESSOR / "app.py", "app.py")
    return packed.getvalue()


def _wait_for_the_effect(dynamodb: Any, table: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        items = dynamodb.scan(TableName=table)["Items"]
        counts = {item["page"]["S"]: int(item["count"]["N"]) for item in items}
        if counts == COUNTS:
            return
        if time.monotonic() > deadline:
            raise Unavailable(f"no effect within {PATIENCE:g} s; the table holds {counts}")
        time.sleep(LOOK_AGAIN)
