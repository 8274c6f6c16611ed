"""The contract suite runs every rule on every runtime of a cloud."""

from __future__ import annotations

import base64
import json
import os
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slstest import Environment, Function
from slstest.clouds import ALL_RUNTIMES, RUNTIMES, open_cloud
from slstest.clouds.base import Cloud

Deploy = Callable[..., Function]


ENDPOINT = os.environ.get("SLSTEST_CONTRACT_ENDPOINT")
"""Where the cloud under test is; by default it is the embedded one."""


@pytest.fixture(scope="session", params=ALL_RUNTIMES if ENDPOINT else RUNTIMES)
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """A cloud for each runtime, shared by the tests as in a pytest run."""
    name = "endpoint" if ENDPOINT else "embedded"
    cloud = open_cloud(name, runtime=request.param, endpoint_url=ENDPOINT)
    yield cloud
    cloud.close()


@pytest.fixture
def sls(cloud: Cloud, tmp_path: Path) -> Iterator[Environment]:
    """An environment on the cloud under test, in the place of the plugin's."""
    with Environment(cloud, label="contract", base_dirs=(tmp_path,)) as environment:
        yield environment


@pytest.fixture
def deploy(sls: Environment, tmp_path: Path) -> Deploy:
    """Write a module ``app`` into a folder of its own and deploy it."""
    count = 0

    def write_and_deploy(code: str, **settings: Any) -> Function:
        nonlocal count
        count += 1
        folder = tmp_path / f"function_{count}"
        folder.mkdir()
        (folder / "app.py").write_text(textwrap.dedent(code))
        return sls.function(folder, **settings)

    return write_and_deploy


@pytest.fixture
def delivered() -> Callable[[Function], list[list[Any]]]:
    """Tells of a function that a Kinesis stream triggers what data each invocation had."""

    def data_of(record: dict[str, Any]) -> Any:
        return json.loads(base64.b64decode(record["kinesis"]["data"]))

    return lambda function: [
        [data_of(record) for record in each.event["Records"]] for each in function.invocations
    ]
