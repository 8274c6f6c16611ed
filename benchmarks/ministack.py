"""The same work through MiniStack, an emulator, in a virtual environment of its own."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import URLError

from benchmarks.measure import CLICK_PROCESSOR, CLICKS, COUNTS, Goal, Row, Scale, milliseconds

VERSION = "1.5.33"
GOAL = Goal(25, "at least", " times the process runtime")
PATIENCE = 60.0
LOOK_AGAIN = 0.01


class Unavailable(Exception):
    """MiniStack cannot be had here; the text says why."""


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


def _python() -> Path:
    """The Python of the virtual environment, which is made on first use and then kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    running = ".".join(map(str, sys.version_info[:3]))
    folder = cache / "slstest-benchmarks" / f"ministack-{VERSION}-python-{running}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)])
        # boto3 is for the function: MiniStack runs it with its own Python.
        _run([str(python), "-m", "pip", "install", f"ministack=={VERSION}", "boto3"])
        complete.touch()
    return python


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["(no output)"]
        raise Unavailable(f"{' '.join(command[1:])}: {said[-1]}")


@contextmanager
def server() -> Iterator[str]:
    """A running MiniStack: its URL. Raises :class:`Unavailable`."""
    python = _python()
    with TemporaryDirectory(prefix="slstest-benchmark-") as folder:
        endpoint_url = f"http://127.0.0.1:{_free_port()}"
        log = Path(folder) / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [python, "-m", "ministack"],
                cwd=folder,
                env={
                    **os.environ,
                    "GATEWAY_PORT": endpoint_url.rpartition(":")[2],
                    "AWS_ENDPOINT_URL": endpoint_url,
                    "STATE_DIR": str(Path(folder) / "state"),
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # the processes of its functions are ended with it
            )
        try:
            _wait_until_healthy(endpoint_url, server, log)
            yield endpoint_url
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _wait_until_healthy(endpoint_url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{endpoint_url}/_ministack/health", timeout=5).close()
            return
        except (URLError, OSError) as error:
            if server.poll() is not None or time.monotonic() > deadline:
                text = log.read_text(encoding="utf-8", errors="replace").strip()
                raise Unavailable(f"it does not start: {error}\n{text[-1000:]}") from error
        time.sleep(LOOK_AGAIN)


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
