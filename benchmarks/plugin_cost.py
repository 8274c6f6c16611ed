"""What a run of pytest that uses nothing of slstest pays for its being installed."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.measure import Goal, Row, Scale, milliseconds
from benchmarks.suite_run import run_pytest

GOAL = Goal(50, "at most", " ms")


def rows(scale: Scale) -> list[Row]:
    """Runs with and without the plugin, in turns."""
    with TemporaryDirectory(prefix="slstest-benchmark-") as name:
        folder = Path(name)
        (folder / "test_nothing.py").write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        _run(folder), _run(folder, "-p", "no:slstest")  # compiles what is not compiled yet
        installed, absent = [], []
        for _ in range(scale.plugin_runs):
            installed.append(_run(folder))
            absent.append(_run(folder, "-p", "no:slstest"))
    with_it, without = median(installed), median(absent)
    cost = (with_it - without) * 1000
    return [
        Row(
            "pytest without a test of slstest, plugin installed",
            f"{milliseconds(with_it)} against {milliseconds(without)} without",
            f"{cost:+.0f} ms",
            GOAL,
            cost,
        )
    ]


def _run(folder: Path, *options: str) -> float:
    began = time.perf_counter()
    # Modules are compiled once, as pip leaves them, also where this shell forbids it.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    run_pytest([*options, "test_nothing.py"], folder=folder, variables=compiled)
    return time.perf_counter() - began
