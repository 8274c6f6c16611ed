"""Each call of the cloud costs milliseconds, so their number is part of the promise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slstest import Environment


def test_creating_asks_once_where_the_answer_says_that_it_is_ready(
    world: Environment, folder: Path, cloud: Any
) -> None:
    world.table()
    world.bucket()
    function = world.function(folder)
    assert cloud.calls == ["CreateTable", "CreateBucket", "CreateFunction"]
    cloud.calls.clear()
    stream = world.stream()
    assert cloud.calls == ["CreateStream", "DescribeStreamSummary"]  # the first answers nothing
    cloud.calls.clear()
    function.triggered_by(stream)
    assert cloud.calls == ["CreateEventSourceMapping"]


def test_nobody_looks_where_the_cloud_creates_at_once(
    world: Environment, folder: Path, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "creates_at_once", True)
    cloud.edit("CreateFunction", lambda made: made.update(State="Pending"))
    stream, function = world.stream("clicks"), world.function(folder)
    function.triggered_by(stream)
    assert cloud.calls == ["CreateStream", "CreateFunction", "CreateEventSourceMapping"]
    assert (
        stream.arn
        == cloud.client("kinesis").describe_stream_summary(StreamName=stream.name)[
            "StreamDescriptionSummary"
        ]["StreamARN"]
    )


def test_a_whole_test_makes_no_call_too_many(world: Environment, folder: Path, cloud: Any) -> None:
    clicks, stream = world.table(key="page"), world.stream()
    function = world.function(folder, environment={"CLICKS_TABLE": clicks.name})
    function.triggered_by(stream, batch_size=2)
    cloud.between_looks.append(lambda: clicks.put({"page": "/home", "count": 2}))
    cloud.answer("PutRecords", {"Records": [{"SequenceNumber": "1", "ShardId": "0"}] * 3})
    stream.put({"page": "/home"}, {"page": "/home"}, {"page": "/cart"})
    clicks.expect_item({"page": "/home", "count": 2})
    assert function.invocations == []
    world.close()
    assert cloud.calls == [
        "CreateTable",
        "CreateStream",
        "DescribeStreamSummary",
        "CreateFunction",
        "CreateEventSourceMapping",
        "PutRecords",
        "GetItem",
        "PutItem",
        "GetItem",
        "DeleteEventSourceMapping",
        "DeleteFunction",
        "DeleteStream",
        "DeleteTable",
    ]
