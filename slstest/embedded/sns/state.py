"""The embedded cloud's topics, from the first request that has to do with one.

moto's SNS is slow to import, and few tests need it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sns.delivery import Deliveries
from slstest.embedded.sns.functions import Functions, FunctionSender
from slstest.embedded.sns.queues import Queues, QueueSender
from slstest.embedded.undelivered import UndeliveredNotes

if TYPE_CHECKING:
    from slstest.embedded.sns.backends import CloudTopics
    from slstest.embedded.sns.signing import Signer

_MAY_MAKE_TOPICS = frozenset({"sns", "cloudformation"})


class State(Protocol):
    """Answers requests."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse: ...


@dataclass(frozen=True)
class _Opened:
    topics: CloudTopics
    signer: Signer


class Topics:
    """Answers requests, with our topics in the place of moto's.

    Notifications hold two URLs, both of this cloud: that of the certificate that they are signed
    with, and one that ends the subscription. Neither needs a signed request.
    """

    def __init__(
        self,
        state: State,
        queues: Queues,
        functions: Functions,
        scheduler: Scheduler,
        endpoint_url: Callable[[], str],
        undelivered: UndeliveredNotes,
    ) -> None:
        self._state = state
        self._queues = queues
        self._functions = functions
        self._scheduler = scheduler
        self._endpoint_url = endpoint_url
        self._undelivered = undelivered
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        if self._opened is None and request.service in _MAY_MAKE_TOPICS:
            self._open()
        if self._opened is None:
            return self._state.handle(request, at=at)
        if not request.access_key and request.method == "GET":
            if request.path == self._opened.signer.certificate_path:
                headers = {"Content-Type": "application/x-pem-file"}
                return AwsResponse(200, headers, self._opened.signer.certificate)
            if request.query.get("Action") == ["Unsubscribe"]:
                request = replace(request, service="sns")
        with self._opened.topics.seen():
            return self._state.handle(request, at=at)

    def close(self) -> None:
        """Leave moto as it was."""
        with self._lock:
            if self._opened is not None:
                self._opened.topics.close()
                self._opened = None

    # -- inside -------------------------------------------------------------------------

    def _open(self) -> None:
        with self._lock:
            if self._opened is not None:
                return
            from slstest.embedded.sns.backend import Surroundings
            from slstest.embedded.sns.backends import CloudTopics
            from slstest.embedded.sns.signing import Signer

            signer = Signer()
            queues = QueueSender(self._queues, signer, self._endpoint_url)
            functions = FunctionSender(self._functions, signer, self._endpoint_url)
            senders = {"sqs": queues.send, "lambda": functions.send}
            deliveries = Deliveries(self._scheduler, senders, self._undelivered)
            surroundings = Surroundings(self._scheduler.now, deliveries.post)
            self._opened = _Opened(CloudTopics(surroundings), signer)
