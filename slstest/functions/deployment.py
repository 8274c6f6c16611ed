"""Deploying functions, and deleting them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slstest.calls import ask, ask_unless
from slstest.casing import parameters
from slstest.clouds.base import Cloud
from slstest.errors import ConfigurationError, SlstestError
from slstest.functions.function import Function
from slstest.functions.handler import check_handler
from slstest.functions.package import package
from slstest.functions.recorder import HANDLER, with_recorder
from slstest.ledger import Entry
from slstest.resources.base import Resource
from slstest.scope import Scope
from slstest.waiting import wait_until

_TAKEN = {
    "function_name": "the name is a throwaway one; give yours as the second argument, "
    "and it is added to it",
    "code": "it is the first argument: a folder, a .py file or a .zip file",
    "reserved_concurrent_executions": "CreateFunction does not take it; call "
    "function.reserve_concurrency(...)",
}

_CREATE_CURES = {
    "4KB limit": "Make the values in environment= shorter, or keep them where the function "
    "can read them (a parameter, a secret, an object).",
    "reserved keys": "Choose other names in environment=.",
    "TooLargeException": "Leave out of the folder what the function does not need.",
}


def default_label(source: Path, handler: str | None) -> str:
    """What messages call a function to which the test gave no name: its source, and the
    handler's module where that is another than usual."""
    module = (handler or "").rpartition(".")[0]
    return source.stem if module in ("", "app", source.stem) else f"{source.stem}.{module}"


def deploy(
    scope: Scope,
    label: str,
    source: Path,
    *,
    handler: str | None,
    runtime: str | None,
    environment: Mapping[str, str] | None,
    settings: Mapping[str, Any],
) -> Function:
    """Package a function, create it and wait until it is active."""
    asked = f"sls.function({str(source)!r})"
    client = scope.cloud.client("lambda")
    given = parameters(client, "CreateFunction", settings, asked=asked, taken=_TAKEN)
    runtime = runtime or f"python{sys.version_info.major}.{sys.version_info.minor}"
    handler = handler or (f"{source.stem}.handler" if source.suffix == ".py" else "app.handler")
    code = package(source)
    if runtime.startswith("python"):
        check_handler(code, handler, asked=asked, layers=bool(given.get("Layers")))
    content = code.content
    if scope.cloud.runs_functions and runtime.startswith("python"):
        content, handler = with_recorder(content, handler), HANDLER
    name = scope.names.throwaway(label)
    role = f"arn:{client.meta.partition}:iam::{scope.cloud.account_id}:role/slstest"
    request = {
        "FunctionName": name,
        "Runtime": runtime,
        "Role": role,
        "Handler": handler,
        "Code": {"ZipFile": content},
        **given,
    }
    if environment is not None:
        request["Environment"] = {"Variables": _variables(environment, asked)}
    tags = {**scope.tags(), **given.get("Tags", {})}
    if tags:
        request["Tags"] = tags
    # A log group comes into being with the first invocation; nobody else deletes it.
    logs = {"log_group": f"/aws/lambda/{name}"} if scope.ledger.outlives_the_process else {}
    with scope.creating(Function.kind, name, **logs):
        made = ask(client, "create_function", request, asked=asked, cures=_CREATE_CURES)
    if made.get("State", "Active") != "Active" and not scope.cloud.creates_at_once:
        _wait_until_active(client, name, asked)
    scope.add_function(label, name)
    return Function(scope, label, name, made["FunctionArn"])


def delete_function(cloud: Cloud, entry: Entry) -> None:
    """Delete a function, and its log group where the cloud keeps that after the process has
    ended; what is gone already is fine."""
    gone = ("ResourceNotFoundException",)
    ask_unless(gone, cloud.client("lambda"), "delete_function", FunctionName=entry.name)
    if "log_group" in entry.detail:
        group = entry.detail["log_group"]
        ask_unless(gone, cloud.client("logs"), "delete_log_group", logGroupName=group)


def _wait_until_active(client: Any, name: str, asked: str) -> None:
    def active() -> bool | None:
        told = client.get_function_configuration(FunctionName=name)
        if told["State"] == "Failed":
            raise SlstestError(
                f"{asked}: the function cannot become active: {told.get('StateReason', '')}"
            )
        return True if told["State"] == "Active" else None

    wait_until(f"{asked}: the function to become active", active)


def _variables(environment: Mapping[str, str], asked: str) -> dict[str, str]:
    for name, value in environment.items():
        if isinstance(value, Resource):
            raise ConfigurationError(
                f"{asked}: environment variable {name} is the {value} itself; give its .name "
                "or its .arn"
            )
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(
                f"{asked}: environment variable {name} is {value!r}, which is of type "
                f"{type(value).__name__}; Lambda's variables are strings: "
                f"{name}={json.dumps(str(value))}"
            )
    return dict(environment)
