"""What the kernel knows of processes: children, descendants, memory.

Linux tells it in ``/proc``; elsewhere ``ps`` is asked, which costs milliseconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LINUX = sys.platform == "linux"

SAMPLE_INTERVAL = 0.02 if LINUX else 0.5
"""Seconds between two looks at the memory of an environment that is at work."""

_PAGE = os.sysconf("SC_PAGE_SIZE")
# Some kernels are built without the list of children; then parents are looked up one by one.
_LISTS_CHILDREN = LINUX and Path(f"/proc/self/task/{os.getpid()}/children").exists()


def resident(pid: int) -> int:
    """Bytes of the process that are in memory, 0 where it is gone."""
    if not LINUX:
        return _table().get(pid, (0, 0))[1]
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def resident_private(pid: int) -> int:
    """Bytes in memory that are backed by no file; the whole of it where that is not told."""
    return _status(pid, b"RssAnon:") if LINUX else resident(pid)


def resident_peak(pid: int) -> int:
    """The most bytes that the process itself ever had in memory, 0 where it is gone."""
    return _status(pid, b"VmHWM:") if LINUX else resident(pid)


def children(pid: int) -> list[int]:
    """The process's children, ended ones that nobody waited for included."""
    if not LINUX:
        return [child for child, (parent, _) in _table().items() if parent == pid]
    if not _LISTS_CHILDREN:
        return [int(name) for name in _entries("/proc") if name.isdigit() and _parent(name) == pid]
    found: list[int] = []
    for task in _entries(f"/proc/{pid}/task"):
        found.extend(map(int, _read(f"/proc/{pid}/task/{task}/children").split()))
    return found


def descendants(pid: int) -> Iterator[int]:
    """The children, theirs, and so on, nearest first."""
    generation = children(pid)
    while generation:
        yield from generation
        generation = [child for parent in generation for child in children(parent)]


def memory(pid: int, surplus: int, limit: int) -> int:
    """Bytes that a process and its descendants use, less ``surplus``.

    A descendant counts with all that it has in memory as long as the sum stays under ``limit``,
    and else, which takes longer to find out, with what it shares with nobody.
    """
    own = max(resident(pid) - surplus, 0)
    others = list(descendants(pid))
    total = own + sum(map(resident, others))
    if total > limit and others:
        return own + sum(map(_unshared, others))
    return total


def _unshared(pid: int) -> int:
    if not LINUX:
        return resident(pid)
    lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Private_"))


def _parent(pid: str) -> int:
    # The name before the parent may hold anything, even a closing parenthesis.
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else 0


def _status(pid: int, name: bytes) -> int:
    _, found, rest = _read(f"/proc/{pid}/status").partition(b"\n" + name)
    return int(rest.split(maxsplit=1)[0]) * 1024 if found else 0


def _read(path: str) -> bytes:
    """The file's content, nothing where the process ended or may not be looked at."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.read(descriptor, 65536)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _entries(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 - names are all that is wanted, and quickly
    except (FileNotFoundError, ProcessLookupError):
        return []


def _table() -> dict[int, tuple[int, int]]:
    """Of every process its parent and the bytes that it has in memory."""
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,rss="], check=True, capture_output=True, text=True
    )
    rows = (map(int, line.split()) for line in listing.stdout.splitlines())
    return {pid: (parent, rss * 1024) for pid, parent, rss in rows}
