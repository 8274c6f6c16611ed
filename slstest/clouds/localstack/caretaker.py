"""The process that has the container of a run on a machine without the run's controller.

It answers the workers there (:mod:`slstest.clouds.localstack.sharing`) and ends with the last one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from slstest.clouds.localstack.background import BackgroundStart
from slstest.clouds.localstack.container import ContainerSettings
from slstest.clouds.localstack.meeting import Meeting, open_file, wait_to_be_alone
from slstest.clouds.localstack.sharing import Lobby, answer
from slstest.naming import new_run


def take_care(
    run: str, settings: ContainerSettings, meeting: Meeting, locks: tuple[int, int]
) -> None:
    """Have a container until no worker is left. The first lock is given up once the port is told.

    The container's label is the run's and a word of its own: other machines, and the controller,
    may use the same Docker daemon, and each removes by label.
    """
    starting, caretaker = locks
    members = open_file(meeting.members)
    alone = False
    start = BackgroundStart(settings, f"{run}-{new_run()}")
    try:
        lobby = Lobby(lambda question: _answer(start, question))
        try:
            _tell(lobby.port, caretaker)
            os.close(starting)
            _wait_to_be_alone(members)
            alone = True
        finally:
            os.ftruncate(caretaker, 0)
            lobby.close()
    finally:
        start.close()
        if alone:
            meeting.remove()


def _answer(start: BackgroundStart, question: Mapping[str, Any]) -> Mapping[str, Any]:
    if "collected" in question:
        start.load_soon(question["collected"])
        return {}
    return answer(start, question)


def _tell(port: int, caretaker: int) -> None:
    """To the worker that waits at standard output, and to those that come later."""
    os.ftruncate(caretaker, 0)
    os.pwrite(caretaker, str(port).encode(), 0)
    out = sys.stdout.fileno()
    with suppress(BrokenPipeError):  # it was killed meanwhile; others may come
        os.write(out, str(port).encode())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out)
    os.close(nowhere)


def _wait_to_be_alone(members: int) -> None:
    """Return when no worker is left, or raise what the handler of a signal does.

    A signal that comes just before a lock is waited for does not end that wait; a byte in a pipe is
    there whenever somebody reads.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)

    def wait() -> None:
        wait_to_be_alone(members)
        os.write(writer, b"alone")

    threading.Thread(target=wait, name="slstest-members", daemon=True).start()
    os.read(reader, 1)


def _end(*_: object) -> None:
    sys.exit(1)


if __name__ == "__main__":
    if os.fork():
        os._exit(0)
    # A machine that shuts down, or ends what a session has left, says so first.
    signal.signal(signal.SIGTERM, _end)
    _asked = json.loads(sys.argv[1])
    take_care(
        _asked["run"],
        ContainerSettings(**_asked["settings"]),
        Meeting(Path(_asked["folder"])),
        _asked["locks"],
    )
