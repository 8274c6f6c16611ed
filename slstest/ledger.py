"""What has been created, written down before it is created.

A run that is killed can delete nothing; its ledger says what it leaves behind. The file has
one JSON object per line: ``{"entry": {...}}`` before a creation, ``{"learned": number, ...}``
for what only the cloud could tell, ``{"struck": number}`` once it is gone again. Before them
``{"process": {...}}`` says whose file it is.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from slstest.errors import ConfigurationError
from slstest.naming import Names, new_run

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud


T = TypeVar("T", "Entry", "Process")


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


@dataclass(frozen=True)
class Process:
    """Who writes a ledger."""

    pid: int
    time: float
    """When it began to, in seconds since the epoch."""
    host: str
    """Where it is, as :func:`this_host` says it."""


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
                self._write(_whose())

    def is_open(self, entry: Entry) -> bool:
        """Whether the entry's resource may still exist."""
        return entry.number in self._open

    def close(self) -> None:
        """Close the file, and remove it where everything in it is struck."""
        if self._file is None or self._path is None:
            return
        try:
            self._file.close()
        finally:
            self._file = None
            if not self._open:
                self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        if self.folder is None:
            return
        if self._file is None:
            self._file = self._new_file(self.folder)
            self._write(_whose())
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
    process: Process | None = None
    """Whose it is; None where it does not say so."""
    damaged: int = 0
    """How many lines say nothing that a ledger says."""

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
            content = path.read_bytes()
        except FileNotFoundError:  # its process has just ended
            continue
        yield _parsed(path, content)


@cache
def this_host() -> str:
    """What tells the processes of this machine, or of this container, from those of others that
    have the same ids."""
    try:
        namespace = f" {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not on Linux
        namespace = ""
    return socket.gethostname() + namespace


# -- inside -----------------------------------------------------------------------------

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "number": int,
    "pid": int,
    "time": (int, float),
    "detail": dict,
    "endpoint_url": (str, type(None)),
}
"""What the fields are that are no text."""
_SAID = frozenset({"entry", "learned", "struck"})


def _whose() -> dict[str, Any]:
    return {"process": asdict(Process(os.getpid(), time.time(), this_host()))}


def _parsed(path: Path, content: bytes) -> LedgerFile:
    process = None
    entries: dict[int, Entry] = {}
    damaged = 0
    for line in content.splitlines(keepends=True):
        if not line.endswith(b"\n"):
            break  # the process was killed while it wrote this line, before it created
        match _told(line):
            case {"process": dict(told)}:
                process = _made(Process, told) or process
            case {"entry": dict(told)} if entry := _made(Entry, told):
                entries[entry.number] = entry
            case {"learned": int(number), "detail": dict(detail)}:
                if number in entries:
                    entries[number].detail.update(detail)
            case {"struck": int(number)}:
                entries.pop(number, None)  # also by a sweep, perhaps
            case dict(told) if not _SAID.intersection(told):
                pass  # by a later version
            case _:
                damaged += 1
    return LedgerFile(path, list(entries.values()), process, damaged)


def _told(line: bytes) -> object:
    """What a line says: nothing where it is empty or was torn and ended by a sweep."""
    try:
        return json.loads(line)
    except ValueError:
        return {} if not line.strip() or line.startswith(b'{"') else None


def _made(of: type[T], told: Mapping[str, Any]) -> T | None:
    """A dataclass of what is told, which another version may have written; None where that
    cannot be."""
    known: Any = {each.name for each in fields(of)}
    given = {name: value for name, value in told.items() if name in known}
    if not all(isinstance(value, _KINDS.get(name, str)) for name, value in given.items()):
        return None
    try:
        return of(**given)
    except TypeError:  # a field is missing
        return None
