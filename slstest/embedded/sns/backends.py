"""Which topics a thread sees: those of the cloud whose request it answers, or moto's own.

A project's own tests may use moto in the same process, and its topics are to be as moto has them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.base_backend import BackendDict
from moto.sns.models import sns_backends

from slstest.embedded.sns.backend import EmbeddedSnsBackend, Surroundings
from slstest.embedded.sns.responses import URLS

_answering = threading.local()
_lock = threading.Lock()
_clouds = 0


class CloudTopics:
    """The topics of one cloud, until it is closed."""

    def __init__(self, surroundings: Surroundings) -> None:
        global _clouds  # noqa: PLW0603
        known = {"surroundings": surroundings, "_url_module": URLS}
        backend = type("SNSBackend", (EmbeddedSnsBackend,), known)
        self._backends: BackendDict[Any] = BackendDict(backend, "sns")
        with _lock:
            _clouds += 1
            sns_backends.__class__ = _Switch

    @contextmanager
    def seen(self) -> Iterator[None]:
        """Within, this thread sees them in the place of moto's."""
        before = getattr(_answering, "backends", None)
        _answering.backends = self._backends
        try:
            yield
        finally:
            _answering.backends = before

    def close(self) -> None:
        """Leave moto as it was, where this was the last cloud."""
        global _clouds  # noqa: PLW0603
        with _lock:
            _clouds -= 1
            if not _clouds:
                sns_backends.__class__ = BackendDict


class _Switch(BackendDict[Any]):
    def __getitem__(self, account_id: str) -> Any:
        backends = getattr(_answering, "backends", None)
        return super().__getitem__(account_id) if backends is None else backends[account_id]
