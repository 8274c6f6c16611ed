"""https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html"""

from __future__ import annotations

import json
from typing import Any

import pytest

from slstest.embedded.lambda_service.code import Package
from slstest.embedded.lambda_service.errors import LambdaApiError
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.lambda_service.policy import POLICY_LIMIT, FunctionPolicies
from slstest.embedded.resource_policies import Access

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"
INVOKE = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}


@pytest.fixture
def store() -> FunctionStore:
    store = FunctionStore("aws", "us-east-1", "123456789012")
    store.add(new_function())
    return store


@pytest.fixture
def policies(store: FunctionStore) -> FunctionPolicies:
    return FunctionPolicies(store)


def new_function() -> Function:
    return Function("f", ARN, Package(b"", ""), {}, {}, 0.0)


def add(policies: FunctionPolicies, sid: str = "sid", **params: Any) -> dict[str, Any]:
    answer = policies.add_permission({"FunctionName": "f", "StatementId": sid, **INVOKE, **params})
    statement: dict[str, Any] = json.loads(answer["Statement"])
    return statement


def document(policies: FunctionPolicies) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(policies.get_policy({"FunctionName": "f"})["Policy"])
    return found


def refused(error: pytest.ExceptionInfo[LambdaApiError]) -> tuple[int, str, str]:
    return error.value.status, error.value.code, error.value.message


def test_a_permission_is_answered_and_kept_as_a_statement(policies: FunctionPolicies) -> None:
    statement = add(policies, SourceArn="arn:aws:s3:::bucket", SourceAccount="123456789012")
    assert list(statement.items()) == [
        ("Sid", "sid"),
        ("Effect", "Allow"),
        ("Principal", {"Service": "s3.amazonaws.com"}),
        ("Action", "lambda:InvokeFunction"),
        ("Resource", ARN),
        (
            "Condition",
            {
                "StringEquals": {"AWS:SourceAccount": "123456789012"},
                "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::bucket"},
            },
        ),
    ]
    assert document(policies) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }


@pytest.mark.parametrize(
    ("given", "principal"),
    [
        ("events.amazonaws.com", {"Service": "events.amazonaws.com"}),
        ("*", "*"),
        ("210987654321", {"AWS": "arn:aws:iam::210987654321:root"}),
        ("arn:aws:iam::210987654321:role/r", {"AWS": "arn:aws:iam::210987654321:role/r"}),
    ],
)
def test_a_principal_is_a_service_an_account_an_arn_or_everybody(
    policies: FunctionPolicies, given: str, principal: Any
) -> None:
    assert add(policies, Principal=given)["Principal"] == principal


@pytest.mark.parametrize("given", ["s3", "1234", "arn:aws:s3:::bucket", "bob"])
def test_another_principal_is_refused(policies: FunctionPolicies, given: str) -> None:
    with pytest.raises(LambdaApiError) as error:
        add(policies, Principal=given)
    assert refused(error) == (
        400,
        "InvalidParameterValueException",
        "The provided principal was invalid. Please check the principal and try again.",
    )


@pytest.mark.parametrize(
    ("params", "condition"),
    [
        ({"PrincipalOrgID": "o-1"}, {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        ({"EventSourceToken": "t"}, {"StringEquals": {"lambda:EventSourceToken": "t"}}),
        (
            {"FunctionUrlAuthType": "NONE", "SourceAccount": "1"},
            {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE", "AWS:SourceAccount": "1"}},
        ),
        ({"InvokedViaFunctionUrl": True}, {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
    ],
)
def test_parameters_become_conditions(
    policies: FunctionPolicies, params: dict[str, Any], condition: Any
) -> None:
    assert add(policies, **params)["Condition"] == condition


def test_a_statement_id_is_taken_once(policies: FunctionPolicies) -> None:
    add(policies)
    with pytest.raises(LambdaApiError) as error:
        add(policies, Action="lambda:GetFunction")
    assert refused(error) == (
        409,
        "ResourceConflictException",
        "The statement id (sid) provided already exists. Please provide a new statement id, or "
        "remove the existing statement.",
    )
    assert len(document(policies)["Statement"]) == 1


def test_permissions_are_removed_one_by_one(policies: FunctionPolicies) -> None:
    add(policies, "one")
    add(policies, "two")
    policies.remove_permission({"FunctionName": "f", "StatementId": "one"})
    assert [each["Sid"] for each in document(policies)["Statement"]] == ["two"]
    policies.remove_permission({"FunctionName": "f", "StatementId": "two"})
    with pytest.raises(LambdaApiError) as error:
        document(policies)
    assert refused(error) == (
        404,
        "ResourceNotFoundException",
        "The resource you requested does not exist.",
    )


def test_what_is_not_there_cannot_be_removed(policies: FunctionPolicies) -> None:
    with pytest.raises(LambdaApiError, match="No policy is associated with the given resource"):
        policies.remove_permission({"FunctionName": "f", "StatementId": "one"})
    add(policies)
    with pytest.raises(LambdaApiError, match="Statement one is not found in resource policy"):
        policies.remove_permission({"FunctionName": "f", "StatementId": "one"})


def test_there_must_be_a_function(policies: FunctionPolicies) -> None:
    missing = {"FunctionName": "g", "StatementId": "sid"}
    for call in (policies.remove_permission, policies.get_policy):
        with pytest.raises(LambdaApiError, match=f"Function not found: {ARN[:-1]}g"):
            call(missing)
    with pytest.raises(LambdaApiError, match="Function not found"):
        policies.add_permission({**missing, **INVOKE})


def test_another_function_of_the_same_name_begins_without(
    store: FunctionStore, policies: FunctionPolicies
) -> None:
    add(policies)
    store.remove(store.get("f"))
    store.add(new_function())
    with pytest.raises(LambdaApiError, match="The resource you requested does not exist"):
        document(policies)


def test_latest_cannot_have_a_policy(policies: FunctionPolicies) -> None:
    for params in ({"FunctionName": "f:$LATEST"}, {"FunctionName": "f", "Qualifier": "$LATEST"}):
        with pytest.raises(LambdaApiError) as error:
            policies.add_permission({**params, "StatementId": "sid", **INVOKE})
        assert refused(error)[2] == "We currently do not support adding policies for $LATEST."


def test_a_change_of_the_policy_is_a_revision_of_the_function(
    store: FunctionStore, policies: FunctionPolicies
) -> None:
    function = store.get("f")
    first = function.revision_id
    add(policies, "one", RevisionId=first)
    second = policies.get_policy({"FunctionName": "f"})["RevisionId"]
    assert second == function.revision_id != first
    with pytest.raises(LambdaApiError) as error:
        add(policies, "two", RevisionId=first)
    assert refused(error)[:2] == (412, "PreconditionFailedException")
    remove = {"FunctionName": "f", "StatementId": "one"}
    with pytest.raises(LambdaApiError, match="does not match the latest Revision Id"):
        policies.remove_permission({**remove, "RevisionId": first})
    policies.remove_permission({**remove, "RevisionId": second})
    assert function.revision_id != second


def test_a_policy_has_a_limit(policies: FunctionPolicies) -> None:
    arn = "arn:aws:s3:::" + "b" * 5000
    for number in range(3):
        add(policies, str(number), SourceArn=arn)
    with pytest.raises(LambdaApiError) as error:
        add(policies, "too much", SourceArn=arn)
    assert error.value.code == "PolicyLengthExceededException"
    assert f"is bigger than the limit ({POLICY_LIMIT})" in error.value.message


def test_who_is_permitted_is_allowed(policies: FunctionPolicies) -> None:
    access = Access(
        "s3.amazonaws.com", "lambda:InvokeFunction", ARN, {"aws:SourceArn": "arn:aws:s3:::b"}
    )
    assert not policies.allow(ARN, access)
    add(policies, SourceArn="arn:aws:s3:::a")
    assert not policies.allow(ARN, access)
    add(policies, "two", SourceArn="arn:aws:s3:::b")
    assert policies.allow(ARN, access)
