"""What has been created, written down before it is created.

A run that is killed can delete nothing; its ledger says what it leaves behind. The file has
one JSON object per line: ``{"entry": {...}}`` before a creation, ``{"learned": number, ...}``
for what only the cloud could tell, ``{"struck": number}`` once it is gone again.
"""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
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
            return self._path.open("x", encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write the ledger of created resources in {folder}: {error}. Nothing "
                "is created without it; make the folder writable or set XDG_STATE_HOME."
            ) from error


def read(folder: Path) -> Iterator[Entry]:
    """The entries of every ledger in a folder that are not struck, oldest first in each."""
    for path in sorted(folder.glob("*.jsonl")):
        yield from _read_file(path).values()


def _read_file(path: Path) -> dict[int, Entry]:
    entries: dict[int, Entry] = {}
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not text.endswith("\n"):
            break  # the process was killed while it wrote this line, before it created
        line = json.loads(text)
        if "entry" in line:
            entry = Entry(**line["entry"])
            entries[entry.number] = entry
        elif "learned" in line:
            entries[line["learned"]].detail.update(line["detail"])
        else:
            del entries[line["struck"]]
    return entries
