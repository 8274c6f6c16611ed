"""The function under test: the marker and the fixture ``sls_function``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .markers import Marker, check_type, declare, required

if TYPE_CHECKING:
    from collections.abc import Mapping

    from slstest.environment import Environment
    from slstest.functions.function import Function


@dataclass(frozen=True)
class FunctionRequest:
    """What the marker asks for."""

    source: str | os.PathLike[str]
    arguments: dict[str, Any]


def read_sls_function(
    source: str | os.PathLike[str],
    handler: str | None = None,
    runtime: str | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: int | None = None,
    memory_size: int | None = None,
    name: str | None = None,
    **parameters: Any,
) -> FunctionRequest:
    """The function under test, deployed before the test's body starts. source is its folder,
    .py file or .zip file, seen from the root folder or from the test's own; handler is
    module.function inside it (by default app.handler); runtime is an identifier such as
    python3.12 (by default the running Python's); environment is its environment variables,
    whose strings may hold "{clicks.name}" for the resource of that name; timeout is in
    seconds, memory_size in megabytes; name is that for sls["<name>"]. Everything else is a
    parameter of CreateFunction in snake case, such as dead_letter_config.
    """
    check_type("source", source, str, os.PathLike)
    check_type("handler", handler, str, type(None))
    check_type("runtime", runtime, str, type(None))
    check_type("environment", environment, dict, type(None))
    check_type("timeout", timeout, int, type(None))
    check_type("memory_size", memory_size, int, type(None))
    check_type("name", name, str, type(None))
    given = {
        "handler": handler,
        "runtime": runtime,
        "environment": environment,
        "timeout": timeout,
        "memory_size": memory_size,
        "name": name,
    }
    chosen = {argument: value for argument, value in given.items() if value is not None}
    return FunctionRequest(source, {**chosen, **parameters})


SLS_FUNCTION = Marker(
    "sls_function",
    read_sls_function,
    example='sls_function("sample_functions/click_processor")',
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, SLS_FUNCTION)


@pytest.fixture
def sls_function(request: pytest.FixtureRequest, sls: Environment) -> Function:
    """The function under test, deployed as the marker ``sls_function`` says.

    A project overrides this fixture in its conftest when a marker is not enough: whatever
    ``sls.function(...)`` returned is triggered by ``kinesis_event`` and the like.
    """
    use = required(request.node, SLS_FUNCTION)
    with use.blamed():
        return sls.function(use.value.source, **sls.format(use.value.arguments))
