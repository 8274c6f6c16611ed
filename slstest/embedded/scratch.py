"""A temporary folder that goes with this process, even where it is killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_JANITOR = 'cat >/dev/null; until rm -rf -- "$1"; do :; done'
"""Waits for the end of its standard input, which comes when the last process that holds the
other end has died. What is being written at that moment may make ``rm`` fail: it tries again."""


class Scratch:
    """A temporary folder with a janitor: a shell that outlives this process by as long as it
    takes to delete the folder."""

    def __init__(self, prefix: str = "slstest-") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-"))
        # Its own session: Ctrl-C at the terminal is for this process, not for the janitor.
        self._janitor = subprocess.Popen(
            ["/bin/sh", "-c", _JANITOR, "slstest-janitor", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )
        self._owner = os.getpid()

    def close(self) -> None:
        """Delete the folder and end the janitor. Does nothing in a fork of its process."""
        if os.getpid() != self._owner:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        self._janitor.communicate()
