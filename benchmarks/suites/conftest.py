"""Writes down when each test of a run began and ended, and what memory pytest had then."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("benchmark")
    group.addoption("--tests", type=int, default=1, help="how many times to run a test")
    group.addoption("--records", type=int, default=100, help="how many records to put")
    group.addoption("--measurements", type=Path, help="the folder to write the figures to")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(metafunc.config.getoption("tests")))


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("measurements") is not None:
        config.pluginmanager.register(Recorder(config))


class Recorder:
    """One for each process that runs tests."""

    def __init__(self, config: pytest.Config) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        self._file: Path = config.getoption("measurements") / f"tests-{worker}.json"
        self._process = psutil.Process()
        self._tests: list[tuple[float, float, int]] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        """From before the first fixture's setup until the teardown is reported."""
        began = time.monotonic()
        result = yield
        ended = time.monotonic()
        self._tests.append((began, ended, self._process.memory_info().rss))
        return result

    def pytest_sessionfinish(self) -> None:
        if self._tests:
            self._file.write_text(json.dumps(self._tests), encoding="utf-8")
