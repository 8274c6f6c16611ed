"""The labels that say which containers are ours, and removing by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from slstest.clouds.localstack.daemon import connect, explained
from slstest.errors import SlstestError
from slstest.moments import moment

if TYPE_CHECKING:
    from testcontainers.core.docker_client import DockerClient

KIND = "slstest"
LOCALSTACK = "localstack"
RUN = "slstest.run"
"""The run that started it, and with which it ends. LocalStack's function containers have it too."""
PROCESS = "slstest.process"
"""The process that started it, and ends it: its id and its machine."""
REUSE = "slstest.reuse"
"""What it was started with, where it stays for the next run."""


@dataclass(frozen=True)
class OurContainer:
    """A container of slstest's, or one that such a container has made for a function."""

    id: str
    name: str
    image: str
    status: str
    """Docker's word: ``running``, ``exited``, ..."""
    time: float
    """When it was created, in seconds since the epoch."""
    run: str
    """The run that it belongs to; empty for one that is kept between runs."""
    pid: int
    host: str
    """The process that started it, as :func:`slstest.ledger.this_host` says where that is; 0 and
    empty where no label tells."""

    @property
    def kept(self) -> bool:
        """Whether it is meant to stay between runs (``--sls-localstack-reuse``)."""
        return not self.run


def containers_of_ours() -> list[OurContainer]:
    """Every container on the Docker daemon that has a label of ours, whichever run made it.

    Raises :class:`slstest.errors.SlstestError` where the daemon cannot be asked.
    """
    client = connect()
    try:
        found = {}
        with explained("list the containers"):
            for label in (RUN, REUSE):
                for told in client.client.api.containers(all=True, filters={"label": label}):
                    container = client.client.containers.get(told["Id"])
                    found[told["Id"]] = _described(container.attrs)
        return sorted(found.values(), key=lambda each: each.time)
    finally:
        client.client.close()


def remove(containers: Sequence[OurContainer]) -> None:
    """Remove containers, with their volumes. One that is gone already is no error.

    Raises :class:`slstest.errors.SlstestError` where the daemon refuses.
    """
    client = connect()
    try:
        for each in containers:
            with explained(f"remove the container {each.name}"):
                _remove(client, each.id)
    finally:
        client.client.close()


def remove_labelled(client: DockerClient, label: str) -> int:
    """Remove the containers that have a label, LocalStack first so that it makes no more of them.

    Returns how many there were.
    """
    count = 0
    while found := client.client.api.containers(all=True, filters={"label": label}):
        first = [told for told in found if told["Labels"].get(KIND) == LOCALSTACK]
        for told in first or found:
            count += _remove(client, told["Id"])
    return count


def _remove(client: DockerClient, container: str) -> bool:
    from docker.errors import APIError, NotFound

    try:
        client.client.api.remove_container(container, v=True, force=True)
    except NotFound:
        return False
    except APIError as error:
        # Somebody else has begun to remove it: the next look finds it gone.
        if error.status_code != 409:
            raise
    return True


def _described(attributes: Mapping[str, Any]) -> OurContainer:
    config = attributes["Config"]
    pid, _, host = config["Labels"].get(PROCESS, "0").partition(" ")
    return OurContainer(
        id=attributes["Id"],
        name=attributes["Name"].lstrip("/"),
        image=config["Image"],
        status=attributes["State"]["Status"],
        time=_created(attributes),
        run=config["Labels"].get(RUN, ""),
        pid=int(pid),
        host=host,
    )


def _created(attributes: Mapping[str, Any]) -> float:
    """Never a guess: by its age a container is removed."""
    time = moment(attributes["Created"])
    if time is None:
        raise SlstestError(
            f"Docker says {attributes['Created']!r} where the container {attributes['Name']} was "
            "to have its time of creation"
        )
    return time
