"""A Docker daemon of our own making, for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fake_daemon import FakeDaemon


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDaemon]:
    """The daemon that DOCKER_HOST names; it has LocalStack's image."""
    started = FakeDaemon()
    monkeypatch.setenv("DOCKER_HOST", started.host)
    yield started
    started.stop()
