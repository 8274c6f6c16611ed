"""How fast many records go through one event source mapping, each once and in order."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.measure import RUNTIMES, Row, Scale
from benchmarks.suite_run import run_suite


def rows(scale: Scale) -> list[Row]:
    """Records per second from the first put to the last one handled, in each runtime."""
    lines = []
    for runtime in RUNTIMES:
        seconds = _seconds(runtime, scale)
        lines.append(
            Row(
                f"{scale.records:,} records, 4 shards, batches of 100, {runtime} runtime",
                f"{scale.records / seconds:,.0f} records/s",
                f"{seconds:.1f} s",
            )
        )
    return lines


def _seconds(runtime: str, scale: Scale) -> float:
    """One delivery of all records; the suite checks that each came once and in order."""
    with TemporaryDirectory(prefix="slstest-benchmark-") as name:
        options = ["--tests", str(scale.throughput_runs), "--records", str(scale.records)]
        run_suite("records.py", runtime, Path(name), options)
        seconds: list[float] = [
            json.loads(file.read_text(encoding="utf-8"))
            for file in Path(name).glob("records-*.json")
        ]
    return median(seconds)
