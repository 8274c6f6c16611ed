"""One process answers the questions of others on this machine, as soon as it can.

The others are told a port on loopback before there is anything to tell. Each question is a
connection of its own, a line with a document, and so is the answer.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slstest.clouds.localstack.readiness import Located
from slstest.errors import SlstestError

if TYPE_CHECKING:
    from slstest.clouds.localstack.background import BackgroundStart


@dataclass(frozen=True)
class SharedContainer:
    """A container for an endpoint that does not own it."""

    located: Located
    load: Callable[[str], None]
    """Returns when a service is loaded."""


class Lobby:
    """Answers whoever asks. ``answer`` may take its time, and may raise
    :class:`slstest.errors.SlstestError`, which is raised where it was asked."""

    def __init__(self, answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
        self._answer = answer
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
            question = lines.readline()
            if not question:
                return
            try:
                answer = dict(self._answer(json.loads(question)))
            except SlstestError as error:
                answer = {"error": str(error)}
            except Exception as error:
                answer = {"error": f"the process that started LocalStack failed: {error!r}"}
            try:
                print(json.dumps(answer), file=lines, flush=True)
            except OSError:  # it did not wait
                return


def answer(start: BackgroundStart, question: Mapping[str, Any]) -> dict[str, Any]:
    """What a process wants to know of a container, as soon as that is known: that a service is
    loaded (``{"load": service}``), or where it is.

    Raises :class:`slstest.errors.SlstestError` where the container did not start.
    """
    if "load" in question:
        start.load(question["load"])
        return {}
    located = start.wait().located
    return {"url": located.url, "container": located.container}


def ask(port: int, question: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of the process that has the lobby.

    Raises :class:`slstest.errors.SlstestError` where it has none, or where the process has gone.
    """
    try:
        with (
            socket.create_connection(("127.0.0.1", port)) as connection,
            connection.makefile("rw", encoding="utf-8") as lines,
        ):
            print(json.dumps(question), file=lines, flush=True)
            line = lines.readline()
    except OSError as error:
        raise SlstestError(f"the process that started LocalStack has ended ({error})") from error
    if not line:
        raise SlstestError("the process that started LocalStack has ended")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise SlstestError(answer["error"])
    return answer
