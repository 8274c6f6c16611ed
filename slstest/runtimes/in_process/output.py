"""What a function prints and logs, as the lines that CloudWatch Logs would get."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

# That of Lambda's runtime: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
_DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"


class FunctionLog:
    """The log of one environment, cut into invocations.

    It is also what ``awslambdaric`` calls a log sink.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lines: list[str] = []
        self._unfinished: dict[str, bytes] = {}

    def append(self, line: str) -> None:
        """Add one entry, whatever newlines it has."""
        with self._lock:
            self._finish()
            self._lines.append(line)

    def feed(self, stream: str, data: bytes) -> None:
        """Add what was written to a stream, line by line."""
        with self._lock:
            *lines, rest = (self._unfinished.get(stream, b"") + data).split(b"\n")
            self._lines += [line.decode("utf-8", "replace") for line in lines]
            self._unfinished[stream] = rest

    def take(self) -> tuple[str, ...]:
        """All entries since the last time."""
        with self._lock:
            self._finish()
            lines, self._lines = tuple(self._lines), []
            return lines

    def log(self, msg: str, frame_type: object = None) -> None:
        self.append(msg.removesuffix("\n"))

    def log_error(self, message_lines: list[str]) -> None:
        self.append("\n".join(message_lines))

    def _finish(self) -> None:
        for stream, rest in self._unfinished.items():
            if rest:
                self._lines.append(rest.decode("utf-8", "replace"))
                self._unfinished[stream] = b""


class _Sink(io.RawIOBase):
    """Where the bytes of a function's standard stream go."""

    def __init__(self, feed: Callable[[bytes], None]) -> None:
        super().__init__()
        self._feed = feed
        self.terminal: TextIO | None = None
        """The stream that shows the output as well, while a debugger needs a terminal."""
        self.show: Callable[[str], object] | None = None

    def write(self, data: Any) -> int:
        chunk = bytes(data)
        self._feed(chunk)
        if self.terminal is not None and self.show is not None:
            self.show(chunk.decode("utf-8", "replace"))
            self.terminal.flush()
        return len(chunk)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.terminal is not None and self.terminal.isatty()

    def fileno(self) -> int:
        if self.terminal is None:
            raise io.UnsupportedOperation("a function's output has no file descriptor here")
        return self.terminal.fileno()


class FunctionStream(io.TextIOWrapper):
    """``sys.stdout`` or ``sys.stderr`` of a function."""

    def __init__(self, feed: Callable[[bytes], None]) -> None:
        self._sink = _Sink(feed)
        super().__init__(
            self._sink,  # type: ignore[arg-type]
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            write_through=True,
        )

    def show_on(self, terminal: TextIO | None) -> None:
        """Show what is written on ``terminal`` as well; None for no longer."""
        self._sink.terminal = terminal
        self._sink.show = None if terminal is None else terminal.write


def lambda_handler(log: FunctionLog, request_id: Callable[[], str]) -> logging.Handler:
    """The handler of the root logger that Lambda's runtime installs."""
    from awslambdaric.bootstrap import LambdaLoggerHandler

    def add_request_id(record: logging.LogRecord) -> bool:
        record.aws_request_id = request_id()
        record.tenant_id = None
        return True

    formatter = logging.Formatter(_FORMAT, _DATE_FORMAT)
    # On this one only: Lambda's runtime changes it for all formatters.
    formatter.converter = time.gmtime
    handler: logging.Handler = LambdaLoggerHandler(log)
    handler.setFormatter(formatter)
    handler.addFilter(add_request_id)
    return handler
