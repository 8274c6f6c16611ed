"""The marker ``sls_redelivery``: a test that is also a test of idempotency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError

from .markers import Marker, closest, declare

if TYPE_CHECKING:
    from slstest.environment import Environment


@dataclass(frozen=True)
class RedeliveryRequest:
    """What the marker asks for."""

    ignore: tuple[str, ...]


def read_sls_redelivery(*, ignore: Any = ()) -> RedeliveryRequest:
    """When the test has passed, deliver again every batch and every asynchronous event that
    functions have handled with success, and fail the test if a table, a bucket, a queue, a
    stream or a topic is then not what it was: AWS delivers at least once. ignore is a list of
    attributes that may differ, such as "updated_at".
    """
    names = [ignore] if isinstance(ignore, str) else ignore
    if not isinstance(names, list | tuple | set | frozenset) or not all(
        isinstance(name, str) for name in names
    ):
        raise ConfigurationError(
            f"argument 'ignore' takes a list of attributes' names, not {ignore!r}"
        )
    return RedeliveryRequest(tuple(names))


SLS_REDELIVERY = Marker(
    "sls_redelivery", read_sls_redelivery, example="sls_redelivery", fixture="sls"
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, SLS_REDELIVERY)


@pytest.hookimpl(trylast=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Repeat the deliveries of a test that has passed: pytest has run it before."""
    use = closest(item, SLS_REDELIVERY)
    environment: Environment | None = getattr(item, "funcargs", {}).get("sls")
    if use is not None and environment is not None:
        with use.blamed():
            environment.check_redelivery(use.value.ignore)
