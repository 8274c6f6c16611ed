from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slstest import ConfigurationError, Environment
from slstest.ahead import CREATORS, Ahead, Wanted, wanted
from slstest.ledger import Ledger, read
from slstest.resources.base import Resource
from slstest.resources.table import create_table
from slstest.waiting import wait_until


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(tmp_path / "ledger")
    yield ledger
    ledger.close()


@pytest.fixture
def ahead(cloud: Any, ledger: Ledger) -> Iterator[Ahead]:
    ahead = Ahead(cloud, ledger, "run", "gw0", timeout=3.0)
    yield ahead
    ahead.close()


def table(*given: Any, **named: Any) -> Wanted:
    return wanted("table", Environment.table, *given, **named)


def tables(cloud: Any) -> list[str]:
    found: list[str] = cloud.client("dynamodb").list_tables()["TableNames"]
    return found


def begun(cloud: Any, count: int) -> None:
    """Wait until so many tables have been created ahead."""
    wait_until("the tables", lambda: True if len(tables(cloud)) == count else None, 10)


def environment(cloud: Any, ahead: Ahead, test: str = "t") -> Environment:
    return Environment(cloud, prepared=ahead.claim(test))


def test_an_environment_takes_what_was_created_ahead_for_it(cloud: Any, ahead: Ahead) -> None:
    stream = wanted("stream", Environment.stream, shard_count=2)
    ahead.prepare("t", "test_it", [table("clicks", key="page"), stream])
    with environment(cloud, ahead) as sls:
        clicks, clickstream = sls.table("clicks", key="page"), sls.stream(shard_count=2)
        assert sls["clicks"] is clicks
        assert clickstream.label == "stream"
        assert "-it-" in clicks.name
        clicks.put({"page": "/home"})
        clickstream.put("one")
    assert [cloud.calls.count(each) for each in ("CreateTable", "CreateStream")] == [1, 1]


def test_what_was_foreseen_otherwise_is_created_anew_and_deleted(
    cloud: Any, ahead: Ahead, ledger: Ledger
) -> None:
    ahead.prepare("t", "test_it", [table(key="page")])
    begun(cloud, 1)
    with environment(cloud, ahead) as sls:
        sls.table(key="id").put({"id": "1"})
    assert cloud.calls.count("CreateTable") == 2
    assert tables(cloud) == []
    assert ledger.folder is not None
    assert list(read(ledger.folder)) == []


def test_each_of_two_equal_wishes_gets_its_own(cloud: Any, ahead: Ahead) -> None:
    ahead.prepare("t", "test_it", [table(), table()])
    with environment(cloud, ahead) as sls:
        first, second, third = sls.table(), sls.table(), sls.table()
        assert len({first.name, second.name, third.name}) == 3
        assert [each.label for each in (first, second, third)] == ["table", "table-2", "table-3"]
    assert cloud.calls.count("CreateTable") == 3


def test_an_error_in_creating_ahead_is_raised_where_the_test_asks(cloud: Any, ahead: Ahead) -> None:
    ahead.prepare("t", "test_it", [table(billing_mode="PROVISIONED")])
    with environment(cloud, ahead) as sls:
        with pytest.raises(ConfigurationError, match="ReadCapacityUnits"):
            sls.table(billing_mode="PROVISIONED")


def test_an_error_in_creating_what_nobody_asks_for_is_nobodys(cloud: Any, ahead: Ahead) -> None:
    ahead.prepare("t", "test_it", [table(billing_mode="PROVISIONED")])
    with environment(cloud, ahead) as sls:
        sls.table()


def test_what_a_test_never_claimed_is_deleted(cloud: Any, ahead: Ahead) -> None:
    ahead.prepare("one", "test_one", [table()])
    ahead.prepare("two", "test_two", [table()])
    begun(cloud, 2)
    ahead.drop("one")
    assert len(tables(cloud)) == 1
    ahead.close()
    assert tables(cloud) == []


def test_a_kept_environment_lists_what_was_created_ahead(cloud: Any, ahead: Ahead) -> None:
    ahead.prepare("t", "test_it", [table()])
    sls = environment(cloud, ahead)
    made = sls.table()
    sls.keep = True
    assert [entry.name for entry in sls.close()] == [made.name]
    cloud.client("dynamodb").delete_table(TableName=made.name)


def test_what_a_test_was_waiting_for_when_it_was_interrupted_is_deleted(
    cloud: Any, ahead: Ahead, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()

    def slowly(*given: Any, **named: Any) -> Resource:
        goes_on.wait(10)
        return create_table(*given, **named)

    def interrupted(futures: Any) -> None:
        assert not any(each.done() for each in futures)
        raise KeyboardInterrupt

    monkeypatch.setitem(CREATORS, "table", slowly)
    monkeypatch.setattr("slstest.ahead.wait", interrupted)
    ahead.prepare("t", "test_it", [table()])
    sls = environment(cloud, ahead)
    with pytest.raises(KeyboardInterrupt):
        sls.table()
    closing = threading.Thread(target=sls.close)
    closing.start()
    goes_on.set()
    closing.join()
    ahead.close()  # by then whatever was begun is there
    assert cloud.calls.count("CreateTable") == 1
    assert tables(cloud) == []
    assert ledger.folder is not None
    assert list(read(ledger.folder)) == []
