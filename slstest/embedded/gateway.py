"""The embedded cloud's dispatch: who answers a request, and who has to hear of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from slstest.embedded.logs import LogBuffer
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.refusals import refusal
from slstest.embedded.status import Status

CODE_PATH = "/_slstest/code/"
"""Where a function's package is downloaded from, by the function's name."""


class Service(Protocol):
    """Answers requests."""

    def handle(self, request: AwsRequest) -> AwsResponse: ...


class State(Protocol):
    """Answers the requests of all services that keep state."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse: ...


class FunctionService(Service, Protocol):
    """Answers Lambda's requests."""

    def download(self, function_name: str) -> AwsResponse: ...


class Gateway:
    """Routes a request to Lambda's service or to the one that keeps all other state."""

    def __init__(
        self,
        lambda_service: FunctionService,
        state: State,
        logs: LogBuffer,
        status: Status,
        before_each: Callable[[AwsRequest], None],
    ) -> None:
        self._status = status
        self._lambda = lambda_service
        self._state = state
        self._logs = logs
        self._before_each = before_each

    def handle(self, request: AwsRequest) -> AwsResponse:
        """Answer one request, from whichever door it came."""
        if (logged_at := self._logs.writing()) is not None:
            return self._state.handle(request, at=logged_at)
        self._before_each(request)
        if request.path.startswith(CODE_PATH):
            return self._lambda.download(request.path[len(CODE_PATH) :])
        if (page := self._status.answer(request)) is not None:
            return page
        if request.service == "lambda":
            return self._lambda.handle(request)
        if request.service == "logs":
            self._logs.flush()
        return refusal(request) or self._state.handle(request)
