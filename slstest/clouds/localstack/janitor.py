"""A process that outlives the one that started a container, and removes the container then.

testcontainers has a container for this, Ryuk, which needs an image of its own and the Docker
socket. A process needs neither. It waits at a pipe whose other end is the run's: however the run
ends, the pipe ends too.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time

from slstest.clouds.localstack.processes import module_command

DISMISSED = b"dismissed\n"

_LOOK_AT_PARENT = 1.0
_REMOVE_FOR = 3.0
"""Seconds without a container after which there is none to come: the run may have been killed
while the daemon was making one."""
_LOOK_AGAIN = 0.2
_END_TIMEOUT = 10.0


class Janitor:
    """Started before the container is made that has the label."""

    def __init__(self, label: str) -> None:
        # A session of its own: Ctrl-C at the terminal is the run's. It may write nowhere, or
        # whoever reads the run's output would wait for it.
        self._process = subprocess.Popen(
            module_command(__name__, label, str(os.getpid())),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """End it: the containers are gone."""
        try:
            self._process.communicate(DISMISSED, timeout=_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def wait_for_end(parent: int) -> bool:
    """Whether the parent ended without a word.

    A child that it has forked holds the pipe too, and may live longer.
    """
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while os.getppid() == parent:
            if selector.select(_LOOK_AT_PARENT):
                return os.read(sys.stdin.fileno(), len(DISMISSED)) != DISMISSED
    return True


def remove_all(label: str) -> None:
    """Remove the containers that have the label, and those that are still to come."""
    from slstest.clouds.localstack.daemon import connect
    from slstest.clouds.localstack.labels import remove_labelled

    client = connect()
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < _REMOVE_FOR:
        if remove_labelled(client, label):
            quiet_since = time.monotonic()
        time.sleep(_LOOK_AGAIN)


if __name__ == "__main__":
    if wait_for_end(int(sys.argv[2])):
        remove_all(sys.argv[1])
