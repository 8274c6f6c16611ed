"""Every event source: how many records a second reach a function, and how soon one does.

The function writes down, into a file of this machine, when it was called. The same boto3 calls
are made of the embedded cloud, with functions in the process runtime, and of MiniStack.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.measure import FOLDER, Goal, Row, Scale, milliseconds
from ci import ministack

STAMPER = FOLDER / "suites" / "stamper"
LATENCY_GOAL = Goal(10, "at most", " ms")
PATIENCE = 30.0
LOOK_AGAIN = 0.001
_FIRST_OF_MANY = 1_000_000
ROLE = "arn:aws:iam::000000000000:role/stamper"

_numbers = count(1)


class TooSlow(Exception):
    """Not everything arrived in time."""


@dataclass
class Cloud:
    """A cloud to measure, and the file into which its functions write."""

    name: str
    client: Callable[[str], Any]
    stamps: Path
    _read: int = field(default=0, init=False)

    def calls(self) -> list[dict[str, Any]]:
        """What the function has written down since the last :meth:`forget`."""
        if not self.stamps.exists():
            return []
        text = self.stamps.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]

    def forget(self) -> None:
        self.stamps.write_text("", encoding="utf-8")

    def wait_for(self, numbers: set[int]) -> list[dict[str, Any]]:
        """The calls, once each number has been seen. Raises :class:`TooSlow`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            calls = self.calls()
            seen = {number for call in calls for number in call["numbers"]}
            if numbers <= seen:
                return calls
            if time.monotonic() > deadline:
                raise TooSlow(
                    f"{len(numbers - seen)} of {len(numbers)} did not arrive in {PATIENCE:g} s"
                )
            time.sleep(LOOK_AGAIN)


@dataclass(frozen=True)
class Source:
    """One kind of event source."""

    name: str
    batch_sizes: tuple[int, ...]
    make: Callable[[Cloud, str, int], Callable[[list[int]], None]]
    """Makes one that triggers a function with this batch size; what it returns sends numbers."""


def rows(scale: Scale) -> list[Row]:
    """Throughput at each batch size and latency, of each source, on each cloud."""
    measured: list[Row] = []
    for source in SOURCES:
        for open_one in (_embedded, _ministack):
            try:
                with open_one() as cloud:
                    measured += _rows(source, cloud, scale)
            except ministack.Unavailable as reason:
                what = f"{source.name}, MiniStack {ministack.VERSION}"
                measured.append(Row(what, f"not to be had: {reason}"))
    return measured


def _rows(source: Source, cloud: Cloud, scale: Scale) -> list[Row]:
    found = []
    for batch_size in source.batch_sizes:
        batches = f" in batches of {batch_size}" if len(source.batch_sizes) > 1 else ""
        what = f"{source.name}{batches}, {cloud.name}"
        try:
            send = source.make(cloud, _function(cloud), batch_size)
            send([0])
            cloud.wait_for({0})
            if batch_size == source.batch_sizes[0]:
                found.append(_latency_row(source, cloud, send, scale))
            rate = _throughput(cloud, send, scale.source_records // (10 if batch_size == 1 else 1))
        except TooSlow as reason:
            found.append(Row(what, str(reason)))
        else:
            found.append(Row(what, f"{rate:,.0f} records/s"))
    return found


def _throughput(cloud: Cloud, send: Callable[[list[int]], None], records: int) -> float:
    """Records a second, from the first put until the last was with the function."""
    cloud.forget()
    # Others than for the latency: an item that is put again as it was makes no stream record.
    numbers = list(range(_FIRST_OF_MANY, _FIRST_OF_MANY + records))
    began = time.time()
    send(numbers)
    calls = cloud.wait_for(set(numbers))
    last: float = max(call["began"] for call in calls)
    return records / (last - began)


def _latency_row(
    source: Source, cloud: Cloud, send: Callable[[list[int]], None], scale: Scale
) -> Row:
    seconds = []
    for number in range(1, scale.source_latencies + 1):
        cloud.forget()
        began = time.time()
        send([number])
        (call,) = cloud.wait_for({number})
        seconds.append(call["began"] - began)
    middle = median(seconds)
    slowest = quantiles(seconds, n=100)[98] if len(seconds) > 1 else middle
    ours = cloud.name == EMBEDDED
    return Row(
        f"{source.name}: from the put to the handler's start, {cloud.name}",
        milliseconds(middle),
        f"{milliseconds(middle)}; 99th percentile {milliseconds(slowest)}",
        LATENCY_GOAL if ours else None,
        middle * 1000 if ours else None,
    )


# -- the clouds ---------------------------------------------------------------------------

EMBEDDED = "process runtime"


@contextmanager
def _embedded() -> Iterator[Cloud]:
    from slstest.clouds import open_cloud

    cloud = open_cloud("embedded", runtime="process")
    try:
        cloud.begin()
        with _stamps() as stamps:
            yield Cloud(EMBEDDED, cloud.client, stamps)
    finally:
        cloud.close()


@contextmanager
def _ministack() -> Iterator[Cloud]:
    import boto3

    make: Callable[..., Any] = boto3.Session("test", "test", region_name="us-east-1").client
    with ministack.server() as endpoint_url, _stamps() as stamps:
        clients: dict[str, Any] = {}

        def client(service: str) -> Any:
            if service not in clients:
                clients[service] = make(service, endpoint_url=endpoint_url)
            return clients[service]

        yield Cloud(f"MiniStack {ministack.VERSION}", client, stamps)


@contextmanager
def _stamps() -> Iterator[Path]:
    """A file outside /tmp, of which each function has one of its own."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "slstest-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as name:
        yield Path(name) / "stamps"


def _function(cloud: Cloud) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(STAMPER / "app.py", "app.py")
    name = f"stamper-{next(_numbers)}"
    client = cloud.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime=f"python3.{sys.version_info.minor}",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Environment={"Variables": {"STAMPS": str(cloud.stamps)}},
        Timeout=30,
    )
    client.get_waiter("function_active_v2").wait(FunctionName=name)
    cloud.forget()
    return name


# -- the sources --------------------------------------------------------------------------


def _kinesis(cloud: Cloud, function: str, batch_size: int) -> Callable[[list[int]], None]:
    client = cloud.client("kinesis")
    client.create_stream(StreamName=function, ShardCount=1)
    summary = client.describe_stream_summary(StreamName=function)["StreamDescriptionSummary"]
    _map(cloud, function, summary["StreamARN"], batch_size, StartingPosition="TRIM_HORIZON")

    def send(numbers: list[int]) -> None:
        for start in range(0, len(numbers), 500):
            client.put_records(
                StreamName=function,
                Records=[
                    {"Data": str(number).encode(), "PartitionKey": "p"}
                    for number in numbers[start : start + 500]
                ],
            )

    return send


def _dynamodb(cloud: Cloud, function: str, batch_size: int) -> Callable[[list[int]], None]:
    client = cloud.client("dynamodb")
    made = client.create_table(
        TableName=function,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )
    stream_arn = made["TableDescription"]["LatestStreamArn"]
    _map(cloud, function, stream_arn, batch_size, StartingPosition="TRIM_HORIZON")

    def send(numbers: list[int]) -> None:
        for start in range(0, len(numbers), 25):
            client.batch_write_item(
                RequestItems={
                    function: [
                        {"PutRequest": {"Item": {"id": {"S": str(number)}}}}
                        for number in numbers[start : start + 25]
                    ]
                }
            )

    return send


def _sqs(cloud: Cloud, function: str, batch_size: int) -> Callable[[list[int]], None]:
    client = cloud.client("sqs")
    url = client.create_queue(QueueName=function)["QueueUrl"]
    told = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    window = {"MaximumBatchingWindowInSeconds": 1} if batch_size > 10 else {}
    _map(cloud, function, told["Attributes"]["QueueArn"], batch_size, **window)

    def send(numbers: list[int]) -> None:
        for start in range(0, len(numbers), 10):
            client.send_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "MessageBody": str(number)}
                    for number in numbers[start : start + 10]
                ],
            )

    return send


def _s3(cloud: Cloud, function: str, batch_size: int) -> Callable[[list[int]], None]:
    client, functions = cloud.client("s3"), cloud.client("lambda")
    client.create_bucket(Bucket=function)
    functions.add_permission(
        FunctionName=function,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"arn:aws:s3:::{function}",
    )
    arn = functions.get_function_configuration(FunctionName=function)["FunctionArn"]
    client.put_bucket_notification_configuration(
        Bucket=function,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
            ]
        },
    )

    def send(numbers: list[int]) -> None:
        for number in numbers:
            client.put_object(Bucket=function, Key=str(number), Body=b"")

    return send


def _map(cloud: Cloud, function: str, source_arn: str, batch_size: int, **settings: Any) -> None:
    client = cloud.client("lambda")
    made = client.create_event_source_mapping(
        FunctionName=function, EventSourceArn=source_arn, BatchSize=batch_size, **settings
    )
    deadline = time.monotonic() + PATIENCE
    while client.get_event_source_mapping(UUID=made["UUID"])["State"] != "Enabled":
        if time.monotonic() > deadline:
            raise TooSlow(f"the mapping was not enabled in {PATIENCE:g} s")
        time.sleep(LOOK_AGAIN)


SOURCES = (
    Source("Kinesis", (1, 10, 100), _kinesis),
    Source("DynamoDB stream", (1, 10, 100), _dynamodb),
    Source("SQS", (1, 10, 100), _sqs),
    Source("S3 notification", (1,), _s3),
)
