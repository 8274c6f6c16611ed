"""Where the workers of one run on one machine meet: a folder, with files that they lock.

The kernel gives up the locks of a process however it ends. Each worker has a share of ``members``.
The caretaker, which has the container, waits until it can have that file for itself: then nobody is
left. It holds ``caretaker`` as long as it lives, and its port is in there. ``starting`` is held
while a caretaker is started.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from slstest.errors import SlstestError


@dataclass(frozen=True)
class Meeting:
    """The files of a run on this machine."""

    folder: Path

    @classmethod
    def of(cls, run: str) -> Meeting:
        """That of this user's processes that take part in a run."""
        key = hashlib.sha256(run.encode()).hexdigest()[:16]
        return cls(Path(tempfile.gettempdir()) / f"slstest-{os.getuid()}-{key}")

    @property
    def members(self) -> Path:
        """Locked by each worker for itself: a process that it has forked does not count."""
        return self.folder / "members"

    @property
    def starting(self) -> Path:
        """Locked by who starts a caretaker, until that has told its port."""
        return self.folder / "starting"

    @property
    def caretaker(self) -> Path:
        """Locked by the caretaker. Has its port; nothing when it is about to end."""
        return self.folder / "caretaker"

    @property
    def errors(self) -> Path:
        """What the caretaker writes to its standard error."""
        return self.folder / "errors"

    def enter(self) -> int:
        """Take part, as soon as a caretaker that is about to end has ended.

        Whoever closes the file descriptor that is returned takes part no longer.
        Raises :class:`slstest.errors.SlstestError` where the folder cannot be used.
        """
        try:
            while (members := self._try_to_enter()) is None:
                pass
        except OSError as error:
            raise SlstestError(
                f"the workers of this machine cannot meet in {self.folder}: {error}. "
                "Make it writable, or set TMPDIR to another folder, for all of them"
            ) from error
        return members

    def remove(self) -> None:
        """Remove the files. Only for who has locked ``members`` for itself."""
        for path in (self.errors, self.starting, self.caretaker, self.members):
            path.unlink(missing_ok=True)
        self.folder.rmdir()

    def _try_to_enter(self) -> int | None:
        """None where the folder was removed meanwhile."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if self.folder.is_symlink() or self.folder.stat().st_uid != os.getuid():
            raise PermissionError("it belongs to somebody else")
        try:
            members = open_file(self.members)
        except FileNotFoundError:
            return None
        try:
            fcntl.lockf(members, fcntl.LOCK_SH)
            if os.fstat(members).st_nlink:
                return members
        except BaseException:
            os.close(members)
            raise
        os.close(members)
        return None


def open_file(path: Path) -> int:
    """A file descriptor to read, write and lock a file; it is made where it is missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Have a file for itself. A child that gets the file descriptor has it too, and keeps it."""
    file = open_file(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)


def try_to_lock(file: int) -> bool:
    """Whether nobody else has locked a file; if so, it is locked now."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_to_be_alone(members: int) -> None:
    """Return when nobody else takes part; whoever comes then waits until this process has ended."""
    fcntl.lockf(members, fcntl.LOCK_EX)
