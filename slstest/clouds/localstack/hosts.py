"""One container for the workers of a run that are on this machine, when the process that the user
started is on another: the first of them starts a caretaker, which starts and ends it."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from dataclasses import asdict

from slstest.clouds.localstack.container import ContainerSettings
from slstest.clouds.localstack.meeting import Meeting, locked, open_file, try_to_lock
from slstest.clouds.localstack.processes import module_command
from slstest.errors import SlstestError

_CARETAKER = "slstest.clouds.localstack.caretaker"


class Membership:
    """A process's share of the container on its machine, until it ends or closes this."""

    def __init__(self, port: int, members: int) -> None:
        self.port = port
        """Where the caretaker answers; see :func:`slstest.clouds.localstack.sharing.ask`."""
        self._members = members

    def close(self) -> None:
        """Give up the share. With the last one the container ends."""
        os.close(self._members)


def join(run: str, settings: ContainerSettings) -> Membership:
    """Take part in the container of a run on this machine; it is started if this is the first.

    Returns at once, not only when the container answers.
    Raises :class:`slstest.errors.SlstestError` where there can be no caretaker.
    """
    meeting = Meeting.of(run)
    members = meeting.enter()
    try:
        return Membership(_port(meeting, run, settings), members)
    except BaseException:
        os.close(members)
        raise


def _port(meeting: Meeting, run: str, settings: ContainerSettings) -> int:
    with locked(meeting.starting) as starting:
        caretaker = open_file(meeting.caretaker)
        try:
            if not try_to_lock(caretaker):
                if port := os.pread(caretaker, 16, 0):
                    return int(port)
                fcntl.flock(caretaker, fcntl.LOCK_EX)  # it was told to end
            return _start(meeting, run, settings, (starting, caretaker))
        finally:
            os.close(caretaker)


def _start(meeting: Meeting, run: str, settings: ContainerSettings, locks: tuple[int, int]) -> int:
    """Start a caretaker, which takes over the locks, and return its port.

    The process that is started here ends at once: the caretaker is its child, and nobody's here.
    """
    asked = {"run": run, "settings": asdict(settings), "folder": str(meeting.folder)}
    with meeting.errors.open("wb") as errors:
        done = subprocess.run(
            module_command(_CARETAKER, json.dumps({**asked, "locks": locks})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=locks,
            start_new_session=True,
            check=False,
        )
    if not done.stdout:
        told = meeting.errors.read_text(encoding="utf-8", errors="replace").strip()
        raise SlstestError(f"the process that is to start LocalStack has ended:\n{told}")
    return int(done.stdout)
