"""A real run of pytest over one of the suites, in a process of its own, and its figures."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.measure import FOLDER, run_python

SUITES = FOLDER / "suites"

WARM_UP = 5
"""Tests at the beginning of a process that are not counted: imports, first use of clients."""


@dataclass(frozen=True)
class Test:
    """One test of a run: setup, call and teardown together."""

    began: float
    ended: float
    """Seconds of a clock that all processes share."""
    memory: int
    """Bytes that pytest's process held when the test had ended."""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def run_clicks(runtime: str, tests: int, *, options: Sequence[str] = ()) -> list[list[Test]]:
    """Run so many tests of the floor's work; each process that ran tests gives a list."""
    with TemporaryDirectory(prefix="slstest-benchmark-") as folder:
        run_suite("clicks.py", runtime, Path(folder), [*options, "--tests", str(tests)])
        return [
            [Test(*figures) for figures in json.loads(file.read_text(encoding="utf-8"))]
            for file in sorted(Path(folder).glob("tests-*.json"))
        ]


def run_suite(suite: str, runtime: str, figures: Path, options: Sequence[str]) -> None:
    """Run a suite in a runtime; it writes its figures to a folder.

    Raises :class:`benchmarks.measure.ProgramFailed` where a test fails.
    """
    sls = ["--sls", "--sls-runtime", runtime, "--measurements", str(figures)]
    run_pytest([suite, *sls, *options], folder=SUITES)


def run_pytest(
    arguments: Sequence[str], *, folder: Path, variables: Mapping[str, str] | None = None
) -> None:
    """Run pytest as users do, without what this shell may add to its options; ``variables`` are
    added to its environment."""
    environment = {**os.environ, **(variables or {})}
    environment.pop("PYTEST_ADDOPTS", None)
    run_python(
        ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *arguments],
        folder=folder,
        environment=environment,
    )
