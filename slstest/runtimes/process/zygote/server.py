"""The zygote's loop: it forks, watches, kills and buries execution environments."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes, wire
from .child import Order, become_environment
from .preload import Preloaded

_MAXRSS_UNIT = 1024 if processes.LINUX else 1


@dataclass(eq=False)
class Environment:
    """An execution environment, from its fork until everything that it started is dead."""

    id: int
    pid: int
    status: socket.socket
    listener: socket.socket | None
    """The Runtime API's; a connection to it ends the initialisation. None afterwards."""
    init_deadline: float | None
    memory_limit: int
    tmp_folder: Path | None
    forked: float
    peak: int = 0
    sampled: float = 0.0
    reason: str | None = None
    """Why it was killed, where the zygote did that on its own."""
    wait_status: int = 0


class Server:
    """Serves one host until it says goodbye or dies."""

    def __init__(
        self, control: socket.socket, preloaded: Preloaded, folder: Path, own_tmp: bool
    ) -> None:
        self._control = control
        self._preloaded = preloaded
        self._folder = folder
        self._own_tmp = own_tmp
        self._living: dict[int, Environment] = {}  # by process id
        self._dying: list[Environment] = []
        self._asked_to_leave = False
        self._leaving = False
        self._poll = select.poll()
        self._wakeup, self._waker = socket.socketpair()
        self._host = _watch_process(os.getppid())

    def run(self) -> Callable[[], None] | None:
        """Serve. Returns in each environment too, with what it is to run; else None."""
        self._wakeup.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno())
        signal.signal(signal.SIGCHLD, _ignore)
        signal.signal(signal.SIGTERM, self._ask_to_leave)
        for descriptor in (self._control.fileno(), self._wakeup.fileno(), self._host):
            if descriptor is not None:
                self._poll.register(descriptor, select.POLLIN)
        while not self._done():
            ready = {descriptor for descriptor, _ in self._poll.poll(self._patience())}
            if self._wakeup.fileno() in ready:
                self._wakeup.recv(4096)
            self._bury()
            self._watch_initialising(ready)
            if self._asked_to_leave or self._host in ready:
                self._leave()
            if self._control.fileno() in ready and not self._leaving:
                job = self._obey()
                if job is not None:
                    return job
        _remove(self._folder)
        return None

    def kill_everything(self) -> None:
        """End every environment and wait for that; for when :meth:`run` failed."""
        self._leave()
        while not self._done():
            self._bury()

    def _done(self) -> bool:
        return self._leaving and not self._living and not self._dying

    def _obey(self) -> Callable[[], None] | None:
        received = wire.receive(self._control)
        if received is None:
            self._leave()
            return None
        message, descriptors = received
        if message["do"] == "start":
            return self._start(message, descriptors)
        for environment in self._living.values():
            if environment.id == message["id"]:
                self._kill(environment)
        return None

    def _start(self, message: dict[str, Any], descriptors: list[int]) -> Callable[[], None] | None:
        log, listener, status = descriptors
        order = Order(
            handler=message["handler"],
            code=message["code"],
            variables=message["variables"],
            own_tmp=self._own_tmp,
            tmp_folder=None if self._own_tmp else str(self._folder / str(message["id"])),
        )
        zygote, forked = os.getpid(), time.monotonic()
        try:
            if order.tmp_folder is not None:
                Path(order.tmp_folder).mkdir(mode=0o700, parents=True)
            pid = os.fork()
        except OSError as error:
            _refuse(error, descriptors)
            return None
        if pid == 0:
            self._let_go()
            return become_environment(order, log, self._preloaded, zygote)
        os.close(log)
        init_timeout = message["init_timeout"]
        environment = Environment(
            id=message["id"],
            pid=pid,
            status=socket.socket(fileno=status),
            listener=socket.socket(fileno=listener),
            init_deadline=None if init_timeout is None else forked + init_timeout,
            memory_limit=message["memory_limit"],
            tmp_folder=None if order.tmp_folder is None else Path(order.tmp_folder),
            forked=forked,
            sampled=forked,
        )
        self._living[pid] = environment
        self._poll.register(listener, select.POLLIN)
        return None

    def _let_go(self) -> None:
        """In a child: forget the zygote's descriptors, whose numbers will mean other files."""
        signal.set_wakeup_fd(-1)
        for environment in self._living.values():
            environment.status.detach()
            if environment.listener is not None:
                environment.listener.detach()
        for sock in (self._control, self._wakeup, self._waker):
            sock.detach()

    def _initialising(self) -> list[Environment]:
        return [each for each in self._living.values() if each.listener is not None]

    def _patience(self) -> float | None:
        """Milliseconds until something must be looked at without being told."""
        moments = [self._next_look(each) for each in self._initialising()]
        return max(min(moments) - time.monotonic(), 0.0) * 1000 if moments else None

    @staticmethod
    def _next_look(environment: Environment) -> float:
        sample = environment.sampled + processes.SAMPLE_INTERVAL
        deadline = environment.init_deadline
        return sample if deadline is None else min(sample, deadline)

    def _watch_initialising(self, ready: set[int]) -> None:
        now = time.monotonic()
        for environment in self._initialising():
            assert environment.listener is not None
            if environment.listener.fileno() in ready:
                self._stop_watching(environment)
                self._tell_ready(environment, now)
            elif now >= self._next_look(environment):
                self._look_at(environment, now)

    def _look_at(self, environment: Environment, now: float) -> None:
        limit = environment.memory_limit
        used = processes.memory(environment.pid, self._preloaded.surplus, limit)
        environment.sampled = now
        environment.peak = max(environment.peak, used)
        if used > limit:
            environment.reason = "memory"
        elif environment.init_deadline is not None and now >= environment.init_deadline:
            environment.reason = "init-timeout"
        if environment.reason is not None:
            self._kill(environment)

    def _tell_ready(self, environment: Environment, now: float) -> None:
        message = {
            "event": "ready",
            "at": now,
            "forked": environment.forked,
            "pid": environment.pid,
            "surplus": self._preloaded.surplus,
            "peak": environment.peak,
        }
        self._tell(environment, message)

    def _stop_watching(self, environment: Environment) -> None:
        if environment.listener is not None:
            self._poll.unregister(environment.listener.fileno())
            environment.listener.close()
            environment.listener = None

    def _kill(self, environment: Environment) -> None:
        self._stop_watching(environment)
        # Where orphans are not adopted they must be found while their parents live.
        family = [] if processes.LINUX else list(processes.descendants(environment.pid))
        for pid in (environment.pid, *family):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _bury(self) -> None:
        """Wait for ended children, and kill what they left: orphans end up as our children."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            environment = self._living.pop(pid, None)
            if environment is not None:
                environment.wait_status = status
                most = usage.ru_maxrss * _MAXRSS_UNIT - self._preloaded.surplus
                environment.peak = max(environment.peak, most)
                self._stop_watching(environment)
                self._dying.append(environment)
        if not self._dying:
            return
        children = processes.children(os.getpid()) if processes.LINUX else []
        orphans = [pid for pid in children if pid not in self._living]
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if orphans:
            return  # their end wakes us again
        for environment in self._dying:
            self._finish(environment)
        self._dying.clear()

    def _finish(self, environment: Environment) -> None:
        if environment.tmp_folder is not None:
            _remove(environment.tmp_folder)
        message = {
            "event": "ended",
            "at": time.monotonic(),
            "forked": environment.forked,
            "status": environment.wait_status,
            "reason": environment.reason,
            "peak": environment.peak,
        }
        self._tell(environment, message)
        environment.status.close()

    def _tell(self, environment: Environment, message: dict[str, Any]) -> None:
        # The host may have let go of the environment already.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.send(environment.status, message)

    def _ask_to_leave(self, *_: object) -> None:
        # A signal comes at any time, also while an environment is being started.
        self._asked_to_leave = True

    def _leave(self) -> None:
        if self._leaving:
            return
        self._leaving = True
        for descriptor in (self._control.fileno(), self._host):
            if descriptor is not None:
                self._poll.unregister(descriptor)
        for environment in list(self._living.values()):
            self._kill(environment)


def _remove(folder: Path) -> None:
    # What cannot be removed, the host tries to remove at its end, where the error is seen.
    with contextlib.suppress(OSError):
        shutil.rmtree(folder)


def _refuse(error: OSError, descriptors: list[int]) -> None:
    log, listener, status = descriptors
    os.close(log)
    os.close(listener)
    with socket.socket(fileno=status) as sock:
        wire.send(sock, {"event": "failed", "text": str(error)})


def _ignore(*_: object) -> None:
    """A handler, so that the signal wakes the loop."""


def _watch_process(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, where the system has such."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
