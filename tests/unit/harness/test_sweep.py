"""What a sweep may delete, and in which order."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from slstest import ConfigurationError, Environment
from slstest.clouds.base import Cloud
from slstest.errors import NothingAnswers, SlstestError
from slstest.ledger import Entry, Ledger, LedgerFile, read, read_files, this_host
from slstest.moments import moment
from slstest.naming import Names
from slstest.sweep.found import InLedger, Tagged, is_over, seconds, words
from slstest.sweep.sweep import Place, Request, Row, Sweep, table
from slstest.sweep.tagged import find_tagged

HOUR = 3600.0
NAMES = Names("ab12cd", "main", "test_x")


@pytest.fixture
def entry(cloud: Any) -> Entry:
    """Of this process."""
    return Ledger().enter("table", "sls-x", NAMES, cloud)


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def in_ledger(entry: Entry) -> InLedger:
    return InLedger(entry, LedgerFile(Path("none"), [entry]))


# -- durations --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2h", 7200), ("90m", 5400), ("1d12h", 129600), ("0s", 0), ("1h1m1s", 3661)],
)
def test_a_duration_is_read(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "2 h", "2h ", "-2h", "1.5h", "2w", "2m1h", "2H"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("duration", "expected"), [(0.4, "0s"), (61, "1m1s"), (129600, "1d12h"), (90061, "1d1h")]
)
def test_a_duration_is_told_in_two_units(duration: float, expected: str) -> None:
    assert words(duration) == expected


def test_the_time_of_a_tag_is_one_of_utc() -> None:
    assert moment("1970-01-01T01:00:00Z") == moment("1970-01-01T01:00:00") == HOUR
    assert moment("1970-01-01T01:00:00+01:00") == 0
    assert moment("1970-01-01T00:00:00.123456789Z") == pytest.approx(0.123456)
    assert moment("1970-01-01T00:00:00.5Z") == 0.5
    assert moment("soon") is None


# -- what may be deleted ----------------------------------------------------------------


def test_what_a_running_process_has_made_is_left_while_it_is_young(entry: Entry) -> None:
    found = in_ledger(entry)
    assert found.why_left(entry.time + HOUR - 1, HOUR) == f"process {os.getpid()} is still running"
    assert found.why_left(entry.time + HOUR, HOUR) == ""


def test_what_an_ended_process_has_made_is_not_left(entry: Entry, ended: int) -> None:
    assert in_ledger(replace(entry, pid=ended)).why_left(entry.time, HOUR) == ""


def test_a_process_that_has_the_id_of_an_ended_one_does_not_count(entry: Entry) -> None:
    began = psutil.Process().create_time()
    assert is_over(replace(entry, time=began - 60)) is True
    assert is_over(entry) is False


@pytest.mark.parametrize("host", ["", "elsewhere"])
def test_whether_a_process_of_another_host_has_ended_is_not_known(
    entry: Entry, ended: int, host: str
) -> None:
    found = in_ledger(replace(entry, pid=ended, host=host))
    assert is_over(found.entry) is None
    assert "of another machine" in found.why_left(entry.time, HOUR)
    assert found.why_left(entry.time + HOUR, HOUR) == ""


def test_entries_say_where_their_process_is(entry: Entry) -> None:
    assert entry.host == this_host() != ""


def test_the_age_of_what_is_tagged_counts_from_its_creation(entry: Entry) -> None:
    found = Tagged(entry, created=1000.0, expiry=None)
    assert found.why_left(1000.0 + HOUR - 1, HOUR) == "not older than 1h"
    assert found.why_left(1000.0 + HOUR, HOUR) == ""


def test_what_has_expired_is_not_left_however_young(entry: Entry) -> None:
    found = Tagged(entry, created=1000.0, expiry=1001.0)
    assert found.why_left(1000.0, HOUR) == "not older than 1h"
    assert found.why_left(1001.0, HOUR) == ""


def test_what_has_no_age_is_left_unless_no_age_is_asked_for(entry: Entry) -> None:
    found = Tagged(entry, created=None, expiry=None)
    assert "not known" in found.why_left(1e12, HOUR)
    assert found.why_left(0.0, 0.0) == ""


# -- the ledgers of others --------------------------------------------------------------


@pytest.fixture
def ledgers(tmp_path: Path) -> Path:
    return tmp_path / "ledgers"


def test_what_another_process_strikes_is_not_read_and_does_not_disturb_the_owner(
    cloud: Any, ledgers: Path
) -> None:
    with closing(Ledger(ledgers)) as ledger:
        first, second = (ledger.enter("table", name, NAMES, cloud) for name in "ab")
        (file,) = read_files(ledgers)
        file.strike([first])
        third = ledger.enter("table", "c", NAMES, cloud)
        assert [each.name for each in read(ledgers)] == ["b", "c"]
        ledger.strike(first)
        assert [each.name for each in read(ledgers)] == ["b", "c"]
        for each in (second, third):
            ledger.strike(each)
    assert list(ledgers.iterdir()) == []


def test_a_ledger_whose_last_line_was_torn_can_be_struck_in(cloud: Any, ledgers: Path) -> None:
    with closing(Ledger(ledgers)) as ledger:
        for name in "ab":
            ledger.enter("table", name, NAMES, cloud)
    (path,) = ledgers.iterdir()
    with path.open("a") as file:
        file.write('{"entry": {"num')
    (told,) = read_files(ledgers)
    told.strike(told.entries[:1])
    assert [each.name for each in read(ledgers)] == ["b"]


def test_a_ledger_that_is_gone_meanwhile_is_not_made_anew(cloud: Any, ledgers: Path) -> None:
    with closing(Ledger(ledgers)) as ledger:
        entry = ledger.enter("table", "a", NAMES, cloud)
        (file,) = read_files(ledgers)
        ledger.strike(entry)
    file.strike([entry])
    assert list(ledgers.iterdir()) == []


def test_a_ledger_of_another_version_is_read(cloud: Any, ledgers: Path) -> None:
    with closing(Ledger(ledgers)) as ledger:
        ledger.enter("table", "a", NAMES, cloud)
    (path,) = ledgers.iterdir()
    text = path.read_text().replace('"host":', '"later":')
    path.write_text(text)
    (entry,) = read(ledgers)
    assert (entry.name, entry.host) == ("a", "")


# -- sweeping ---------------------------------------------------------------------------


class Places:
    """Opens the scripted cloud, or nothing."""

    def __init__(self, cloud: Any, ledgers: Path) -> None:
        self.cloud = cloud
        self.ledgers = ledgers
        self.refusal: Exception | None = None

    def open(self, place: Place, accounts: object) -> Cloud:
        if self.refusal is not None:
            raise self.refusal
        opened: Cloud = self.cloud
        return opened

    def sweep(self, **asked: Any) -> list[Row]:
        asked = {"older_than": 0.0, "delete": True, **asked}
        return list(Sweep(Request(**asked), self.open, self.ledgers).rows())

    @property
    def here(self) -> Place:
        return Place(self.cloud.name, self.cloud.endpoint_url, self.cloud.region)


@pytest.fixture
def places(cloud: Any, ledgers: Path) -> Iterator[Places]:
    places = Places(cloud, ledgers)
    yield places
    cloud.forget()
    places.refusal = None
    places.sweep(place=places.here)


@pytest.fixture
def left(cloud: Any, folder: Path, ledgers: Path, places: Places) -> Environment:
    """An environment that nobody closes."""
    ledger = Ledger(ledgers)
    world = Environment(cloud, label="test_x", run="ab12cd", ledger=ledger)
    queue, table = world.queue("jobs"), world.table("clicks")
    world.function(folder, "counter").triggered_by(queue)
    table.put({"id": "1"})
    ledger.close()
    cloud.calls.clear()
    return world


def outcomes(rows: list[Row]) -> list[tuple[str, str]]:
    return [(row.kind, row.outcome) for row in rows]


def test_triggers_are_deleted_first_and_then_the_newest(left: Environment, places: Places) -> None:
    assert outcomes(places.sweep()) == [
        ("event source mapping", "deleted"),
        ("function", "deleted"),
        ("table", "deleted"),
        ("queue", "deleted"),
    ]
    assert [call for call in places.cloud.calls if call.startswith("Delete")] == [
        "DeleteEventSourceMapping",
        "DeleteFunction",
        "DeleteLogGroup",
        "DeleteTable",
        "DeleteQueue",
    ]
    assert places.sweep() == []


def test_nothing_is_deleted_unless_that_is_asked(left: Environment, places: Places) -> None:
    assert {row.outcome for row in places.sweep(delete=False)} == {"would be deleted"}
    assert not any(call.startswith("Delete") for call in places.cloud.calls)
    assert len(list(read(places.ledgers))) == 4


def test_what_cannot_be_deleted_is_told_and_does_not_keep_the_others(
    left: Environment, places: Places
) -> None:
    places.cloud.answer("DeleteTable", (400, "AccessDeniedException", "not you"))
    rows = places.sweep()
    (failed,) = (row for row in rows if row.failed)
    assert failed.kind == "table"
    assert "could not be deleted: An error occurred (AccessDeniedException)" in failed.outcome
    assert [entry.kind for entry in read(places.ledgers)] == ["table"]


def test_only_the_run_that_is_asked_for_is_swept(left: Environment, places: Places) -> None:
    assert places.sweep(run="other") == []
    assert len(places.sweep(run="ab12cd")) == 4


def test_only_the_place_that_is_asked_for_is_swept(left: Environment, places: Places) -> None:
    elsewhere = replace(places.here, region="eu-north-1")
    places.cloud.answer("ListFunctions", {"Functions": []})
    assert [row.source for row in places.sweep(place=elsewhere, delete=False)].count("ledger") == 0


def test_what_is_in_a_ledger_is_not_found_by_tag_again(left: Environment, places: Places) -> None:
    rows = places.sweep(place=places.here)
    assert [(row.kind, row.source) for row in rows] == [
        ("event source mapping", "ledger"),
        ("function", "ledger"),
        ("table", "ledger"),
        ("queue", "ledger"),
    ]


def test_what_is_in_no_ledger_is_found_by_its_tags(left: Environment, places: Places) -> None:
    for path in places.ledgers.iterdir():
        path.unlink()
    rows = places.sweep(place=places.here)
    assert sorted((row.kind, row.source, row.run, row.outcome) for row in rows) == [
        ("event source mapping", "tag", "ab12cd", "deleted"),
        ("function", "tag", "ab12cd", "deleted"),
        ("queue", "tag", "ab12cd", "deleted"),
        ("table", "tag", "ab12cd", "deleted"),
    ]
    assert rows[0].kind == "event source mapping"


def test_a_service_that_cannot_be_asked_is_told(places: Places) -> None:
    places.cloud.answer("ListTopics", (403, "AuthorizationError", "not you"))
    (row,) = places.sweep(place=places.here)
    assert (row.kind, row.failed) == ("sns", True)
    assert "could not be listed" in row.outcome


def test_what_is_of_another_account_is_left(cloud: Any, places: Places) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.enter("table", "sls-x", NAMES, cloud)
    (path,) = places.ledgers.iterdir()
    path.write_text(path.read_text().replace(cloud.account_id, "999999999999"))
    (row,) = places.sweep()
    assert row.outcome == f"left: it is of the account 999999999999, not {cloud.account_id}"
    assert cloud.calls == []
    path.unlink()


def test_where_nothing_answers_the_entries_stay(left: Environment, places: Places) -> None:
    places.refusal = NothingAnswers("nothing answers")
    for delete in (False, True):
        rows = places.sweep(delete=delete)
        assert {(row.outcome, row.reason, row.failed, row.due) for row in rows} == {
            ("cannot be reached", "nothing answers", delete, False)
        }
        assert table(rows).count("nothing answers") == 1  # it is long, and the rows may be many
        assert table(rows).count(f"{rows[0].place} cannot be reached: nothing answers") == 1
    places.refusal = None
    assert len(places.sweep()) == 4


def test_what_was_where_nothing_answers_can_be_forgotten(left: Environment, places: Places) -> None:
    places.refusal = NothingAnswers("nothing answers")
    rows = places.sweep(forget=True, delete=False)
    assert {row.outcome for row in rows} == {"would be forgotten: gone with its endpoint"}
    assert {row.failed for row in places.sweep(forget=True)} == {False}
    assert list(read(places.ledgers)) == []


@pytest.mark.parametrize("refusal", [SlstestError, ConfigurationError])
def test_what_is_where_something_answers_cannot_be_forgotten(
    left: Environment, places: Places, refusal: type[Exception]
) -> None:
    places.refusal = refusal("this is no cloud")
    assert {(row.outcome, row.reason) for row in places.sweep(forget=True)} == {
        ("cannot be reached", "this is no cloud")
    }
    assert len(list(read(places.ledgers))) == 4


@pytest.mark.parametrize("refusal", [ConfigurationError, NothingAnswers])
def test_what_is_in_an_aws_account_is_never_forgotten(
    cloud: Any, places: Places, refusal: type[Exception]
) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.enter("table", "sls-x", NAMES, cloud)
    (path,) = places.ledgers.iterdir()
    path.write_text(path.read_text().replace('"cloud": "scripted"', '"cloud": "aws"'))
    places.refusal = refusal("the AWS credentials have expired")
    (row,) = places.sweep(forget=True, place=Place("aws", None, cloud.region))
    assert (row.outcome, row.reason) == ("cannot be reached", "the AWS credentials have expired")
    assert [entry.name for entry in read(places.ledgers)] == ["sls-x"]
    path.unlink()


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("http://127.0.0.1:4599", "forgotten: gone with its endpoint"),
        ("http://docker:4599", "cannot be reached"),
    ],
)
def test_what_was_in_a_container_of_this_machine_is_gone_with_it(
    cloud: Any, places: Places, url: str, outcome: str
) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.enter("table", "sls-x", NAMES, cloud)
    (path,) = places.ledgers.iterdir()
    text = path.read_text().replace('"endpoint_url": null', f'"endpoint_url": "{url}"')
    path.write_text(text.replace('"cloud": "scripted"', '"cloud": "localstack"'))
    places.refusal = NothingAnswers("nothing answers")
    assert [row.outcome for row in places.sweep()] == [outcome]
    for path in places.ledgers.iterdir():
        path.unlink()


def test_a_kind_of_a_later_version_is_told(cloud: Any, places: Places) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.enter("quantum", "sls-x", NAMES, cloud)
    (row,) = places.sweep()
    assert (row.failed, row.outcome) == (
        True,
        "could not be deleted: this version knows no such kind",
    )
    for path in places.ledgers.iterdir():
        path.unlink()


def test_the_table_has_a_line_for_each_with_short_names() -> None:
    name = "arn:aws:sqs:eu-west-1:123456789012:sls-q -> sls-f"
    row = Row("event source mapping", name, "ab12cd", 61.0, "ledger", "aws eu-west-1", "deleted")
    head, line = table([row]).splitlines()
    assert head.split() == ["KIND", "NAME", "RUN", "AGE", "FOUND", "BY", "WHERE"]
    assert (
        line
        == "event source mapping  sls-q -> sls-f  ab12cd  1m1s  ledger    aws eu-west-1  deleted"
    )


def test_the_ledger_of_an_ended_process_is_removed_with_its_last_entry(
    cloud: Any, places: Places, ended: int
) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.enter("table", "sls-x", NAMES, cloud)
    (path,) = places.ledgers.iterdir()
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {ended}'))
    assert [row.outcome for row in places.sweep(older_than=HOUR)] == ["deleted"]
    assert list(places.ledgers.iterdir()) == []


@pytest.mark.parametrize("is_over", [True, False])
def test_a_ledger_without_entries_goes_with_its_process(
    cloud: Any, places: Places, ended: int, is_over: bool
) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.strike(ledger.enter("table", "sls-x", NAMES, cloud))
        (path,) = places.ledgers.iterdir()
        text = path.read_text()
        if is_over:
            path.write_text(text.replace(f'"pid": {os.getpid()}', f'"pid": {ended}'))
        assert places.sweep(delete=False) == []
        assert path.exists()
        assert places.sweep() == []
        assert path.exists() is not is_over


def test_a_ledger_that_is_damaged_is_told_of_and_stays(
    cloud: Any, places: Places, ended: int
) -> None:
    with closing(Ledger(places.ledgers)) as ledger:
        ledger.enter("table", "sls-x", NAMES, cloud)
    (path,) = places.ledgers.iterdir()
    text = path.read_text().replace(f'"pid": {os.getpid()}', f'"pid": {ended}')
    path.write_bytes(text.encode() + b"\xff\n")
    damaged, entry = places.sweep()
    assert (damaged.name, damaged.failed, damaged.due) == (str(path), False, False)
    assert damaged.outcome.startswith("left: 1 line(s) of it cannot be read")
    assert entry.outcome == "deleted"
    assert [row.kind for row in places.sweep()] == ["ledger"]
    path.unlink()


def test_what_is_not_ours_does_not_end_the_sweep_by_what_it_lacks(places: Places) -> None:
    yours = {"FunctionName": "sls-prod", "FunctionArn": "arn:aws:lambda:r:1:function:sls-prod"}
    kafka = {"UUID": "1", "FunctionArn": yours["FunctionArn"], "SelfManagedEventSource": {}}
    places.cloud.answer(
        "ListFunctions", {"Functions": [{**yours, "LastModified": "2026-01-01T00:00:00.000+0000"}]}
    )
    places.cloud.answer("ListTags", {"Tags": {}})
    places.cloud.answer("ListEventSourceMappings", {"EventSourceMappings": [kafka]})
    assert places.sweep(place=places.here) == []


def test_queues_are_asked_for_so_that_sqs_says_whether_there_are_more(cloud: Any) -> None:
    asked: list[dict[str, Any]] = []
    client = cloud.client("sqs")
    event = "provide-client-params.sqs.ListQueues"
    client.meta.events.register(event, lambda params, **_: asked.append(dict(params)))
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/sls-"
    cloud.answer("ListQueues", {"QueueUrls": [f"{url}a"], "NextToken": "more"})
    cloud.answer("ListQueues", {"QueueUrls": [f"{url}b"]})
    cloud.answer("GetQueueAttributes", *[{"Attributes": {"CreatedTimestamp": "0"}}] * 2)
    cloud.answer("ListQueueTags", *[{"Tags": {"slstest:run": "ab12cd"}}] * 2)
    assert [each.entry.name for each in find_tagged(cloud, "sqs")] == ["sls-a", "sls-b"]
    assert [(each["MaxResults"], each.get("NextToken")) for each in asked] == [
        (1000, None),
        (1000, "more"),
    ]
