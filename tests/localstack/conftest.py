"""A LocalStack container of the image that ci/localstack-image builds.

These tests are no part of a plain run: ``tox -e localstack`` runs them, on a Docker daemon that has
the image.
"""

from __future__ import annotations

import base64
import io
import json
import textwrap
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from localstack_container import LocalStack, NoDocker, Unavailable, check_docker, container

from slstest.waiting import wait_until


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


@pytest.fixture(scope="session")
def docker_daemon() -> None:
    """Fail without Docker; skip if whoever runs the tests said so beforehand."""
    try:
        check_docker()
    except NoDocker as reason:
        if reason.may_be_skipped:
            pytest.skip(f"no Docker: {reason}")
        pytest.fail(str(reason), pytrace=False)


@pytest.fixture(scope="session")
def localstack(docker_daemon: None) -> Iterator[LocalStack]:
    """The container, with the settings that make tests fast."""
    with ExitStack() as stack:
        try:
            running = stack.enter_context(container())
        except Unavailable as reason:
            pytest.fail(str(reason), pytrace=False)
        yield running


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
