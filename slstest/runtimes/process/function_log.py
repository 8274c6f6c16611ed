"""What a function wrote, cut into log entries as Lambda cuts it.

The function's standard output and standard error go to one file; every line is an entry.
awslambdaric writes what goes through ``logging``, and the tracebacks of errors, as frames into
the same file, so that a message of several lines stays one entry, as it does on AWS.
"""

from __future__ import annotations

import fcntl
import os
import re
import struct
import tempfile
from collections.abc import Iterator

_FRAME = re.compile(rb"\xa5\x5a\x00[\x00-\x1f]")
_HEADER = struct.Struct("!IIQ")  # type, length of the message, time in microseconds


class FunctionLog:
    """A file without a name that an execution environment writes and the host reads."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by close()
        # Several processes write to it, each at its end.
        flags = fcntl.fcntl(self._file, fcntl.F_GETFL)
        fcntl.fcntl(self._file, fcntl.F_SETFL, flags | os.O_APPEND)
        self._read = 0

    def fileno(self) -> int:
        return self._file.fileno()

    @property
    def closed(self) -> bool:
        return self._file.closed

    def new_entries(self) -> list[str]:
        """What was written since the last call, without the newlines at the entries' ends."""
        size = os.fstat(self.fileno()).st_size
        data = bytearray()
        while self._read < size:
            part = os.pread(self.fileno(), size - self._read, self._read)
            if not part:
                break
            data += part
            self._read += len(part)
        return [_text(entry) for entry in entries(bytes(data))]

    def close(self) -> None:
        self._file.close()


def entries(data: bytes) -> Iterator[bytes]:
    """Cut output, with or without frames, into entries."""
    position = 0
    for frame in _FRAME.finditer(data):
        if frame.start() < position or len(data) - frame.start() < _HEADER.size:
            continue
        _, length, _ = _HEADER.unpack_from(data, frame.start())
        begin = frame.start() + _HEADER.size
        # The same bytes may occur in what the function printed.
        if begin + length > len(data):
            continue
        yield from _lines(data[position : frame.start()])
        position = begin + length
        yield data[begin:position]
    yield from _lines(data[position:])


def _lines(data: bytes) -> list[bytes]:
    return data.removesuffix(b"\n").split(b"\n") if data else []


def _text(entry: bytes) -> str:
    # awslambdaric parts the lines of some of its messages with carriage returns.
    return entry.decode(errors="replace").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
