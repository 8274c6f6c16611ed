"""What a test needs of its cloud: the marker ``sls_needs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .markers import Marker, check_type, declare, uses

if TYPE_CHECKING:
    from slstest.environment import Environment


def read_sls_needs(*features: str) -> tuple[str, ...]:
    """What the test needs that not every cloud has: "clock", time that is skipped while nothing but
    timers is left, for a test that would take minutes of real time; or an AWS service as boto3
    calls it, such as "sqs". Where the cloud lacks it the test is skipped with that reason, or
    fails under --sls-strict.
    """
    for feature in features:
        check_type("features", feature, str)
    return features


SLS_NEEDS = Marker("sls_needs", read_sls_needs, fixture="sls", example='sls_needs("clock")')


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, SLS_NEEDS)


def check(item: pytest.Item, environment: Environment) -> None:
    """Raise :class:`slstest.errors.Unavailable` where the cloud lacks what a test needs."""
    for use in uses(item, SLS_NEEDS):
        with use.blamed():
            environment.needs(*use.value)
