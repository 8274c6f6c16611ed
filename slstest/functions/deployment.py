"""Deploying functions, and deleting them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from slstest.calls import ask, ask_unless, told
from slstest.casing import parameters
from slstest.clouds.base import Cloud, WritesLogs
from slstest.deletion import delete_when_free
from slstest.errors import ConfigurationError, SlstestError, Unavailable, UnsupportedRuntime
from slstest.functions.function import Function
from slstest.functions.handler import check_handler
from slstest.functions.package import package
from slstest.functions.permissions import (
    Named,
    Statement,
    checked_policy,
    logging,
    mentioned,
    sending_to_all,
)
from slstest.functions.recorded import json_log_unreadable
from slstest.functions.recorder import HANDLER, with_recorder
from slstest.functions.role import Role, ask_as, create_role
from slstest.ledger import Entry
from slstest.resources.base import Resource
from slstest.scope import Scope
from slstest.waiting import wait_until

LOG_GROUP = "log group"

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
    policy: Sequence[Statement] | None,
    resources: Iterable[Named],
    settings: Mapping[str, Any],
) -> Function:
    """Package a function, create it and wait until it is active.

    Where it needs a role and is given none, it gets one that allows ``policy``, and to use
    those of the ``resources`` that its environment names.
    """
    asked = f"sls.function({str(source)!r})"
    client = scope.cloud.client("lambda")
    given = parameters(client, "CreateFunction", settings, asked=asked, taken=_TAKEN)
    runtime = runtime or f"python{sys.version_info.major}.{sys.version_info.minor}"
    if scope.cloud.runs_functions:
        _check_that_its_log_can_tell(scope.cloud, runtime, given, asked)
    handler = handler or (f"{source.stem}.handler" if source.suffix == ".py" else "app.handler")
    code = package(source)
    if runtime.startswith("python"):
        check_handler(code, handler, asked=asked, layers=bool(given.get("Layers")))
    content = code.content
    if scope.cloud.runs_functions:
        content, handler = with_recorder(content, handler), HANDLER
    statements = [] if policy is None else checked_policy(policy, asked)
    if policy is not None and "Role" in given:
        raise ConfigurationError(
            f"{asked}: give role=, which is yours to allow things, or policy= for the role that is "
            "made, not both"
        )
    variables = {} if environment is None else _variables(environment, asked)
    name = scope.names.throwaway(label)
    request = {
        "FunctionName": name,
        "Runtime": runtime,
        "Role": f"arn:{client.meta.partition}:iam::{scope.cloud.account_id}:role/slstest",
        "Handler": handler,
        "Code": {"ZipFile": content},
        **given,
    }
    if environment is not None:
        request["Environment"] = {"Variables": variables}
    tags = {**scope.tags(), **given.get("Tags", {})}
    if tags:
        request["Tags"] = tags
    default_group = f"/aws/lambda/{name}"
    group = given.get("LoggingConfig", {}).get("LogGroup", default_group)
    role = None
    if scope.cloud.needs_roles and "Role" not in given:
        statements += [*mentioned(variables, resources), *sending_to_all(given)]
        if scope.cloud.runs_functions and group != default_group:
            _check_log_group(scope.cloud, group, asked)
        role = _role(scope, name, group, statements, asked=asked)
        request["Role"] = role.arn
    logs = _log_group(scope, default_group, asked, in_use=group == default_group)
    with scope.creating(Function.kind, name, **logs):
        made = ask_as(role, scope, "create_function", request, asked=asked, cures=_CREATE_CURES)
    if made.get("State", "Active") != "Active" and not scope.cloud.creates_at_once:
        _wait_until_active(scope, name, asked)
    scope.add_function(label, name)
    return Function(scope, label, name, made["FunctionArn"], role)


def delete_function(cloud: Cloud, entry: Entry) -> None:
    """Delete a function, and its log group where the cloud keeps that after the process has
    ended; what is gone already is fine, and a function that AWS is still changing is waited
    for."""
    gone, client = ("ResourceNotFoundException",), cloud.client("lambda")
    delete_when_free(
        cloud,
        entry,
        lambda: ask_unless(gone, client, "delete_function", FunctionName=entry.name),
        busy=("ResourceConflictException",),
    )
    if "log_group" in entry.detail:
        with suppress(Unavailable):  # where nothing can be logged
            _delete_group(cloud, entry.detail["log_group"])


def delete_log_group(cloud: Cloud, entry: Entry) -> None:
    """Delete a log group; one that is gone already is fine."""
    _delete_group(cloud, entry.name)


def _delete_group(cloud: Cloud, group: str) -> None:
    if isinstance(cloud, WritesLogs):
        cloud.drop_log(group)
    gone = ("ResourceNotFoundException",)
    ask_unless(gone, cloud.client("logs"), "delete_log_group", logGroupName=group)


def _role(
    scope: Scope, name: str, group: str, statements: Sequence[Statement], *, asked: str
) -> Role:
    cloud = scope.cloud
    role = create_role(scope, name, asked=asked)
    partition = role.arn.split(":")[1]
    logs = logging(partition, cloud.region, cloud.account_id, group)
    role.allow([logs, *statements], asked=asked)
    return role


def _check_that_its_log_can_tell(
    cloud: Cloud, runtime: str, given: Mapping[str, Any], asked: str
) -> None:
    """Raise where nothing could be read of what the function did."""
    if not runtime.startswith("python"):
        raise UnsupportedRuntime(
            f"{asked}: its runtime is {runtime}, and what the cloud {cloud.name!r} runs is seen "
            "by a module of slstest's own in front of the handler, which is in Python. Use a "
            "runtime such as python3.13, or create the function with "
            'sls.client("lambda").create_function(...), and check what it writes.'
        )
    if given.get("LoggingConfig", {}).get("LogFormat", "Text") != "Text":
        raise ConfigurationError(f"{asked}: {json_log_unreadable(cloud.name)}")


def _check_log_group(cloud: Cloud, group: str, asked: str) -> None:
    """A function's role does not allow to create the group that the test has chosen, and nobody
    would delete it: without it the function would log nothing."""
    pages = cloud.client("logs").get_paginator("describe_log_groups")
    with told(asked):
        found = [
            each["logGroupName"]
            for page in pages.paginate(logGroupNamePrefix=group)
            for each in page["logGroups"]
        ]
    if group not in found:
        raise ConfigurationError(
            f"{asked}: there is no log group {group!r}. Create it, or leave out LogGroup: the "
            "function then has one of its own, which is deleted with it."
        )


def _log_group(scope: Scope, group: str, asked: str, *, in_use: bool) -> dict[str, str]:
    """Have somebody delete the function's own log group, which otherwise comes into being with
    its first invocation. What goes into the ledger with the function."""
    if not scope.ledger.outlives_the_process:
        return {}
    if not scope.cloud.needs_roles:  # LocalStack logs there whatever the setting is
        return {"log_group": group}
    if in_use:
        # Made here it has tags, and nothing that Lambda logs late makes it anew.
        with scope.creating(LOG_GROUP, group):
            request = {"logGroupName": group, "tags": scope.tags()}
            ask(scope.cloud.client("logs"), "create_log_group", request, asked=asked)
    return {}


def _wait_until_active(scope: Scope, name: str, asked: str) -> None:
    client = scope.cloud.client("lambda")

    def active() -> bool | None:
        told = ask_unless(
            ("ResourceNotFoundException",), client, "get_function_configuration", FunctionName=name
        )
        if told is None:
            return None
        if told["State"] == "Failed":
            raise SlstestError(
                f"{asked}: the function cannot become active: {told.get('StateReason', '')}"
            )
        return True if told["State"] == "Active" else None

    wait_until(f"{asked}: the function to become active", active, pace=scope.cloud.pace)


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
