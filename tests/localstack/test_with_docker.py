"""ci/with-docker: a Docker daemon for one command, of which nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

SCRIPT = Path(__file__).parents[2] / "ci" / "with-docker"
BRIDGES = Path("/sys/class/net")

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Docker daemon needs root")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Has the daemon keep its files in ``tmp_path``."""
    return {**os.environ, "TMPDIR": str(tmp_path)}


def bridges() -> set[str]:
    return {path.name for path in BRIDGES.glob("docker-*")}


def daemons(folder: Path) -> list[psutil.Process]:
    """The Docker and containerd daemons whose files are in the folder."""
    found = psutil.process_iter(["cmdline"])
    return [each for each in found if str(folder) in " ".join(each.info["cmdline"] or [])]


def test_the_command_has_a_daemon_and_its_status_is_passed_on(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = 'docker info --format "{{.DockerRootDir}}"; exit 7'
    done = subprocess.run(
        [SCRIPT, "bash", "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)


@contextmanager
def running(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """The script with a command that waits; its daemon is up."""
    command = [str(SCRIPT), "bash", "-c", "docker version >/dev/null && echo up && exec sleep 600"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process


def test_nothing_is_left_after_ctrl_c(environment: dict[str, str], tmp_path: Path) -> None:
    before = bridges()
    with running(environment) as process:
        assert daemons(tmp_path)
        assert bridges() > before
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 130
    assert (daemons(tmp_path), bridges(), list(tmp_path.iterdir())) == ([], before, [])
