"""LocalStack as an endpoint: a container of our own, or what is found at a URL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from slstest.clouds.connection import Health
from slstest.clouds.endpoint import Endpoint
from slstest.clouds.localstack.container import ContainerSettings, start_container
from slstest.clouds.localstack.loading import Loading, load
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


class FoundEndpoint(Endpoint):
    """An endpoint that somebody else has started. Of a LocalStack each process waits until a
    service is loaded before it gives its first client: others may be using it at this moment."""

    def __init__(self, url: str, region: str) -> None:
        super().__init__(url, region)
        self._is_localstack = False
        self._loaded: set[str] = set()
        self._loads: dict[str, threading.Lock] = {}

    def examine(self) -> tuple[str, Health]:
        found = super().examine()
        self._is_localstack = found[1].edition not in _NO_LOCALSTACK
        return found

    def client(self, service: str) -> Any:
        client = super().client(service)
        if self._is_localstack and service not in self._loaded:
            with self._loads.setdefault(service, threading.Lock()):
                if service not in self._loaded:
                    self._load(client, service)
                    self._loaded.add(service)
        return client

    def _load(self, client: Any, service: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            load(client, service)
        except (BotoCoreError, ClientError):
            return  # who uses the service meets it again, or is told that there is none


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
