"""However a run ends, no process, no temporary folder and no port of it is left."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

PATIENCE = 30.0
"""Seconds after which a condition is given up."""

# Tells over a socket of which processes it consists, then waits for leave to end.
HANDLER = """
    import json
    import os
    import socket
    import subprocess
    import sys

    SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]

    def handler(event, context):
        children = [subprocess.Popen(SLEEP) for _ in range(event["children"])]
        pids = [os.getpid(), *(child.pid for child in children)]
        with socket.create_connection(("127.0.0.1", event["port"])) as told:
            told.sendall(json.dumps(pids).encode() + b"\\n")
            told.recv(1)
    """

TESTS = """
    def test_busy(sls):
        function = sls.function("busy", timeout=900)
        function.triggered_by(sls.stream())
        sls.table("clicks")
        function.invoke({"port": PORT, "children": CHILDREN})
        assert 1 == 2

    def test_after(sls):
        pass
    """


@dataclass
class Started:
    """A run of pytest whose handler is under way, and everything of it that could be left."""

    pytest: subprocess.Popen[str]
    handler: socket.socket
    """Closing it lets the handler end."""
    temporary: Path
    processes: set[psutil.Process] = field(default_factory=set)
    ports: set[int] = field(default_factory=set)

    def press_ctrl_c(self) -> None:
        """Send what a terminal sends: to pytest, its workers and whatever else is in their
        process group."""
        os.killpg(self.pytest.pid, signal.SIGINT)

    def left(self) -> list[str]:
        """What is still there."""
        return [
            *(f"process {process}" for process in self.processes if process.is_running()),
            *(f"folder {path}" for path in self.temporary.iterdir()),
            *(f"port {port}" for port in self.ports if _is_open(port)),
        ]

    def finish(self) -> str:
        """Wait until nothing is left, and return what pytest printed."""
        output, _ = self.pytest.communicate(timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while left := self.left():
            assert time.monotonic() < deadline, "\n".join(left)
            time.sleep(0.01)
        return output


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def start(project: Project) -> Iterator[Callable[..., Started]]:
    """Starts pytest and returns when the handler is under way."""
    project.function("busy", HANDLER)
    temporary = project.folder / "temporary"
    temporary.mkdir()
    begun: list[psutil.Process] = []
    handlers: list[socket.socket] = []

    def begin(*args: str) -> Started:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(PATIENCE)
            port = str(server.getsockname()[1])
            # In the process runtime what a handler started ends with it.
            children = "0" if "--sls-runtime=in-process" in args else "1"
            project.tests(TESTS.replace("PORT", port).replace("CHILDREN", children))
            run = subprocess.Popen(
                [sys.executable, "-m", "pytest", *project.LEAN, "--sls", *args],
                cwd=project.folder,
                env={**os.environ, "TMPDIR": str(temporary)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            root = psutil.Process(run.pid)
            begun.append(root)
            handler, _ = server.accept()
            handlers.append(handler)
        started = Started(run, handler, temporary)
        with handler.makefile() as told:
            named = [psutil.Process(pid) for pid in json.loads(told.readline())]
        started.processes = {root, *root.children(recursive=True), *named}
        begun.extend(started.processes)
        started.ports = {
            connection.laddr.port
            for process in started.processes
            for connection in process.net_connections(kind="inet")
            if connection.status == psutil.CONN_LISTEN
        }
        assert started.ports
        assert any(temporary.iterdir())
        return started

    yield begin
    for handler in handlers:
        handler.close()
    for process in begun:
        if process.is_running():
            process.kill()


@pytest.mark.parametrize(
    ("args", "outcome"),
    [
        (("--sls-runtime=process",), "1 failed, 1 passed in"),
        (("--sls-runtime=in-process", "-x"), "1 failed in"),
    ],
    ids=["process", "in-process"],
)
def test_nothing_is_left_after_a_run_with_failures(
    start: Callable[..., Started], args: tuple[str, ...], outcome: str
) -> None:
    started = start(*args)
    started.handler.close()
    assert outcome in started.finish()


@pytest.mark.parametrize("runtime", ["process", "in-process"])
def test_nothing_is_left_after_ctrl_c(start: Callable[..., Started], runtime: str) -> None:
    started = start(f"--sls-runtime={runtime}")
    started.press_ctrl_c()
    assert "KeyboardInterrupt" in started.finish()
    assert started.pytest.returncode == pytest.ExitCode.INTERRUPTED


def test_nothing_is_left_after_ctrl_c_with_workers(start: Callable[..., Started]) -> None:
    started = start("-n", "1")
    started.press_ctrl_c()
    started.finish()
    assert started.pytest.returncode == pytest.ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    "args",
    [(), ("--sls-runtime=in-process",), ("-n", "1")],
    ids=["process", "in-process", "xdist"],
)
def test_nothing_is_left_after_kill_9(start: Callable[..., Started], args: tuple[str, ...]) -> None:
    started = start(*args)
    started.pytest.kill()
    started.finish()
