"""What a thread has to say, on the terminal."""

from __future__ import annotations

import queue
from typing import Any

import pytest


class Terminal:
    """Lines for the terminal from a thread. Only the main thread knows when output is not
    captured; where no test runs (``direct``), it never is."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.direct = False

    def say(self, line: str) -> None:
        """Show a line now or with the next :meth:`show`."""
        if self.direct:
            self._write(line)
        else:
            self._lines.put(line)

    def show(self) -> None:
        """Show what was said, in the main thread."""
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        while not self._lines.empty():
            line = self._lines.get()
            if capture is None:
                self._write(line)
            else:
                with capture.global_and_fixture_disabled():
                    self._write(line)

    def _write(self, line: str) -> None:
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"slstest: {line}")
            reporter.flush()
