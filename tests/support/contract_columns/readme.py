"""The table in the README, made of the results that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from contract_columns import results
from contract_columns.columns import COLUMNS, Column
from contract_columns.suite import Topic, sentence, topics

README = Path(__file__).parents[3] / "README.md"
BEGIN = "<!-- contract:begin -->"
END = "<!-- contract:end -->"

_SHORT = {
    "a clock that skips": "clock",
    "faults of services": "faults",
    "the function on this machine": "here",
    "a function that the cloud knows": "there",
}

_NOT_RUN = "not run"

Outcomes = dict[Column, dict[str, str]]


def write() -> None:
    """Write the table of the results that are kept into the README."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", encoding="utf-8")


def written() -> str:
    """What the README has now. Raises ValueError where it has no marks."""
    text = README.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip("\n")


def table() -> str:
    """The summary, and the rules of each topic."""
    outcomes = {column: told for column in COLUMNS if (told := results.read(column)) is not None}
    lines = [*_summary(outcomes), ""]
    for topic in topics():
        lines += _details(topic, outcomes)
    return "\n".join(lines).rstrip("\n")


def _summary(outcomes: Outcomes) -> list[str]:
    rows = [_counts(topic.title, topic.rules, outcomes) for topic in topics()]
    every = [rule for topic in topics() for rule in topic.rules]
    rows.append(_counts("**all**", every, outcomes))
    return _markdown(["rules about", *(column.heading for column in outcomes)], rows)


def _counts(title: str, rules: Sequence[str], outcomes: Outcomes) -> list[str]:
    cells = [title]
    for told in outcomes.values():
        came = [told.get(rule, _NOT_RUN) for rule in rules]
        tried = [each for each in came if not each.startswith(results.NEEDS)]
        cells.append(f"{tried.count(results.PASSES)} of {len(tried)}")
    return cells


def _details(topic: Topic, outcomes: Outcomes) -> list[str]:
    reasons: dict[str, int] = {}

    def cell(told: str) -> str:
        if told == _NOT_RUN:
            return told
        if told == results.PASSES:
            return "yes"
        if told.startswith(results.NEEDS):
            return f"({_SHORT[told.removeprefix(results.NEEDS)]})"
        reason = told.removeprefix(results.FAILS)
        return f"no, {reasons.setdefault(reason, len(reasons) + 1)}"

    rows = [
        [sentence(rule), *(cell(told.get(rule, _NOT_RUN)) for told in outcomes.values())]
        for rule in topic.rules
    ]
    return [
        "<details>",
        f"<summary>{topic.title}</summary>",
        "",
        *_markdown(["", *(column.heading for column in outcomes)], rows),
        *([""] if reasons else []),
        *(f"{number}. {reason}" for reason, number in reasons.items()),
        "",
        "</details>",
        "",
    ]


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows)]
