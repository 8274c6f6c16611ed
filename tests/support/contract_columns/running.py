"""The suite as pytest runs it: on which columns, what is known to fail there, what came of it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Generator, Sequence
from typing import Any

import pytest

from contract_columns import readme, results
from contract_columns.columns import COLUMNS, EMBEDDED, HERE, THERE, Column, columns_called
from contract_columns.known import Fault, KnownError, faults_of
from contract_columns.suite import CONTRACT, all_rules

ENDPOINT = "SLSTEST_CONTRACT_ENDPOINT"
"""The environment variable with the URL of a cloud that is not ours; or with several URLs, for
pytest-xdist: the workers take them in turn."""

NEEDS = {
    "needs_clock": "a clock that skips",
    "needs_faults": "faults of services",
    "needs_function_here": "the function on this machine",
    "needs_known_function": "a function that the cloud knows",
}
"""The markers of rules that cannot be tried everywhere, and what they need."""

_RULE, _COLUMNS = "contract_rule", "contract_columns"


def add_options(parser: pytest.Parser) -> None:
    group = parser.getgroup("contract", "the contract suite")
    names = ", ".join(column.name for column in COLUMNS)
    group.addoption(
        "--column",
        action="append",
        metavar="COLUMN",
        help=f"Run the contract suite on a column ({names}) or on all columns of a cloud "
        f"(default: embedded). A cloud that is not ours is at the URL in {ENDPOINT}.",
    )
    group.addoption(
        "--write-results",
        action="store_true",
        help="Keep what came of each rule in tests/contract/results, and write the README's table.",
    )


class ContractRun:
    """A plugin for one run of the suite on some columns."""

    def __init__(self, config: pytest.Config) -> None:
        """Raises :class:`pytest.UsageError` for what cannot be run."""
        self._config = config
        self.columns = _chosen(config)
        self.endpoint = _endpoint()
        foreign = [column.name for column in self.columns if not column.ours]
        if foreign and not self.endpoint:
            raise pytest.UsageError(f"--column {foreign[0]}: say in {ENDPOINT} at which URL it is")
        try:
            self._faults = {column: faults_of(column) for column in self.columns}
        except KnownError as error:
            raise pytest.UsageError(str(error)) from error
        for faults in self._faults.values():
            for fault in faults.values():
                if fault.rule not in all_rules():
                    raise pytest.UsageError(f"{fault.where}: there is no rule {fault.rule}")
        self._outcomes: dict[Column, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        self._surprises: dict[Column, list[str]] = defaultdict(list)

    # -- which tests ----------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)  # so that the column is the last part of a test's name
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if metafunc.definition.path.parent == CONTRACT and "column" in metafunc.fixturenames:
            columns = self._told_apart_by(metafunc.fixturenames)
            ids = [column.name for column in columns]
            metafunc.parametrize("column", columns, indirect=True, ids=ids, scope="session")

    def _told_apart_by(self, fixtures: Sequence[str]) -> list[Column]:
        """The columns to run a test on: where no function is deployed it makes no difference
        where functions run, but for our own runtimes, which leave nothing to chance."""
        if "deploy" in fixtures:
            return list(self.columns)
        first = {column.cloud: column for column in reversed(self.columns)}
        return [column for column in self.columns if column.ours or column in first.values()]

    @pytest.hookimpl(tryfirst=True)  # before any is deselected
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        matched = set()
        collected = set()
        for item in filter(_is_of_the_suite, items):
            columns = self._counts_for(item)
            named = " ".join(column.name for column in columns)
            item.user_properties += [(_RULE, _rule(item)), (_COLUMNS, named)]
            collected.add(_rule(item))
            fault = self._fault(item)
            if lacked := _lacked(item):
                item.add_marker(pytest.mark.skip(reason=results.NEEDS + lacked))
                if fault:
                    raise pytest.UsageError(f"{fault.where}: {fault.case} is not tried there")
            elif fault:
                matched.add(fault)
        if any("::" in argument for argument in self._config.args):
            return
        for faults in self._faults.values():
            for fault in faults.values():
                if fault.rule in collected and fault not in matched:
                    raise pytest.UsageError(f"{fault.where}: there is no test {fault.case}")

    def _counts_for(self, item: pytest.Item) -> list[Column]:
        column = _column(item)
        if "deploy" in _fixtures(item) or column.ours:
            return [column]
        return [each for each in self.columns if each.cloud == column.cloud]

    # -- what is known to fail ------------------------------------------------------------

    def _fault(self, item: pytest.Item) -> Fault | None:
        found = {
            self._faults[column].get(_case(item)) or self._faults[column].get(_rule(item))
            for column in self._counts_for(item)
        }
        if len(found) > 1:
            raise pytest.UsageError(
                f"{_case(item)} deploys no function, and is run once for both places: list it "
                f"under [[both]] in tests/contract/known/{_column(item).cloud.name}.toml"
            )
        return found.pop()

    def timeout(self, item: pytest.Item) -> float | None:
        """How many seconds the expectations of a test wait, where not as long as ever."""
        fault = self._fault(item)
        return fault.timeout if fault else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Like a strict xfail, but what fails must not be the tidying up."""
        report = yield
        if not _is_of_the_suite(item) or not (fault := self._fault(item)):
            return report
        failed = call.excinfo is not None and report.failed and report.when != "teardown"
        passed = report.passed and report.when == "call"
        if failed or (passed and fault.unsteady):
            report.outcome = "skipped"
            report.wasxfail = fault.reason
        elif passed:
            report.outcome = "failed"
            report.longrepr = fault.mended(self._counts_for(item))
        return report

    # -- what came of it ------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: dict[str, Any] = dict(report.user_properties)
        if _RULE not in told:
            return
        for column in map(columns_called, str(told[_COLUMNS]).split()):
            self._note(column[0], str(told[_RULE]), report)

    def _note(self, column: Column, rule: str, report: pytest.TestReport) -> None:
        outcomes = self._outcomes[column][rule]
        if report.failed:
            self._surprises[column].append(rule)
        elif hasattr(report, "wasxfail"):
            outcomes.append(results.FAILS + report.wasxfail)
        elif report.skipped and isinstance(report.longrepr, tuple):
            outcomes.append(report.longrepr[2].removeprefix("Skipped: "))
        elif report.when == "call":
            outcomes.append(results.PASSES)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self._config, "workerinput"):
            return
        for column, outcomes in list(self._outcomes.items()):
            came = {rule: results.of_all_cases(told) for rule, told in outcomes.items() if told}
            if self._surprises[column]:
                continue
            kept = results.read(column) or {}
            if self._config.getoption("write_results"):
                results.write(column, {**kept, **came})
            elif not column.ours and set(came) == set(all_rules()) and came != kept:
                self._differs(session, column)
        if self._config.getoption("write_results"):
            readme.write()

    def _differs(self, session: pytest.Session, column: Column) -> None:
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line("")
            reporter.write_line(
                f"{results.file_of(column).name} is not what came of this run: run it again with "
                "--write-results",
                red=True,
            )
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _chosen(config: pytest.Config) -> tuple[Column, ...]:
    chosen: list[Column] = []
    for name in config.getoption("column", None) or [EMBEDDED.name]:
        columns = columns_called(name)
        if not columns:
            names = ", ".join(column.name for column in COLUMNS)
            raise pytest.UsageError(f"--column {name}: choose from {names}")
        chosen += columns
    return tuple(dict.fromkeys(chosen))


def _endpoint() -> str | None:
    urls = os.environ.get(ENDPOINT, "").split()
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return urls[int(worker) % len(urls)] if urls else None


def _lacked(item: pytest.Item) -> str | None:
    """What a rule needs and its column has not."""
    column = _column(item)
    if column.ours:
        return None
    has = {HERE: "needs_function_here", THERE: "needs_known_function"}[column.place]
    lacked = [marker for marker in NEEDS if marker != has and item.get_closest_marker(marker)]
    return NEEDS[lacked[0]] if lacked else None


def _is_of_the_suite(item: pytest.Item) -> bool:
    return (
        isinstance(item, pytest.Function)
        and item.path.parent == CONTRACT
        and "column" in item.fixturenames
    )


def _column(item: pytest.Item) -> Column:
    column: Column = _params(item).params["column"]
    return column


def _fixtures(item: pytest.Item) -> Sequence[str]:
    assert isinstance(item, pytest.Function)
    return item.fixturenames


def _rule(item: pytest.Item) -> str:
    assert isinstance(item, pytest.Function)
    return f"{item.path.name}::{item.originalname}"


def _case(item: pytest.Item) -> str:
    parameters = _params(item).id.removesuffix(_column(item).name).removesuffix("-")
    return f"{_rule(item)}[{parameters}]" if parameters else _rule(item)


def _params(item: pytest.Item) -> Any:
    assert isinstance(item, pytest.Function)
    return item.callspec
