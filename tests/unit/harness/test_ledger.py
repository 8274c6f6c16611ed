from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from slstest import ConfigurationError, Environment
from slstest.ledger import Ledger, default_folder, read, read_files
from slstest.naming import Names

NAMES = Names("ab12cd", "gw3", "test_x")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path)
    yield ledger
    ledger.close()


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_an_entry_is_in_the_file_before_the_creation(
    cloud: Any, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.enter("table", "sls-x", NAMES, cloud)
    (entry,) = read(tmp_path)
    assert (entry.kind, entry.name, entry.run, entry.worker) == ("table", "sls-x", "ab12cd", "gw3")
    assert (entry.environment, entry.cloud, entry.region) == ("test_x", "scripted", "eu-west-1")


def test_the_environment_writes_down_before_it_calls_the_cloud(
    cloud: Any, ledger: Ledger, tmp_path: Path
) -> None:
    seen: list[str] = []

    def look(_: object) -> None:
        seen.extend(entry.kind for entry in read(tmp_path))

    cloud.edit("CreateTable", look)
    with Environment(cloud, ledger=ledger) as world:
        world.table()
    assert seen == ["table"]


def test_what_is_struck_is_not_read(cloud: Any, ledger: Ledger, tmp_path: Path) -> None:
    entries = [ledger.enter("table", f"sls-{n}", NAMES, cloud) for n in range(3)]
    ledger.strike(entries[1])
    ledger.strike(entries[1])
    assert [entry.name for entry in read(tmp_path)] == ["sls-0", "sls-2"]
    assert [ledger.is_open(entry) for entry in entries] == [True, False, True]


def test_what_only_the_cloud_could_tell_is_read_back(
    cloud: Any, ledger: Ledger, tmp_path: Path
) -> None:
    entry = ledger.enter("event source mapping", "m", NAMES, cloud, function="f")
    ledger.learn(entry, uuid="1-2-3")
    (back,) = read(tmp_path)
    assert back.detail == {"function": "f", "uuid": "1-2-3"}


def test_the_file_does_not_grow_from_test_to_test(
    cloud: Any, ledger: Ledger, tmp_path: Path
) -> None:
    for _ in range(2):
        for entry in [ledger.enter("table", "sls-x", NAMES, cloud) for _ in range(5)]:
            ledger.strike(entry)
        (whose,) = only_file(tmp_path).read_text().splitlines()
        assert json.loads(whose)["process"]["pid"] == os.getpid()


def test_a_finished_run_leaves_no_file(cloud: Any, ledger: Ledger, tmp_path: Path) -> None:
    entry = ledger.enter("table", "sls-x", NAMES, cloud)
    ledger.strike(entry)
    ledger.close()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_leaves_something_leaves_its_ledger(
    cloud: Any, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.enter("table", "sls-x", NAMES, cloud)
    ledger.close()
    assert [entry.name for entry in read(tmp_path)] == ["sls-x"]


def test_a_line_torn_by_a_kill_is_not_read(cloud: Any, ledger: Ledger, tmp_path: Path) -> None:
    ledger.enter("table", "sls-x", NAMES, cloud)
    ledger.close()
    with only_file(tmp_path).open("a") as file:
        file.write(json.dumps({"struck": 1})[:-1])
    assert [entry.name for entry in read(tmp_path)] == ["sls-x"]


@pytest.mark.parametrize(
    "line",
    [
        b"\xff\xfe",
        b"0",
        b"\0\0\0",
        b'["entry"]',
        b'{"entry": 1}',
        b'{"entry": {"number": 7}}',
        b'{"struck": [1]}',
        b'{"learned": 1, "detail": null}',
    ],
)
def test_a_damaged_line_does_not_keep_the_others_and_is_counted(
    cloud: Any, ledger: Ledger, tmp_path: Path, line: bytes
) -> None:
    ledger.enter("table", "sls-x", NAMES, cloud)
    with only_file(tmp_path).open("ab") as file:
        file.write(line + b"\n")
    ledger.enter("table", "sls-y", NAMES, cloud)
    (found,) = read_files(tmp_path)
    assert [entry.name for entry in found.entries] == ["sls-x", "sls-y"]
    assert found.damaged == 1


def test_an_entry_with_a_field_of_another_type_is_a_damaged_line(
    cloud: Any, ledger: Ledger, tmp_path: Path
) -> None:
    ledger.enter("table", "sls-x", NAMES, cloud)
    path = only_file(tmp_path)
    path.write_text(path.read_text().replace('"region": "', '"region": 1, "was": "'))
    (found,) = read_files(tmp_path)
    assert (found.entries, found.damaged) == ([], 1)


@pytest.mark.parametrize("line", [b"", b'{"entry": {"num', b'{"later": {}}'])
def test_a_torn_line_and_one_of_a_later_version_are_no_damage(
    cloud: Any, ledger: Ledger, tmp_path: Path, line: bytes
) -> None:
    ledger.enter("table", "sls-x", NAMES, cloud)
    with only_file(tmp_path).open("ab") as file:
        file.write(line + b"\n")
    (found,) = read_files(tmp_path)
    assert (len(found.entries), found.damaged) == (1, 0)


def test_two_ledgers_share_a_folder(cloud: Any, tmp_path: Path) -> None:
    for name in ("sls-a", "sls-b"):
        with closing(Ledger(tmp_path)) as ledger:
            ledger.enter("table", name, NAMES, cloud)
    assert sorted(entry.name for entry in read(tmp_path)) == ["sls-a", "sls-b"]


def test_a_ledger_without_a_folder_writes_no_file(
    cloud: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = Ledger()
    ledger.strike(ledger.enter("table", "sls-x", NAMES, cloud))
    ledger.close()
    assert list(tmp_path.iterdir()) == []
    assert not ledger.outlives_the_process


def test_nothing_is_created_without_the_ledger(cloud: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    world = Environment(cloud, ledger=Ledger(tmp_path / "file" / "ledger"))
    with pytest.raises(ConfigurationError, match=r"cannot write the ledger .* XDG_STATE_HOME"):
        world.table()
    assert cloud.calls == []


def test_the_default_folder_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_folder() == Path("/state/slstest/ledger")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_folder() == Path.home() / ".local" / "state" / "slstest" / "ledger"


def test_only_what_can_outlive_the_process_is_tagged(cloud: Any, ledger: Ledger) -> None:
    def tags(ledger: Ledger) -> list[str]:
        with Environment(cloud, label="test_x", run="ab12cd", ledger=ledger) as world:
            arn = world.table(tags=[{"Key": "own", "Value": "1"}]).arn
            answer = world.client("dynamodb").list_tags_of_resource(ResourceArn=arn)
            return [tag["Key"] for tag in answer["Tags"]]

    assert tags(Ledger()) == ["own"]
    ours = [f"slstest:{key}" for key in ("run", "worker", "test", "owner", "expiry")]
    assert tags(ledger) == [*ours, "own"]
