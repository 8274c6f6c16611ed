"""A LocalStack container as an endpoint that can say why it is silent."""

from __future__ import annotations

from collections.abc import Callable

from slstest.clouds.endpoint import Endpoint
from slstest.clouds.localstack.container import ContainerSettings, start_container
from slstest.clouds.localstack.readiness import Located
from slstest.naming import new_run


class ContainerEndpoint(Endpoint):
    """The endpoint of a container; ``close`` ends the container where this endpoint owns it."""

    def __init__(
        self, located: Located, region: str, close: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(located.url, region)
        self._located = located
        self._close = close

    def close(self) -> None:
        self._close()

    def _why_silent(self) -> str:
        trouble = self._located.trouble()
        return f"LocalStack is gone: {trouble}" if trouble else super()._why_silent()


def container_endpoint(container: ContainerSettings | Located, region: str) -> Endpoint:
    """The endpoint of a container that another process started, or of one started here and now.

    Raises :class:`slstest.errors.SlstestError` where it does not start.
    """
    if isinstance(container, Located):
        return ContainerEndpoint(container, region)
    started = start_container(container, new_run())
    return ContainerEndpoint(started.located, region, started.close)
