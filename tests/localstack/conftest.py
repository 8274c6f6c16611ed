"""A LocalStack container of the image that ci/localstack-image builds.

These tests are no part of a plain run: ``tox -e localstack`` runs them, on a Docker daemon that has
the image.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import textwrap
import urllib.request
import uuid
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from slstest.waiting import wait_until

IMAGE = "localstack/localstack:4.14.0"
SETTINGS = {
    "DISABLE_EVENTS": "1",
    "DNS_ADDRESS": "0",
    "DYNAMODB_IN_MEMORY": "1",
    "KINESIS_LATENCY": "0",
    "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.1",
    "LAMBDA_RUNTIME_EXECUTOR": "process",
    "PROVIDER_OVERRIDE_DYNAMODB": "v2",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
}
START_TIMEOUT = 60.0
HELP = "ci/localstack-image/README.md says how to get a Docker daemon with the image"


@dataclass(frozen=True)
class LocalStack:
    """A running container."""

    container: str
    endpoint: str

    def client(self, service: str) -> Any:
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


@dataclass(frozen=True)
class Invocation:
    payload: Any
    """The decoded response, or the error document."""
    failed: bool
    log: str


@dataclass(frozen=True)
class Function:
    """A function inside LocalStack."""

    name: str
    arn: str
    client: Any

    def invoke(self, event: object = None) -> Invocation:
        answer = self.client.invoke(
            FunctionName=self.name, Payload=json.dumps(event), LogType="Tail"
        )
        return Invocation(
            payload=json.load(answer["Payload"]),
            failed="FunctionError" in answer,
            log=base64.b64decode(answer["LogResult"]).decode(),
        )

    def configuration(self) -> dict[str, Any]:
        """As soon as it is no longer Pending."""

        def ask() -> dict[str, Any] | None:
            found: dict[str, Any] = self.client.get_function_configuration(FunctionName=self.name)
            return None if found["State"] == "Pending" else found

        return wait_until("the function to be created", ask)


Deploy = Callable[..., Function]


def docker(*arguments: str) -> str:
    """What a Docker command writes."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"docker {' '.join(arguments)}: {done.stderr}{HELP}", pytrace=False)
    return done.stdout.strip()


@pytest.fixture(scope="session")
def docker_daemon() -> None:
    """Fail without Docker; skip if whoever runs the tests said so beforehand."""
    if shutil.which("docker") is not None:
        answer = subprocess.run(["docker", "version"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return
        reason = answer.stderr.strip()
    else:
        reason = "there is no docker command"
    if os.environ.get("SLSTEST_WITHOUT_DOCKER") == "skip":
        pytest.skip(f"no Docker: {reason}")
    pytest.fail(f"{reason}\n{HELP}; SLSTEST_WITHOUT_DOCKER=skip skips these tests", pytrace=False)


@pytest.fixture(scope="session")
def localstack(docker_daemon: None) -> Iterator[LocalStack]:
    """The container, with the settings that make tests fast."""
    settings = [f"--env={name}={value}" for name, value in SETTINGS.items()]
    # --pull=never: an image of the same name from a registry has no such executor.
    container = docker(
        "run", "--detach", "--pull=never", "--publish=127.0.0.1::4566", *settings, IMAGE
    )
    try:
        running = LocalStack(container, f"http://{docker('port', container, '4566')}")
        wait_until("LocalStack to be ready", running.health, START_TIMEOUT)
        yield running
    finally:
        docker("rm", "--force", "--volumes", container)


@pytest.fixture
def deploy(localstack: LocalStack) -> Deploy:
    """Create a function from the source of its module ``app``; it ends with the container."""
    client = localstack.client("lambda")

    def create(code: str, **settings: Any) -> Function:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("app.py", textwrap.dedent(code))
        settings = {"Runtime": "python3.13", "Handler": "app.handler", "Timeout": 10, **settings}
        created = client.create_function(
            FunctionName=f"function-{uuid.uuid4().hex[:8]}",
            Role="arn:aws:iam::000000000000:role/function",
            Code={"ZipFile": archive.getvalue()},
            **settings,
        )
        function = Function(created["FunctionName"], created["FunctionArn"], client)
        function.configuration()
        return function

    return create
