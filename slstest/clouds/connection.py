"""What the clouds elsewhere need of the way to their AWS APIs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from slstest.waiting import Pace

if TYPE_CHECKING:
    import boto3


@dataclass(frozen=True)
class Health:
    """What an endpoint tells of itself; empty where it tells nothing."""

    edition: str = ""
    version: str = ""
    services: frozenset[str] = frozenset()
    """The services that can be used; empty where the endpoint does not say."""

    def __str__(self) -> str:
        return " ".join(part for part in (self.edition, self.version) if part)


class Connection(Protocol):
    """The way to a cloud: an endpoint at a URL, or an AWS account."""

    region: str
    needs_roles: bool
    """See :class:`slstest.clouds.base.Cloud`."""
    pace: Pace
    quiet: float
    """Seconds without a change after which functions that run there have nothing to do."""
    quiet_here: float
    """The same of functions that run here, on what is read for them."""
    quiet_pushes: float
    """The same of those that a service pushes to: after which it is not expected to any more."""
    slow_start: float | None
    """Where Lambda may begin to read a stream minutes after a mapping of it was made, how many
    seconds that is waited for if nothing tells; None where it begins within a few."""
    user_id: str
    """IAM's unique id of who calls; empty where there is none."""
    owner: str
    """Who calls, as tags say it; empty where only the login name can tell."""

    @property
    def url(self) -> str | None:
        """The URL for clients of one's own; None where AWS's own endpoints are meant."""

    @property
    def session(self) -> boto3.Session:
        """The session that every client comes from."""

    def client(self, service: str) -> Any:
        """The shared client of a service, made on first use."""

    def session_with(self, elsewhere: Mapping[str, str]) -> boto3.Session:
        """A session whose clients reach the cloud, but for these services, which are at these
        URLs."""

    def examine(self) -> tuple[str, Health]:
        """The account id of its callers and what it tells of itself; asked for once.

        Raises :class:`slstest.errors.ConfigurationError` where the cloud cannot be used.
        """

    def variables(self, function_name: str, role_arn: str) -> Mapping[str, str]:
        """With which a function that runs on this machine reaches the cloud.

        They change when the function needs new ones. Raises
        :class:`slstest.errors.ConfigurationError` where it cannot have any.
        """

    def close(self) -> None:
        """End what was started for it."""
