"""What functions log is in CloudWatch Logs when somebody looks."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

DAY = 86_400.0


@pytest.fixture
def logs(aws: Aws) -> Any:
    return aws.cloud.client("logs")


def messages(answer: Any) -> list[str]:
    return [event["message"].removesuffix("\n") for event in answer["events"]]


def test_a_function_s_lines_are_in_its_log_group(aws: Aws, logs: Any) -> None:
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    request_id = aws.runtime.calls[0].request.request_id
    expected = [
        f"START RequestId: {request_id} Version: $LATEST",
        f"END RequestId: {request_id}",
    ]
    group = f"/aws/lambda/{name}"
    (stream,) = logs.describe_log_streams(logGroupName=group)["logStreams"]
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream["logStreamName"])
    assert messages(logs.filter_log_events(logGroupName=group)) == expected
    got = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
    )
    assert messages(got) == expected
    assert all(abs(event["timestamp"] / 1000 - aws.now()) < 60 for event in got["events"])


def test_lines_can_be_searched(aws: Aws, logs: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("no such page")

    aws.runtime.handler = fail
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    found = logs.filter_log_events(
        logGroupName=f"/aws/lambda/{name}", filterPattern='"no such page"'
    )
    assert messages(found) == ["[ERROR] ValueError: no such page"]


def test_lines_appear_as_invocations_end(aws: Aws, logs: Any) -> None:
    name = aws.function()
    for count in (1, 2, 3):
        aws.lambda_.invoke(FunctionName=name)
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        assert len(events) == 2 * count


def test_a_function_may_log_into_a_group_of_its_own_choice(aws: Aws, logs: Any) -> None:
    logs.create_log_group(logGroupName="/clicks")
    one = aws.function(LoggingConfig={"LogGroup": "/clicks"})
    other = aws.function(LoggingConfig={"LogGroup": "/clicks"})
    aws.lambda_.invoke(FunctionName=one)
    aws.lambda_.invoke(FunctionName=other)
    streams = logs.describe_log_streams(logGroupName="/clicks")["logStreams"]
    names = sorted(stream["logStreamName"] for stream in streams)
    for name, function in zip(names, sorted([one, other]), strict=True):
        pattern = rf"\d{{4}}/\d\d/\d\d/{function}\[\$LATEST\]\[[0-9a-f]{{32}}\]"
        assert re.fullmatch(pattern, name)
    groups = [each["logGroupName"] for each in logs.describe_log_groups()["logGroups"]]
    assert groups == ["/clicks"]


def test_a_log_group_that_was_deleted_is_made_again_by_the_next_line(aws: Aws, logs: Any) -> None:
    name = aws.function()
    group = f"/aws/lambda/{name}"
    aws.lambda_.invoke(FunctionName=name)
    logs.delete_log_group(logGroupName=group)
    assert logs.describe_log_groups()["logGroups"] == []
    aws.lambda_.invoke(FunctionName=name)
    assert len(logs.filter_log_events(logGroupName=group)["events"]) == 2


def test_lines_are_dated_when_they_were_logged_however_late_somebody_looks(
    aws: Aws, logs: Any
) -> None:
    name = aws.function()
    moments = []
    for _ in range(2):
        moments.append(int(aws.now()))
        aws.lambda_.invoke(FunctionName=name)
        aws.advance(30 * DAY)
    events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
    logged = [event["timestamp"] // 1000 for event in events]
    assert logged[::2] == pytest.approx(moments, abs=5)
    ingested = [event["ingestionTime"] // 1000 for event in events]
    assert ingested == pytest.approx(logged, abs=5)


def test_all_who_look_at_once_see_everything(aws: Aws, logs: Any) -> None:
    name = aws.function()
    for _ in range(50):
        aws.lambda_.invoke(FunctionName=name)

    def look(_: int) -> int:
        return len(logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"])

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(look, range(8))) == {100}


def test_the_groups_end_with_the_environment(aws: Aws, logs: Any) -> None:
    read, unread = aws.function(), aws.function()
    aws.lambda_.invoke(FunctionName=read)
    assert len(logs.describe_log_groups()["logGroups"]) == 1
    aws.lambda_.invoke(FunctionName=unread)
    aws.cloud.end()
    assert logs.describe_log_groups()["logGroups"] == []
