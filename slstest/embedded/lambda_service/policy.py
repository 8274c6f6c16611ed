"""Resource-based policies of functions: who may do what with one.

https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.lambda_service.errors import (
    LambdaApiError,
    conflict,
    invalid_parameter,
    not_found,
)
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.resource_policies import Access, allows

Parameters = Mapping[str, Any]

POLICY_LIMIT = 20_480
"""Bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_SERVICE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?")
_ACCOUNT = re.compile(r"\d{12}")
_PRINCIPAL_ARN = re.compile(r"arn:[\w-]+:(?:iam|sts)::\d{12}:[\w+=,.@/-]+")

_CONDITIONS: tuple[tuple[str, str, str], ...] = (
    ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
    ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
    ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
    ("InvokedViaFunctionUrl", "Bool", "lambda:InvokedViaFunctionUrl"),
    ("SourceArn", "ArnLike", "AWS:SourceArn"),
)
"""The parameters of AddPermission that become conditions: with which operator, on which key."""


class FunctionPolicies:
    """The operations on policies, and what they allow."""

    def __init__(self, store: FunctionStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self.operations: Mapping[str, Callable[[Parameters], dict[str, Any]]] = {
            "AddPermission": self.add_permission,
            "RemovePermission": self.remove_permission,
            "GetPolicy": self.get_policy,
        }

    def add_permission(self, params: Parameters) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html"""
        function = self._function(params)
        sid = params["StatementId"]
        statement = _statement(function, params)
        with self._lock:
            function.check_revision(params.get("RevisionId"))
            if sid in function.policy:
                raise conflict(
                    f"The statement id ({sid}) provided already exists. Please provide a new "
                    "statement id, or remove the existing statement."
                )
            wanted = {**function.policy, sid: statement}
            size = len(_document(wanted).encode())
            if size > POLICY_LIMIT:
                raise LambdaApiError(
                    "PolicyLengthExceededException",
                    f"The final policy size ({size}) is bigger than the limit ({POLICY_LIMIT}).",
                    Type="User",
                )
            function.policy = wanted
            function.revise()
        return {"Statement": json.dumps(statement)}

    def remove_permission(self, params: Parameters) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/api/API_RemovePermission.html"""
        function = self._function(params)
        sid = params["StatementId"]
        with self._lock:
            function.check_revision(params.get("RevisionId"))
            if not function.policy:
                raise not_found("No policy is associated with the given resource.")
            if sid not in function.policy:
                raise not_found(f"Statement {sid} is not found in resource policy.")
            function.policy = {name: each for name, each in function.policy.items() if name != sid}
            function.revise()
        return {}

    def get_policy(self, params: Parameters) -> dict[str, Any]:
        """https://docs.aws.amazon.com/lambda/latest/api/API_GetPolicy.html"""
        function = self._function(params)
        if not function.policy:
            raise not_found("The resource you requested does not exist.")
        return {"Policy": _document(function.policy), "RevisionId": function.revision_id}

    def allow(self, function_arn: str, access: Access) -> bool:
        """Whether there is such a function, and its policy allows the access."""
        try:
            function = self._store.get(function_arn)
        except LambdaApiError:
            return False  # no function, version or alias of this name
        return allows({"Statement": list(function.policy.values())}, access)

    def _function(self, params: Parameters) -> Function:
        function = self._store.get(params["FunctionName"], params.get("Qualifier"))
        if "$LATEST" in (self._store.name_of(params["FunctionName"])[1], params.get("Qualifier")):
            raise invalid_parameter("We currently do not support adding policies for $LATEST.")
        return function


def _document(statements: Mapping[str, Any]) -> str:
    document = {"Version": "2012-10-17", "Id": "default", "Statement": list(statements.values())}
    return json.dumps(document, separators=(",", ":"))


def _statement(function: Function, params: Parameters) -> dict[str, Any]:
    conditions: dict[str, dict[str, str]] = {}
    for parameter, operator, key in _CONDITIONS:
        if parameter in params:
            value = params[parameter]
            text = str(value).lower() if isinstance(value, bool) else value
            conditions.setdefault(operator, {})[key] = text
    statement = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"], function.arn.split(":")[1]),
        "Action": params["Action"],
        "Resource": function.arn,
    }
    return {**statement, "Condition": conditions} if conditions else statement


def _principal(given: str, partition: str) -> str | dict[str, str]:
    if given == "*":
        return given
    if _SERVICE.fullmatch(given):
        return {"Service": given}
    if _ACCOUNT.fullmatch(given):
        return {"AWS": f"arn:{partition}:iam::{given}:root"}
    if _PRINCIPAL_ARN.fullmatch(given):
        return {"AWS": given}
    raise invalid_parameter(
        "The provided principal was invalid. Please check the principal and try again."
    )
