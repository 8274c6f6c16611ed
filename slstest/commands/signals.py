"""Being told to end."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class EndRequest:
    """Whether Ctrl-C was pressed, or the process asked to terminate."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told

    def wait(self, seconds: float) -> bool:
        """Wait for the request, at most so many seconds; True if it has come."""
        self._told.settimeout(seconds)
        try:
            return bool(self._told.recv(1))
        except TimeoutError:
            return False


@contextlib.contextmanager
def end_request() -> Iterator[EndRequest]:
    """Take the signals that ask for the end, on the main thread. After the first they do what
    they do by default, so that the second ends the process at once.

    Nothing happens in a signal handler, which could interrupt anything half way.
    """
    told, teller = socket.socketpair()
    with told, teller:
        teller.setblocking(False)
        before = signal.set_wakeup_fd(teller.fileno())
        handlers = {each: signal.signal(each, _default_from_now_on) for each in _SIGNALS}
        try:
            yield EndRequest(told)
        finally:
            signal.set_wakeup_fd(before)
            for each, handler in handlers.items():
                signal.signal(each, handler)


def _default_from_now_on(number: int, frame: object) -> None:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_DFL)
