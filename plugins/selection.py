"""Which tests use the harness, and what follows from that when they are collected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from .markers import declared

NEEDS_SLS = "needs --sls (or sls = true in the ini file)"


def uses_harness(item: pytest.Item) -> bool:
    """Whether a test has one of the fixtures or markers of the harness."""
    return "sls" in _fixture_names(item) or bool(_marked(item))


def bring_fixtures(item: pytest.Item) -> None:
    """See that each marker on a test has its fixture, as if the test had asked for it: a
    marker alone would otherwise silently do nothing."""
    names = _fixture_names(item)
    missing = [fixture for fixture in _marked(item) if fixture not in names]
    if missing and hasattr(item, "fixturenames"):
        # A list of its own: the tests of one parametrized function share theirs.
        item.fixturenames = [*names, *dict.fromkeys(missing)]


def _marked(item: pytest.Item) -> list[str]:
    """The fixtures that belong to the markers on a test."""
    known = declared(item.config)
    return [known[mark.name].fixture for mark in item.iter_markers() if mark.name in known]


def _fixture_names(item: pytest.Item) -> Sequence[str]:
    names: Sequence[str] = getattr(item, "fixturenames", ())
    return names


def tell_skipped(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in one line how many tests were skipped for want of ``--sls``, unless pytest lists
    the reasons itself (``-rs``)."""
    skipped = terminalreporter.getreports("skipped")
    count = sum(1 for report in skipped if _reason(report) == f"Skipped: {NEEDS_SLS}")
    if count and not terminalreporter.hasopt("skipped"):
        tests = "1 test was" if count == 1 else f"{count} tests were"
        terminalreporter.write_line(f"slstest: {tests} skipped: {NEEDS_SLS}")


def _reason(report: Any) -> str:
    return str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else ""
