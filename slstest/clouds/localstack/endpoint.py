"""A LocalStack container as an endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slstest.clouds.endpoint import Endpoint
from slstest.clouds.localstack.container import ContainerSettings, start_container
from slstest.clouds.localstack.loading import Loading
from slstest.clouds.localstack.readiness import Located
from slstest.naming import new_run


class ContainerEndpoint(Endpoint):
    """The endpoint of a container: it waits until a service is loaded before it gives its first
    client, and it can say why the container is silent."""

    def __init__(
        self,
        located: Located,
        region: str,
        load: Callable[[str], None],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """``load`` returns when a service is loaded; ``close`` ends what the endpoint owns."""
        super().__init__(located.url, region)
        self._located = located
        self._load = load
        self._close = close
        self._loaded: set[str] = set()

    def client(self, service: str) -> Any:
        if service not in self._loaded:
            self._load(service)
            self._loaded.add(service)
        return super().client(service)

    def close(self) -> None:
        self._close()

    def _why_silent(self) -> str:
        trouble = self._located.trouble()
        return f"LocalStack is gone: {trouble}" if trouble else super()._why_silent()


def started_endpoint(settings: ContainerSettings, region: str) -> Endpoint:
    """The endpoint of a container that is started here and now, and ends with it.

    Raises :class:`slstest.errors.SlstestError` where it does not start.
    """
    container = start_container(settings, new_run())
    loading = Loading(container.located.url)

    def close() -> None:
        container.close()
        loading.close()

    return ContainerEndpoint(container.located, region, loading.wait, close)
