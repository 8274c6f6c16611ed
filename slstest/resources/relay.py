"""How functions that run on this machine get what a service pushes.

A service of a cloud elsewhere cannot reach them. It sends to a queue of the harness's own instead,
which the cloud's Lambda of this machine reads.
"""

from __future__ import annotations

from slstest.clouds.base import ReceivesPushes, Relay
from slstest.resources.inbox import Inbox, open_inbox
from slstest.resources.queue import delete_queue
from slstest.scope import Scope


class RelayQueue:
    """The queue in the place of one function for one bucket or topic."""

    def __init__(
        self,
        scope: Scope,
        cloud: ReceivesPushes,
        service: str,
        source_arn: str,
        function_arn: str,
        inbox: Inbox,
    ) -> None:
        self._scope = scope
        self._cloud = cloud
        self._service = service
        self._source_arn = source_arn
        self._function_arn = function_arn
        self._inbox = inbox

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name."""
        return self._inbox.arn

    def begin(self, subscription_arn: str = "") -> None:
        """Let the cloud invoke the function with what comes."""
        self._cloud.relay(
            Relay(
                self._service,
                self._source_arn,
                self._inbox.arn,
                self._function_arn,
                subscription_arn,
            )
        )

    def delete(self) -> None:
        """Delete the queue, and what is in it; one that is gone already is fine."""
        self._cloud.end_relay(self._inbox.arn)
        delete_queue(self._scope.cloud, self._inbox.entry)
        self._scope.ledger.strike(self._inbox.entry)


def open_relay(
    scope: Scope, service: str, source_arn: str, function_arn: str, *, asked: str
) -> RelayQueue | None:
    """Create a queue to be named in the function's place; None where the service itself can
    invoke the function."""
    cloud = scope.cloud
    if not isinstance(cloud, ReceivesPushes):
        return None
    inbox = open_inbox(scope, f"{service}-relay", service, source_arn, asked=asked)
    return RelayQueue(scope, cloud, service, source_arn, function_arn, inbox)
