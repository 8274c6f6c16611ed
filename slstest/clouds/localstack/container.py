"""One LocalStack container: started, found ready, looked after and removed."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slstest.clouds.localstack.daemon import (
    LOOPBACK,
    connect,
    explained,
    provide_image,
    published_at,
)
from slstest.clouds.localstack.images import DEFAULT_IMAGE, check_image
from slstest.clouds.localstack.janitor import Janitor
from slstest.clouds.localstack.labels import (
    KIND,
    LOCALSTACK,
    PROCESS,
    REUSE,
    RUN,
    remove_labelled,
)
from slstest.clouds.localstack.readiness import PORT, Located, wait_until_it_answers
from slstest.clouds.localstack.variables import (
    container_variables,
    runs_functions_in_docker,
    with_labels,
)
from slstest.errors import ConfigurationError, SlstestError
from slstest.ledger import this_host

if TYPE_CHECKING:
    from docker.models.containers import Container
    from testcontainers.core.docker_client import DockerClient

Say = Callable[[str], None]

_USUAL_SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class ContainerSettings:
    """What is asked of a container."""

    image: str = DEFAULT_IMAGE
    port: int = 0
    """The port on this machine; 0 takes any free one."""
    reuse: bool = False
    """Whether it stays for the next run, and this one takes what an earlier one has left."""
    runs_functions: bool = False
    """Whether functions are run in it, so that it may need the Docker daemon."""

    def check(self, environ: Mapping[str, str]) -> None:
        """Raises :class:`slstest.errors.ConfigurationError` for what cannot start."""
        check_image(self.image, environ)
        if not 0 <= self.port <= 65535:
            raise ConfigurationError(
                f"{self.port} is no port; one is 1 to 65535, and 0 any free one"
            )


class LocalStackContainer:
    """A container that answers. What it tells of itself is in ``version``."""

    def __init__(
        self, located: Located, version: str, *, reused: bool, remove: Callable[[], None]
    ) -> None:
        self.located = located
        self.version = version
        self.reused = reused
        self._remove = remove

    def close(self) -> None:
        """Remove it with all that it started, unless it is kept for the next run."""
        self._remove()


def start_container(
    settings: ContainerSettings,
    run: str,
    *,
    say: Say = lambda _: None,
    cancelled: threading.Event | None = None,
    environ: Mapping[str, str] = os.environ,
) -> LocalStackContainer:
    """Start a container, or take the one that an earlier run has left; return when it answers.

    ``run`` becomes its label. ``say`` is told how far a pull is. Once ``cancelled`` is set it
    gives up.
    Raises :class:`slstest.errors.SlstestError` where it does not start; nothing is left then.
    """
    settings.check(environ)
    client = connect()

    def check() -> None:
        if cancelled is not None and cancelled.is_set():
            raise SlstestError("the start of LocalStack was given up")

    try:
        provide_image(client, settings.image, say, check)
        variables = container_variables(environ)
        if settings.reuse:
            return _kept(client, settings, variables, check)
        return _throwaway(client, settings, variables, run, check)
    except BaseException:
        client.client.close()
        raise


def reuse_name(settings: ContainerSettings, environ: Mapping[str, str] = os.environ) -> str:
    """The name of the container that these settings keep between runs."""
    return _reuse_name(_reuse_key(settings, container_variables(environ)))


# -- inside -----------------------------------------------------------------------------


def _reuse_key(settings: ContainerSettings, variables: Mapping[str, str]) -> str:
    """What a container that is kept must have been started with to be taken again."""
    asked = [settings.image, settings.port, settings.runs_functions, dict(variables)]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]


def _reuse_name(key: str) -> str:
    return f"slstest-localstack-{key}"


def _throwaway(
    client: DockerClient,
    settings: ContainerSettings,
    variables: Mapping[str, str],
    run: str,
    check: Callable[[], None],
) -> LocalStackContainer:
    label = f"{RUN}={run}"
    janitor = Janitor(label)

    def remove() -> None:
        with explained("remove the LocalStack container"):
            remove_labelled(client, label)
        janitor.dismiss()
        client.client.close()

    try:
        ours = {RUN: run, PROCESS: f"{os.getpid()} {this_host()}"}
        labels = {KIND: LOCALSTACK, **ours}
        container = _create(client, settings, with_labels(variables, ours), labels, name=None)
        _start(client, container, settings)
        located, version = wait_until_it_answers(client, container, settings.image, check)
    except BaseException:
        remove()
        raise
    return LocalStackContainer(located, version, reused=False, remove=remove)


def _kept(
    client: DockerClient,
    settings: ContainerSettings,
    variables: Mapping[str, str],
    check: Callable[[], None],
) -> LocalStackContainer:
    from docker.errors import APIError

    key = _reuse_key(settings, variables)
    label = f"{REUSE}={key}"
    name = _reuse_name(key)
    labelled = with_labels(variables, {REUSE: key})
    labels = {KIND: LOCALSTACK, REUSE: key}
    container = _running(client, label)
    reused = container is not None
    if container is None:
        with explained("remove a LocalStack container that has ended"):
            remove_labelled(client, label)
        try:
            container = _create(client, settings, labelled, labels, name=name)
        except SlstestError as error:
            # The name is taken where another run has begun to start the same at this moment.
            source = error.__cause__
            container = _running(client, label) if isinstance(source, APIError) else None
            if container is None:
                raise
            reused = True
    try:
        if container.status == "created":
            _start(client, container, settings)
        located, version = wait_until_it_answers(client, container, settings.image, check)
    except BaseException:
        if not reused:
            remove_labelled(client, label)
        raise
    return LocalStackContainer(located, version, reused=reused, remove=client.client.close)


def _running(client: DockerClient, label: str) -> Container | None:
    with explained("look for a LocalStack container that was kept"):
        found = client.client.containers.list(
            filters={"label": [f"{KIND}={LOCALSTACK}", label], "status": ["created", "running"]}
        )
    return found[0] if found else None


def _create(
    client: DockerClient,
    settings: ContainerSettings,
    variables: Mapping[str, str],
    labels: Mapping[str, str],
    *,
    name: str | None,
) -> Container:
    more: dict[str, Any] = {"name": name} if name else {}
    if settings.runs_functions and runs_functions_in_docker(variables):
        socket = _docker_socket(client)
        more["volumes"] = {socket: {"bind": _USUAL_SOCKET, "mode": "rw"}}
    # Any free port. A daemon on another machine is reached from here, not from its loopback.
    published: Any = settings.port or None
    if published_at(client) == LOOPBACK:
        published = ("127.0.0.1", settings.port) if settings.port else ("127.0.0.1",)
    with explained(f"create a container of {settings.image}"):
        return client.create(
            settings.image,
            environment=dict(variables),
            ports={f"{PORT}/tcp": published},
            labels=dict(labels),
            **more,
        )


def _docker_socket(client: DockerClient) -> str:
    """The daemon's socket on the machine of the daemon, which is where volumes are: on a Mac, and
    with Docker Desktop, a virtual machine."""
    from testcontainers.core.config import testcontainers_config

    if override := os.environ.get("TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE"):
        return override
    if not client.client.api.base_url.startswith("http+docker://") or sys.platform == "darwin":
        return _USUAL_SOCKET
    with explained("tell what it runs on"):
        system = client.client.info().get("OperatingSystem")
    return _USUAL_SOCKET if system == "Docker Desktop" else testcontainers_config.ryuk_docker_socket


def _start(client: DockerClient, container: Container, settings: ContainerSettings) -> None:
    try:
        with explained(f"start a container of {settings.image}"):
            client.start(container)
    except SlstestError as error:
        if any(phrase in str(error) for phrase in ("already allocated", "already in use")):
            raise _port_taken(client, container, settings.port) from error
        raise


def _port_taken(client: DockerClient, container: Container, port: int) -> ConfigurationError:
    another = "Say another with --sls-localstack-port, or leave it out: any free port will do."
    with explained("look at the LocalStack containers that were kept"):
        for kept in client.client.containers.list(filters={"label": REUSE, "status": "running"}):
            published = kept.attrs["NetworkSettings"]["Ports"].get(f"{PORT}/tcp") or []
            if kept.id != container.id and any(at["HostPort"] == str(port) for at in published):
                return ConfigurationError(
                    f"the port {port} is taken by {kept.name}, which a run with other settings has "
                    f"kept (--sls-localstack-reuse). docker rm --force --volumes {kept.name} "
                    f"removes it. {another}"
                )
    return ConfigurationError(
        f"the port {port} is taken: something else listens there. {another} If it is a LocalStack, "
        f"use it with --sls-endpoint http://localhost:{port}"
    )
