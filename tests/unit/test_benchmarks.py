"""The benchmarks still run, and their table says what was measured. No time is asserted."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of the benchmarks, which are not installed."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_the_same_work_is_done_by_hand_and_in_every_runtime() -> None:
    command = [sys.executable, "-m", "benchmarks.end_to_end", "--quick", "--markdown"]
    done = subprocess.run(
        [*command, "--only", "same-work"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    table = [line for line in done.stdout.splitlines() if line.startswith("|")]
    measured = [line for line in table if " ms |" in line]
    assert [line.rpartition(" runtime")[0].rpartition(", ")[2] for line in measured] == [
        "",
        "in-process",
        "process",
    ]


def test_a_goal_is_met_at_its_bound_and_missed_beyond(benchmarks: Any) -> None:
    measure = benchmarks("measure")

    def verdict(value: float | None, kind: str) -> str:
        row = measure.Row("what", "1 ms", goal=measure.Goal(2.0, kind), value=value)
        said: str = row.verdict
        return said

    assert [verdict(value, "at most") for value in (1.9, 2.0, 2.1)] == ["met", "met", "missed"]
    assert [verdict(value, "at least") for value in (1.9, 2.0, 2.1)] == ["missed", "met", "met"]
    assert verdict(None, "at most") == "not measured"


def test_what_is_between_the_marks_is_replaced_and_nothing_else(
    benchmarks: Any, tmp_path: Path
) -> None:
    readme = benchmarks("readme")
    file = tmp_path / "README.md"
    file.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n", encoding="utf-8")

    readme.write(file, "new")

    assert file.read_text(encoding="utf-8") == f"before\n{readme.BEGIN}\nnew\n{readme.END}\nafter\n"


def test_a_readme_without_the_marks_is_refused(benchmarks: Any, tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("no marks", encoding="utf-8")

    with pytest.raises(ValueError, match="benchmark:begin"):
        benchmarks("readme").write(file, "new")

    assert file.read_text(encoding="utf-8") == "no marks"


def test_an_incomplete_run_does_not_go_into_the_readme(benchmarks: Any) -> None:
    with pytest.raises(SystemExit):
        benchmarks("end_to_end").main(["--quick", "--write-readme"])
