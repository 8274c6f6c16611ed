from __future__ import annotations

import pytest

from slstest.clouds.localstack.variables import (
    FAST,
    container_variables,
    runs_functions_in_docker,
    with_labels,
)


def test_without_settings_of_the_users_it_is_fast() -> None:
    assert container_variables({"HOME": "/root", "PATH": "/bin"}) == FAST


@pytest.mark.parametrize(
    "name",
    [
        "DEBUG",
        "DYNAMODB_HEAP_SIZE",
        "ENFORCE_IAM",
        "LAMBDA_KEEPALIVE_MS",
        "LOCALSTACK_AUTH_TOKEN",
        "LS_LOG",
        "PERSISTENCE",
        "PROVIDER_OVERRIDE_S3",
        "S3_SKIP_SIGNATURE_VALIDATION",
        "SERVICES",
        "SQS_ENDPOINT_STRATEGY",
    ],
)
def test_settings_of_localstack_are_passed_on(name: str) -> None:
    assert container_variables({name: "x"})[name] == "x"


@pytest.mark.parametrize("name", ["KINESIS_LATENCY", "LOCALSTACK_KINESIS_LATENCY"])
def test_the_users_settings_win(name: str) -> None:
    found = container_variables({name: "500"})
    assert {key: value for key, value in found.items() if "LATENCY" in key} == {name: "500"}


@pytest.mark.parametrize(
    "name", ["AWS_PROFILE", "GATEWAY_LISTEN", "LOCALSTACK_HOST", "LOCALSTACK_VOLUME_DIR", "USER"]
)
def test_what_is_not_about_the_inside_of_the_container_stays_outside(name: str) -> None:
    assert name not in container_variables({name: "x"})


@pytest.mark.parametrize("name", ["LAMBDA_DOCKER_FLAGS", "LOCALSTACK_LAMBDA_DOCKER_FLAGS"])
def test_the_label_of_function_containers_joins_the_users_flags(name: str) -> None:
    labels = {"slstest.run": "1", "slstest.process": "7 a host"}
    given = "--label slstest.run=1 --label 'slstest.process=7 a host'"
    assert with_labels({name: "-e A=b"}, labels) == {name: f"-e A=b {given}"}
    assert with_labels({}, labels) == {"LAMBDA_DOCKER_FLAGS": given}


def test_functions_need_the_docker_daemon_unless_another_executor_is_chosen() -> None:
    assert runs_functions_in_docker({})
    assert runs_functions_in_docker({"LAMBDA_RUNTIME_EXECUTOR": "docker"})
    assert not runs_functions_in_docker({"LAMBDA_RUNTIME_EXECUTOR": "process"})
    assert not runs_functions_in_docker({"LOCALSTACK_LAMBDA_RUNTIME_EXECUTOR": "kubernetes"})
