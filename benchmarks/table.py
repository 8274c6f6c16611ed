"""Rows of figures as a table: for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.measure import Row

HEADINGS = ("what", "median", "compared", "goal", "")


def as_text(rows: Sequence[Row]) -> str:
    """Columns aligned with spaces."""
    lines = [HEADINGS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def as_markdown(rows: Sequence[Row]) -> str:
    """A Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *map(_cells, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.goal is None else str(row.goal)
    return (row.what, row.measured, row.compared, goal, row.verdict)
