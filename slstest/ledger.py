"""What has been created, written down before it is created.

A run that is killed can delete nothing; its ledger says what it leaves behind. The file has
one JSON object per line: ``{"entry": {...}}`` before a creation, ``{"learned": number, ...}``
for what only the cloud could tell, ``{"struck": number}`` once it is gone again.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from slstest.errors import ConfigurationError
from slstest.naming import Names, new_run

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud


@dataclass
class Entry:
    """One thing that was, or was about to be, created."""

    number: int
    kind: str
    name: str
    run: str
    worker: str
    environment: str
    """The label of the environment, which is the test."""
    cloud: str
    endpoint_url: str | None
    region: str
    account_id: str
    pid: int
    time: float
    """Seconds since the epoch."""
    detail: dict[str, str] = field(default_factory=dict)
    """What else is needed to delete it, for example a mapping's ``uuid``."""
    host: str = ""
    """Where the process is, as :func:`this_host` says it."""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def default_folder() -> Path:
    """Where ledgers are kept: ``$XDG_STATE_HOME/slstest/ledger``, by default below
    ``~/.local/state``."""
    state = os.environ.get("XDG_STATE_HOME")
    base = Path(state) if state else Path.home() / ".local" / "state"
    return base / "slstest" / "ledger"


class Ledger:
    """The entries of one process that are not struck yet.

    With a ``folder`` they are in a file of it as well, so that they outlive the process;
    without one (for a cloud that dies with the process) they are only remembered. Threads may
    share it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self._open: dict[int, Entry] = {}
        self._path: Path | None = None
        self._file: IO[str] | None = None

    @property
    def outlives_the_process(self) -> bool:
        """Whether somebody can clean up from it after this process was killed."""
        return self.folder is not None

    def enter(self, kind: str, name: str, names: Names, cloud: Cloud, **detail: str) -> Entry:
        """Write down that ``name`` is about to be created."""
        entry = Entry(
            number=next(self._numbers),
            kind=kind,
            name=name,
            run=names.run,
            worker=names.worker,
            environment=names.label,
            cloud=cloud.name,
            endpoint_url=cloud.endpoint_url,
            region=cloud.region,
            account_id=cloud.account_id,
            pid=os.getpid(),
            time=time.time(),
            detail=detail,
            host=this_host(),
        )
        with self._lock:
            if self.outlives_the_process:
                self._write({"entry": asdict(entry)})
            self._open[entry.number] = entry
        return entry

    def learn(self, entry: Entry, **detail: str) -> None:
        """Add what the cloud told about an entry when it created it."""
        with self._lock:
            entry.detail.update(detail)
            self._write({"learned": entry.number, "detail": detail})

    def strike(self, entry: Entry) -> None:
        """The entry's resource is gone, or was never created."""
        with self._lock:
            if self._open.pop(entry.number, None) is None:
                return
            self._write({"struck": entry.number})
            if not self._open and self._file is not None:
                self._file.seek(0)
                self._file.truncate()

    def is_open(self, entry: Entry) -> bool:
        """Whether the entry's resource may still exist."""
        return entry.number in self._open

    def close(self) -> None:
        """Close the file, and remove it where everything in it is struck."""
        if self._file is None or self._path is None:
            return
        self._file.close()
        self._file = None
        if not self._open:
            self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        if self.folder is None:
            return
        if self._file is None:
            self._file = self._new_file(self.folder)
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def _new_file(self, folder: Path) -> IO[str]:
        self._path = folder / f"{os.getpid()}-{new_run()}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Appending: a sweep may strike what it has deleted.
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            return os.fdopen(os.open(self._path, flags, 0o666), "w", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the ledger of created resources in {folder}: {error}. Nothing "
                "is created without it; make the folder writable or set XDG_STATE_HOME."
            ) from error


@dataclass(frozen=True)
class LedgerFile:
    """The ledger of another process."""

    path: Path
    entries: list[Entry]
    """Those that are not struck, oldest first."""

    def strike(self, entries: Iterable[Entry]) -> None:
        """Write down that these are gone. A ledger that has been removed meanwhile stays so."""
        lines = "".join(json.dumps({"struck": entry.number}) + "\n" for entry in entries)
        try:
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_APPEND), "wb") as file:
                file.write(b"\n" * self._ends_torn() + lines.encode())
        except FileNotFoundError:
            return

    def remove(self) -> None:
        """Remove the file, which nobody needs any more."""
        self.path.unlink(missing_ok=True)

    def _ends_torn(self) -> bool:
        content = self.path.read_bytes()
        return bool(content) and not content.endswith(b"\n")


def read(folder: Path) -> Iterator[Entry]:
    """The entries of every ledger in a folder that are not struck, oldest first in each."""
    for file in read_files(folder):
        yield from file.entries


def read_files(folder: Path) -> Iterator[LedgerFile]:
    """Every ledger in a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:  # its process has just ended
            continue
        yield LedgerFile(path, list(_entries(text).values()))


@cache
def this_host() -> str:
    """What tells the processes of this machine, or of this container, from those of others that
    have the same ids."""
    try:
        namespace = f" {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not on Linux
        namespace = ""
    return socket.gethostname() + namespace


def _entries(text: str) -> dict[int, Entry]:
    known = {each.name for each in fields(Entry)}
    entries: dict[int, Entry] = {}
    for line in text.splitlines(keepends=True):
        try:
            told = json.loads(line) if line.endswith("\n") else {}
        except ValueError:
            told = {}  # the process was killed while it wrote this line, before it created
        if "entry" in told:
            told_of = {name: value for name, value in told["entry"].items() if name in known}
            entry = Entry(**told_of)
            entries[entry.number] = entry
        elif "learned" in told and told["learned"] in entries:
            entries[told["learned"]].detail.update(told["detail"])
        elif "struck" in told:
            entries.pop(told["struck"], None)  # also by a sweep, perhaps
    return entries
