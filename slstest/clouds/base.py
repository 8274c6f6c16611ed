"""What the harness asks of a cloud, wherever the AWS APIs are answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from slstest.waiting import Pace

if TYPE_CHECKING:
    import boto3

    from slstest.invocation import Invocation


class Cloud(Protocol):
    """A place that answers the AWS APIs.

    The harness creates, acts and expects through plain boto3 clients; what else it needs
    (to wait without guessing, to know what was invoked) is here.
    """

    name: str
    """As the option ``--sls-cloud`` names it."""
    region: str
    account_id: str
    creates_at_once: bool
    """Whether what was asked for is ready when the request to create it has been answered,
    whatever state the answer tells, so that nobody needs to look."""
    runs_functions: bool
    """Whether it runs the functions itself, so that only their logs tell what they did."""
    skips_time: bool
    """Whether a wait that only time ends, such as that for a retry, takes no time."""
    needs_roles: bool
    """Whether a function can do only what its role allows, so that it needs one of its own."""
    pace: Pace
    """How often it may be asked whether something has come true."""
    owner: str
    """Who creates here, as tags say it; empty where only the login name can tell."""

    @property
    def endpoint_url(self) -> str | None:
        """The URL for clients of one's own; None where AWS's own endpoints are meant."""

    def session(self) -> boto3.Session:
        """The session that every client of the harness comes from."""

    def client(self, service: str) -> Any:
        """The shared client of a service, made on first use."""

    def begin(self) -> None:
        """A new environment starts: time is the present again."""

    def end(self) -> None:
        """The environment has deleted its resources: drop what still runs for it."""

    def moments(self, timeout: float, *, patient: bool = False) -> Iterator[None]:
        """Yield whenever it is worth looking again whether something has come true.

        Ends after ``timeout`` seconds, or as soon as nothing is under way that could still
        change anything; ``patient`` waits for the whole timeout all the same, for effects
        that come from outside the cloud.
        """

    def quiesce(self, timeout: float) -> None:
        """Wait until no invocation is running or due now; timers stay where they are."""

    def settle(self, timeout: float) -> None:
        """Wait until nothing is under way: no record unread, no invocation queued or
        running, no retry due. Raises :class:`slstest.errors.NotSettled` naming what is."""

    def advance(self, seconds: float) -> None:
        """Move the environment's time forward and do what falls due on the way."""

    def invocations(self, function_name: str) -> Sequence[Invocation]:
        """The finished invocations of a function, oldest first."""

    def close(self) -> None:
        """End everything that this cloud started."""


@runtime_checkable
class TellsUndelivered(Protocol):
    """A cloud that knows what became of messages that AWS drops, or only counts."""

    def undelivered(self) -> Sequence[str]:
        """What one service could not deliver to another since the environment began, and why."""


@runtime_checkable
class TellsPending(Protocol):
    """A cloud that knows what is under way without asking anybody."""

    def pending(self) -> Sequence[str]:
        """What that is, in words: invocations, records to be read, retries."""


@runtime_checkable
class WritesLogs(Protocol):
    """A cloud whose functions' logs are written when somebody asks for them."""

    def drop_log(self, group: str) -> None:
        """Write no more of what was logged so far into a log group, as it is about to be
        deleted."""


@dataclass(frozen=True)
class Relay:
    """A queue that gets what a service would have pushed to a function."""

    service: str
    """Who sends to it, by boto3's name: ``s3`` or ``sns``."""
    source_arn: str
    """The bucket or the topic."""
    queue_arn: str
    function_arn: str
    subscription_arn: str = ""
    """Of a topic's relay."""


@runtime_checkable
class ReceivesPushes(Protocol):
    """A cloud whose functions are where its services cannot reach them."""

    def relay(self, relay: Relay) -> None:
        """From now on invoke the function asynchronously with the event of each message, as the
        service would have done."""

    def end_relay(self, queue_arn: str) -> None:
        """Read a queue no more, as it is about to be deleted; one that is not read is fine."""
