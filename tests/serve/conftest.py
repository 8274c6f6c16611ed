"""``slstest serve`` as users start it: a process of its own."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

TIMEOUT = 120.0
"""Seconds after which a condition is given up."""

CLIENT_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def without_aws(**variables: str) -> dict[str, str]:
    """The environment of a process that knows nothing of AWS but what is said here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return kept | nowhere | variables


@dataclass
class Server:
    """A running ``slstest serve``."""

    process: subprocess.Popen[str]
    greeting: str
    temporary: Path
    """Its folder for temporary files."""
    _seen: set[psutil.Process] = field(default_factory=set)

    python = f"python3.{sys.version_info.minor}"
    """The runtime of functions that surely run here."""

    @property
    def url(self) -> str:
        found = re.search(r"http://\S+:\d+", self.greeting)
        assert found
        return found[0]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str) -> Any:
        """What it answers, decoded from JSON."""
        with urllib.request.urlopen(self.url + path, timeout=TIMEOUT) as answer:
            return json.load(answer)

    def client_variables(self) -> dict[str, str]:
        """The environment of a process that is a client of it."""
        return without_aws(AWS_ENDPOINT_URL=self.url, **CLIENT_VARIABLES)

    def run_script(self, path: Path, *arguments: str) -> None:
        """Run a Python script as its client, with its URL as the first argument."""
        variables = without_aws(**CLIENT_VARIABLES)
        done = subprocess.run(
            [sys.executable, "-W", "error", str(path), self.url, *arguments],
            env=variables,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def note_processes(self) -> None:
        """Remember what runs for it now, for :meth:`left`."""
        root = psutil.Process(self.process.pid)
        self._seen |= {root, *root.children(recursive=True)}

    def left(self) -> list[str]:
        """What is still there of it."""
        return [
            *(f"process {process}" for process in self._seen if process.is_running()),
            *(f"folder {path}" for path in self.temporary.iterdir()),
            *([f"port {self.port}"] if is_open(self.port) else []),
        ]

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal, wait until nothing is left, and give the exit status and what was
        written to standard error."""
        self.note_processes()
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=TIMEOUT)
        deadline = time.monotonic() + TIMEOUT
        while left := self.left():
            assert time.monotonic() < deadline, "\n".join(left)
            time.sleep(0.01)
        return self.process.returncode, errors


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def zip_of(source: str) -> bytes:
    """A deployment package with the module ``app``."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", source)
    return content.getvalue()


Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Starts servers, on free ports unless the arguments say another."""
    servers: list[Server] = []

    def start(*arguments: str, **variables: str) -> Server:
        temporary = tmp_path_factory.mktemp("serve")
        process = subprocess.Popen(
            [sys.executable, "-m", "slstest.cli", "serve", "--port", "0", *arguments],
            env=without_aws(**variables) | {"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.stdout is not None
        lines: list[str] = []
        while "Ctrl-C" not in "".join(lines):
            line = process.stdout.readline()
            if not line:
                _, errors = process.communicate()
                pytest.fail(f"it ended with {process.returncode}: {''.join(lines)}{errors}")
            lines.append(line)
        servers.append(Server(process, "".join(lines), temporary))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            assert server.end() == (0, "")


@pytest.fixture(scope="session")
def zipped() -> Callable[[str], bytes]:
    """Makes a deployment package of the source of the module ``app``."""
    return zip_of


@pytest.fixture(scope="session")
def server(serve: Serve) -> Server:
    """A server in real time that tests share, each with resources of its own."""
    return serve()


@pytest.fixture(scope="session")
def skipping_server(serve: Serve) -> Server:
    """The same, but its time skips."""
    return serve("--skip-time")
