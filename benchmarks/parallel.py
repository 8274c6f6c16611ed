"""What a second worker of pytest-xdist brings."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import Goal, Row, Scale
from benchmarks.suite_run import WARM_UP, Test, run_clicks

GOAL = Goal(1.7, "at least", " times")
RUNTIME = "process"


def rows(scale: Scale) -> list[Row]:
    """Tests per second with and without ``-n 2``, in turns."""
    alone, together = [], []
    for _ in range(scale.parallel_runs):
        alone.append(_rate(run_clicks(RUNTIME, scale.parallel_tests)))
        together.append(_rate(run_clicks(RUNTIME, scale.parallel_tests, options=["-n", "2"])))
    one, two = median(alone), median(together)
    return [
        Row(
            f"-n 2 against a single process, {RUNTIME} runtime",
            f"{two:.1f} against {one:.1f} tests/s",
            f"{two / one:.2f} times",
            GOAL,
            two / one,
        )
    ]


def _rate(processes: Sequence[Sequence[Test]]) -> float:
    """Tests per second while every process was past its start and had tests left."""
    began = max(tests[WARM_UP - 1].ended for tests in processes)
    ended = min(tests[-1].ended for tests in processes)
    done = sum(began < test.ended <= ended for tests in processes for test in tests)
    return done / (ended - began)
