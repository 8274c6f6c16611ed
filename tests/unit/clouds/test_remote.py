"""What can be seen of a cloud that runs the functions itself."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from slstest.clouds import remote
from slstest.clouds.connection import Health
from slstest.clouds.remote import RemoteCloud
from slstest.errors import NotSettled
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


class Connection:
    """The way to a cloud whose answers are known beforehand."""

    region = "us-east-1"
    needs_roles = False
    pace = Pace(look=0.001)
    quiet = 0.004
    owner = ""
    url = "http://localhost:1"

    def __init__(self) -> None:
        self.session: Any = boto3.Session("test", "test", region_name=self.region)
        self.lambda_ = self.session.client("lambda")
        self.logs = Logs()

    def client(self, service: str) -> Any:
        return {"lambda": self.lambda_, "logs": self.logs}[service]

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
    monkeypatch.setattr(remote, "_BEGINNING", 0.0)
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
    monkeypatch.setattr(remote, "_BEGINNING", 0.0)
    cloud: Any = RemoteCloud("endpoint", connection)  # type: ignore[arg-type]
    with Stubber(connection.lambda_) as answers:
        answers.add_response("update_event_source_mapping", MAPPING)
        connection.lambda_.update_event_source_mapping(
            UUID=UUID, Enabled=True, MaximumBatchingWindowInSeconds=60
        )
    with pytest.raises(NotSettled, match=r"less than 60\.004 s ago"):
        cloud.settle(0.01)
