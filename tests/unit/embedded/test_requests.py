"""Sizes of requests that are too large to make in a quick test."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from slstest.embedded.lambda_service import requests
from slstest.embedded.lambda_service.errors import LambdaApiError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws


@pytest.mark.parametrize(
    ("operation", "limit"),
    [
        ("CreateFunction", 70_167_211),
        ("UpdateFunctionCode", 70_167_211),
        ("UpdateFunctionConfiguration", 5_120),
    ],
)
def test_a_request_must_be_smaller_than_its_limit(operation: str, limit: int) -> None:
    requests.check_request_size(operation, limit - 1)
    with pytest.raises(LambdaApiError) as error:
        requests.check_request_size(operation, limit)
    assert (error.value.status, error.value.code, error.value.message) == (
        413,
        "RequestEntityTooLargeException",
        f"Request must be smaller than {limit} bytes for the {operation} operation",
    )


def test_other_requests_have_no_limit() -> None:
    requests.check_request_size("GetFunction", 10**9)


def test_a_zip_in_a_request_must_be_smaller_than_50_mb() -> None:
    requests.check_zip_size(52_428_799)
    with pytest.raises(LambdaApiError) as error:
        requests.check_zip_size(52_428_800)
    assert (error.value.status, error.value.code, error.value.message) == (
        413,
        "RequestEntityTooLargeException",
        "Zipped size must be smaller than 52428800 bytes",
    )


def test_a_request_that_is_too_large_reaches_the_client_as_an_error(aws: Aws) -> None:
    name = aws.function()
    with pytest.raises(ClientError) as error:
        aws.lambda_.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"BIG": "x" * 5_120}}
        )
    assert aws.refused(error) == (
        413,
        "RequestEntityTooLargeException",
        "Request must be smaller than 5120 bytes for the UpdateFunctionConfiguration operation",
    )


def test_a_zip_that_is_too_large_for_a_request_is_taken_from_s3(
    aws: Aws, zipped: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ZIP_LIMIT", 10)
    s3 = aws.cloud.client("s3")
    s3.create_bucket(Bucket="large-packages")
    s3.put_object(Bucket="large-packages", Key="code.zip", Body=zipped(app="x = 1"))
    with pytest.raises(ClientError, match="Zipped size must be smaller than 10 bytes"):
        aws.function(Code={"ZipFile": zipped(app="x = 1")})
    aws.function(Code={"S3Bucket": "large-packages", "S3Key": "code.zip"})
    s3.delete_object(Bucket="large-packages", Key="code.zip")
    s3.delete_bucket(Bucket="large-packages")
