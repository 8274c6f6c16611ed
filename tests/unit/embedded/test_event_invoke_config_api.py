"""PutFunctionEventInvokeConfig and its kin, through boto3:
https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in answer.items() if k not in ("LastModified", "ResponseMetadata")}


def test_what_is_put_is_answered_and_read(aws: Aws) -> None:
    name, other = aws.function(), aws.function()
    expected = {
        "FunctionArn": f"{ARN}{name}:$LATEST",
        "MaximumRetryAttempts": 1,
        "MaximumEventAgeInSeconds": 60,
        "DestinationConfig": {"OnSuccess": {"Destination": ARN + other}, "OnFailure": {}},
    }
    answer = aws.lambda_.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=1,
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnSuccess": {"Destination": ARN + other}},
    )
    assert told(answer) == expected
    read = aws.lambda_.get_function_event_invoke_config(FunctionName=name)
    assert told(read) == expected
    assert read["LastModified"] == answer["LastModified"]


def test_putting_removes_what_is_not_given(aws: Aws) -> None:
    name = aws.function()
    put = aws.lambda_.put_function_event_invoke_config
    put(FunctionName=name, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    assert told(put(FunctionName=name, MaximumRetryAttempts=0)) == {
        "FunctionArn": f"{ARN}{name}:$LATEST",
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }


def test_updating_keeps_what_is_not_given(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.put_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60
    )
    answer = aws.lambda_.update_function_event_invoke_config(
        FunctionName=name, MaximumRetryAttempts=0
    )
    assert (answer["MaximumRetryAttempts"], answer["MaximumEventAgeInSeconds"]) == (0, 60)


@pytest.mark.parametrize("config", [{}, {"OnSuccess": {}}, {"OnFailure": {"Destination": ""}}])
def test_a_destination_may_be_empty(aws: Aws, config: dict[str, Any]) -> None:
    answer = aws.lambda_.put_function_event_invoke_config(
        FunctionName=aws.function(), DestinationConfig=config
    )
    assert answer["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}


@pytest.mark.parametrize("latest", ["name", "arn", "qualifier"])
def test_the_unpublished_version_can_be_named(aws: Aws, latest: str) -> None:
    name = aws.function()
    params = {
        "name": {"FunctionName": f"{name}:$LATEST"},
        "arn": {"FunctionName": f"{ARN}{name}:$LATEST"},
        "qualifier": {"FunctionName": name, "Qualifier": "$LATEST"},
    }[latest]
    aws.lambda_.put_function_event_invoke_config(**params, MaximumRetryAttempts=1)
    read = aws.lambda_.get_function_event_invoke_config(FunctionName=name)
    assert read["MaximumRetryAttempts"] == 1


def test_the_configurations_of_a_function_are_listed(aws: Aws) -> None:
    name = aws.function()
    listed = aws.lambda_.list_function_event_invoke_configs
    assert listed(FunctionName=name)["FunctionEventInvokeConfigs"] == []
    aws.lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    (config,) = listed(FunctionName=name)["FunctionEventInvokeConfigs"]
    assert config["MaximumRetryAttempts"] == 1


def test_a_deleted_configuration_is_gone(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    answer = aws.lambda_.delete_function_event_invoke_config(FunctionName=name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(ClientError):
        aws.lambda_.get_function_event_invoke_config(FunctionName=name)


@pytest.mark.parametrize("method", ["get", "delete", "update"])
@pytest.mark.parametrize("qualifier", ["$LATEST", "prod"])
def test_what_is_not_configured_is_told_with_its_qualifier(
    aws: Aws, method: str, qualifier: str
) -> None:
    name = aws.function()
    params: dict[str, Any] = {"MaximumRetryAttempts": 1} if method == "update" else {}
    ask = getattr(aws.lambda_, f"{method}_function_event_invoke_config")
    with pytest.raises(ClientError) as error:
        ask(FunctionName=name, Qualifier=qualifier, **params)
    there = f"The function {ARN}{name}:{qualifier} doesn't have an EventInvokeConfig"
    absent = method == "update" and qualifier == "prod"
    message = "The function doesn't exist." if absent else there
    assert aws.refused(error) == (404, "ResourceNotFoundException", message)


@pytest.mark.parametrize("method", ["put", "update", "list"])
def test_a_function_that_does_not_exist_is_told(aws: Aws, method: str) -> None:
    if method == "list":
        ask, params = aws.lambda_.list_function_event_invoke_configs, {}
    else:
        ask = getattr(aws.lambda_, f"{method}_function_event_invoke_config")
        params = {"MaximumRetryAttempts": 1}
    with pytest.raises(ClientError) as error:
        ask(FunctionName="missing", **params)
    assert aws.refused(error) == (
        404,
        "ResourceNotFoundException",
        "The function doesn't exist.",
    )


def test_qualifiers_must_not_contradict(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.lambda_.put_function_event_invoke_config(
            FunctionName=f"{aws.function()}:$LATEST", Qualifier="prod", MaximumRetryAttempts=1
        )
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


@pytest.mark.parametrize(
    ("config", "told_as"),
    [
        (
            {"OnSuccess": {"Destination": "arn:aws:iam:us-east-1:123456789012:role"}},
            "onSuccess=OnSuccess(destination=arn:aws:iam:us-east-1:123456789012:role), "
            "onFailure=null",
        ),
        (
            {"OnSuccess": {"Destination": "arn:aws:s3:::bucket"}},
            "onSuccess=OnSuccess(destination=arn:aws:s3:::bucket), onFailure=null",
        ),
        (
            {"OnFailure": {"Destination": "arn:aws:kinesis:us-east-1:123456789012:stream/s"}},
            "onSuccess=null, "
            "onFailure=OnFailure(destination=arn:aws:kinesis:us-east-1:123456789012:stream/s)",
        ),
        (
            {"OnFailure": {"Destination": "arn:aws:sns:us-east-1:123456789012:topic.fifo"}},
            "onSuccess=null, "
            "onFailure=OnFailure(destination=arn:aws:sns:us-east-1:123456789012:topic.fifo)",
        ),
    ],
)
def test_a_destination_of_a_wrong_kind_is_refused(
    aws: Aws, config: dict[str, Any], told_as: str
) -> None:
    with pytest.raises(ClientError) as error:
        aws.lambda_.put_function_event_invoke_config(
            FunctionName=aws.function(), DestinationConfig=config
        )
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        f"The provided destination config DestinationConfig({told_as}) is invalid.",
    )


def test_a_destination_that_does_not_exist_is_refused_and_changes_nothing(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    with pytest.raises(ClientError) as error:
        aws.lambda_.update_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": f"{ARN}missing"}}
        )
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        f"The destination ARN {ARN}missing is invalid.",
    )
    read = aws.lambda_.get_function_event_invoke_config(FunctionName=name)
    assert read["DestinationConfig"]["OnSuccess"] == {}


def test_a_function_is_no_destination_of_its_own(aws: Aws) -> None:
    name = aws.function()
    with pytest.raises(ClientError) as error:
        aws.lambda_.put_function_event_invoke_config(
            FunctionName=name, DestinationConfig={"OnFailure": {"Destination": ARN + name}}
        )
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "You can't specify the function as a destination for itself.",
    )


def test_a_dead_letter_queue_is_part_of_the_configuration(aws: Aws) -> None:
    sqs = aws.cloud.client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:dead"
    name = aws.function(DeadLetterConfig={"TargetArn": arn})
    read = aws.lambda_.get_function_configuration
    assert read(FunctionName=name)["DeadLetterConfig"] == {"TargetArn": arn}
    update = aws.lambda_.update_function_configuration
    update(FunctionName=name, DeadLetterConfig={})
    assert read(FunctionName=name)["DeadLetterConfig"] == {"TargetArn": arn}
    update(FunctionName=name, DeadLetterConfig={"TargetArn": ""})
    assert "DeadLetterConfig" not in read(FunctionName=name)
    sqs.delete_queue(QueueUrl=url)


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        (
            "arn:aws:sqs:us-east-1:123456789012:dead.fifo",
            "is not that of a standard SQS queue or a standard SNS topic",
        ),
        (
            "arn:aws:lambda:us-east-1:123456789012:function:dead",
            "is not that of a standard SQS queue or a standard SNS topic",
        ),
        ("arn:aws:sns:us-east-1:123456789012:missing", "does not exist"),
    ],
)
def test_a_dead_letter_queue_that_cannot_be_is_refused(aws: Aws, arn: str, problem: str) -> None:
    name = aws.function()
    for ask in (
        lambda: aws.function(DeadLetterConfig={"TargetArn": arn}),
        lambda: aws.lambda_.update_function_configuration(
            FunctionName=name, DeadLetterConfig={"TargetArn": arn}
        ),
    ):
        with pytest.raises(ClientError) as error:
            ask()
        assert aws.refused(error) == (
            400,
            "InvalidParameterValueException",
            f"Invalid dead letter queue ARN: {arn} {problem}",
        )
