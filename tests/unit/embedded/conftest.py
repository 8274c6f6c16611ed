"""An embedded cloud whose functions are plain Python callables."""

from __future__ import annotations

import base64
import io
import itertools
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slstest.clouds.embedded import EmbeddedCloud
from slstest.errors import UnsupportedRuntime
from slstest.runtimes.base import EnvironmentSpec, InvocationOutcome, InvocationRequest

ROLE = "arn:aws:iam::123456789012:role/lambda"
TIMEOUT = 60.0
"""Seconds, far more than any test waits where nothing is broken."""

Handler = Callable[[Any], Any]


@dataclass(frozen=True)
class Call:
    """One invocation as the runtime got it."""

    event: Any
    request: InvocationRequest
    spec: EnvironmentSpec
    moment: float
    """The cloud's time."""

    @property
    def data(self) -> list[str]:
        """The data of an event's Kinesis records."""
        return [
            base64.b64decode(each["kinesis"]["data"]).decode() for each in self.event["Records"]
        ]


class FakeEnvironment:
    def __init__(self, runtime: FakeRuntime, spec: EnvironmentSpec) -> None:
        self.runtime = runtime
        self.spec = spec
        self.closed = False
        self.alive = True

    def invoke(self, request: InvocationRequest) -> InvocationOutcome:
        event = json.loads(request.payload)
        call = Call(event, request, self.spec, self.runtime.now())
        self.runtime.calls.append(call)
        handler = self.runtime.handlers.get(self.spec.function_name, self.runtime.handler)
        lines: tuple[str, ...] = (f"START RequestId: {request.request_id} Version: $LATEST",)
        try:
            payload, error = json.dumps(handler(event)).encode(), None
        except Exception as raised:
            document = {"errorMessage": str(raised), "errorType": type(raised).__name__}
            payload, error = json.dumps(document).encode(), "Unhandled"
            lines += (f"[ERROR] {type(raised).__name__}: {raised}",)
        lines += (f"END RequestId: {request.request_id}",)
        return InvocationOutcome(payload, error, lines, 1.0, alive=self.alive)

    def close(self) -> None:
        self.closed = True


class FakeRuntime:
    """Runs ``handler``, or the one of ``handlers`` that has the function's name."""

    name = "fake"

    def __init__(self) -> None:
        self.now: Callable[[], float] = float
        self.forget()

    def forget(self) -> None:
        self.handler: Handler = lambda event: event
        self.handlers: dict[str, Handler] = {}
        self.calls: list[Call] = []
        self.environments: list[FakeEnvironment] = []

    def check(self, spec: EnvironmentSpec) -> None:
        if not spec.runtime.startswith("python"):
            raise UnsupportedRuntime(f"{spec.runtime} cannot be run here")

    def start(self, spec: EnvironmentSpec) -> FakeEnvironment:
        environment = FakeEnvironment(self, spec)
        self.environments.append(environment)
        return environment

    def close(self) -> None:
        """Nothing runs on its own."""


def zip_of(**files: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.py", text)
    return content.getvalue()


@dataclass
class Aws:
    """The cloud's clients, and what most tests need of them."""

    cloud: EmbeddedCloud
    runtime: FakeRuntime
    _names: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.lambda_ = self.cloud.client("lambda")
        self.kinesis = self.cloud.client("kinesis")

    def name(self, kind: str) -> str:
        return f"{kind}-{next(self._names)}"

    def function(self, **params: Any) -> str:
        """Create a function and return its name."""
        name: str = params.setdefault("FunctionName", self.name("function"))
        params.setdefault("Runtime", "python3.12")
        params.setdefault("Role", ROLE)
        params.setdefault("Handler", "app.handler")
        params.setdefault("Code", {"ZipFile": zip_of(app="def handler(event, context): ...")})
        self.lambda_.create_function(**params)
        return name

    def stream(self, shard_count: int = 1) -> str:
        """Create a stream and return its name."""
        name = self.name("stream")
        self.kinesis.create_stream(StreamName=name, ShardCount=shard_count)
        return name

    def arn(self, stream: str) -> str:
        return f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream}"

    def map(self, stream: str, function: str, **params: Any) -> str:
        """Map a stream to a function and return the mapping's UUID."""
        params.setdefault("StartingPosition", "TRIM_HORIZON")
        answer = self.lambda_.create_event_source_mapping(
            EventSourceArn=self.arn(stream), FunctionName=function, **params
        )
        identifier: str = answer["UUID"]
        return identifier

    def put(self, stream: str, *data: str, key: str = "key") -> None:
        """Put records, all with one partition key."""
        for start in range(0, len(data), 500):
            self.kinesis.put_records(
                StreamName=stream,
                Records=[
                    {"Data": each.encode(), "PartitionKey": key}
                    for each in data[start : start + 500]
                ],
            )

    def keys(self, stream: str) -> list[str]:
        """A partition key for each shard of a stream, in the shards' order."""
        found: dict[str, str] = {}
        shards = self.kinesis.list_shards(StreamName=stream)["Shards"]
        for number in itertools.count():
            if len(found) == len(shards):
                return [found[shard["ShardId"]] for shard in shards]
            hashed = int.from_bytes(_md5(str(number)), "big")
            for shard in shards:
                low, high = shard["HashKeyRange"].values()
                if min(int(low), int(high)) <= hashed <= max(int(low), int(high)):
                    found.setdefault(shard["ShardId"], str(number))
        raise AssertionError("no keys are left")

    def settle(self) -> None:
        self.cloud.settle(TIMEOUT)

    def quiesce(self) -> None:
        self.cloud.quiesce(TIMEOUT)

    def advance(self, seconds: float) -> None:
        self.cloud.advance(seconds, TIMEOUT)

    def now(self) -> float:
        return self.cloud._scheduler.now()

    def batches(self) -> list[list[str]]:
        """The data of all batches, in the order of their invocations."""
        return [call.data for call in self.runtime.calls]

    @staticmethod
    def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[int, str, str]:
        """Status, code and message of an error answer."""
        response: Any = error.value.response
        return (
            response["ResponseMetadata"]["HTTPStatusCode"],
            response["Error"]["Code"],
            response["Error"]["Message"],
        )

    def clean(self) -> None:
        for mapping in self.lambda_.list_event_source_mappings()["EventSourceMappings"]:
            self.lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
        for page in self.lambda_.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                self.lambda_.delete_function(FunctionName=function["FunctionName"])
        for stream in self.kinesis.list_streams()["StreamNames"]:
            self.kinesis.delete_stream(StreamName=stream)
        self.quiesce()
        self.cloud.end()


def _md5(text: str) -> bytes:
    import hashlib

    return hashlib.md5(text.encode()).digest()


class Gate:
    """Holds a handler until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self._opened = threading.Event()

    def wait(self) -> None:
        """Called by the handler."""
        self.entered.set()
        assert self._opened.wait(TIMEOUT)

    def open(self) -> None:
        self._opened.set()


def _open(region: str = "us-east-1") -> Aws:
    runtime = FakeRuntime()
    cloud = EmbeddedCloud(lambda _: runtime, region=region)
    runtime.now = cloud._scheduler.now
    return Aws(cloud, runtime)


@pytest.fixture(scope="session")
def _shared_aws() -> Iterator[Aws]:
    aws = _open()
    yield aws
    aws.cloud.close()


@pytest.fixture(scope="session")
def aws_in() -> Callable[[str], Aws]:
    """Opens a cloud of a test's own in a region; the test closes it."""
    return _open


@pytest.fixture
def aws(_shared_aws: Aws) -> Iterator[Aws]:
    """The cloud that all tests of this folder share, empty, and in the present."""
    _shared_aws.runtime.forget()
    _shared_aws.cloud.begin()
    yield _shared_aws
    _shared_aws.clean()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    """Makes a deployment package of modules: ``zipped(app="...")``."""
    return zip_of
