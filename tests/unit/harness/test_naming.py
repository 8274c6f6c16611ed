from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest

from slstest.naming import Names, new_run, slug

EVERY_SERVICE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@pytest.mark.parametrize(
    ("run", "worker", "label", "wanted"),
    [
        ("ab12cd", "main", "test_clicks_are_counted", "clicks"),
        ("ab12cd", "gw11", "test_x[größe-Ünï/☃]", "Click Table!"),
        ("0123456789abcdef" * 2, "a-very-long-worker", "test_" + "y" * 300, "z" * 100),
        ("", "", "", ""),
        ("___", "--", "test_", "☃"),
    ],
)
def test_a_name_is_valid_for_every_service(run: str, worker: str, label: str, wanted: str) -> None:
    name = Names(run, worker, label).throwaway(wanted)
    assert EVERY_SERVICE.fullmatch(name)
    assert 3 <= len(name) <= 63


def test_a_name_says_run_worker_test_and_what_it_is() -> None:
    name = Names("ab12cd", "gw3", "test_clicks_are_counted").throwaway("clicks")
    assert name.startswith("sls-ab12cd-gw3-clicks-are-counted-clicks-")


def test_long_names_keep_the_beginning_of_the_test() -> None:
    name = Names("0123456789", "gw11-xyz", "test_" + "abcdefghijklm" * 9).throwaway("y" * 60)
    assert "-abcdefghijklm-yyyyyyyyyyyyyyyy-" in name


def test_no_two_names_are_alike_even_of_the_same_test() -> None:
    names = [Names("ab12cd", "main", "test_x") for _ in range(2)]
    assert len({name.throwaway("table") for name in names for _ in range(500)}) == 1000


def test_two_runs_have_different_tokens() -> None:
    assert len({new_run() for _ in range(100)}) == 100


def test_tags_hold_what_aws_allows_in_them() -> None:
    tags = Names("ab12cd", "gw3", "test_x[a|b]" + "z" * 300).tags()
    assert tags["slstest:run"] == "ab12cd"
    assert tags["slstest:worker"] == "gw3"
    assert tags["slstest:test"].startswith("test_x_a_b_z")
    assert len(tags["slstest:test"]) == 256


def test_tags_say_whose_it_is_and_until_when() -> None:
    tags = Names("ab12cd", "gw3", "test_x").tags("ada@example.com")
    assert tags["slstest:owner"] == "ada_example.com"
    assert Names("r", "w", "t", "grace & co").tags("ada")["slstest:owner"] == "grace _ co"
    assert Names("r", "w", "t").tags()["slstest:owner"]
    left = datetime.fromisoformat(tags["slstest:expiry"].replace("Z", "+00:00")) - datetime.now(
        timezone.utc
    )
    assert timedelta(hours=23) < left <= timedelta(days=1)
    assert "" not in Names("", "", "").tags().values()


def test_a_slug_never_ends_with_a_hyphen() -> None:
    assert slug("abc-def", 4) == "abc"
