from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest

from slstest.clouds.localstack import daemon as daemon_module
from slstest.clouds.localstack.daemon import PullProgress, connect, provide_image
from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.errors import ConfigurationError, SlstestError

if TYPE_CHECKING:
    from pathlib import Path

    from fake_daemon import FakeDaemon

IMAGE = "localstack/localstack:4.13.0"


def provide(image: str = IMAGE) -> list[str]:
    """What is said while the daemon gets an image."""
    said: list[str] = []
    client = connect()
    try:
        provide_image(client, image, said.append, lambda: None)
    finally:
        client.client.close()
    return said


def test_without_a_daemon_the_message_says_what_else_there_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for host in ("tcp://127.0.0.1:1", f"unix://{tmp_path}/docker.sock"):
        monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(ConfigurationError, match="no Docker daemon answers") as caught:
            connect()
        assert "--sls-endpoint URL" in str(caught.value)


NOT_ALLOWED = """
    import os, socket, sys
    from slstest.clouds.localstack.daemon import connect
    import testcontainers.core.docker_client

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    connect()
    """


def test_where_the_socket_may_not_be_used_the_message_names_it_and_the_group(
    tmp_path: Path,
) -> None:
    path = tmp_path / "docker.sock"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(NOT_ALLOWED), str(path)],
        env={**os.environ, "DOCKER_HOST": f"unix://{path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    told = f"may not use the Docker daemon at unix://{path} "
    assert told in done.stderr, done.stderr
    assert "to the group docker" in done.stderr


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Docker's client has no end here
def test_a_daemon_that_says_nothing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_module, "CONNECT_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ConfigurationError, match=r"no Docker daemon .*no answer in 0\.1 s\)"):
            connect()


def test_without_testcontainers_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "testcontainers.core.docker_client", None)
    with pytest.raises(ConfigurationError, match=r'pip install "slstest\[localstack\]"'):
        connect()


def test_an_image_that_is_there_is_not_pulled(daemon: FakeDaemon) -> None:
    assert provide(DEFAULT_IMAGE) == []


def test_a_pull_says_how_far_it_is(daemon: FakeDaemon) -> None:
    layer = {"id": "a", "status": "Downloading"}
    daemon.pull = (
        200,
        [
            {"id": "4.13.0", "status": "Pulling from localstack/localstack"},
            {**layer, "progressDetail": {"current": 1_000_000, "total": 40_000_000}},
            {**layer, "progressDetail": {"current": 20_000_000, "total": 40_000_000}},
            {"id": "a", "status": "Download complete", "progressDetail": {}},
            {"status": f"Downloaded newer image for {IMAGE}"},
        ],
    )
    assert provide() == [
        f"pulling {IMAGE}",
        f"pulling {IMAGE}: 20 of 40 MB",
        f"pulling {IMAGE}: 40 of 40 MB",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (404, [{"message": "manifest for localstack/localstack:4.13.0 not found"}]),
        (200, [{"error": "manifest unknown"}]),
    ],
)
def test_a_wrong_tag_is_told(daemon: FakeDaemon, answer: tuple[int, list[dict[str, str]]]) -> None:
    daemon.pull = answer
    with pytest.raises(ConfigurationError, match=f"there is no image {IMAGE}.*tag"):
        provide()


@pytest.mark.parametrize(
    "answer",
    [
        (500, [{"message": "Get https://registry-1.docker.io/v2/: no such host"}]),
        (200, [{"error": "net/http: TLS handshake timeout"}]),
    ],
)
def test_a_registry_out_of_reach_is_told(
    daemon: FakeDaemon, answer: tuple[int, list[dict[str, str]]]
) -> None:
    daemon.pull = answer
    with pytest.raises(ConfigurationError, match=r"its registry cannot be reached .*docker pull"):
        provide()


def test_a_registry_that_says_nothing_is_given_up(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "FIRST_WORD_TIMEOUT", 0.1)
    daemon.pull_waits = threading.Event()
    with pytest.raises(ConfigurationError, match=r"cannot be reached \(no answer in 0.1 s\)"):
        provide()


def test_a_pull_is_given_up_with_the_run(daemon: FakeDaemon) -> None:
    daemon.pull = (200, [{"status": "Waiting"}])

    def over() -> None:
        raise SlstestError("given up")

    client = connect()
    with pytest.raises(SlstestError, match="given up"):
        provide_image(client, IMAGE, lambda _: None, over)
    client.client.close()


def test_progress_is_told_by_tenths() -> None:
    progress = PullProgress("image")
    lines = [
        progress.line(
            {
                "id": "layer",
                "status": "Downloading",
                "progressDetail": {"current": each * 1_000_000, "total": 100_000_000},
            }
        )
        for each in range(101)
    ]
    assert len([line for line in lines if line]) == 10
