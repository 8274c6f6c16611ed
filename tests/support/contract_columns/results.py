"""What came of each rule in a column, as ``tests/contract/results`` keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from contract_columns.columns import Column
from contract_columns.suite import CONTRACT, all_rules

RESULTS = CONTRACT / "results"

PASSES = "passes"
FAILS = "fails: "
"""Followed by the reason."""
NEEDS = "needs "
"""Followed by what the column has not."""


def file_of(column: Column) -> Path:
    return RESULTS / f"{column.name}.json"


def read(column: Column) -> dict[str, str] | None:
    """The outcome of each rule when the column was last run, None if it never was."""
    file = file_of(column)
    if not file.exists():
        return None
    topics: dict[str, dict[str, str]] = json.loads(file.read_text(encoding="utf-8"))
    return {f"{module}::{name}": told for module in topics for name, told in topics[module].items()}


def write(column: Column, outcomes: Mapping[str, str]) -> None:
    """Keep the outcomes of the rules that there are, in the order of the suite."""
    topics: dict[str, dict[str, str]] = {}
    for rule in all_rules():
        if rule in outcomes:
            module, _, name = rule.partition("::")
            topics.setdefault(module, {})[name] = outcomes[rule]
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(topics, indent=2, ensure_ascii=False)
    file_of(column).write_text(text + "\n", encoding="utf-8")


def of_all_cases(outcomes: Iterable[str]) -> str:
    """The outcome of a rule whose cases had these outcomes."""
    told = list(dict.fromkeys(outcomes))
    failed = [each.removeprefix(FAILS) for each in told if each.startswith(FAILS)]
    if failed:
        return FAILS + "; ".join(sorted(failed))
    return PASSES if PASSES in told else told[0]
