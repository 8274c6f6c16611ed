"""The table of what holds where agrees with the suite, and the files behind it with each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from contract_columns import readme, results
from contract_columns.columns import COLUMNS, HERE, THERE, Column, columns_called
from contract_columns.known import KnownError, faults_of, read
from contract_columns.suite import all_rules, sentence

OURS = [column for column in COLUMNS if column.ours]
OTHERS = [column for column in COLUMNS if not column.ours and results.read(column) is not None]

Write = Callable[[str], Path]


@pytest.mark.parametrize("column", OURS, ids=lambda column: column.name)
def test_every_rule_holds_on_our_own_runtimes(column: Column) -> None:
    kept = results.read(column)
    hint = "run: pytest tests/contract --sls --write-results"
    assert kept == dict.fromkeys(all_rules(), results.PASSES), hint


@pytest.mark.parametrize("column", OTHERS, ids=lambda column: column.name)
def test_every_rule_has_a_result_in_each_column(column: Column) -> None:
    assert list(results.read(column) or ()) == list(all_rules()), (
        f"run the column {column.name} with --write-results, see CONTRIBUTING.md"
    )


@pytest.mark.parametrize("column", OTHERS, ids=lambda column: column.name)
def test_what_fails_in_a_column_is_what_is_known_to_fail(column: Column) -> None:
    kept = results.read(column) or {}
    failed = {rule for rule, told in kept.items() if told.startswith(results.FAILS)}
    assert failed == {fault.rule for fault in faults_of(column).values()}


def test_the_readme_has_the_table_of_the_results() -> None:
    assert readme.written() == readme.table(), "run: python tests/support/contract_columns"


def test_the_name_of_a_rule_is_a_sentence() -> None:
    rule = "test_sns.py::test_what_goes_to_the_subscription_s_queue_is_an_sqs_message"
    assert sentence(rule) == "What goes to the subscription's queue is an SQS message"


def test_a_rule_holds_where_all_of_its_cases_do() -> None:
    wrong, cannot = f"{results.FAILS}it forgets", f"{results.NEEDS}a clock"
    assert results.of_all_cases([results.PASSES, wrong, results.PASSES]) == wrong
    assert results.of_all_cases([cannot, results.PASSES]) == results.PASSES
    assert results.of_all_cases([cannot, cannot]) == cannot


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file of known faults."""

    def write(text: str) -> Path:
        file = tmp_path / "cloud.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_a_known_fault_is_found_with_its_line(write: Write) -> None:
    file = write(
        '[[both]]\nreason = "r"\nrules = [\n    "a.py::test_a",\n]\n'
        '[[there]]\nreason = "s"\ntimeout = 9\nrules = [\n    "a.py::test_b[x-1]",\n]\n'
    )
    here, there = ({each.case: each for each in read(file, place)} for place in (HERE, THERE))
    assert list(here) == ["a.py::test_a"]
    assert sorted(there) == ["a.py::test_a", "a.py::test_b[x-1]"]
    fault = there["a.py::test_b[x-1]"]
    assert (fault.rule, fault.reason, fault.timeout) == ("a.py::test_b", "s", 9)
    assert fault.where == "tests/contract/known/cloud.toml, line 10"
    told = fault.mended(columns_called("ministack-there"))
    assert "MiniStack" in told
    assert fault.where in told


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[anywhere]]", "there are tables"),
        ("both", "cloud.toml: "),
        ('[[both]]\nreason = "r"', "has reason, rules"),
        ('[[both]]\nreason = ""\nrules = ["a"]', "no reason"),
        ('[[both]]\nreason = "r"\nrules = ["a"]\ntimout = 1', "has reason, rules"),
    ],
)
def test_a_file_of_known_faults_that_cannot_be_is_refused(
    write: Write, text: str, problem: str
) -> None:
    with pytest.raises(KnownError, match=problem):
        list(read(write(text), HERE))
