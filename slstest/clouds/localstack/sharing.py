"""One process tells others on this machine where the container is that it starts.

The others are told a port on loopback before the container is there. What they say first is a
line, and they are answered by one when the container answers, or when it never will.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

from slstest.clouds.localstack.readiness import Located
from slstest.errors import SlstestError


class Lobby:
    """Answers each process that asks. ``locate`` waits for the container; ``hear`` is told, in
    the order of arrival, what each process says."""

    def __init__(
        self, locate: Callable[[], Located], hear: Callable[[dict[str, Any]], None]
    ) -> None:
        self._locate = locate
        self._hear = hear
        self._lock = threading.Lock()
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, name="slstest-lobby", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Answer no more."""
        self._closed = True
        # Wakes the thread, which on some systems nothing else does.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closed:
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw", encoding="utf-8") as lines:
            said = lines.readline()
            if not said:
                return
            with self._lock:
                self._hear(json.loads(said))
            try:
                located = self._locate()
            except SlstestError as error:
                answer = {"error": str(error)}
            else:
                answer = {"url": located.url, "container": located.container}
            try:
                print(json.dumps(answer), file=lines, flush=True)
            except OSError:  # it did not wait
                return


class Visitor:
    """The other side: says something at once, and waits for the answer when it is wanted."""

    def __init__(self, port: int, said: dict[str, Any]) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.sendall(json.dumps(said).encode() + b"\n")

    def located(self) -> Located:
        """Where the container answers, as soon as it does.

        Raises :class:`slstest.errors.SlstestError` where it did not start, or where the process
        that started it has gone.
        """
        with self._connection.makefile("r", encoding="utf-8") as lines:
            answer = lines.readline()
        if not answer:
            raise SlstestError("the process that started LocalStack has ended")
        told = json.loads(answer)
        if "error" in told:
            raise SlstestError(told["error"])
        return Located(told["url"], told["container"])

    def close(self) -> None:
        self._connection.close()
