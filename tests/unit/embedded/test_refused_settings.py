"""What AWS has and the embedded cloud has not is refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from slstest.embedded.event_sources.stream_settings import STREAM_PARAMETERS
from slstest.embedded.lambda_service.unbuilt import BUILT

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

MODEL = botocore.session.get_session().get_service_model("lambda")

VALUES: dict[str, Any] = {
    "PackageType": "Image",
    "SnapStart": {"ApplyOn": "PublishedVersions"},
    "TracingConfig": {"Mode": "Active"},
    "EphemeralStorage": {"Size": 1024},
}


def example(shape: Any) -> Any:
    """A value that asks for something, of any shape of the model."""
    kind, rules = shape.type_name, shape.metadata
    if kind == "structure":
        return {name: example(member) for name, member in shape.members.items()}
    if kind == "map":
        return {example(shape.key): example(shape.value)}
    if kind == "list":
        return [example(shape.member)] * max(1, rules.get("min", 0))
    if kind in ("integer", "long", "double", "float"):
        return max(1, rules.get("min", 1))
    if kind == "boolean":
        return True
    if kind == "blob":
        return b"x"
    if kind == "timestamp":
        return 1_700_000_000
    return rules["enum"][-1] if rules.get("enum") else "x"


def unbuilt() -> Iterator[tuple[str, str, Any]]:
    # A stream's mapping refuses ScalingConfig as AWS does.
    of_streams = {
        f"{act}EventSourceMapping": STREAM_PARAMETERS | {"ScalingConfig"}
        for act in ("Create", "Update")
    }
    for operation, built in {**BUILT, **of_streams}.items():
        parameters: Any = MODEL.operation_model(operation).input_shape
        for name, shape in parameters.members.items():
            if name not in built:
                yield operation, name, VALUES.get(name, example(shape))


UNBUILT = list(unbuilt())


@pytest.fixture(scope="module")
def client(_shared_aws: Aws) -> Iterator[Any]:
    """A client that sends whatever it is given."""
    client = _shared_aws.cloud.session().client(
        "lambda",
        endpoint_url=_shared_aws.cloud.endpoint_url,
        config=Config(parameter_validation=False),
    )
    yield client
    client.close()


@pytest.fixture
def ask(aws: Aws, client: Any, zipped: Callable[..., bytes]) -> Callable[..., None]:
    """Calls an operation with a parameter more."""

    def ask(operation: str, **params: Any) -> None:
        if operation == "CreateFunction":
            params.setdefault("Code", {"ZipFile": zipped(app="x = 1")})
            client.create_function(
                FunctionName="f",
                Role="arn:aws:iam::123456789012:role/lambda",
                Runtime="python3.12",
                Handler="app.f",
                **params,
            )
        elif operation == "CreateEventSourceMapping":
            client.create_event_source_mapping(
                FunctionName=aws.function(),
                EventSourceArn=aws.arn(aws.stream()),
                StartingPosition="LATEST",
                **params,
            )
        elif operation == "UpdateEventSourceMapping":
            mapping = aws.map(aws.stream(), aws.function())
            client.update_event_source_mapping(UUID=mapping, **params)
        elif operation == "ListFunctions":
            client.list_functions(**params)
        else:
            names = client.meta.method_to_api_mapping
            method = next(name for name, api in names.items() if api == operation)
            getattr(client, method)(FunctionName=aws.function(), **params)

    return ask


@pytest.mark.parametrize(
    ("operation", "name", "value"), UNBUILT, ids=[f"{each[0]}-{each[1]}" for each in UNBUILT]
)
def test_a_setting_that_is_not_built_is_refused(
    aws: Aws, ask: Callable[..., None], operation: str, name: str, value: Any
) -> None:
    with pytest.raises(ClientError) as error:
        ask(operation, **{name: value})
    status, code, message = aws.refused(error)
    assert (status, code) == (400, "InvalidParameterValueException")
    assert message == (
        f"{operation}: the embedded cloud does not support {name} yet; leave it out, or run this "
        "test on a cloud that has it"
    )


def test_the_large_features_that_are_missing_are_among_the_refused() -> None:
    refused = {(operation, name) for operation, name, _ in UNBUILT}
    for name in ("VpcConfig", "Layers", "ImageConfig", "Publish"):
        assert ("CreateFunction", name) in refused
    for name in ("KMSKeyArn", "MetricsConfig", "ProvisionedPollerConfig"):
        assert ("CreateEventSourceMapping", name) in refused


CODE: Any = MODEL.shape_for("FunctionCode")


@pytest.mark.parametrize("name", sorted(CODE.members.keys() - BUILT["UpdateFunctionCode"]))
def test_a_source_of_code_that_is_not_built_is_refused(ask: Callable[..., None], name: str) -> None:
    with pytest.raises(ClientError, match=f"does not support {name} yet"):
        ask("CreateFunction", Code={"S3Bucket": "packages", "S3Key": "code.zip", name: "x"})


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateFunction", {"VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []}}),
        ("CreateFunction", {"DeadLetterConfig": {"TargetArn": ""}}),
        ("CreateFunction", {"TracingConfig": {"Mode": "PassThrough"}}),
        ("CreateFunction", {"Layers": [], "Publish": False, "PackageType": "Zip"}),
        ("CreateFunction", {"SnapStart": {"ApplyOn": "None"}, "EphemeralStorage": {"Size": 512}}),
        ("UpdateFunctionConfiguration", {"Layers": [], "KMSKeyArn": ""}),
        (
            "CreateEventSourceMapping",
            {
                "ParallelizationFactor": 1,
                "BisectBatchOnFunctionError": False,
                "TumblingWindowInSeconds": 0,
                "FunctionResponseTypes": [],
                "DestinationConfig": {},
                "FilterCriteria": {"Filters": []},
            },
        ),
    ],
)
def test_a_setting_that_asks_for_nothing_stands(
    ask: Callable[..., None], operation: str, params: dict[str, Any]
) -> None:
    ask(operation, **params)


def test_json_logs_are_refused(aws: Aws) -> None:
    with pytest.raises(ClientError, match=r"does not support LoggingConfig\.LogFormat=JSON yet"):
        aws.function(LoggingConfig={"LogFormat": "JSON"})


@pytest.mark.parametrize(
    "source",
    [
        "arn:aws:mq:us-east-1:123456789012:broker:b:b-1",
        "arn:aws:kinesis:us-east-1:123456789012:queue/q",
    ],
)
def test_event_sources_that_are_not_built_are_refused(aws: Aws, source: str) -> None:
    with pytest.raises(ClientError) as error:
        aws.lambda_.create_event_source_mapping(EventSourceArn=source, FunctionName=aws.function())
    assert "event sources are Kinesis data streams" in aws.refused(error)[2]


FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("service", "method", "params", "what"),
    [
        (
            "events",
            "put_targets",
            {"Rule": "rule", "Targets": [{"Id": "1", "Arn": FUNCTION}]},
            "does not deliver EventBridge rules whose target is a function yet",
        ),
        (
            "events",
            "put_rule",
            {"Name": "rule", "ScheduleExpression": "rate(1 minute)"},
            "does not run schedules yet",
        ),
        (
            "scheduler",
            "create_schedule",
            {
                "Name": "schedule",
                "ScheduleExpression": "rate(1 minute)",
                "FlexibleTimeWindow": {"Mode": "OFF"},
                "Target": {"Arn": FUNCTION, "RoleArn": "arn:aws:iam::123456789012:role/r"},
            },
            "does not run schedules yet",
        ),
        (
            "cognito-idp",
            "create_user_pool",
            {"PoolName": "pool", "LambdaConfig": {"PreSignUp": FUNCTION}},
            "does not call functions as triggers of user pools yet",
        ),
        (
            "apigateway",
            "put_integration",
            {
                "restApiId": "api",
                "resourceId": "root",
                "httpMethod": "GET",
                "type": "AWS_PROXY",
                "integrationHttpMethod": "POST",
                "uri": "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/"
                f"{FUNCTION}/invocations",
            },
            "does not call functions from APIs yet",
        ),
        (
            "apigatewayv2",
            "create_api",
            {"Name": "api", "ProtocolType": "HTTP", "Target": FUNCTION},
            "does not call functions from APIs yet",
        ),
        (
            "logs",
            "put_subscription_filter",
            {
                "logGroupName": "group",
                "filterName": "filter",
                "filterPattern": "",
                "destinationArn": FUNCTION,
            },
            "does not deliver CloudWatch Logs subscription filters yet",
        ),
        (
            "cloudformation",
            "create_stack",
            {
                "StackName": "stack",
                "TemplateBody": '{"Resources": {"F": {"Type": "AWS::Lambda::Function"}}}',
            },
            "does not deploy functions from templates yet",
        ),
    ],
)
def test_a_trigger_that_moto_would_accept_and_not_fire_is_refused(
    aws: Aws, service: str, method: str, params: dict[str, Any], what: str
) -> None:
    with pytest.raises(ClientError) as error:
        getattr(aws.cloud.client(service), method)(**params)
    status, code, message = aws.refused(error)
    assert (status, code) == (501, "NotImplemented")
    assert what in message
