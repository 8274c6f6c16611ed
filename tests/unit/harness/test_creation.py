from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from slstest import ConfigurationError, Environment, SlstestError, creation

if TYPE_CHECKING:
    from tests.unit.harness.conftest import ScriptedCloud

Answer = tuple[int, str, str]


def limit(message: str) -> Answer:
    return 400, "LimitExceededException", message


def create(world: Environment, kind: str) -> None:
    if kind == "Stream":
        world.stream()
    else:
        world.table()


STREAMS_AT_ONCE = limit(
    "This request would have exceeded the limit on the number of streams that can simultaneously "
    "be in CREATING or DELETING for the account 123456789012. Limit: 5."
)
TABLES_AT_ONCE = limit(
    "Subscriber limit exceeded: Only 500 tables can be created, updated, or deleted simultaneously"
)
INDEXED_AT_ONCE = limit(
    "Subscriber limit exceeded: You have exceeded the maximum number of indexed tables that can be "
    "created simultaneously"
)
TOO_FAST = limit("Rate exceeded for stream sls-x under account 123456789012.")


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [
        ("Stream", STREAMS_AT_ONCE),
        ("Stream", TOO_FAST),
        ("Table", TABLES_AT_ONCE),
        ("Table", INDEXED_AT_ONCE),
    ],
)
def test_what_is_one_too_many_at_a_time_is_created_in_the_end(
    world: Environment, cloud: ScriptedCloud, kind: str, refusal: Answer
) -> None:
    cloud.answer(f"Create{kind}", refusal, refusal)
    create(world, kind)
    assert cloud.calls.count(f"Create{kind}") == 3


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            "Stream",
            "This request would exceed the shard limit for the account 123456789012 in eu-west-1. "
            "Current shard count for the account: 500. Limit: 500.",
        ),
        (
            "Table",
            "Subscriber limit exceeded: There is a limit of 2500 tables per subscriber",
        ),
    ],
)
def test_a_quota_that_is_used_up_is_told_at_once(
    world: Environment, cloud: ScriptedCloud, kind: str, message: str
) -> None:
    cloud.answer(f"Create{kind}", limit(message))
    with pytest.raises(ConfigurationError, match=f"Create{kind} was refused: .*{message[-30:]}"):
        create(world, kind)
    assert cloud.calls.count(f"Create{kind}") == 1


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [("Stream", STREAMS_AT_ONCE), ("Table", TABLES_AT_ONCE)],
)
def test_what_stays_too_much_is_told_with_the_words_of_aws(
    world: Environment,
    cloud: ScriptedCloud,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    refusal: Answer,
) -> None:
    monkeypatch.setattr(creation, "READY_TIMEOUT", 0.05)
    cloud.answer(f"Create{kind}", *[refusal] * 99)
    with pytest.raises(SlstestError, match=rf"Create{kind} was refused for 0\.05 s: .*simultan"):
        create(world, kind)
    assert cloud.calls.count(f"Create{kind}") > 1


def test_a_cloud_that_creates_at_once_is_asked_once(
    world: Environment, cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "creates_at_once", True)
    cloud.answer("CreateStream", STREAMS_AT_ONCE)
    with pytest.raises(ConfigurationError, match="CreateStream was refused: LimitExceeded"):
        world.stream()


@pytest.mark.parametrize(
    ("kind", "refusal"),
    [("Stream", STREAMS_AT_ONCE), ("Table", TABLES_AT_ONCE)],
)
def test_what_is_one_deletion_too_many_at_a_time_is_deleted_in_the_end(
    world: Environment, cloud: ScriptedCloud, kind: str, refusal: Answer
) -> None:
    create(world, kind)
    cloud.answer(f"Delete{kind}", refusal, refusal)
    world.close()
    assert cloud.calls.count(f"Delete{kind}") == 3


@pytest.mark.parametrize("kind", ["Stream", "Table"])
def test_what_ends_the_call_itself_is_told(
    world: Environment, cloud: ScriptedCloud, kind: str
) -> None:
    def end(**_: object) -> None:
        raise SlstestError("the endpoint does not answer any more")

    service = {"Stream": "kinesis", "Table": "dynamodb"}[kind]
    cloud.client(service).meta.events.register(f"before-send.{service}.Create{kind}", end)
    with pytest.raises(SlstestError, match=r"the endpoint does not answer any more$"):
        create(world, kind)
