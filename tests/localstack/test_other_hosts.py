"""Workers of pytest-xdist on other hosts: a container for each host, and nothing left there."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import other_hosts
import psutil
import pytest

from slstest.clouds.localstack.labels import containers_of_ours
from slstest.waiting import wait_until

pytestmark = pytest.mark.usefixtures("docker_daemon")

APP = """
    import os, boto3

    def handler(event, context):
        boto3.resource("dynamodb").Table(os.environ["TABLE"]).put_item(Item={"id": event})
    """
TESTS = """
    import json, os, pathlib, signal, pytest
    from slstest.clouds.localstack.labels import containers_of_ours

    NOTES = pathlib.Path(os.environ["NOTES"])

    @pytest.mark.parametrize("n", range(4))
    def test_it(sls, n, worker_id):
        table = sls.table()
        function = sls.function("function", environment={"TABLE": table.name})
        function.invoke(str(n))
        table.expect_item({"id": str(n)})
        note = {
            "host": pathlib.Path(os.environ.get("TMPDIR", "/here/tmp")).parent.name,
            "url": sls.client("sqs").meta.endpoint_url,
            "process": os.getpid(),
        }
        new = NOTES / f"{worker_id}-{n}.new"
        new.write_text(json.dumps(note))
        new.rename(NOTES / f"{worker_id}-{n}.json")
        if "BLOCK" in os.environ and not (NOTES / "killed").exists():
            signal.pause()
    """
PATIENCE = 60.0


@dataclass(frozen=True)
class Note:
    """What a test has seen."""

    host: str
    url: str
    process: int


@dataclass(frozen=True)
class Run:
    """A run of pytest with workers on other hosts."""

    process: subprocess.Popen[str]
    notes_folder: Path

    def notes(self) -> list[Note]:
        files = sorted(self.notes_folder.glob("*.json"))
        return [Note(**json.loads(file.read_text())) for file in files]

    def wait_for(self, count: int) -> list[Note]:
        """The notes, as soon as there are so many."""

        def look() -> list[Note] | None:
            assert self.process.poll() is None, self.process.communicate()[0]
            return notes if len(notes := self.notes()) >= count else None

        return wait_until(f"{count} tests to be in their middle", look, timeout=PATIENCE)

    def nobody_blocks_any_more(self) -> None:
        (self.notes_folder / "killed").touch()

    def output(self) -> str:
        return self.process.communicate()[0]


Start = Callable[..., Run]


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[Path]:
    """The folder in which the hosts are; what a run has there must be gone at the end."""
    before = {each.id for each in containers_of_ours()}
    folder = tmp_path / "hosts"
    yield folder

    def left() -> list[str]:
        containers = [each.name for each in containers_of_ours() if each.id not in before]
        processes = [
            f"{process.pid} {process.info['cmdline']}"
            for process in psutil.process_iter(["cmdline", "environ"])
            if (process.info["environ"] or {}).get("TMPDIR", "").startswith(str(folder))
        ]
        return containers + processes + other_hosts.left(folder)

    wait_until("everything to be gone", lambda: not left() or None, timeout=PATIENCE)


@pytest.fixture
def start(hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts pytest with workers at ``--tx``."""
    for name in ("AWS_ENDPOINT_URL", "EDGE_PORT", "LOCALSTACK_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{other_hosts.make_ssh(hosts)}{os.pathsep}{os.environ['PATH']}")
    project, notes = tmp_path / "project", tmp_path / "notes"
    notes.mkdir()
    monkeypatch.setenv("NOTES", str(notes))
    for file, text in (
        ("function/app.py", APP),
        ("test_it.py", TESTS),
        ("pytest.ini", "[pytest]\n"),
    ):
        path = project / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    started: list[subprocess.Popen[str]] = []

    def start(*workers: str, block: bool = False) -> Run:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-W", "error"),
                *("--sls", "--sls-cloud", "localstack"),
                *other_hosts.pytest_arguments(project / "test_it.py", *workers),
            ],
            cwd=project,
            env={**os.environ, **({"BLOCK": "1"} if block else {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return Run(process, notes)

    yield start
    for process in started:
        process.kill()
        with process:
            pass


def test_each_host_has_a_container_that_its_workers_share(start: Start) -> None:
    run = start("2*ssh=one", "ssh=other")
    output = run.output()
    assert run.process.returncode == 0, output
    assert "4 passed" in output
    assert "LocalStack 4.14.0 answers" not in output, "the controller's machine needs none"
    notes = run.notes()
    assert {note.host for note in notes} == {"one", "other"}
    assert len({note.process for note in notes}) == 3
    assert len({(note.host, note.url) for note in notes}) == 2
    assert len({note.url for note in notes}) == 2


def test_workers_here_have_that_of_the_controller(start: Start) -> None:
    run = start("popen", "ssh=one")
    output = run.output()
    assert run.process.returncode == 0, output
    (here,) = re.findall(r"LocalStack 4\.14\.0 answers at (\S+)", output)
    urls = {note.url for note in run.notes()}
    assert len(urls) == 2, "each has its own, though both are on the same Docker daemon"
    assert here in urls


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_left(start: Start) -> None:
    run = start("2*ssh=one", block=True)
    notes = run.wait_for(2)
    run.nobody_blocks_any_more()
    for note in notes:
        os.kill(note.process, signal.SIGKILL)
    output = run.output()
    assert "replacing crashed worker" in output
    assert "2 failed, 2 passed" in output


@pytest.mark.parametrize("victim", ["controller", "connections"])
def test_nothing_is_left_where_the_run_is_cut_off(start: Start, victim: str) -> None:
    run = start("2*ssh=one", block=True)
    run.wait_for(2)
    if victim == "controller":
        run.process.kill()
        return
    connections = psutil.Process(run.process.pid).children()
    for each in connections:
        each.kill()
    assert len(connections) == 2
    run.nobody_blocks_any_more()  # new connections are made
    assert "2 failed, 2 passed" in run.output()
