import os
from pathlib import Path

from slstest.runtimes.base import EnvironmentSpec
from slstest.runtimes.variables import RESERVED_NAMES, function_variables, reserved_variables


def spec(**variables: str) -> EnvironmentSpec:
    return EnvironmentSpec(
        function_name="clicks",
        function_arn="arn:aws:lambda:eu-west-1:123456789012:function:clicks",
        version="$LATEST",
        runtime="python3.12",
        handler="app.handler",
        code=Path("/unpacked"),
        timeout=3,
        memory_size=256,
        region="eu-west-1",
        log_group="/aws/lambda/clicks",
        log_stream="2026/01/01/[$LATEST]abc",
        variables=variables,
        aws_variables={"AWS_ACCESS_KEY_ID": "key", "AWS_ENDPOINT_URL": "http://cloud"},
    )


def test_the_reserved_variables_describe_the_function() -> None:
    variables = reserved_variables(spec(), Path("/task"), runtime_api="127.0.0.1:9001")

    assert variables == {
        "_HANDLER": "app.handler",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "clicks",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/clicks",
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]abc",
        "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001",
        "AWS_REGION": "eu-west-1",
        "LAMBDA_RUNTIME_DIR": variables["LAMBDA_RUNTIME_DIR"],
        "LAMBDA_TASK_ROOT": "/task",
    }
    assert (Path(variables["LAMBDA_RUNTIME_DIR"]) / "bootstrap.py").is_file()
    assert variables.keys() <= RESERVED_NAMES


def test_of_the_host_a_function_sees_only_what_it_needs_to_run() -> None:
    host = {"PATH": "/bin", "HOME": "/root", "AWS_PROFILE": "prod", "SECRET": "x"}

    variables = function_variables(spec(), Path("/task"), host=host)

    assert variables["PATH"] == "/bin"
    assert not variables.keys() & {"HOME", "AWS_PROFILE", "SECRET"}


def test_the_functions_own_variables_win_over_defaults_and_host() -> None:
    variables = function_variables(
        spec(TZ="Europe/Berlin", PATH="/opt/bin"), Path("/task"), host={"PATH": "/bin"}
    )

    assert (variables["TZ"], variables["PATH"]) == ("Europe/Berlin", "/opt/bin")


def test_nothing_that_the_function_configures_changes_reserved_variables_or_the_cloud() -> None:
    variables = function_variables(
        spec(AWS_REGION="mars-1", AWS_ENDPOINT_URL="http://elsewhere"), Path("/task")
    )

    assert (variables["AWS_REGION"], variables["AWS_ENDPOINT_URL"]) == ("eu-west-1", "http://cloud")


def test_the_aws_configuration_files_of_the_host_are_out_of_reach() -> None:
    variables = function_variables(spec(), Path("/task"))

    assert variables["AWS_CONFIG_FILE"] == variables["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
