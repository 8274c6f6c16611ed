"""Noticing that nobody answers any more while an answer is awaited, and remembering it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from time import monotonic
from typing import Any

_LOOK_AGAIN = 3.0
"""Seconds of waiting after which is asked whether the endpoint is still there."""

_PATIENCE = 5.0
"""Seconds for which a busy endpoint may take to say that it is there."""

_SHORT_PATIENCE = 1.0
"""The same of one that was silent when somebody looked last."""

_INTERVAL = 1.0
"""Seconds between two looks at an endpoint that is silent."""


class Presence:
    """Whether an endpoint answers, as far as it was noticed, for all threads that call it.

    Each call to one that hangs would otherwise find out for itself, which takes seconds.
    """

    def __init__(self, probe: Callable[[float], bool]) -> None:
        """``probe`` tells whether the endpoint answers within so many seconds."""
        self._probe = probe
        self._lock = threading.Lock()
        self._silent = False
        self._looked = 0.0
        """When it was found silent."""
        self._answered = 0.0
        """When somebody began to look who got an answer."""

    def answers(self) -> bool:
        """Look whether it does: patiently, but for one that is known to be silent."""
        if self._silent:
            return not self.is_silent()
        began = monotonic()
        answered = self._probe(_PATIENCE)
        with self._lock:
            if answered:
                self._answered = max(self._answered, began)
                self._silent = False
            elif self._answered <= began:
                self._silent, self._looked = True, monotonic()
                return False
        return True

    def is_silent(self) -> bool:
        """Whether it was found silent and, after a short look now and then, still is."""
        if not self._silent:
            return False
        with self._lock:
            began = monotonic()
            if self._silent and began >= self._looked + _INTERVAL:
                self._silent = not self._probe(_SHORT_PATIENCE)
                self._looked = monotonic()
                if not self._silent:
                    self._answered = began
            return self._silent


class AttendedSession:
    """An HTTP session of botocore that waits for an answer as long as it may, which a long poll or
    a function can take, but not for one from an endpoint that is gone."""

    def __init__(self, session: Any, answers: Callable[[], bool], gone: Callable[[], Exception]):
        """``answers`` tells whether the endpoint does at all, ``gone`` what to raise if not."""
        self._session = session
        self._answers = answers
        self._gone = gone

    def send(self, request: Any) -> Any:
        answer: Future[Any] = Future()
        # One that is left waiting must not keep the process from its end.
        threading.Thread(
            target=self._send, args=(request, answer), name="slstest-request", daemon=True
        ).start()
        while not wait([answer], _LOOK_AGAIN).done:
            if not self._answers() and not answer.done():
                raise self._gone()
        return answer.result()

    def close(self) -> None:
        self._session.close()

    def _send(self, request: Any, answer: Future[Any]) -> None:
        try:
            answer.set_result(self._session.send(request))
        except BaseException as error:
            answer.set_exception(error)
