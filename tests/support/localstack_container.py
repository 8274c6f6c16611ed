"""A LocalStack container of the image that ci/localstack-image builds, started with ``docker``."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.clouds.localstack.variables import EXECUTOR, FAST
from slstest.errors import SlstestError
from slstest.waiting import wait_until

SETTINGS = {**FAST, EXECUTOR: "process"}
"""The executor is the image's own."""
START_TIMEOUT = 60.0
HELP = "ci/localstack-image/README.md says how to get a Docker daemon with the image"


class Unavailable(Exception):
    """There is no Docker, no image, or LocalStack does not start; the text says why."""


class NoDocker(Unavailable):
    """Nothing can be started here at all."""

    @property
    def may_be_skipped(self) -> bool:
        """Whether whoever runs the tests said beforehand that they can do without."""
        return os.environ.get("SLSTEST_WITHOUT_DOCKER") == "skip"


@dataclass(frozen=True)
class LocalStack:
    """A running container."""

    container: str
    endpoint: str

    def client(self, service: str) -> Any:
        import boto3

        session: Any = boto3.Session("test", "test", region_name="us-east-1")
        return session.client(service, endpoint_url=self.endpoint)

    def health(self) -> Any:
        """What LocalStack says of itself, None while nothing answers."""
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_localstack/health") as answer:
                return json.load(answer)
        except OSError:
            return None

    def function_processes(self) -> int:
        """How many processes of functions there are in the container."""
        return docker("top", self.container).count("awslambdaric")


def docker(*arguments: str) -> str:
    """What a Docker command writes. Raises :class:`Unavailable`."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"docker {' '.join(arguments)}: {done.stderr}{HELP}")
    return done.stdout.strip()


def check_docker() -> None:
    """Raises :class:`NoDocker` where there is no Docker daemon."""
    if shutil.which("docker") is None:
        reason = "there is no docker command"
    else:
        answer = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return
        reason = answer.stderr.strip()
    raise NoDocker(f"{reason}\n{HELP}; SLSTEST_WITHOUT_DOCKER=skip skips these tests")


@contextmanager
def container() -> Iterator[LocalStack]:
    """LocalStack, ready and alone; removed afterwards. Raises :class:`Unavailable`."""
    check_docker()
    settings = [f"--env={name}={value}" for name, value in SETTINGS.items()]
    # --pull=never: an image of the same name from a registry has no such executor.
    started = docker(
        "run", "--detach", "--pull=never", "--publish=127.0.0.1::4566", *settings, DEFAULT_IMAGE
    )
    try:
        running = LocalStack(started, f"http://{docker('port', started, '4566')}")
        try:
            wait_until("LocalStack to be ready", running.health, START_TIMEOUT)
        except SlstestError as error:
            raise Unavailable(f"{error}\n{docker('logs', '--tail=20', started)}") from error
        yield running
    finally:
        docker("rm", "--force", "--volumes", started)
