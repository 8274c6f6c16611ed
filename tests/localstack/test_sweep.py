"""``slstest sweep --containers``: LocalStack containers that nobody has removed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from localstack_container import docker

from slstest.cli import main
from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.clouds.localstack.labels import REUSE, RUN, containers_of_ours

Sweep = Callable[..., "tuple[int, str]"]


@pytest.fixture
def run(docker_daemon: None) -> Iterator[str]:
    """A run that has left two containers."""
    run = uuid.uuid4().hex[:6]
    made = [
        docker("create", "--pull=never", f"--label={RUN}={run}", DEFAULT_IMAGE),
        docker("run", "--detach", "--pull=never", f"--label={RUN}={run}", DEFAULT_IMAGE),
    ]
    yield run
    docker("rm", "--force", "--volumes", *made)


@pytest.fixture
def sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Sweep:
    """Runs the command, and gives its status and what it wrote."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["sweep", "--containers", *arguments])
        return status, re.sub(r" +", " ", capsys.readouterr().out)

    return run


def left_of(run: str) -> int:
    return sum(container.run == run for container in containers_of_ours())


def test_the_containers_of_a_run_are_removed(run: str, sweep: Sweep) -> None:
    status, text = sweep("--run", run, "--delete")
    assert (status, left_of(run)) == (0, 2)
    assert "left: not older than 2h" in text

    status, text = sweep("--run", run, "--older-than", "0s")
    assert (status, left_of(run)) == (0, 2)
    assert "2 found: 2 to be deleted, 0 left" in text

    status, text = sweep("--run", run, "--older-than", "0s", "--delete")
    assert (status, left_of(run)) == (0, 0)
    assert "2 found: 2 deleted, 0 left" in text


def test_a_container_that_is_kept_is_listed_as_such(docker_daemon: None, sweep: Sweep) -> None:
    key = uuid.uuid4().hex[:16]
    name = f"slstest-test-{key}"
    made = docker(
        "create", "--pull=never", f"--name={name}", f"--label={REUSE}={key}", DEFAULT_IMAGE
    )
    try:
        status, text = sweep("--older-than", "0s")
    finally:
        docker("rm", made)
    assert status == 0
    assert re.search(rf"container {name} \(kept\) \d+s label docker would be deleted", text)
