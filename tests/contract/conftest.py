"""The contract suite runs every rule on each column: on a cloud, with functions in one place.

``--column`` chooses; by default it is run on our own cloud, with both runtimes.
"""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from contract_columns.columns import Column
from contract_columns.running import NEEDS, ContractRun, add_options

from slstest import Environment, Function
from slstest.clouds import open_cloud
from slstest.clouds.base import Cloud

Deploy = Callable[..., Function]

RUN = "contract-run"
DEFAULT_TIMEOUT = 30.0


def the_run(config: pytest.Config) -> ContractRun:
    run = config.pluginmanager.get_plugin(RUN)
    assert isinstance(run, ContractRun)
    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    for marker, what in NEEDS.items():
        config.addinivalue_line("markers", f"{marker}: a rule that needs {what}.")
    config.pluginmanager.register(ContractRun(config), RUN)


@pytest.fixture(scope="session")
def column(request: pytest.FixtureRequest) -> Column:
    """Each column that the suite is run on."""
    column: Column = request.param
    return column


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest, column: Column) -> Iterator[Cloud]:
    """The cloud of a column, shared by the tests as in a pytest run."""
    if column.ours:
        cloud = open_cloud(runtime=column.runtime)
    else:
        endpoint = the_run(request.config).endpoint
        cloud = open_cloud("endpoint", runtime=column.runtime, endpoint_url=endpoint)
    yield cloud
    cloud.close()


@pytest.fixture
def sls(request: pytest.FixtureRequest, cloud: Cloud, tmp_path: Path) -> Iterator[Environment]:
    """An environment on the cloud under test, in the place of the plugin's."""
    timeout = the_run(request.config).timeout(request.node) or DEFAULT_TIMEOUT
    with Environment(
        cloud, label="contract", base_dirs=(tmp_path,), timeout=timeout
    ) as environment:
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
