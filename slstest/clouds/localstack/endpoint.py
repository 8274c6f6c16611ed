"""LocalStack as an endpoint: a container of our own, or what is found at a URL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from slstest.clouds.connection import Health
from slstest.clouds.endpoint import Endpoint
from slstest.clouds.localstack.container import ContainerSettings, start_container
from slstest.clouds.localstack.loading import Loading
from slstest.clouds.localstack.readiness import Located
from slstest.naming import new_run


class LoadedEndpoint(Endpoint):
    """An endpoint that waits until a service is loaded before it gives its first client."""

    def __init__(
        self, url: str, region: str, load: Callable[[str], None], close: Callable[[], None]
    ) -> None:
        """``load`` returns when a service is loaded; ``close`` ends what the endpoint owns."""
        super().__init__(url, region)
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


class ContainerEndpoint(LoadedEndpoint):
    """The endpoint of a container, which can say why the container is silent."""

    def __init__(
        self,
        located: Located,
        region: str,
        load: Callable[[str], None],
        close: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(located.url, region, load, close)
        self._located = located

    def _why_silent(self) -> str:
        trouble = self._located.trouble()
        return f"LocalStack is gone: {trouble}" if trouble else super()._why_silent()


class FoundEndpoint(LoadedEndpoint):
    """An endpoint that somebody else has started. Of a LocalStack each process loads what it uses:
    others may be using it at this moment."""

    def __init__(self, url: str, region: str) -> None:
        loading = Loading(url)
        super().__init__(url, region, self._load_of_localstack, loading.close)
        self._loading = loading
        self._is_localstack = False

    def examine(self) -> tuple[str, Health]:
        found = super().examine()
        self._is_localstack = found[1].edition not in _NO_LOCALSTACK
        return found

    def _load_of_localstack(self, service: str) -> None:
        if self._is_localstack:
            self._loading.wait(service)


_NO_LOCALSTACK = ("", "light", "slstest")
"""The editions of what answers in LocalStack's form and loads nothing: MiniStack, slstest serve."""


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
