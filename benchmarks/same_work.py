"""The floor's work as a test of slstest, in each runtime, next to the floor itself."""

from __future__ import annotations

from statistics import median

from benchmarks import floor
from benchmarks.measure import RUNTIMES, Goal, Row, Scale, milliseconds
from benchmarks.suite_run import WARM_UP, run_clicks

GOALS = {
    "in-process": Goal(1.4, "at most", " times the floor"),
    "process": Goal(2.0, "at most", " times the floor"),
}


def measure(scale: Scale) -> tuple[float, dict[str, float]]:
    """The median seconds of the floor, and of a test by runtime.

    They take turns, so that whatever else the machine does slows down all of them alike.
    """
    floors: list[float] = []
    tests: dict[str, list[float]] = {runtime: [] for runtime in RUNTIMES}
    for _ in range(scale.rounds):
        floors += floor.measure(scale.tests_per_round)
        for runtime in RUNTIMES:
            (process,) = run_clicks(runtime, WARM_UP + scale.tests_per_round)
            tests[runtime] += [test.seconds for test in process[WARM_UP:]]
    return median(floors), {runtime: median(times) for runtime, times in tests.items()}


def rows(floor_seconds: float, tests: dict[str, float]) -> list[Row]:
    """The floor and the runtimes, in lines of the table."""
    lines = [Row("moto alone, handler called by hand (the floor)", milliseconds(floor_seconds))]
    for runtime, seconds in tests.items():
        ratio = seconds / floor_seconds
        lines.append(
            Row(
                f"the same as a test, {runtime} runtime",
                milliseconds(seconds),
                f"{ratio:.2f} times the floor",
                GOALS[runtime],
                ratio,
            )
        )
    return lines
