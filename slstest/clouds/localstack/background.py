"""Starting a container while the tests are being collected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from slstest.clouds.localstack.container import (
    ContainerSettings,
    LocalStackContainer,
    Say,
    start_container,
)
from slstest.clouds.localstack.loading import Loading
from slstest.errors import SlstestError

_TICK = 0.1


class BackgroundStart:
    """A container that is started in a thread of its own, and its services loaded."""

    def __init__(
        self,
        settings: ContainerSettings,
        run: str,
        *,
        say: Say = lambda _: None,
        when_ready: Callable[[LocalStackContainer], None] = lambda _: None,
    ) -> None:
        """``say`` is told how far a pull is, and ``when_ready`` of the container, both in the
        thread."""
        self._settings = settings
        self._run = run
        self._say = say
        self._when_ready = when_ready
        self._cancelled = threading.Event()
        self._ended = threading.Event()
        self._container: LocalStackContainer | None = None
        self._error: Exception | None = None
        self._lock = threading.Lock()
        self._to_load = {"sts"}
        self._loading: Loading | None = None
        self._thread = threading.Thread(target=self._start, name="slstest-localstack", daemon=True)
        self._thread.start()

    @property
    def error(self) -> Exception | None:
        """Why it did not start, as soon as that is known; None where nobody wants it any more."""
        return None if self._cancelled.is_set() else self._error

    def wait(self, meanwhile: Callable[[], None] = lambda: None) -> LocalStackContainer:
        """The container, when it answers; until then ``meanwhile`` is called now and then.

        Raises :class:`slstest.errors.SlstestError` where it did not start.
        """
        while not self._ended.wait(_TICK):
            meanwhile()
        container = self._container
        if container is None or self._error is not None:
            reason = self._error or "the LocalStack container was ended"
            raise SlstestError(str(reason)) from self._error
        return container

    def load_soon(self, services: Iterable[str]) -> None:
        """Have these services loaded, as soon as the container answers."""
        with self._lock:
            self._to_load.update(services)
            if self._loading is not None:
                self._loading.begin(self._to_load)

    def load(self, service: str) -> None:
        """Return when a service of the container is loaded."""
        if self._loading is not None:
            self._loading.wait(service)

    def close(self) -> None:
        """Give up the start, or end the container. May be called more than once."""
        self._cancelled.set()
        self._thread.join()
        container, self._container = self._container, None
        if container is not None:
            container.close()  # and with it what is still being loaded
        if self._loading is not None:
            self._loading.close()

    def _start(self) -> None:
        try:
            container = start_container(
                self._settings, self._run, say=self._say, cancelled=self._cancelled
            )
            self._container = container  # whatever comes of it now, it is there to be closed
            self._when_ready(container)
            with self._lock:
                self._loading = Loading(container.located.url, say=self._say)
                self._loading.begin(self._to_load)
        except Exception as error:  # whatever it is, the one who waits must be told
            self._error = error
        finally:
            self._ended.set()
