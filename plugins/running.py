"""The hooks around each test, which a run has only where the harness is on."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from . import markers, reporting, session


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Begin to create what this test and the next ones will ask for."""
    session.current(item.config).expect(item, nextitem)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse wrong markers before anything is made for them."""
    markers.validate(item)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Delete what was created ahead and the test did not ask for."""
    session.current(item.config).forget(item)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell a failure in terms of the test."""
    if not session.current(item.config).settings.strict:
        reporting.skip_for_want_of_something(call)
    reporting.end_traceback_at_the_test(item, call)
    report = yield
    reporting.add_sections(item, report)
    return report
