"""Other hosts for pytest-xdist, without any: an ``ssh`` that runs the command on this machine.

Each host has a home and a temporary folder of its own. As with OpenSSH the command has a session of
its own, and a connection that breaks shows itself at the command's ends of the pipes.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO


def make_ssh(folder: Path) -> Path:
    """The folder for the front of PATH, where ``ssh`` is; hosts are folders in ``folder``."""
    places = folder / "bin"
    places.mkdir(parents=True)
    ssh = places / "ssh"
    command = shlex.join([sys.executable, __file__, str(folder)])
    ssh.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
    ssh.chmod(0o755)
    return places


def pytest_arguments(tests: Path, *workers: str) -> list[str]:
    """Those by which workers at ``--tx`` run the tests in a file; they get a copy of its folder."""
    return [
        "--dist=load",
        *(f"--tx={worker}//python={sys.executable}" for worker in workers),
        *("-W", "ignore:The --rsyncdir:DeprecationWarning"),  # there is no other way yet
        *("--rsyncdir", str(tests.parent), str(tests)),
    ]


def left(folder: Path) -> list[str]:
    """The files of ours in the hosts' temporary folders."""
    return [str(path) for path in folder.glob("*/tmp/slstest-*")]


def connect(folder: Path, host: str, command: str) -> int:
    """Run a shell command on a host; returns its exit status."""
    home, temporary = folder / host / "home", folder / host / "tmp"
    for each in (home, temporary):
        each.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=home,
        env={**os.environ, "HOME": str(home), "TMPDIR": str(temporary)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    threading.Thread(target=_copy, args=(0, process.stdin), daemon=True).start()
    while chunk := os.read(process.stdout.fileno(), 65536):
        os.write(1, chunk)
    return process.wait()


def _copy(source: int, target: IO[bytes]) -> None:
    with target:
        while chunk := os.read(source, 65536):
            target.write(chunk)
            target.flush()


if __name__ == "__main__":
    _, _folder, _compress, _host, _command = sys.argv
    os._exit(connect(Path(_folder), _host, _command))
