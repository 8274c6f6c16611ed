"""What can be seen of a cloud that runs the functions itself."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from slstest.clouds.connection import Health
from slstest.clouds.remote import RemoteCloud
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
