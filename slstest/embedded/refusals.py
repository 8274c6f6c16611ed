"""Requests that moto would accept and not carry out: refused with the reason.

moto's own deliveries to functions are toys, and this cloud's are not built for every source
yet. A test must not pass because a trigger was accepted and ignored.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs

from slstest.embedded.messages import AwsRequest, AwsResponse

_STACK_ACTIONS = frozenset({"CreateStack", "UpdateStack", "CreateChangeSet", "CreateStackSet"})


_UNKNOWN_OF_OBJECTS = {
    "annotation": "have object annotations",
    "encryption": "change the encryption of an object",
    "renameObject": "rename objects",
}
"""What S3 does to an object by a PUT and moto does not, by the name of the subresource."""


def refusal(request: AwsRequest) -> AwsResponse | None:
    """The answer to a request that asks for what is not built; else None."""
    asked = _unbuilt(request)
    if asked is None:
        return None
    what, instead = asked
    message = (
        f"the embedded cloud does not {what} yet; {instead}, or run the test on a cloud that does"
    )
    return request.error(501, "NotImplemented", message)


_CALLS_FUNCTIONS = {
    ("apigateway", ""): "call functions from APIs",
    ("cognito-idp", "CreateUserPool"): "call functions as triggers of user pools",
    ("cognito-idp", "UpdateUserPool"): "call functions as triggers of user pools",
    ("events", "PutTargets"): "deliver EventBridge rules whose target is a function",
}
"""What has functions called that a request names, by its service and operation."""


def _unbuilt(request: AwsRequest) -> tuple[str, str] | None:
    invoke = "invoke the function in the test"
    if request.service == "s3":
        return _unbuilt_of_s3(request)
    if request.service == "cloudformation" and request.method == "POST":
        fields = _form(request)
        template = "".join(fields.get("TemplateBody", []))
        if _STACK_ACTIONS.intersection(fields.get("Action", [])) and (
            "AWS::Lambda::" in template or "AWS::Serverless::" in template
        ):
            return "deploy functions from templates", "create the function in the test"
    elif calls := _CALLS_FUNCTIONS.get((request.service, request.operation)):
        if b":lambda:" in request.content():
            return calls, invoke
    elif request.operation == "PutSubscriptionFilter":
        return "deliver CloudWatch Logs subscription filters", invoke
    elif _is_schedule(request):
        return "run schedules", "do in the test what the schedule would"
    return None


def _is_schedule(request: AwsRequest) -> bool:
    if request.service == "scheduler":
        return request.method in ("POST", "PUT") and request.path.startswith("/schedules/")
    if request.operation == "PutRule":
        return bool(json.loads(request.content()).get("ScheduleExpression"))
    return False


def _unbuilt_of_s3(request: AwsRequest) -> tuple[str, str] | None:
    """moto takes a PUT that it does not know for a PutObject, and an event would tell of it."""
    if request.method != "PUT" or not request.path.strip("/").partition("/")[2]:
        return None
    for subresource, what in _UNKNOWN_OF_OBJECTS.items():
        if subresource in request.query:
            return what, "leave it out"
    if "acl" in request.query and request.content():
        return "take an ACL as a document", "name a canned one, or grants (ACL=..., GrantRead=...)"
    return None


def _form(request: AwsRequest) -> dict[str, list[str]]:
    return parse_qs(request.content().decode("utf-8", "replace"))
