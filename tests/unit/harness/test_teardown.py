from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from slstest import Environment, SlstestError, TeardownError
from slstest.ledger import Ledger, read
from slstest.teardown import delete_entries


def test_triggers_go_first_then_the_newest(world: Environment, folder: Path, cloud: Any) -> None:
    function = world.function(folder)
    world.table()
    stream = world.stream()
    function.triggered_by(stream)
    world.bucket()
    cloud.calls.clear()
    world.close()
    assert cloud.calls == [
        "DeleteEventSourceMapping",
        "DeleteFunction",
        "ListObjectVersions",
        "DeleteBucket",
        "DeleteStream",
        "DeleteTable",
    ]


def test_what_the_test_deleted_itself_is_no_failure(
    world: Environment, folder: Path, cloud: Any
) -> None:
    table, stream, bucket = world.table(), world.stream(), world.bucket()
    function = world.function(folder)
    mapping = function.triggered_by(stream)
    lambda_ = cloud.client("lambda")
    lambda_.delete_event_source_mapping(UUID=mapping.uuid)
    lambda_.delete_function(FunctionName=function.name)
    cloud.client("kinesis").delete_stream(StreamName=stream.name)
    cloud.client("dynamodb").delete_table(TableName=table.name)
    cloud.client("s3").delete_bucket(Bucket=bucket.name)
    world.close()


def test_one_failure_does_not_keep_the_others_and_all_are_told(
    world: Environment, cloud: Any, tmp_path: Path
) -> None:
    tables = [world.table(name) for name in ("a", "b", "c")]
    cloud.answer("DeleteTable", (400, "AccessDeniedException", "no"), (400, "Other", "never"))
    with pytest.raises(TeardownError) as raised:
        world.close()
    when = "when calling the DeleteTable operation"
    assert str(raised.value) == (
        "could not delete 2 resource(s) of 'test_x' on the cloud scripted:\n"
        f"  table {tables[2].name}: ClientError: "
        f"An error occurred (AccessDeniedException) {when}: no\n"
        f"  table {tables[1].name}: ClientError: An error occurred (Other) {when}: never"
    )
    left = cloud.client("dynamodb").list_tables()["TableNames"]
    assert tables[0].name not in left
    assert cloud.ended == 1
    for table in tables[1:]:
        cloud.client("dynamodb").delete_table(TableName=table.name)


def test_a_ledger_that_cannot_be_written_keeps_nothing(
    cloud: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    world = Environment(cloud, ledger=ledger)
    for name in ("a", "b", "c"):
        world.table(name)
    with monkeypatch.context() as patch:

        def full(_: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(ledger, "_write", full)
        told = r"(?s)could not delete 3 .*: it is gone, but still in a ledger: .*No space left"
        with pytest.raises(TeardownError, match=told):
            world.close()
    assert cloud.client("dynamodb").list_tables()["TableNames"] == []
    ledger.close()


def test_what_could_not_be_deleted_is_told_though_the_cloud_cannot_end_its_work(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> None:
        raise SlstestError("the endpoint does not answer any more")

    table = world.table()
    cloud.answer("DeleteTable", (400, "AccessDeniedException", "no"))
    monkeypatch.setattr(cloud, "end", end)
    with pytest.raises(TeardownError) as raised:
        world.close()
    assert f"table {table.name}: " in str(raised.value)
    assert str(raised.value).endswith("the endpoint does not answer any more")


def test_objects_that_s3_does_not_delete_are_told(world: Environment, cloud: Any) -> None:
    bucket = world.bucket()
    bucket.put("a", "")
    error = {"Key": "a", "Code": "AccessDenied", "Message": "locked"}
    cloud.answer("DeleteObjects", *[{"Errors": [error]}] * 2)
    with pytest.raises(TeardownError, match="S3 does not delete a: AccessDenied: locked"):
        world.close()


def test_what_is_busy_is_deleted_when_it_is_free(
    world: Environment, folder: Path, cloud: Any
) -> None:
    stream = world.stream()
    world.table()
    world.function(folder).triggered_by(stream)
    busy = (400, "ResourceInUseException", "being created")
    for operation in ("DeleteTable", "DeleteStream", "DeleteEventSourceMapping"):
        cloud.answer(operation, busy, busy)
    cloud.calls.clear()
    world.close()
    assert [cloud.calls.count(name) for name in ("DeleteTable", "DeleteStream")] == [3, 3]
    assert cloud.calls.count("DeleteEventSourceMapping") == 3


def test_a_locked_object_is_deleted_where_its_lock_can_be_lifted(
    world: Environment, cloud: Any
) -> None:
    bucket = world.bucket(object_lock_enabled_for_bucket=True)
    bucket.put("a", "")
    asked: list[dict[str, Any]] = []
    cloud.client("s3").meta.events.register(
        "provide-client-params.s3.DeleteObjects", lambda params, **_: asked.append(params)
    )
    world.close()
    assert asked[0]["BypassGovernanceRetention"] is True


def test_a_failing_test_is_torn_down_all_the_same(cloud: Any) -> None:
    def failing_test() -> None:
        with Environment(cloud, ledger=Ledger()) as world:
            world.table()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_test()
    assert cloud.calls == ["CreateTable", "DeleteTable"]
    assert cloud.ended == 1


def test_what_a_killed_run_left_is_deleted_from_its_ledger_alone(
    cloud: Any, folder: Path, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    killed = Environment(cloud, label="killed", base_dirs=[tmp_path], ledger=ledger)
    function = killed.function(folder)
    cloud.client("logs").create_log_group(logGroupName=f"/aws/lambda/{function.name}")
    table, bucket = killed.table(), killed.bucket()
    bucket.put("a", "")
    stream = killed.stream()
    function.triggered_by(stream)
    ledger.close()

    entries = list(read(tmp_path / "ledger"))
    entries[-1].detail.pop("uuid")  # killed before the answer was there
    sweeper = Ledger()
    found = [
        sweeper.enter(entry.kind, entry.name, killed._scope.names, cloud, **entry.detail)
        for entry in entries
    ]
    delete_entries(cloud, sweeper, found)

    assert table.name not in cloud.client("dynamodb").list_tables()["TableNames"]
    assert stream.name not in cloud.client("kinesis").list_streams()["StreamNames"]
    assert cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
    assert cloud.client("logs").describe_log_groups()["logGroups"] == []
    assert bucket.name not in [b["Name"] for b in cloud.client("s3").list_buckets()["Buckets"]]
