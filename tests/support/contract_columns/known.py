"""What other clouds get wrong, as ``tests/contract/known`` has it: one file for each cloud.

    [[there]]                # the column: here, there, or both
    reason = "MiniStack ignores BisectBatchOnFunctionError"
    timeout = 10             # seconds that its expectations wait; 5 if left out
    unsteady = true          # it may pass, by chance; false if left out
    rules = [
        "test_kinesis.py::test_a_rule",
        "test_kinesis.py::test_with_parameters[only this]",
    ]

A rule stands for all of its cases, that is, parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract_columns.columns import HERE, THERE, Column
from contract_columns.suite import CONTRACT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KNOWN = CONTRACT / "known"
TIMEOUT = 5.0
"""Seconds. What is known to fail is not waited for as long as what is to pass."""

_PLACES = {HERE: (HERE,), THERE: (THERE,), "both": (HERE, THERE)}


class KnownError(Exception):
    """A file that cannot be used as it is."""


@dataclass(frozen=True)
class Fault:
    """A cloud's fault: a rule, or one case of it, that does not hold there."""

    case: str
    """The rule, with or without the parameters of one case in brackets."""
    reason: str
    timeout: float
    unsteady: bool
    file: Path
    line: int

    @property
    def rule(self) -> str:
        return self.case.partition("[")[0]

    @property
    def where(self) -> str:
        return f"tests/contract/known/{self.file.name}, line {self.line}"

    def mended(self, columns: Sequence[Column]) -> str:
        """What to tell who finds that the rule holds after all."""
        cloud = columns[0].cloud
        headings = " and ".join(column.heading for column in columns)
        return (
            f"{self.case} passes now ({headings}), and was known to fail: {self.reason}.\n"
            f"If {cloud.title} does it right, delete the line of this rule: {self.where}, and "
            f"run again with --write-results."
        )


def faults_of(column: Column) -> dict[str, Fault]:
    """The faults of a column by their cases. Raises :class:`KnownError`."""
    file = KNOWN / f"{column.cloud.name}.toml"
    if not file.exists():
        return {}
    faults: dict[str, Fault] = {}
    for fault in read(file, column.place):
        if fault.case in faults:
            raise KnownError(f"{fault.where}: {fault.case} is listed twice for {column.name}")
        faults[fault.case] = fault
    return faults


def read(file: Path, place: str) -> Iterator[Fault]:
    """The faults of a file that are about functions in this place. Raises :class:`KnownError`."""
    text = file.read_text(encoding="utf-8")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise KnownError(f"{file}: {error}") from error
    if unknown := set(document) - set(_PLACES):
        raise KnownError(f"{file}: there are tables {list(_PLACES)}, not {sorted(unknown)}")
    lines = _lines_of_rules(text)
    for kind, places in _PLACES.items():
        for table in document.get(kind, ()):
            _check(file, kind, table)
            if place not in places:
                continue
            for case in table["rules"]:
                yield Fault(
                    case,
                    table["reason"],
                    float(table.get("timeout", TIMEOUT)),
                    table.get("unsteady", False),
                    file,
                    lines.get((kind, case), 0),
                )


def _check(file: Path, kind: str, table: Any) -> None:
    keys = set(table) if isinstance(table, dict) else set()
    if not {"reason", "rules"} <= keys <= {"reason", "rules", "timeout", "unsteady"}:
        raise KnownError(
            f"{file}: a table [[{kind}]] has reason, rules, and perhaps timeout and unsteady"
        )
    if not table["reason"] or not table["rules"]:
        raise KnownError(f"{file}: a table [[{kind}]] has no reason or no rules")


def _lines_of_rules(text: str) -> dict[tuple[str, str], int]:
    """The line of each rule in each kind of table; a rule is alone on its line."""
    kind = ""
    lines: dict[tuple[str, str], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if words.startswith("[["):
            kind = words.partition("]")[0].strip("[ ")
        elif words.startswith(('"', "'")):
            lines[kind, words.rstrip(",").strip("\"'")] = number
    return lines
