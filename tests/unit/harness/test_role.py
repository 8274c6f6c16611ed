from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slstest import ConfigurationError, Environment, SlstestError, TeardownError
from slstest.functions import role

if TYPE_CHECKING:
    from tests.unit.harness.conftest import ScriptedCloud

CODE = "InvalidParameterValueException"
UNKNOWN = (400, CODE, "The role defined for the function cannot be assumed by Lambda.")


@pytest.fixture(autouse=True)
def _roles(cloud: ScriptedCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud, "needs_roles", True)
    monkeypatch.setattr(cloud, "runs_functions", True)


def policy_of(cloud: ScriptedCloud, name: str) -> list[dict[str, Any]]:
    answer = cloud.client("iam").get_role_policy(RoleName=name, PolicyName="slstest")
    statements: list[dict[str, Any]] = answer["PolicyDocument"]["Statement"]
    return statements


def test_a_function_gets_a_role_that_goes_with_it(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    table = world.table()
    extra = {"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}
    function = world.function(folder, environment={"TABLE": table.name}, policy=[extra])
    made = cloud.client("iam").get_role(RoleName=function.name)["Role"]
    assert function.role is not None
    assert made["Arn"] == function.role.arn
    assert made["Path"] == "/slstest/"
    (trust,) = made["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    logs, given, on_table = policy_of(cloud, function.name)
    assert logs["Resource"].endswith(f":log-group:/aws/lambda/{function.name}:*")
    assert given == extra
    assert on_table["Resource"] == [table.arn, f"{table.arn}/index/*"]

    world.close()
    listed = cloud.client("iam").list_roles(PathPrefix="/slstest/")["Roles"]
    assert function.name not in [each["RoleName"] for each in listed]


def test_what_triggers_it_and_where_it_sends_is_allowed_before_lambda_is_asked(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    function, queue, dead = world.function(folder), world.queue(), world.queue()
    cloud.forget()
    function.triggered_by(queue)
    assert cloud.calls.index("PutRolePolicy") < cloud.calls.index("CreateEventSourceMapping")
    function.configure_async(destination_config={"OnFailure": {"Destination": dead.arn}})
    allowed = {json.dumps(each["Resource"]) for each in policy_of(cloud, function.name)}
    assert {json.dumps(queue.arn), json.dumps(dead.arn)} <= allowed
    cloud.forget()
    function.configure_async(destination_config={"OnFailure": {"Destination": dead.arn}})
    assert "PutRolePolicy" not in cloud.calls


def test_with_a_role_of_yours_none_is_made(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    arn = "arn:aws:iam::123456789012:role/slstest"
    function = world.function(folder, role=arn)
    assert function.role is None
    assert not {"CreateRole", "PutRolePolicy"} & set(cloud.calls)
    told = world.client("lambda").get_function_configuration(FunctionName=function.name)
    assert told["Role"] == arn
    with pytest.raises(ConfigurationError, match=r"give role=, .* or policy="):
        world.function(folder, role=arn, policy=[])


def test_lambda_is_asked_again_until_it_knows_the_role(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    cloud.answer("CreateFunction", UNKNOWN, UNKNOWN)
    world.function(folder)
    assert cloud.calls.count("CreateFunction") == 3


def test_a_role_that_lambda_never_knows_is_told_with_its_words(
    cloud: ScriptedCloud, world: Environment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(role, "PROPAGATION", 0.0)
    cloud.answer("CreateFunction", UNKNOWN)
    with pytest.raises(ConfigurationError, match=r"cannot be assumed by Lambda\. The role is arn:"):
        world.function(folder)


def test_another_refusal_is_not_waited_for(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    cloud.answer("CreateFunction", (400, CODE, "Unsupported architecture"))
    with pytest.raises(ConfigurationError, match=r"was refused: .*Unsupported architecture"):
        world.function(folder)
    assert cloud.calls.count("CreateFunction") == 1


DESTINATION = (400, CODE, "The destination ARN arn:aws:sqs:eu-west-1:123456789012:q is invalid.")


def test_a_destination_is_refused_until_lambda_knows_that_the_role_allows_it(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    function, queue = world.function(folder), world.queue()
    cloud.answer("PutFunctionEventInvokeConfig", DESTINATION, DESTINATION)
    function.configure_async(destination_config={"OnFailure": {"Destination": queue.arn}})
    assert cloud.calls.count("PutFunctionEventInvokeConfig") == 3


def test_a_destination_of_something_else_is_not_waited_for(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    cloud.answer("CreateEventSourceMapping", DESTINATION)
    with pytest.raises(ConfigurationError, match=r"was refused: .*The destination ARN"):
        world.function(folder).triggered_by(world.stream())
    assert cloud.calls.count("CreateEventSourceMapping") == 1


def test_a_lambda_of_this_machine_is_asked_once(
    cloud: ScriptedCloud, world: Environment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "runs_functions", False)
    cloud.answer("PutFunctionEventInvokeConfig", DESTINATION)
    with pytest.raises(ConfigurationError, match=r"was refused: .*The destination ARN"):
        world.function(folder).configure_async(maximum_retry_attempts=0)
    assert cloud.calls.count("PutFunctionEventInvokeConfig") == 1


INLINE = (409, "DeleteConflict", "Cannot delete entity, must delete policies first.")
ATTACHED = (409, "DeleteConflict", "Cannot delete entity, must detach all policies first.")


def test_a_role_that_is_being_changed_is_deleted_in_the_end(
    cloud: ScriptedCloud, world: Environment, folder: Path
) -> None:
    world.function(folder)
    cloud.answer("DeleteRole", (409, "ConcurrentModification", "not now"), INLINE)
    world.close()
    assert cloud.calls.count("DeleteRole") == 3


def test_a_role_to_which_somebody_attached_a_policy_is_told_with_the_words_of_iam(
    cloud: ScriptedCloud, world: Environment, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = world.function(folder)
    assert function.role is not None
    monkeypatch.setattr(role, "PROPAGATION", 0.5)
    cloud.answer("DeleteRole", *[ATTACHED] * 200)
    with pytest.raises(TeardownError, match=r"waited 0\.5 s .*DeleteConflict.*must detach all"):
        world.close()
    assert cloud.calls.count("DeleteRole") > 1
    cloud.forget()
    cloud.client("iam").delete_role(RoleName=function.name)


def test_a_refusal_after_retries_may_have_happened(
    cloud: ScriptedCloud, world: Environment
) -> None:
    again = {"HTTPStatusCode": 400, "RetryAttempts": 1}
    error = {"Code": "ResourceInUseException", "Message": "Table already exists"}
    cloud.client("dynamodb").meta.events.register_first(
        "before-call.dynamodb.CreateTable",
        once := Once({"Error": error, "ResponseMetadata": again}),
    )
    with pytest.raises(SlstestError, match="CreateTable failed: ResourceInUse") as raised:
        world.table()
    assert once.used
    assert not isinstance(raised.value, ConfigurationError)
    world.close()
    assert "DeleteTable" in cloud.calls


class Once:
    """Answers one call."""

    def __init__(self, parsed: dict[str, Any]) -> None:
        self._parsed = parsed
        self.used = False

    def __call__(self, **_: Any) -> Any:
        if self.used:
            return None
        self.used = True

        class Response:
            status_code = 400

        return Response(), self._parsed
