from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest

from slstest.embedded.messages import route
from slstest.embedded.operations import operation_of

S3_CALLS: list[tuple[str, dict[str, Any]]] = [
    ("ListBuckets", {}),
    ("ListObjects", {"Bucket": "b"}),
    ("ListObjectsV2", {"Bucket": "b"}),
    ("GetBucketLocation", {"Bucket": "b"}),
    ("GetObject", {"Bucket": "b", "Key": "a/b c.txt"}),
    ("PutObject", {"Bucket": "b", "Key": "k"}),
    ("PutObjectTagging", {"Bucket": "b", "Key": "k", "Tagging": {"TagSet": []}}),
    ("CopyObject", {"Bucket": "b", "Key": "k", "CopySource": "b/other"}),
    ("CreateMultipartUpload", {"Bucket": "b", "Key": "k"}),
    ("UploadPart", {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "u"}),
    (
        "UploadPartCopy",
        {"Bucket": "b", "Key": "k", "PartNumber": 1, "UploadId": "u", "CopySource": "b/o"},
    ),
    ("CompleteMultipartUpload", {"Bucket": "b", "Key": "k", "UploadId": "u"}),
    ("DeleteObject", {"Bucket": "b", "Key": "k"}),
    ("DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}}),
    ("HeadObject", {"Bucket": "b", "Key": "k"}),
    ("HeadBucket", {"Bucket": "b"}),
]

OTHER_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("dynamodb", "PutItem", {"TableName": "t", "Item": {"id": {"S": "1"}}}),
    ("sns", "Publish", {"TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": "m"}),
    ("lambda", "Invoke", {"FunctionName": "f"}),
    ("lambda", "ListFunctions", {}),
    ("sqs", "SendMessage", {"QueueUrl": "http://localhost/1/q", "MessageBody": "m"}),
]


class Sent(Exception):
    pass


def sent(service: str, operation: str, params: dict[str, Any]) -> tuple[Any, Any]:
    """The model of a service, and the request that boto3 makes of a call."""
    make: Callable[..., Any] = boto3.Session(
        aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1"
    ).client
    client = make(service, endpoint_url="http://localhost:1")
    found: list[AWSRequest] = []

    def stop(request: AWSRequest, **_: Any) -> None:
        found.append(request)
        raise Sent

    client.meta.events.register("before-send", stop)
    with pytest.raises(Sent):
        client._make_api_call(operation, params)
    (made,) = found
    request = route(
        str(made.method), str(made.url), made.headers, made.body, default_region="us-east-1"
    )
    return client.meta.service_model, request


@pytest.mark.parametrize(
    ("operation", "params"), S3_CALLS, ids=[operation for operation, _ in S3_CALLS]
)
def test_s3s_operations_are_told_apart(operation: str, params: dict[str, Any]) -> None:
    assert operation_of(*sent("s3", operation, params)) == operation


@pytest.mark.parametrize(
    ("service", "operation", "params"), OTHER_CALLS, ids=[f"{s}:{o}" for s, o, _ in OTHER_CALLS]
)
def test_every_protocol_names_its_operation(
    service: str, operation: str, params: dict[str, Any]
) -> None:
    assert operation_of(*sent(service, operation, params)) == operation


def test_what_no_operation_asks_for_is_none() -> None:
    model, _ = sent("lambda", "ListFunctions", {})
    request = route("GET", "http://localhost/nothing", {}, b"", default_region="us-east-1")
    assert operation_of(model, request) is None
