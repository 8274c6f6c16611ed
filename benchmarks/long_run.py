"""Whether the 500th test costs what the 10th did, and what a long run does to memory."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.measure import RUNTIMES, Goal, Row, Scale, milliseconds
from benchmarks.suite_run import WARM_UP, Test, run_clicks

TIME_GOAL = Goal(1.1, "at most", " times")
MEMORY_GOAL = Goal(20, "at most", " MB")


def rows(scale: Scale) -> list[Row]:
    """Time and memory of one long run in each runtime."""
    return [row for runtime in RUNTIMES for row in _rows(runtime, scale)]


def _rows(runtime: str, scale: Scale) -> list[Row]:
    (tests,) = run_clicks(runtime, scale.long_run_tests)
    count, window = len(tests), scale.long_run_window
    early = _seconds(tests[WARM_UP : WARM_UP + window])
    late = _seconds(tests[-window:])
    tenth = count // 10
    first, last = tests[tenth - 1].memory / 1e6, tests[-1].memory / 1e6
    return [
        Row(
            f"tests {count - window + 1} to {count} against tests {WARM_UP + 1} to "
            f"{WARM_UP + window}, {runtime} runtime",
            f"{milliseconds(late)} after {milliseconds(early)}",
            f"{late / early:.2f} times",
            TIME_GOAL,
            late / early,
        ),
        Row(
            f"memory of pytest from test {tenth} to test {count}, {runtime} runtime",
            f"{last:.0f} MB after {first:.0f} MB",
            f"{last - first:+.1f} MB",
            MEMORY_GOAL,
            last - first,
        ),
    ]


def _seconds(tests: Sequence[Test]) -> float:
    return median(test.seconds for test in tests)
