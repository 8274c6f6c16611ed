"""What a failed test's report says: the error without the harness's insides, and sections
with the invocations, the functions' logs and the resources that were kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ExpectationFailed, SlstestError, Unavailable

if TYPE_CHECKING:
    from slstest.environment import Environment
    from slstest.ledger import Entry

INVOCATIONS = "slstest invocations"
LOG = "slstest function log"
UNDELIVERED = "slstest not delivered"
KEPT = "slstest kept resources"

_ENVIRONMENT = pytest.StashKey["Environment"]()
_FAILED = pytest.StashKey[bool]()
_KEPT_ENTRIES = pytest.StashKey[str]()

_HARNESS = "slstest"
_PYTEST = frozenset({"pytest", "_pytest", "pluggy"})


def remember(item: pytest.Item, environment: Environment) -> None:
    """Tell the reports of a test's failures from this environment."""
    item.stash[_ENVIRONMENT] = environment


def has_failed(item: pytest.Item) -> bool:
    """Whether a phase of the test has failed so far."""
    return item.stash.get(_FAILED, False)


def remember_kept(item: pytest.Item, kept: Sequence[Entry]) -> None:
    """Tell in the report of the test's teardown what was not deleted."""
    if kept:
        item.stash[_KEPT_ENTRIES] = "\n".join(str(entry) for entry in kept)


def add_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """Add to a failure what the functions did, and to a teardown what it kept."""
    if report.when == "teardown" and _KEPT_ENTRIES in item.stash:
        report.sections.append((KEPT, item.stash[_KEPT_ENTRIES]))
    if not report.failed:
        return
    item.stash[_FAILED] = True
    environment = item.stash.get(_ENVIRONMENT, None)
    if environment is None:
        return
    from slstest.report.text import invocations_text, logs_text, undelivered_text

    history = environment.history()
    invocations = [invocations_text(history.functions), history.unread]
    texts = {
        INVOCATIONS: "\n".join(filter(None, invocations)),
        LOG: logs_text(history.functions),
        UNDELIVERED: undelivered_text(history.undelivered),
    }
    told = [(title, text) for title, text in texts.items() if text]
    report.sections += told
    # For the JUnit report, which has a test's properties but not its sections. The report of the
    # test's teardown brings them there.
    item.user_properties += [each for each in told if each not in item.user_properties]


def list_kept(terminalreporter: pytest.TerminalReporter, *, ends_with_the_run: bool) -> None:
    """List at the end of the run what failed tests have left (``--sls-keep``)."""
    kept = [
        (report.nodeid, text)
        for report in terminalreporter.getreports("")
        for title, text in report.sections
        if title == KEPT
    ]
    if not kept:
        return
    terminalreporter.section(KEPT)
    for nodeid, text in kept:
        terminalreporter.write_line(nodeid)
        for line in text.splitlines():
            terminalreporter.write_line(f"  {line}")
    if ends_with_the_run:
        terminalreporter.write_line("They end with this run.")


def skip_for_want_of_something(call: pytest.CallInfo[None]) -> None:
    """Count a test as skipped that needs what the cloud lacks."""
    error = None if call.excinfo is None else call.excinfo.value
    if isinstance(error, Unavailable):
        skipped = pytest.skip.Exception(str(error), _use_item_location=True)
        call.excinfo = pytest.ExceptionInfo.from_exception(
            skipped.with_traceback(error.__traceback__)
        )


def end_traceback_at_the_test(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Leave out of an explained error's traceback what happened inside the harness.

    Where nothing of the test's or the project's own is left (the error came out of a fixture
    of the harness), the text alone is shown. ``--full-trace`` shows everything.
    """
    error = None if call.excinfo is None else call.excinfo.value
    if not isinstance(error, SlstestError | ExpectationFailed):
        return
    if item.config.getoption("fulltrace", default=False):
        return
    _forget_what_it_came_from(error)
    own = []
    for entry in _entries(error.__traceback__):
        if _package(entry) == _HARNESS:
            break
        own.append(entry)
    if all(_package(entry) in _PYTEST for entry in own):
        plain = pytest.fail.Exception(str(error), pytrace=False)
        shown: BaseException = plain.with_traceback(error.__traceback__)
    else:
        shown = error.with_traceback(_linked(own))
    call.excinfo = pytest.ExceptionInfo.from_exception(shown)


def _forget_what_it_came_from(error: BaseException) -> None:
    """Drop the exception that the harness caught and explained; one that the test itself was
    handling stays."""
    for source in (error.__cause__, error.__context__):
        first = next(_entries(source.__traceback__), None) if source else None
        if first is not None and _package(first) != _HARNESS:
            return
    error.__cause__ = None
    error.__suppress_context__ = True


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _linked(entries: list[TracebackType]) -> TracebackType | None:
    linked: TracebackType | None = None
    for entry in reversed(entries):
        linked = TracebackType(linked, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return linked


def _package(entry: TracebackType) -> str:
    module: Any = entry.tb_frame.f_globals.get("__name__", "")
    return str(module).partition(".")[0]
