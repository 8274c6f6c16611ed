"""What a run of the contract suite on a column of another cloud makes of known faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from contract_columns import known, readme, results, running, suite

CONFTEST = """
import pytest
from contract_columns.running import NEEDS, ContractRun, add_options

def pytest_addoption(parser):
    add_options(parser)

def pytest_configure(config):
    for marker in NEEDS:
        config.addinivalue_line("markers", marker)
    config.pluginmanager.register(ContractRun(config))

@pytest.fixture(scope="session")
def column(request):
    return request.param

@pytest.fixture
def deploy(column):
    return column.name
"""

Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a suite of one module on MiniStack, or what is not there, with these known faults."""
    folder = pytester.path
    for module, name, path in (
        (suite, "CONTRACT", folder),
        (running, "CONTRACT", folder),
        (known, "KNOWN", folder / "known"),
        (results, "RESULTS", folder / "results"),
        (readme, "README", folder / "README.md"),
    ):
        monkeypatch.setattr(module, name, path)
    monkeypatch.setenv("SLSTEST_CONTRACT_ENDPOINT", "http://localhost:1")
    (folder / "README.md").write_text(f"{readme.BEGIN}\n{readme.END}\n", encoding="utf-8")
    (folder / "known").mkdir()

    def run(code: str, faults: str, *arguments: str) -> pytest.RunResult:
        pytester.makeconftest(CONFTEST)
        pytester.makepyfile(test_rules="import pytest\n" + code)
        (folder / "known" / "ministack.toml").write_text(faults, encoding="utf-8")
        suite.topics.cache_clear()
        options = ("--column", "ministack", "-p", "no:cacheprovider", *arguments)
        return pytester.runpytest_inprocess(*options)

    yield run
    suite.topics.cache_clear()


def fault(kind: str, *cases: str) -> str:
    listed = "".join(f'    "test_rules.py::{case}",\n' for case in cases)
    return f'[[{kind}]]\nreason = "it forgets"\nrules = [\n{listed}]\n'


def kept(column: str) -> dict[str, dict[str, str]]:
    file: Path = results.RESULTS / f"{column}.json"
    found: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_what_is_known_to_fail_fails_and_is_kept_with_its_reason(run: Run) -> None:
    code = "def test_a(deploy): assert '-here' in deploy\ndef test_b(column): pass"
    run(code, fault("there", "test_a"), "--write-results").assert_outcomes(passed=2, xfailed=1)
    assert kept("ministack-here") == {"test_rules.py": {"test_a": "passes", "test_b": "passes"}}
    assert kept("ministack-there")["test_rules.py"] == {
        "test_a": "fails: it forgets",
        "test_b": "passes",
    }
    assert "| A | yes | no, 1 |" in readme.written()


def test_a_rule_that_a_column_has_not_run_yet_is_none_that_it_passes(run: Run) -> None:
    run("def test_a(deploy): pass\ndef test_b(deploy): pass", "", "--write-results")
    without = json.dumps({"test_rules.py": {"test_a": "passes"}})
    (results.RESULTS / "ministack-there.json").write_text(without, encoding="utf-8")
    readme.write()
    assert "| **all** | 2 of 2 | 1 of 2 |" in readme.written()
    assert "| B | yes | not run |" in readme.written()


def test_a_fault_that_is_mended_fails_the_run_and_names_the_line_to_delete(run: Run) -> None:
    code = "def test_a(column): assert False\ndef test_b(column): pass"
    result = run(code, fault("both", "test_a", "test_b"))
    result.assert_outcomes(xfailed=1, failed=1)
    result.stdout.fnmatch_lines(["*test_b passes now*", "*ministack.toml, line 5*"])


def test_a_fault_of_one_case_is_not_one_of_the_others(run: Run) -> None:
    code = "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(column, n): assert n == 1"
    result = run(code, fault("both", "test_a[2]"), "--write-results")
    result.assert_outcomes(passed=1, xfailed=1)
    assert kept("ministack-here") == {"test_rules.py": {"test_a": "fails: it forgets"}}


def test_an_unsteady_fault_may_pass(run: Run) -> None:
    code = "def test_a(column): pass\ndef test_b(column): assert False"
    faults = fault("both", "test_a", "test_b").replace("rules =", "unsteady = true\nrules =")
    run(code, faults, "--write-results").assert_outcomes(xfailed=2)
    assert set(kept("ministack-here")["test_rules.py"].values()) == {"fails: it forgets"}


def test_what_a_known_fault_leaves_behind_is_an_error(run: Run) -> None:
    code = (
        "@pytest.fixture\ndef untidy():\n    yield\n    raise OSError('left behind')\n"
        "def test_a(column, untidy): assert False"
    )
    result = run(code, fault("both", "test_a"), "--write-results")
    result.assert_outcomes(xfailed=1, errors=1)
    assert not results.RESULTS.exists()


def test_a_rule_that_fails_unexpectedly_leaves_the_results_as_they_were(run: Run) -> None:
    run("def test_a(column): assert False", "", "--write-results").assert_outcomes(failed=1)
    assert not results.RESULTS.exists()


def test_a_rule_that_cannot_be_tried_is_skipped_and_kept_as_such(run: Run) -> None:
    code = (
        "@pytest.mark.needs_function_here\ndef test_a(deploy): pass\n"
        "@pytest.mark.needs_known_function\ndef test_b(deploy): pass"
    )
    run(code, "", "--write-results").assert_outcomes(passed=2, skipped=2)
    assert kept("ministack-here")["test_rules.py"] == {
        "test_a": "passes",
        "test_b": "needs a function that the cloud knows",
    }
    assert kept("ministack-there")["test_rules.py"] == {
        "test_a": "needs the function on this machine",
        "test_b": "passes",
    }


def test_a_complete_run_that_differs_from_what_is_kept_fails(run: Run) -> None:
    run("def test_a(column): pass", "", "--write-results")
    assert run("def test_a(column): pass", "").ret == 0
    differs = run("def test_a(column): pass\ndef test_b(column): pass", "")
    assert differs.ret == 1
    differs.stdout.fnmatch_lines(["ministack-here.json is not what came of this run*"])


@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        (fault("both", "test_x"), "*line 4: there is no rule test_rules.py::test_x*"),
        (fault("both", "test_a[3]"), "*line 4: there is no test test_rules.py::test_a[[]3]*"),
        (fault("there", "test_a"), "*list it under [[][[]both]]*"),
        (fault("both", "test_clock"), "*test_rules.py::test_clock is not tried there*"),
        (fault("both", "test_a", "test_a"), "*is listed twice*"),
    ],
)
def test_a_fault_that_matches_no_test_ends_the_run(run: Run, faults: str, problem: str) -> None:
    code = "def test_a(column): assert False\n@pytest.mark.needs_clock\ndef test_clock(column): 1"
    result = run(code, faults)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([problem])


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--column", "moon"], "*--column moon: choose from embedded-process*"),
        (["--column", "localstack-here"], "*say in SLSTEST_CONTRACT_ENDPOINT at which URL*"),
    ],
)
def test_a_column_that_cannot_be_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], problem: str
) -> None:
    monkeypatch.delenv("SLSTEST_CONTRACT_ENDPOINT")
    result = run("def test_a(column): pass", "", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([problem])
