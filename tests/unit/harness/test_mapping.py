from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slstest import ConfigurationError, Environment, EventSourceMapping, Function, Stream


@pytest.fixture
def function(world: Environment, folder: Path) -> Function:
    return world.function(folder, "counter")


@pytest.fixture
def stream(world: Environment) -> Stream:
    return world.stream("clicks")


@pytest.fixture
def mapping(function: Function, stream: Stream, cloud: Any) -> EventSourceMapping:
    made = function.triggered_by(stream, batch_size=2)
    cloud.calls.clear()
    return made


def described(world: Environment, mapping: EventSourceMapping) -> dict[str, Any]:
    return dict(world.client("lambda").get_event_source_mapping(UUID=mapping.uuid))


def state(name: str) -> Any:
    return lambda answer: answer.update(State=name)


def test_a_stream_is_read_from_its_oldest_record_on(
    world: Environment, function: Function, stream: Stream
) -> None:
    made = described(world, function.triggered_by(stream, batch_size=2))
    assert made["StartingPosition"] == "TRIM_HORIZON"
    assert made["BatchSize"] == 2
    assert made["EventSourceArn"] == stream.arn
    assert made["FunctionArn"] == function.arn
    assert made["State"] == "Enabled"


@pytest.mark.parametrize(
    ("settings", "position"),
    [
        ({"starting_position": "LATEST"}, "LATEST"),
        ({"starting_position_timestamp": 5}, "AT_TIMESTAMP"),
    ],
)
def test_another_starting_position_can_be_said(
    function: Function, stream: Stream, cloud: Any, settings: dict[str, Any], position: str
) -> None:
    asked: list[dict[str, Any]] = []
    cloud.client("lambda").meta.events.register(
        "provide-client-params.lambda.CreateEventSourceMapping",
        lambda params, **_: asked.append(params),
    )
    function.triggered_by(stream, **settings)
    assert asked[0]["StartingPosition"] == position


def test_of_a_table_its_stream_is_read(world: Environment, function: Function) -> None:
    table = world.table("orders", stream="KEYS_ONLY")
    mapping = function.triggered_by(table, batch_size=2)
    made = described(world, mapping)
    assert made["EventSourceArn"] == table.stream_arn
    assert (made["StartingPosition"], made["BatchSize"]) == ("TRIM_HORIZON", 2)
    assert "the stream of table 'orders' -> function 'counter'" in repr(mapping)
    other = function.triggered_by(
        world.table(stream="KEYS_ONLY"), starting_position="LATEST", batch_size=2
    )
    assert described(world, other)["StartingPosition"] == "LATEST"


def test_a_table_without_a_stream_triggers_nothing(world: Environment, function: Function) -> None:
    with pytest.raises(ConfigurationError) as raised:
        function.triggered_by(world.table("orders"))
    assert str(raised.value) == (
        "function 'counter'.triggered_by(table 'orders'): the table has no stream; create the "
        "table with stream=True, or with one of 'NEW_AND_OLD_IMAGES', 'NEW_IMAGE', 'OLD_IMAGE', "
        "'KEYS_ONLY'"
    )


def test_a_mapping_is_waited_for_until_it_is_enabled(
    function: Function, stream: Stream, cloud: Any
) -> None:
    cloud.edit("CreateEventSourceMapping", state("Creating"))
    cloud.edit("GetEventSourceMapping", state("Enabling"))
    cloud.calls.clear()
    function.triggered_by(stream)
    assert cloud.calls == ["CreateEventSourceMapping", *["GetEventSourceMapping"] * 2]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"bach_size": 2}, "Did you mean batch_size"),
        ({"batch_size": "2"}, "Invalid type for parameter BatchSize"),
        ({"function_name": "f"}, "function_name= cannot be given: it is the function whose"),
        ({"event_source_arn": "f"}, "event_source_arn= cannot be given: it is the resource"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    function: Function, stream: Stream, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        function.triggered_by(stream, **settings)
    assert str(raised.value).startswith("function 'counter'.triggered_by(stream 'clicks'): ")


def test_what_triggers_nothing_is_refused(function: Function) -> None:
    with pytest.raises(ConfigurationError, match="a bucket or a table with a stream can trigger"):
        function.triggered_by(function)


def test_settings_are_updated(world: Environment, mapping: EventSourceMapping) -> None:
    mapping.update(batch_size=7)
    assert described(world, mapping)["BatchSize"] == 7


def test_an_update_of_what_cannot_be_updated_is_refused(mapping: EventSourceMapping) -> None:
    with pytest.raises(ConfigurationError) as raised:
        mapping.update(starting_position="LATEST")
    assert str(raised.value).startswith(
        "the mapping stream 'clicks' -> function 'counter': "
        "update(starting_position='LATEST'): UpdateEventSourceMapping of Lambda has no parameter"
    )


def test_a_mapping_is_disabled_and_enabled(mapping: EventSourceMapping, cloud: Any) -> None:
    cloud.edit("UpdateEventSourceMapping", state("Disabling"))
    cloud.edit("GetEventSourceMapping", state("Disabling"), state("Disabled"))
    mapping.disable()
    assert cloud.calls == ["UpdateEventSourceMapping", *["GetEventSourceMapping"] * 2]
    mapping.enable()
    assert mapping.state == "Enabled"


def test_a_mapping_that_is_busy_is_updated_when_it_is_free(
    mapping: EventSourceMapping, cloud: Any
) -> None:
    cloud.answer("UpdateEventSourceMapping", (400, "ResourceInUseException", "in use"))
    mapping.disable()
    assert cloud.calls[:2] == ["UpdateEventSourceMapping"] * 2


def test_a_deleted_mapping_is_gone_and_needs_no_teardown(
    world: Environment, mapping: EventSourceMapping, cloud: Any
) -> None:
    cloud.answer("DeleteEventSourceMapping", (400, "ResourceInUseException", "in use"))
    mapping.delete()
    assert cloud.calls[:2] == ["DeleteEventSourceMapping"] * 2
    with pytest.raises(world.client("lambda").exceptions.ResourceNotFoundException):
        described(world, mapping)
    mapping.delete()
    cloud.calls.clear()
    world.close()
    assert "DeleteEventSourceMapping" not in cloud.calls
