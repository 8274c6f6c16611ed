from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from slstest import (
    ConfigurationError,
    Environment,
    ExpectationFailed,
    Invocation,
    NotSettled,
    SlstestError,
    Unavailable,
)
from slstest.ledger import Ledger


def test_a_resource_is_found_by_the_name_the_test_gave(world: Environment, folder: Path) -> None:
    clicks, counter = world.table("clicks"), world.function(folder, "counter")
    assert world["clicks"] is clicks
    assert world["counter"] is counter
    assert "clicks" in world
    assert "pages" not in world
    assert "-clicks-" in clicks.name


def test_an_unknown_name_is_answered_with_those_there_are(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match=r"sls\['x'\]: nothing has this name.*: none\."):
        world["x"]
    world.table("clicks")
    world.table()
    with pytest.raises(ConfigurationError, match=r"Names there are: clicks\."):
        world["table"]


def test_a_name_can_be_given_once(world: Environment, cloud: Any) -> None:
    world.table("clicks")
    with pytest.raises(ConfigurationError, match="the name 'clicks' is taken by <table 'clicks'"):
        world.stream("clicks")
    assert cloud.calls == ["CreateTable"]


@pytest.mark.parametrize("name", ["", 5])
def test_a_name_is_a_text(world: Environment, name: Any) -> None:
    with pytest.raises(ConfigurationError, match="a name is a text"):
        world.table(name)


def test_what_has_no_name_is_numbered_in_messages(world: Environment, folder: Path) -> None:
    assert [world.table().label, world.table().label] == ["table", "table-2"]
    assert [world.function(folder).label for _ in range(2)] == [
        "click_processor",
        "click_processor-2",
    ]


def test_clients_and_session_are_the_clouds(world: Environment, cloud: Any) -> None:
    assert world.cloud == "scripted"
    assert world.client("s3") is cloud.client("s3")
    assert world.session is cloud.session()
    assert world.endpoint_url is None


def test_what_the_cloud_lacks_is_told_to_who_needs_it(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.needs("clock", "sqs")
    monkeypatch.setattr(cloud, "skips_time", False)
    with pytest.raises(Unavailable, match="the time of the cloud 'scripted' is the real one"):
        world.needs("sqs", "clock")


def test_a_need_that_nobody_knows_is_refused(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match=r"'sqss' is neither .* Did you mean 'sqs'\?"):
        world.needs("sqss")
    with pytest.raises(ConfigurationError, match=r"Did you mean 'clock'\?"):
        world.needs("clok")


def test_settling_takes_the_environments_timeout_or_its_own(world: Environment, cloud: Any) -> None:
    world.settle()
    world.settle(timeout=9)
    assert cloud.settled == [3.0, 9]
    cloud.under_way.append("a record in shard 1")
    with pytest.raises(NotSettled, match="a record in shard 1"):
        world.settle()


def test_the_clock_advances_by_the_sum(world: Environment, cloud: Any) -> None:
    world.clock.advance(minutes=5)
    world.clock.advance(seconds=1, minutes=1, hours=1, days=1)
    assert cloud.advanced == [300, 90061]
    with pytest.raises(ConfigurationError, match="time only moves forward, not by -60 s"):
        world.clock.advance(minutes=-1)
    with pytest.raises(ConfigurationError, match="not by 0 s"):
        world.clock.advance()


def test_invocations_are_told_by_function_without_waiting(
    world: Environment, folder: Path, cloud: Any
) -> None:
    counter = world.function(folder, "counter")
    world.function(folder)
    finished = Invocation("r", {}, None, None)
    cloud.finished[counter.name].append(finished)
    cloud.between_looks.append(lambda: pytest.fail("waited"))
    assert world.invocations() == {"counter": (finished,), "click_processor": ()}


REFUSAL = ClientError(
    {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "FilterLogEvents"
)
UNREADABLE = [
    (REFUSAL, "Rate exceeded"),
    (EndpointConnectionError(endpoint_url="http://gone"), "Could not connect"),
    (ResponseParserError("no JSON"), "no JSON"),
    (SlstestError("the endpoint does not answer any more"), "does not answer any more"),
]


@pytest.mark.parametrize(("error", "told"), UNREADABLE)
def test_what_cannot_be_read_of_the_functions_does_not_hide_what_is_wrong(
    world: Environment,
    folder: Path,
    cloud: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    told: str,
) -> None:
    def invocations(name: str) -> list[Invocation]:
        if name == second.name:
            raise error
        return [Invocation("r", {}, None, None)]

    world.function(folder, "first")
    second = world.function(folder, "second")
    monkeypatch.setattr(cloud, "invocations", invocations)
    table = world.table()
    table.put({"id": "1"})
    with pytest.raises(ExpectationFailed) as failed:
        table.expect_no_item({"id": "1"})
    text = str(failed.value)
    assert "but has\n  {'id': '1'}" in text
    assert "first: 1 invocation" in text
    assert re.search(f"\nwhat the functions did could not be read: .*{told}", text)


def test_an_error_that_is_no_trouble_of_a_cloud_is_not_hidden(
    world: Environment, folder: Path, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.function(folder)
    monkeypatch.setattr(cloud, "invocations", lambda name: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        world.history()


def test_two_handlers_in_one_folder_are_told_apart(world: Environment, folder: Path) -> None:
    (folder / "worker.py").write_text("def handler(event, context): pass")
    (folder.parent / "one.py").write_text("def main(event, context): pass")
    labels = [
        world.function(folder).label,
        world.function(folder, handler="worker.handler").label,
        world.function("one.py", handler="one.main").label,
    ]
    assert labels == ["click_processor", "click_processor.worker", "one"]


# -- placeholders -----------------------------------------------------------------------


def test_placeholders_are_filled_in_at_any_depth(world: Environment) -> None:
    clicks = world.table("clicks")
    value = {"TABLE": "{clicks.name}", "list": ["<{clicks.arn}>", 5], "tuple": ("{clicks.name}",)}
    assert world.format(value) == {
        "TABLE": clicks.name,
        "list": [f"<{clicks.arn}>", 5],
        "tuple": (clicks.name,),
    }


@pytest.mark.parametrize(
    "text", ["", "{}", '{"a": {"b": 1.5}}', "{clicks}", "{0.5}", "}{", "{ a.b }"]
)
def test_other_braces_are_left_alone(world: Environment, text: str) -> None:
    assert world.format(text) == text


def test_json_around_a_placeholder_stays_json(world: Environment) -> None:
    clicks = world.table("clicks")
    assert world.format('{"a": {"table": "{clicks.name}"}}') == (
        f'{{"a": {{"table": "{clicks.name}"}}}}'
    )


def test_doubled_braces_are_no_placeholder(world: Environment) -> None:
    assert world.format("{{clicks.name}}") == "{clicks.name}"


def test_a_placeholder_that_names_nothing_is_refused(world: Environment) -> None:
    world.table("clicks")
    with pytest.raises(
        ConfigurationError, match=r"\{pages\.name\}: nothing has the name 'pages'.*clicks"
    ):
        world.format("{pages.name}")
    with pytest.raises(
        ConfigurationError, match=r"table 'clicks' has no 'size' to fill in, but name, arn"
    ):
        world.format({"a": ["{clicks.size}"]})


# -- the end ----------------------------------------------------------------------------


def test_an_environment_begins_and_ends_on_the_cloud(cloud: Any) -> None:
    with Environment(cloud, ledger=Ledger()):
        assert (cloud.began, cloud.ended) == (1, 0)
    assert (cloud.began, cloud.ended) == (1, 1)


def test_a_closed_environment_creates_nothing(cloud: Any) -> None:
    environment = Environment(cloud, ledger=Ledger())
    environment.close()
    assert environment.close() == []
    with pytest.raises(ConfigurationError, match="this environment is closed"):
        environment.table()
    assert cloud.calls == []
    assert cloud.ended == 1


def test_what_is_kept_is_returned_and_stays(cloud: Any, tmp_path: Path) -> None:
    environment = Environment(cloud, keep=True, ledger=Ledger())
    table = environment.table()
    kept = environment.close()
    assert [str(entry) for entry in kept] == [f"table {table.name}"]
    assert cloud.ended == 1
    described = cloud.client("dynamodb").describe_table(TableName=table.name)["Table"]
    assert described["TableStatus"] == "ACTIVE"


def test_the_ledger_of_a_shared_cloud_is_in_the_users_state_folder(
    cloud: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = tmp_path / "slstest" / "ledger"
    with Environment(cloud) as environment:
        environment.table()
        assert len(list(folder.iterdir())) == 1
    assert list(folder.iterdir()) == []


def test_the_embedded_cloud_needs_no_ledger_on_disk(
    cloud: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(cloud, "name", "embedded", raising=False)
    with Environment(cloud) as environment:
        environment.table()
    assert list(tmp_path.iterdir()) == []
