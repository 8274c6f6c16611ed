"""Noticing that nobody answers any more while an answer is awaited."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any

_LOOK_AGAIN = 3.0
"""Seconds of waiting after which is asked whether the endpoint is still there."""


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
