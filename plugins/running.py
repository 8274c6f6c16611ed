"""The hooks around each test, which a run has only where the harness is on."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from . import markers, reporting


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse wrong markers before anything is made for them."""
    markers.validate(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a failure in terms of the test."""
    reporting.end_traceback_at_the_test(item, call)
    report = yield
    reporting.add_sections(item, report)
    return report
