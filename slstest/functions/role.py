"""The role that a function has on a cloud where it can do only what its role allows.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, runtime_checkable

from slstest.calls import StillRefused, ask, ask_unless, ask_while, code_of, told
from slstest.clouds.base import Cloud
from slstest.deletion import delete_when_free
from slstest.errors import ConfigurationError
from slstest.functions.permissions import Statement
from slstest.ledger import Entry
from slstest.naming import ROLE_PATH
from slstest.scope import Scope

KIND = "role"

PROPAGATION = 120.0
"""Seconds after which every service must have heard of a new role or of a change of its policy:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html, "Changes that I make are not
always immediately visible"."""

_POLICY = "slstest"
_VERSION = "2012-10-17"
_NOT_KNOWN_YET = (
    "cannot be assumed by Lambda",
    "does not have permissions to call",
    "Please ensure the role can perform",
    "KMS key is invalid for CreateGrant",
)
"""In what words Lambda says so."""
_NOT_ALLOWED_YET = {"PutFunctionEventInvokeConfig": "The destination ARN"}
"""The same of one operation, in words that elsewhere mean what they say:
https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/lambda_function_event_invoke_config
"""

_CURES = {
    "LimitExceeded": "A role's own policy has 10,240 characters at most; give the function fewer "
    "resources, or a role of yours: role=.",
}


@runtime_checkable
class AssumesRoles(Protocol):
    """A cloud whose functions run on this machine, in their roles all the same."""

    user_id: str
    """IAM's unique id of the user or the role that calls."""


class Role:
    """The role of one function, which allows what the test gave the function and no more."""

    def __init__(self, scope: Scope, name: str, arn: str) -> None:
        self._scope = scope
        self._name = name
        self._statements: list[Statement] = []
        self.arn = arn

    def allow(self, statements: Iterable[Statement], *, asked: str) -> None:
        """Allow more; what it allows already costs no request."""
        new = [each for each in statements if each not in self._statements]
        if not new:
            return
        wanted = [*self._statements, *new]
        request = {
            "RoleName": self._name,
            "PolicyName": _POLICY,
            "PolicyDocument": json.dumps({"Version": _VERSION, "Statement": wanted}),
        }
        ask(self._scope.cloud.client("iam"), "put_role_policy", request, asked=asked, cures=_CURES)
        self._statements = wanted


def create_role(scope: Scope, name: str, *, asked: str) -> Role:
    """Create a role for a function, which allows nothing yet."""
    client = scope.cloud.client("iam")
    request = {
        "RoleName": name,
        "Path": ROLE_PATH,
        "AssumeRolePolicyDocument": json.dumps(_trust(scope.cloud, client.meta.partition)),
        "Description": "Of a function under test, until the test has ended",
        "Tags": [{"Key": tag, "Value": value} for tag, value in scope.tags().items()],
    }
    with scope.creating(KIND, name):
        made = ask(client, "create_role", request, asked=asked)
    return Role(scope, name, made["Role"]["Arn"])


def delete_role(cloud: Cloud, entry: Entry) -> None:
    """Delete a role; one that is gone already is fine, one that AWS is still changing is waited
    for."""
    client, gone = cloud.client("iam"), ("NoSuchEntity",)

    def delete() -> None:
        ask_unless(gone, client, "delete_role_policy", RoleName=entry.name, PolicyName=_POLICY)
        ask_unless(gone, client, "delete_role", RoleName=entry.name)

    # IAM may still see the policy that was deleted just now, or one that somebody has attached.
    busy = ("ConcurrentModification", "DeleteConflict")
    delete_when_free(cloud, entry, delete, busy, timeout=PROPAGATION)


def ask_as(
    role: Role | None,
    scope: Scope,
    method: str,
    request: Mapping[str, Any],
    *,
    asked: str,
    cures: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The response of Lambda to a request that concerns a function with this role.

    It is asked again as long as it does not know a role that was made just now, or its policy.
    """
    client = scope.cloud.client("lambda")
    if role is None or not scope.cloud.runs_functions:  # a Lambda of this machine knows no roles
        return ask(client, method, request, asked=asked, cures=cures)

    def answer() -> dict[str, Any]:
        response: dict[str, Any] = getattr(client, method)(**request)
        return response

    what = f"{asked}: Lambda to know the role"
    with told(asked, cures):
        try:
            return ask_while(_does_not_know, answer, what, PROPAGATION, scope.cloud.pace)
        except StillRefused as error:
            refusal = error.refusal
            raise ConfigurationError(
                f"{asked}: {refusal.operation_name} was refused for {PROPAGATION:g} s, which is "
                f"longer than a new role takes to be known: {code_of(refusal)}: "
                f"{refusal.response['Error'].get('Message', '')} The role is {role.arn}."
            ) from error


def _does_not_know(error: Any) -> bool:
    message = error.response["Error"].get("Message", "")
    of_this = _NOT_ALLOWED_YET.get(error.operation_name)
    known = (*_NOT_KNOWN_YET, of_this) if of_this else _NOT_KNOWN_YET
    return code_of(error) == "InvalidParameterValueException" and any(
        part in message for part in known
    )


def _trust(cloud: Cloud, partition: str) -> dict[str, Any]:
    """Who may take the role on: Lambda, and where functions run on this machine, who calls now.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html,
    ``aws:userid``.
    """
    lambda_service: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    statements = [lambda_service]
    if isinstance(cloud, AssumesRoles):
        caller = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:{partition}:iam::{cloud.account_id}:root"},
            "Action": "sts:AssumeRole",
            # Of a role that was assumed, the id is followed by the name of the session.
            "Condition": {"StringLike": {"aws:userid": [cloud.user_id, f"{cloud.user_id}:*"]}},
        }
        statements.append(caller)
    return {"Version": _VERSION, "Statement": statements}
