"""Whether a container answers, and where; and if it does not, why."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from slstest.clouds.endpoint import HEALTH_PATH
from slstest.clouds.localstack.daemon import LOOPBACK, connect, explained, published_at
from slstest.errors import SlstestError

if TYPE_CHECKING:
    from docker.models.containers import Container
    from testcontainers.core.docker_client import DockerClient

PORT = 4566
START_TIMEOUT = 120.0
"""Seconds from the container's start until it answers."""

LOG_LINES = 20
_PROBE_TIMEOUT = 1.0
_PROBE_INTERVAL = 0.05


@dataclass(frozen=True)
class Located:
    """Where a container is that another process started."""

    url: str
    container: str
    """Its id."""

    def trouble(self) -> str:
        """Why it does not answer, as far as the Docker daemon knows; empty where it runs."""
        from docker.errors import NotFound

        try:
            with explained("look at the LocalStack container"):
                client = connect()
                try:
                    return end_of(client.client.containers.get(self.container))
                except NotFound:
                    return f"its container {self.container[:12]} was removed"
                finally:
                    client.client.close()
        except SlstestError as error:
            return str(error)


def wait_until_it_answers(
    client: DockerClient, container: Container, image: str, check: Callable[[], None]
) -> tuple[Located, str]:
    """Where the container answers, as soon as it does, and the version that it tells.

    ``check`` is called now and then, and may raise.
    Raises :class:`slstest.errors.SlstestError` where the container ends, or takes too long.
    """
    began = time.monotonic()
    while True:
        check()
        with explained("look at the LocalStack container"):
            ended = end_of(container)
        if ended:
            raise SlstestError(f"LocalStack ({image}) did not start: {ended}")
        urls = _urls(client, container)
        if any(version_at(url) is not None for url in urls):
            # It may have become ready while the others were tried: the first is the best.
            for url in urls:
                if (version := version_at(url)) is not None:
                    return Located(url, str(container.id)), version
        if time.monotonic() - began > START_TIMEOUT:
            raise SlstestError(
                f"LocalStack ({image}) did not answer in {START_TIMEOUT:g} s. The end of its log:\n"
                f"{_end_of_log(container)}"
            )
        time.sleep(_PROBE_INTERVAL)


def end_of(container: Container) -> str:
    """How a container ended, with the end of its log; empty where it runs."""
    container.reload()
    if container.status in ("created", "running", "restarting"):
        return ""
    state = container.attrs["State"]
    killed = " (out of memory)" if state.get("OOMKilled") else ""
    return (
        f"its container {container.short_id} ended with exit code {state['ExitCode']}{killed}. "
        f"The end of its log:\n{_end_of_log(container)}"
    )


def _urls(client: DockerClient, container: Container) -> list[str]:
    """Where it may be reached from here, the likeliest first."""
    from testcontainers.core.config import ConnectionMode, testcontainers_config

    settings = container.attrs["NetworkSettings"]
    published = (settings["Ports"].get(f"{PORT}/tcp") or [None])[0]
    ports = [f"http://{published_at(client)}:{published['HostPort']}"] if published else []
    addresses = [network["IPAddress"] for network in settings["Networks"].values()]
    inside = [f"http://{address}:{PORT}" for address in addresses if address]
    mode = testcontainers_config.connection_mode_override
    if mode is not None:
        return inside if mode is ConnectionMode.bridge_ip else ports
    # testcontainers takes this file for a sign that the daemon's ports are out of reach, and asks
    # for TESTCONTAINERS_CONNECTION_MODE where they are not. The one that answers is the right one.
    return ports + inside if Path("/.dockerenv").exists() else ports


def version_at(url: str) -> str | None:
    """The version that a LocalStack tells, None where none answers."""
    try:
        with _opener(url).open(url + HEALTH_PATH, timeout=_PROBE_TIMEOUT) as answer:
            told = json.load(answer)
    except (OSError, ValueError):
        return None
    return str(told.get("version", "")) if isinstance(told, dict) else None


def _opener(url: str) -> urllib.request.OpenerDirector:
    """A proxy that the environment names cannot know the loopback of this machine."""
    proxies: dict[str, str] | None = {} if urlsplit(url).hostname == LOOPBACK else None
    return urllib.request.build_opener(urllib.request.ProxyHandler(proxies))


def _end_of_log(container: Container) -> str:
    text = container.logs(tail=LOG_LINES).decode("utf-8", "replace")
    return "\n".join(f"  {line}" for line in text.splitlines()) or "  (nothing)"
