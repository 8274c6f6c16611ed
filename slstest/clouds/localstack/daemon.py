"""The Docker daemon, and its errors in terms of what was asked of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from slstest.clouds.localstack.found import EXTRA
from slstest.clouds.localstack.images import DEFAULT_IMAGE, split_image
from slstest.errors import ConfigurationError, SlstestError

if TYPE_CHECKING:
    from testcontainers.core.docker_client import DockerClient

CONNECT_TIMEOUT = 6
"""Seconds for the first answer, which a daemon gives at once, even where it rests: Docker Desktop
wakes for containers only. https://docs.docker.com/desktop/use-desktop/resource-saver/"""
REQUEST_TIMEOUT = 60
FIRST_WORD_TIMEOUT = 9.0
"""Seconds in which a registry has to say something."""
_NEXT_WORD_TIMEOUT = 300.0
_TICK = 0.1

LOOPBACK = "127.0.0.1"
_LOCAL = ("localhost", LOOPBACK, "::1")


def connect() -> DockerClient:
    """The daemon that testcontainers finds: by ``DOCKER_HOST``, ``~/.testcontainers.properties``,
    Docker's context, or in its usual place.

    Raises :class:`slstest.errors.ConfigurationError` where there is none.
    """
    try:
        from docker.errors import DockerException
        from testcontainers.core.docker_client import DockerClient
    except ImportError as error:
        raise ConfigurationError(
            f"a LocalStack container is started by testcontainers, which is not installed: {EXTRA}"
        ) from error
    try:
        client = DockerClient(timeout=CONNECT_TIMEOUT)
        client.client.ping()
    except (DockerException, OSError, ValueError) as error:
        source = _innermost(error)
        if isinstance(source, PermissionError):
            raise ConfigurationError(
                f"this user may not use the Docker daemon at {_socket()} ({_cause(error)}). Add "
                "them to the group docker (sudo usermod -aG docker $USER) and log in again, or set "
                "DOCKER_HOST to a daemon that may be used; or use a LocalStack that runs already, "
                "with --sls-endpoint URL; or the embedded cloud, which needs no Docker"
            ) from error
        silent = isinstance(source, TimeoutError)
        reason = f"no answer in {CONNECT_TIMEOUT:g} s" if silent else _cause(error)
        raise ConfigurationError(
            f"no Docker daemon answers, which a LocalStack container needs ({reason}). "
            "Start Docker, or set DOCKER_HOST to where it is; or use a LocalStack that runs "
            "already, with --sls-endpoint URL; or the embedded cloud, which needs no Docker"
        ) from error
    client.client.api.timeout = REQUEST_TIMEOUT
    return client


def published_at(client: DockerClient) -> str:
    """The host at which ports that the daemon publishes are reached: this machine's loopback, or
    the machine of the daemon."""
    from testcontainers.core.config import testcontainers_config

    url = client.client.api.base_url
    by_socket = url.startswith("http+docker://") and not url.endswith("://ssh")
    if by_socket and not testcontainers_config.tc_host_override:
        return LOOPBACK
    host = client.host()
    return LOOPBACK if host in _LOCAL else host


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn the daemon's errors into one that says what could not be done."""
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise SlstestError(f"Docker could not {what}: {error.explanation or error}") from error
    except (DockerException, OSError) as error:
        raise SlstestError(f"Docker could not {what}: {_cause(error)}") from error


def provide_image(
    client: DockerClient, image: str, say: Callable[[str], None], check: Callable[[], None]
) -> None:
    """See that the daemon has an image; it is pulled where it is missing.

    ``say`` is told of the progress; ``check`` is called now and then, and may raise.
    Raises :class:`slstest.errors.ConfigurationError` where it cannot be had.
    """
    from docker.errors import ImageNotFound

    with explained(f"look for the image {image}"):
        try:
            client.client.images.get(image)
        except ImageNotFound:
            pass
        else:
            return
    say(f"pulling {image}")
    progress = PullProgress(image)
    for told in _pull(client, image, check):
        if "error" in told:
            raise _not_pulled(image, str(told["error"]))
        if line := progress.line(told):
            say(line)


class PullProgress:
    """Says now and then how far a pull is."""

    STEP = 10

    def __init__(self, image: str) -> None:
        self._image = image
        self._layers: dict[str, tuple[int, int]] = {}
        self._said = 0

    def line(self, told: dict[str, Any]) -> str | None:
        """A line for the terminal, whenever another tenth of the bytes that are known to come
        has come. ``told`` is a message of the daemon's."""
        layer, detail = told.get("id"), told.get("progressDetail") or {}
        if not layer:
            return None
        if told.get("status") == "Downloading" and detail.get("total"):
            self._layers[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        elif told.get("status") == "Download complete" and layer in self._layers:
            total = self._layers[layer][1]
            self._layers[layer] = (total, total)
        total = sum(each[1] for each in self._layers.values())
        if not total:
            return None
        done = sum(each[0] for each in self._layers.values())
        percent = 100 * done // total
        if percent < self._said + self.STEP:
            return None
        self._said = percent - percent % self.STEP
        return f"pulling {self._image}: {done / 1e6:.0f} of {total / 1e6:.0f} MB"


def _pull(client: DockerClient, image: str, check: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """What the daemon says while it pulls; it says nothing while it tries to reach a registry."""
    from docker.errors import APIError

    repository, tag = split_image(image)
    words: queue.Queue[dict[str, Any] | Exception | None] = queue.Queue()

    def read() -> None:
        try:
            for told in client.client.api.pull(
                image if not tag else repository, tag=tag or None, stream=True, decode=True
            ):
                words.put(told)
            words.put(None)
        except Exception as error:  # whatever it is, the one who waits must be told
            words.put(error)

    # A daemon thread: a registry that never answers must not keep the process.
    threading.Thread(target=read, name="slstest-pull", daemon=True).start()
    timeout, since = FIRST_WORD_TIMEOUT, time.monotonic()
    while True:
        check()
        try:
            word = words.get(timeout=_TICK)
        except queue.Empty:
            if time.monotonic() - since < timeout:
                continue
            raise _not_pulled(image, f"no answer in {timeout:g} s") from None
        if word is None:
            return
        if isinstance(word, APIError):
            raise _not_pulled(image, str(word.explanation or word), word.status_code) from word
        if isinstance(word, Exception):
            raise _not_pulled(image, _cause(word)) from word
        yield word
        timeout, since = _NEXT_WORD_TIMEOUT, time.monotonic()


def _not_pulled(image: str, reason: str, status: int | None = None) -> ConfigurationError:
    unknown = status == 404 or any(
        phrase in reason for phrase in ("manifest unknown", "not found", "access denied")
    )
    if unknown:
        return ConfigurationError(
            f"there is no image {image}, neither on this machine nor in its registry ({reason}). "
            f"Check its name and tag; the default is {DEFAULT_IMAGE}"
        )
    return ConfigurationError(
        f"the image {image} is not on this machine, and its registry cannot be reached ({reason}). "
        f"Get it where the network allows (docker pull {image}), or name one that `docker images` "
        "lists with --sls-localstack-image"
    )


def _socket() -> str:
    from testcontainers.core.docker_client import get_docker_host

    return get_docker_host() or "unix:///var/run/docker.sock"


def _cause(error: BaseException) -> str:
    """The innermost reason: the layers around it repeat it in their own words."""
    error = _innermost(error)
    return str(error) or type(error).__name__


def _innermost(error: BaseException) -> BaseException:
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
