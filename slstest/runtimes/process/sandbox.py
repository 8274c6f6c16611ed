"""One forked process, as the host sees it: whether it is ready, what it uses, how it ended."""

from __future__ import annotations

import enum
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slstest.errors import SlstestError
from slstest.runtimes.process.function_log import FunctionLog
from slstest.runtimes.process.runtime_api import RuntimeApi
from slstest.runtimes.process.zygote import processes, wire


class Stop(enum.Enum):
    """Why waiting for an environment ended."""

    DONE = enum.auto()
    ENDED = enum.auto()
    DEADLINE = enum.auto()
    MEMORY = enum.auto()


@dataclass(frozen=True)
class Ending:
    """How the process ended."""

    wait_status: int
    """As ``os.waitpid`` gives it."""
    reason: str | None
    """``memory`` or ``init-timeout`` where the zygote killed it for that."""
    lifetime: float
    """Milliseconds."""

    def describe(self) -> str | None:
        """The end in the words of Lambda's ``Runtime.ExitError``; None for exit status 0."""
        if os.WIFSIGNALED(self.wait_status):
            return f"signal: {_signal_name(os.WTERMSIG(self.wait_status))}"
        code = os.waitstatus_to_exitcode(self.wait_status)
        return f"exit status {code}" if code else None


@dataclass(frozen=True)
class _Ready:
    pid: int
    surplus: int
    init_duration: float


class Sandbox:
    """A process that the zygote forked for one execution environment.

    ``kill`` has the zygote end it with everything that it started; memory sizes are bytes.
    """

    def __init__(
        self,
        api: RuntimeApi,
        log: FunctionLog,
        status: socket.socket,
        kill: Callable[[], None],
        lost: Callable[[], Exception],
        memory_limit: int,
    ) -> None:
        self.api = api
        self.log = log
        self.ending: Ending | None = None
        self.peak = 0
        self._status = status
        self._kill = kill
        self._lost = lost
        self._memory_limit = memory_limit
        self._ready: _Ready | None = None
        self._abandoned = False

    def duration_of_init(self) -> float:
        """Milliseconds from the fork to the first call of the Runtime API, or to the end."""
        if self._ready is not None:
            return self._ready.init_duration
        assert self.ending is not None
        return self.ending.lifetime

    def wait_until_ready(self, deadline: float | None) -> Stop:
        """Wait for the first call of the Runtime API; the zygote watches the memory."""
        # The call itself is not taken up before: the zygote learns from it, too.
        while self._ready is None and self.ending is None:
            left = None if deadline is None else max(deadline - time.monotonic(), 0.0)
            self._status.settimeout(left)
            if left == 0.0 or not self._read_status():
                return Stop.DEADLINE
        return Stop.ENDED if self.ending is not None else Stop.DONE

    def wait_for(self, done: Callable[[], bool], deadline: float | None) -> Stop:
        """Serve the Runtime API until something is done, by the monotonic clock at the latest."""
        self.api.deadline = float("inf") if deadline is None else deadline
        self._status.settimeout(None)
        sample_at = time.monotonic() + processes.SAMPLE_INTERVAL
        while not done():
            if self.ending is not None:
                return Stop.ENDED
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                return Stop.DEADLINE
            if now >= sample_at:
                if self._uses_too_much():
                    return Stop.MEMORY
                sample_at = now + processes.SAMPLE_INTERVAL
            wait_until = sample_at if deadline is None else min(sample_at, deadline)
            self._serve(wait_until - now)
        return Stop.DONE

    def note_peak(self) -> bool:
        """Look at the most memory that the process ever used; False where it is too much."""
        if self._ready is not None:
            most = processes.resident_peak(self._ready.pid) - self._ready.surplus
            self.peak = max(self.peak, most)
        return self.peak <= self._memory_limit

    def kill(self) -> Ending:
        """End the process and everything that it started, and wait for that."""
        self._status.settimeout(None)
        if self.ending is None:
            self._kill()
        while self.ending is None:
            self._read_status()
        return self.ending

    def request_kill(self) -> None:
        """As :meth:`kill`, without waiting; another thread may be waiting for the sandbox."""
        self._abandoned = True
        if self.ending is None:
            self._kill()

    def close(self) -> None:
        """Let go of it, dead or dying."""
        self.api.close()
        self.log.close()
        self._status.close()

    def _serve(self, patience: float) -> None:
        poll = select.poll()
        for descriptor in (self._status.fileno(), *self.api.descriptors()):
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(patience * 1000):
            if descriptor == self._status.fileno():
                self._read_status()
            else:
                self.api.handle(descriptor)

    def _uses_too_much(self) -> bool:
        assert self._ready is not None
        used = processes.memory(self._ready.pid, self._ready.surplus, self._memory_limit)
        self.peak = max(self.peak, used)
        return used > self._memory_limit

    def _read_status(self) -> bool:
        """Take the zygote's next message; False where none came in time."""
        try:
            received = wire.receive(self._status)
        except TimeoutError:
            return False
        if received is None and self._abandoned:  # before the zygote came to start it
            self.ending = Ending(signal.SIGKILL, reason=None, lifetime=0.0)
            return True
        if received is None:
            raise self._lost()
        message: dict[str, Any] = received[0]
        if message["event"] == "failed":
            raise SlstestError(f"no process could be started for the function: {message['text']}")
        self.peak = max(self.peak, message["peak"])
        elapsed = (message["at"] - message["forked"]) * 1000
        if message["event"] == "ready":
            self._ready = _Ready(message["pid"], message["surplus"], elapsed)
        else:
            self.ending = Ending(message["status"], message["reason"], elapsed)
        return True


def _signal_name(number: int) -> str:
    """As Go's runtime names it, in which Lambda's supervisor is written."""
    return _SIGNALS.get(number, f"signal {number}")


_SIGNALS: dict[int, str] = {
    signal.SIGHUP: "hangup",
    signal.SIGINT: "interrupt",
    signal.SIGQUIT: "quit",
    signal.SIGILL: "illegal instruction",
    signal.SIGTRAP: "trace/breakpoint trap",
    signal.SIGABRT: "aborted",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGKILL: "killed",
    signal.SIGUSR1: "user defined signal 1",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGUSR2: "user defined signal 2",
    signal.SIGPIPE: "broken pipe",
    signal.SIGALRM: "alarm clock",
    signal.SIGTERM: "terminated",
}
