"""ci/localstack.py on a machine without Docker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "raise SystemExit(9)"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command by it, where no other command is found."""

    def run_without_docker(**variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "SLSTEST_WITHOUT_DOCKER": "", "PATH": str(tmp_path)}
        return subprocess.run(
            [sys.executable, "-m", "ci.localstack", *COMMAND],
            cwd=ROOT,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_without_docker


def test_without_docker_it_fails_and_says_why(run: Run) -> None:
    done = run()
    assert done.returncode == 1
    assert "there is no docker command" in done.stderr
    assert "ci/localstack-image/README.md" in done.stderr


def test_it_can_be_told_to_do_without(run: Run) -> None:
    done = run(SLSTEST_WITHOUT_DOCKER="skip")
    assert done.returncode == 0
    assert "skipped, no Docker: there is no docker command" in done.stderr
