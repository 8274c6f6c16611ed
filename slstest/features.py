"""What not every cloud has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from slstest.errors import ConfigurationError, Unavailable
from slstest.suggesting import did_you_mean

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud

CLOCK = "clock"
"""Time that is skipped while nothing but timers is left."""


def check_feature(cloud: Cloud, feature: str) -> None:
    """See that a cloud has a feature: :data:`CLOCK`, or an AWS service as boto3 calls it.

    Raises :class:`slstest.errors.Unavailable` where it has not, and
    :class:`slstest.errors.ConfigurationError` for what is neither.
    """
    if feature == CLOCK:
        if not cloud.skips_time:
            raise Unavailable(
                f"the time of the cloud {cloud.name!r} is the real one, and this test needs a "
                "clock that skips"
            )
        return
    services = cloud.session().get_available_services()
    if feature not in services:
        meant = did_you_mean(feature, [CLOCK, *services], repr)
        raise ConfigurationError(
            f"{feature!r} is neither {CLOCK!r} nor an AWS service as boto3 calls it.{meant}"
        )
    cloud.client(feature)
