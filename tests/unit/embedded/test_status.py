"""What the cloud tells of itself."""

from __future__ import annotations

import http.client
import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws


def ask(aws: Aws, path: str, method: str = "GET") -> tuple[int, bytes]:
    address = urlsplit(aws.cloud.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    connection.request(method, path)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def document(aws: Aws, path: str) -> Any:
    status, content = ask(aws, path)
    assert status == 200
    return json.loads(content)


def test_its_own_health_names_version_region_and_account(aws: Aws) -> None:
    told = document(aws, "/_slstest/health")
    assert {name: told[name] for name in ("status", "version", "region", "account")} == {
        "status": "running",
        "version": version("slstest"),
        "region": "us-east-1",
        "account": "123456789012",
    }


def test_localstacks_health_has_localstacks_fields(aws: Aws) -> None:
    told = document(aws, "/_localstack/health")
    assert set(told) == {"services", "edition", "version"}
    assert re.match(r"\d+\.\d+", told["version"])
    assert set(told["services"].values()) <= {"available", "running"}


def test_services_are_named_as_boto3_names_them(aws: Aws) -> None:
    services = document(aws, "/_localstack/health")["services"]
    assert {"lambda", "s3", "dynamodb", "dynamodbstreams", "kinesis", "sqs", "cognito-idp"} <= set(
        services
    )
    assert set(services) <= set(boto3.Session().get_available_services())


def test_a_service_runs_from_its_first_request_on(aws: Aws) -> None:
    assert document(aws, "/_localstack/health")["services"]["lambda"] == "running"
    aws.cloud.client("mq").list_brokers()
    assert document(aws, "/_localstack/health")["services"]["mq"] == "running"


def test_a_service_that_nobody_has_asked_is_available(aws: Aws) -> None:
    assert document(aws, "/_localstack/health")["services"]["workspaces-web"] == "available"


@pytest.mark.parametrize("path", ["/_slstest/health", "/_localstack/health"])
def test_health_can_be_asked_for_without_its_text(aws: Aws, path: str) -> None:
    assert ask(aws, path, "HEAD") == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/_localstack/diagnose", 404, "there is no /_localstack/diagnose"),
        ("GET", "/_slstest/", 404, "there is /_slstest/health"),
        ("POST", "/_localstack/health", 405, "can be read (GET, HEAD), nothing else"),
    ],
)
def test_what_there_is_not_is_answered_with_what_there_is(
    aws: Aws, method: str, path: str, status: int, message: str
) -> None:
    answered, content = ask(aws, path, method)
    assert answered == status
    assert message in json.loads(content)["message"]
