"""What can be seen of a cloud that runs the functions itself."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from slstest.clouds import remote_mappings
from slstest.clouds.connection import Health
from slstest.clouds.remote import RemoteCloud
from slstest.errors import NotSettled
from slstest.functions.recorder import MARK
from slstest.waiting import Pace

SLOW = 30
"""As many looks pass before an invocation is seen; a cloud is quiet after fewer."""


class Logs:
    """CloudWatch Logs in which the one invocation of a function shows up late."""

    def __init__(self) -> None:
        self.looks = 0

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        self.looks += 1
        lines = [
            "START RequestId: r1 Version: $LATEST",
            "END RequestId: r1",
            "REPORT RequestId: r1",
        ]
        events = [{"logStreamName": "s", "timestamp": 1, "message": line} for line in lines]
        return {"events": events if self.looks > SLOW else []}


class Streams:
    """Kinesis and DynamoDB streams with two shards, of which the second has what was put."""

    def __init__(self) -> None:
        self.records: list[str] = []
        self.calls: list[str] = []
        self.starts: set[str] = set()
        self.gone = False

    def client(self, service: str) -> Any:
        kind = {"kinesis": "StreamName", "dynamodbstreams": "StreamArn"}[service]
        return SimpleNamespace(
            list_shards=partial(self._list, kind),
            describe_stream=partial(self._describe, kind),
            get_shard_iterator=partial(self._open, kind),
            get_records=self._read,
        )

    def _list(self, kind: str, **asked: Any) -> dict[str, Any]:
        assert kind == "StreamName"
        if self.gone:
            raise refusal("ResourceNotFoundException", "ListShards")
        if "NextToken" in asked:
            assert asked == {"NextToken": "more"}
            return {"Shards": [{"ShardId": "two"}]}
        assert asked == {"StreamName": "s"}
        return {"Shards": [{"ShardId": "one"}], "NextToken": "more"}

    def _describe(self, kind: str, StreamArn: str, **asked: Any) -> dict[str, Any]:
        assert kind == "StreamArn"
        if asked:
            assert asked == {"ExclusiveStartShardId": "one"}
            return {"StreamDescription": {"Shards": [{"ShardId": "two"}]}}
        first = {"Shards": [{"ShardId": "one"}], "LastEvaluatedShardId": "one"}
        return {"StreamDescription": first}

    def _open(self, kind: str, ShardId: str, **asked: Any) -> dict[str, Any]:
        assert kind in asked
        self.starts.add(asked["ShardIteratorType"])
        return {"ShardIterator": f"{ShardId} 0"}

    def _read(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        self.calls.append("GetRecords")
        shard, _, page = ShardIterator.partition(" ")
        if shard == "one":
            return {"Records": []}  # it is closed
        if len(self.calls) == 3:
            raise refusal("ExpiredIteratorException", "GetRecords")
        # What was put is on the third page.
        records = self.records[:Limit] if page == "2" else []
        after = {"NextShardIterator": f"two {min(int(page) + 1, 2)}"}
        return {"Records": records, **after, "MillisBehindLatest": 0 if page == "2" else 1000}


def refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, operation)


class Connection:
    """The way to a cloud whose answers are known beforehand."""

    region = "us-east-1"
    needs_roles = False
    pace = Pace(look=0.001)
    quiet = 0.004
    slow_start: float | None = None
    owner = ""
    url = "http://localhost:1"

    def __init__(self) -> None:
        self.session: Any = boto3.Session("test", "test", region_name=self.region)
        self.lambda_ = self.session.client("lambda")
        self.logs: Any = Logs()
        self.streams = Streams()

    def client(self, service: str) -> Any:
        known = {"lambda": self.lambda_, "logs": self.logs}
        return known.get(service) or self.streams.client(service)

    def examine(self) -> tuple[str, Health]:
        return "000000000000", Health()


@pytest.fixture
def connection() -> Connection:
    return Connection()


@pytest.mark.parametrize("wait", ["settle", "quiesce"])
def test_an_event_is_under_way_until_its_invocation_is_seen(
    connection: Connection, wait: str
) -> None:
    cloud: Any = RemoteCloud("endpoint", connection)  # type: ignore[arg-type]
    with Stubber(connection.lambda_) as answers:
        made = {"FunctionName": "f", "Role": ANY, "Code": ANY}
        answers.add_response("create_function", {"FunctionName": "f"}, made)
        answers.add_response(
            "invoke", {"StatusCode": 202}, {"FunctionName": "f", "InvocationType": "Event"}
        )
        connection.lambda_.create_function(FunctionName="f", Role="r" * 20, Code={})
        connection.lambda_.invoke(FunctionName="f", InvocationType="Event")
    getattr(cloud, wait)(10)
    assert [each.request_id for each in cloud.invocations("f")] == ["r1"]


def test_a_log_is_read_once_in_the_time_of_a_look_unless_something_was_invoked(
    connection: Connection,
) -> None:
    connection.pace = Pace(look=60)
    cloud: Any = RemoteCloud("endpoint", connection)  # type: ignore[arg-type]
    with Stubber(connection.lambda_) as answers:
        answers.add_response("create_function", {"FunctionName": "f"})
        answers.add_response("invoke", {"StatusCode": 200}, {"FunctionName": "g"})
        connection.lambda_.create_function(FunctionName="f", Role="r" * 20, Code={})
        for _ in range(3):
            cloud.invocations("f")
        assert connection.logs.looks == 1
        connection.lambda_.invoke(FunctionName="g")
        cloud.invocations("f")
        assert connection.logs.looks == 2


def test_a_cloud_settles_on_what_it_sees_then(connection: Connection) -> None:
    connection.pace = Pace(look=60)
    cloud: Any = RemoteCloud("endpoint", connection)  # type: ignore[arg-type]
    with Stubber(connection.lambda_) as answers:
        answers.add_response("create_function", {"FunctionName": "f"})
        connection.lambda_.create_function(FunctionName="f", Role="r" * 20, Code={})
    assert not cloud.invocations("f")
    connection.logs = Unfinished()
    with pytest.raises(NotSettled, match="invocation r1 of f"):
        cloud.settle(0)


class Unfinished(Logs):
    """The log of a function that is running."""

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        line = {"logStreamName": "s", "timestamp": 1, "message": "START RequestId: r1 Version: 1"}
        return {"events": [line]}


UUID = "00000000-0000-0000-0000-000000000000"
MAPPING = {
    "UUID": UUID,
    "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
}


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told by the cloud"])
def test_the_batching_window_that_was_set_last_is_waited_for(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(remote_mappings, "_BEGINNING", 0.0)
    cloud: Any = RemoteCloud("endpoint", connection)  # type: ignore[arg-type]

    def answer(method: str, **request: Any) -> None:
        window = request.get("MaximumBatchingWindowInSeconds")
        answered = MAPPING | ({"MaximumBatchingWindowInSeconds": window} if told and window else {})
        with Stubber(connection.lambda_) as answers:
            answers.add_response(method, answered)
            getattr(connection.lambda_, method)(**request)

    answer("create_event_source_mapping", FunctionName="f")
    cloud.settle(10)
    answer("update_event_source_mapping", UUID=UUID, MaximumBatchingWindowInSeconds=60)
    answer("update_event_source_mapping", UUID=UUID, BatchSize=7)
    with pytest.raises(NotSettled, match=r"less than 60\.004 s ago"):
        cloud.settle(0.01)
    answer("update_event_source_mapping", UUID=UUID, Enabled=False)
    cloud.settle(10)
    answer("update_event_source_mapping", UUID=UUID, MaximumBatchingWindowInSeconds=60)
    cloud.settle(10)


def test_the_window_of_a_mapping_that_is_enabled_again_is_the_one_given_then(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_mappings, "_BEGINNING", 0.0)
    cloud: Any = RemoteCloud("endpoint", connection)  # type: ignore[arg-type]
    with Stubber(connection.lambda_) as answers:
        answers.add_response("update_event_source_mapping", MAPPING)
        connection.lambda_.update_event_source_mapping(
            UUID=UUID, Enabled=True, MaximumBatchingWindowInSeconds=60
        )
    with pytest.raises(NotSettled, match=r"less than 60\.004 s ago"):
        cloud.settle(0.01)


TABLE = {"EventSourceArn": "arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/1"}
CONSUMER = {"EventSourceArn": f"{MAPPING['EventSourceArn']}/consumer/c:1"}
FILTERED = {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}
NOT_BEGUN = r"the first look at {}, by a mapping that is \d+\.\d s old, which AWS has not begun to"


class Lambda:
    """Lambda on AWS with one mapping, which it answers as it is told."""

    def __init__(self, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(remote_mappings, "_BEGINNING", 0.0)
        connection.slow_start = 3600.0
        self.mapping: dict[str, Any] = {**MAPPING, "LastProcessingResult": "No records processed"}
        self.asked = 0
        self.gone = False
        self._client = connection.lambda_
        self._client.meta.events.register("before-call.lambda", self._answer)

    def create(self, **told: Any) -> None:
        """As it was answered; what it reads is put later."""
        self.mapping |= told
        self._client.create_event_source_mapping(FunctionName="f", EventSourceArn="any")

    def update(self, **settings: Any) -> None:
        self._client.update_event_source_mapping(UUID=UUID, **settings)

    def _answer(self, model: Any, **_: Any) -> Any:
        if model.name == "CreateFunction":
            return SimpleNamespace(status_code=200), {"FunctionName": "f"}
        if model.name == "GetEventSourceMapping":
            self.asked += 1
            if self.gone:
                told = {"Error": {"Code": "ResourceNotFoundException"}}
                return SimpleNamespace(status_code=404), told
        return SimpleNamespace(status_code=200), dict(self.mapping)


@pytest.fixture
def aws(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Lambda:
    return Lambda(connection, monkeypatch)


@pytest.fixture
def cloud(connection: Connection, aws: Lambda) -> Any:
    return RemoteCloud("aws", connection)  # type: ignore[arg-type]


@pytest.mark.parametrize("source", [MAPPING, CONSUMER, TABLE], ids=["Kinesis", "consumer", "table"])
def test_records_that_aws_has_not_begun_to_read_are_under_way(
    connection: Connection, aws: Lambda, cloud: Any, source: dict[str, str]
) -> None:
    aws.create(EventSourceArn=source["EventSourceArn"])
    connection.streams.records = ["a"]
    with pytest.raises(NotSettled, match=NOT_BEGUN.format(source["EventSourceArn"])):
        cloud.settle(0.05)
    assert connection.streams.starts == {"TRIM_HORIZON"}
    aws.mapping["LastProcessingResult"] = "PROBLEM: Function call failed"
    cloud.settle(10)
    asked = aws.asked
    cloud.settle(10)
    assert aws.asked == asked, "it is known"


def test_the_records_of_a_stream_are_looked_for_until_there_are_some(
    connection: Connection, aws: Lambda, cloud: Any
) -> None:
    streams = connection.streams
    aws.create()
    cloud.settle(10)
    assert aws.asked == 0, "nothing waits to be read"
    cloud.settle(10)
    streams.records = ["a"]
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.05)
    reads = len(streams.calls)
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.05)
    assert len(streams.calls) == reads


def test_a_mapping_that_begins_at_a_moment_has_the_records_since(
    connection: Connection, aws: Lambda, cloud: Any
) -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    aws.create(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment)
    connection.streams.records = ["a"]
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.05)
    assert connection.streams.starts == {"AT_TIMESTAMP"}


class Invoked(Logs):
    """The log of a function that was invoked with an event."""

    def __init__(self, event: Any) -> None:
        self._lines = [
            "START RequestId: r1 Version: $LATEST",
            f"{MARK} r1 f event 1/1 {json.dumps(event)}",
            f"{MARK} r1 f response 1/1 null",
            "REPORT RequestId: r1",
        ]

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        events = [
            {"logStreamName": "s", "timestamp": 1, "message": line, "eventId": str(number)}
            for number, line in enumerate(self._lines)
        ]
        return {"events": events}


def test_an_invocation_with_records_of_the_stream_shows_that_it_is_read(
    connection: Connection, aws: Lambda, cloud: Any
) -> None:
    connection.lambda_.create_function(FunctionName="f", Role="r" * 20, Code={})
    aws.create()
    connection.streams.records = ["a"]
    connection.logs = Invoked({"Records": "of something else"})
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.05)
    cloud.begin()
    connection.lambda_.create_function(FunctionName="f", Role="r" * 20, Code={})
    aws.create()
    connection.logs = Invoked({"Records": [{"eventSourceARN": MAPPING["EventSourceArn"]}]})
    cloud.settle(10)


@pytest.mark.parametrize(
    "told",
    [{"StartingPosition": "LATEST"}, FILTERED, {"KMSKeyArn": "arn:aws:kms:::key/1"}],
    ids=["latest", "filtered", "encrypted"],
)
def test_where_aws_may_have_nothing_to_tell_it_is_waited_for_a_while(
    connection: Connection, aws: Lambda, cloud: Any, told: dict[str, Any]
) -> None:
    connection.streams.records = ["a"]
    aws.create(**told)
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.05)
    connection.slow_start = 0.05
    aws.create()
    cloud.settle(10)


def test_filters_that_come_later_are_filters_too(
    connection: Connection, aws: Lambda, cloud: Any
) -> None:
    connection.slow_start = 0.05
    connection.streams.records = ["a"]
    aws.create()
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.1)
    aws.mapping |= FILTERED
    aws.update(FilterCriteria=FILTERED["FilterCriteria"])
    cloud.settle(10)


def test_what_a_mapping_did_before_it_was_enabled_again_tells_nothing(
    connection: Connection, aws: Lambda, cloud: Any
) -> None:
    connection.streams.records = ["a"]
    aws.create()
    aws.mapping["LastProcessingResult"] = "OK"
    aws.update(Enabled=False)
    cloud.settle(10)
    aws.update(Enabled=True)
    with pytest.raises(NotSettled, match="has not begun"):
        cloud.settle(0.05)
    connection.slow_start = 0.05
    aws.update(Enabled=True)
    cloud.settle(10)


@pytest.mark.parametrize("what", ["the stream", "the mapping"])
def test_what_somebody_else_has_deleted_is_not_waited_for(
    connection: Connection, aws: Lambda, cloud: Any, what: str
) -> None:
    connection.streams.records = ["a"]
    aws.create()
    connection.streams.gone, aws.gone = what == "the stream", what == "the mapping"
    cloud.settle(10)


def test_elsewhere_than_on_aws_no_stream_is_asked(
    connection: Connection, aws: Lambda, cloud: Any
) -> None:
    connection.slow_start = None
    connection.streams.records = ["a"]
    aws.create()
    cloud.settle(10)
    assert (connection.streams.calls, aws.asked) == ([], 0)
