"""Kinesis alone, on a clock that only moves when a test says so."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError

from slstest.embedded.doors import InProcessDoor
from slstest.embedded.kinesis.service import KinesisService
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.scheduler import Scheduler

PRESENT = 1_700_000_000.25
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
ENDPOINT = "http://127.0.0.1:2"
TIMEOUT = 60.0
"""Seconds, far more than any test waits where nothing is broken."""


class NothingElse:
    """In the place of what answers the other services."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        raise AssertionError(f"not for Kinesis: {request.service}")


class World:
    """A cloud that has nothing but streams."""

    def __init__(self) -> None:
        self.scheduler = Scheduler(present=lambda: PRESENT)
        models = botocore.session.get_session()
        self.service = KinesisService(
            NothingElse(),
            lambda: models.get_service_model("kinesis"),
            self.scheduler.now,
            self,
            lambda access_key: ACCOUNT_ID,
        )
        self.door = InProcessDoor(ENDPOINT, REGION, self.service.handle)
        self.door.open()
        self.api = self.client()
        self._names = itertools.count()
        self.forget()

    def forget(self) -> None:
        """Begin as a new world."""
        self.scheduler.reset()
        for name in self.api.list_streams()["StreamNames"]:
            self.api.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
        self.told: list[tuple[str, frozenset[str] | None]] = []
        """What those who read streams heard, and of which shards."""
        self.gone: list[str] = []
        """The ARNs of what does not exist any more."""

    # -- what the service tells -----------------------------------------------------------

    def stream_written(self, stream_arn: str, shard_ids: frozenset[str] | None) -> None:
        self.told.append((stream_arn, shard_ids))

    def source_gone(self, arn: str) -> None:
        self.gone.append(arn)

    # -- what tests do --------------------------------------------------------------------

    def client(self, **settings: Any) -> Any:
        session = boto3.Session(
            aws_access_key_id="AKIA",
            aws_secret_access_key="secret",
            region_name=settings.pop("region_name", REGION),
        )
        make: Callable[..., Any] = session.client
        return make("kinesis", endpoint_url=ENDPOINT, **settings)

    def stream(self, shard_count: int = 1, **params: Any) -> str:
        """Create a stream and return its name."""
        name = f"stream-{next(self._names)}"
        if "StreamModeDetails" not in params:
            params["ShardCount"] = shard_count
        self.api.create_stream(StreamName=name, **params)
        return name

    @staticmethod
    def arn(stream: str) -> str:
        return f"arn:aws:kinesis:{REGION}:{ACCOUNT_ID}:stream/{stream}"

    def put(self, stream: str, *data: str, key: str = "key") -> list[dict[str, Any]]:
        entries = [{"Data": each, "PartitionKey": key} for each in data]
        answer = self.api.put_records(StreamName=stream, Records=entries)
        records: list[dict[str, Any]] = answer["Records"]
        return records

    def shards(self, stream: str, **params: Any) -> list[dict[str, Any]]:
        shards: list[dict[str, Any]] = self.api.list_shards(StreamName=stream, **params)["Shards"]
        return shards

    def iterator(self, stream: str, shard: int = 0, kind: str = "TRIM_HORIZON", **at: Any) -> str:
        answer = self.api.get_shard_iterator(
            StreamName=stream, ShardId=f"shardId-{shard:012d}", ShardIteratorType=kind, **at
        )
        return str(answer["ShardIterator"])

    def read(self, iterator: str, limit: int | None = None) -> dict[str, Any]:
        limited = {} if limit is None else {"Limit": limit}
        page: dict[str, Any] = self.api.get_records(ShardIterator=iterator, **limited)
        return page

    def data(self, stream: str, shard: int = 0, kind: str = "TRIM_HORIZON", **at: Any) -> list[str]:
        """The data of the records of a shard, from an iterator on."""
        return self.data_of(self.read(self.iterator(stream, shard, kind, **at)))

    @staticmethod
    def data_of(page: dict[str, Any]) -> list[str]:
        return [record["Data"].decode() for record in page["Records"]]

    @staticmethod
    def refused(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
        """Code and message of an error answer."""
        document: Any = error.value.response["Error"]
        return document["Code"], document["Message"]

    def advance(self, seconds: float) -> None:
        self.scheduler.advance(seconds, TIMEOUT)

    @staticmethod
    def key_for(shard: dict[str, Any]) -> str:
        """A partition key that goes to a shard."""
        first, last = (
            int(shard["HashKeyRange"][f"{end}HashKey"]) for end in ("Starting", "Ending")
        )
        return next(
            key
            for key in map(str, itertools.count())
            if first <= int.from_bytes(hashlib.md5(key.encode()).digest(), "big") <= last
        )


@pytest.fixture(scope="session")
def _world() -> Iterator[World]:
    made = World()
    yield made
    made.scheduler.close()
    made.door.close()


@pytest.fixture
def world(_world: World) -> Iterator[World]:
    """A new world: no stream, and the time is ``PRESENT``."""
    _world.forget()
    yield _world
    _world.forget()
