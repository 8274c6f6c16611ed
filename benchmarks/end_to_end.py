"""What a test costs with slstest, compared with doing without it.

Measures everything in one run, which takes some minutes, and prints a table. Nothing else
should be busy on the machine meanwhile. slstest must be installed; MiniStack gets a virtual
environment of its own in the user's cache folder, which is kept for the next run.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchmarks import (
    long_run,
    ministack,
    parallel,
    plugin_cost,
    readme,
    same_work,
    sources,
    table,
    throughput,
)
from benchmarks.measure import FULL, QUICK, ROOT, ProgramFailed, Row, Scale

OTHERS: dict[str, Callable[[Scale], list[Row]]] = {
    "long-run": long_run.rows,
    "parallel": parallel.rows,
    "plugin": plugin_cost.rows,
    "throughput": throughput.rows,
    "sources": sources.rows,
}
PARTS = ("same-work", "ministack", *OTHERS)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.write_readme and (options.only or options.quick):
        parser.error("--write-readme goes with a whole run only")
    try:
        rows = measure(options.only or PARTS, QUICK if options.quick else FULL)
    except ProgramFailed as failure:
        sys.exit(f"\n{failure}")
    as_markdown = f"{_machine()}\n\n{table.as_markdown(rows)}"
    if options.write_readme:
        readme.write(ROOT / "README.md", as_markdown)
    print(as_markdown if options.markdown else f"{_machine()}\n\n{table.as_text(rows)}")


def measure(parts: Sequence[str], scale: Scale) -> list[Row]:
    """The rows of these parts, in the order of the table."""
    rows: list[Row] = []
    process_runtime: float | None = None
    if "same-work" in parts:
        with _told("same-work"):
            floor, tests = same_work.measure(scale)
        process_runtime = tests["process"]
        rows += same_work.rows(floor, tests)
    if "ministack" in parts:
        with _told("ministack"):
            rows += ministack.rows(scale, process_runtime)
    for name, part in OTHERS.items():
        if name in parts:
            with _told(name):
                rows += part(scale)
    return rows


@contextmanager
def _told(part: str) -> Iterator[None]:
    """Say on stderr what is measured and how long that took."""
    print(f"{part} ...", end=" ", file=sys.stderr, flush=True)
    began = time.monotonic()
    yield
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.end_to_end", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="measure this part; may be repeated"
    )
    parser.add_argument(
        "--quick", action="store_true", help="as little as shows that everything runs"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument(
        "--write-readme", action="store_true", help="put the table into README.md as well"
    )
    return parser


def _machine() -> str:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("slstest", "moto", "boto3")
    )
    return (
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores; {versions}. Medians of one run."
    )


if __name__ == "__main__":
    main()
