"""What the measurements share: running a program, and the shape of a result."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
CLICK_PROCESSOR = ROOT / "sample_functions" / "click_processor"

RUNTIMES = ("in-process", "process")

CLICKS = ({"page": "/home"}, {"page": "/home"}, {"page": "/cart"})
"""The records that every way of doing the work puts."""

COUNTS = {"/home": 2, "/cart": 1}
"""What must come of them."""


@dataclass(frozen=True)
class Goal:
    """A bound for a figure."""

    bound: float
    kind: Literal["at most", "at least"]
    unit: str = ""

    def is_met(self, value: float) -> bool:
        return value <= self.bound if self.kind == "at most" else value >= self.bound

    def __str__(self) -> str:
        return f"{self.kind} {self.bound:g}{self.unit}"


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    what: str
    measured: str
    """The figure with its unit; or why there is none."""
    compared: str = ""
    """The figure that the goal is about, with its unit."""
    goal: Goal | None = None
    value: float | None = None
    """``compared`` as a number."""

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        if self.value is None:
            return "not measured"
        return "met" if self.goal.is_met(self.value) else "missed"


@dataclass(frozen=True)
class Scale:
    """How much is measured: everything, or just enough to see that it runs."""

    rounds: int
    tests_per_round: int
    ministack_repetitions: int
    long_run_tests: int
    long_run_window: int
    parallel_tests: int
    parallel_runs: int
    plugin_runs: int
    records: int
    throughput_runs: int
    source_records: int
    source_latencies: int


FULL = Scale(
    rounds=5,
    tests_per_round=16,
    ministack_repetitions=6,
    long_run_tests=510,
    long_run_window=20,
    parallel_tests=120,
    parallel_runs=3,
    plugin_runs=12,
    records=10_000,
    throughput_runs=3,
    source_records=1000,
    source_latencies=100,
)

QUICK = Scale(
    rounds=1,
    tests_per_round=4,
    ministack_repetitions=1,
    long_run_tests=20,
    long_run_window=2,
    parallel_tests=30,
    parallel_runs=1,
    plugin_runs=2,
    records=400,
    throughput_runs=1,
    source_records=100,
    source_latencies=5,
)


class ProgramFailed(Exception):
    """A program that a measurement needs ended with an error."""


def run_python(
    arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
) -> str:
    """Run this Python in a folder and return what it printed.

    Raises :class:`ProgramFailed` with the whole output.
    """
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ProgramFailed(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def milliseconds(seconds: float) -> str:
    """Seconds, told in milliseconds."""
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"
