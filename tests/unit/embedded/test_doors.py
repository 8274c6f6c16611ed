"""The cloud from outside this process: HTTP on loopback."""

from __future__ import annotations

import http.client
import io
import json
import socket
import struct
import subprocess
import sys
import textwrap
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import UNSIGNED
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.parsers import create_parser

from slstest.clouds.embedded import EmbeddedCloud
from slstest.embedded.doors import HttpDoor, InProcessDoor
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.errors import ConfigurationError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

Client = Callable[..., Any]


def make_client(aws: Aws, endpoint_url: str, service: str, **config: Any) -> Any:
    make: Any = aws.cloud.session().client
    config = {"s3": {"addressing_style": "path"}, "max_pool_connections": 20, **config}
    return make(service, endpoint_url=endpoint_url, config=Config(**config))


def by_http(aws: Aws) -> str:
    """A URL that is the cloud's for HTTP, and not for the in-process door."""
    return aws.cloud.endpoint_url.replace("127.0.0.1", "localhost")


@pytest.fixture(params=["in-process", "http"])
def client(request: pytest.FixtureRequest, aws: Aws) -> Iterator[Client]:
    """Makes clients that come through either door."""
    endpoint_url = by_http(aws) if request.param == "http" else aws.cloud.endpoint_url
    made: list[Any] = []

    def client(service: str, **config: Any) -> Any:
        made.append(make_client(aws, endpoint_url, service, **config))
        return made[-1]

    yield client
    for each in made:
        each.close()


def test_every_client_of_the_session_reaches_the_cloud(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    make: Any = aws.cloud.session().client
    client = make("dynamodb")
    assert client.meta.endpoint_url == aws.cloud.endpoint_url
    assert client.list_tables()["TableNames"] == []


def test_a_client_in_another_process_needs_nothing_but_the_endpoint(aws: Aws) -> None:
    script = """
        import io, json, os, urllib.request
        import boto3

        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="elsewhere")
        s3.upload_fileobj(io.BytesIO(b"uploaded"), "elsewhere", "a/b c.txt")
        body = s3.get_object(Bucket="elsewhere", Key="a/b c.txt", ChecksumMode="ENABLED")["Body"]
        assert body.read() == b"uploaded"
        url = s3.generate_presigned_url("get_object", {"Bucket": "elsewhere", "Key": "a/b c.txt"})
        assert urllib.request.urlopen(url).read() == b"uploaded"

        table = boto3.resource("dynamodb").create_table(
            TableName="elsewhere",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        table.put_item(Item={"id": "x", "count": 1})
        assert table.get_item(Key={"id": "x"})["Item"]["count"] == 1

        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName="elsewhere")["QueueUrl"]
        sqs.send_message(QueueUrl=queue, MessageBody="hello")
        assert sqs.receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "hello"

        topic = boto3.client("sns").create_topic(Name="elsewhere")["TopicArn"]
        assert boto3.client("sns").publish(TopicArn=topic, Message="hello")["MessageId"]

        kinesis = boto3.client("kinesis")
        kinesis.put_record(StreamName=os.environ["STREAM"], Data=b"data", PartitionKey="k")

        answer = boto3.client("lambda").invoke(FunctionName=os.environ["FUNCTION"], Payload="41")
        assert json.load(answer["Payload"]) == 41

        groups = boto3.client("logs").describe_log_groups()["logGroups"]
        assert f"/aws/lambda/{os.environ['FUNCTION']}" in [each["logGroupName"] for each in groups]
    """
    stream, function = aws.stream(), aws.function()
    aws.map(stream, function)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
        env={
            "AWS_ENDPOINT_URL": aws.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": "AKIAELSEWHERE0000000",
            "AWS_SECRET_ACCESS_KEY": "elsewhere",
            "AWS_DEFAULT_REGION": "us-east-1",
            "STREAM": stream,
            "FUNCTION": function,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    aws.settle()
    assert ["data"] in [call.data for call in aws.runtime.calls if call.event != 41]
    s3 = aws.cloud.client("s3")
    s3.delete_object(Bucket="elsewhere", Key="a/b c.txt")
    s3.delete_bucket(Bucket="elsewhere")
    aws.cloud.client("dynamodb").delete_table(TableName="elsewhere")


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_objects_go_in_and_out_as_streams(client: Client, size: int) -> None:
    s3 = client("s3")
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    s3.create_bucket(Bucket="streams")
    s3.put_object(
        Bucket="streams",
        Key="key",
        Body=io.BytesIO(content),
        ChecksumAlgorithm="SHA256",
        Metadata={"with_underscore": "1", "with-dash": "2"},
    )
    answer = s3.get_object(Bucket="streams", Key="key", ChecksumMode="ENABLED")
    assert b"".join(answer["Body"].iter_chunks(1000)) == content
    assert answer["Metadata"] == {"with_underscore": "1", "with-dash": "2"}
    head = s3.head_object(Bucket="streams", Key="key")
    assert head["ContentLength"] == size
    part = s3.get_object(Bucket="streams", Key="key", Range="bytes=0-0") if size else None
    assert part is None or part["Body"].read() == content[:1]
    s3.delete_object(Bucket="streams", Key="key")
    s3.delete_bucket(Bucket="streams")


def test_a_body_of_unknown_length_is_taken(aws: Aws) -> None:
    s3 = aws.cloud.client("s3")
    s3.create_bucket(Bucket="chunks")
    url = s3.generate_presigned_url("put_object", {"Bucket": "chunks", "Key": "key"})
    request = urllib.request.Request(url, method="PUT", data=iter([b"one ", b"two"]))
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert s3.get_object(Bucket="chunks", Key="key")["Body"].read() == b"one two"
    s3.delete_object(Bucket="chunks", Key="key")
    s3.delete_bucket(Bucket="chunks")


def send(
    aws: Aws, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[http.client.HTTPResponse, bytes]:
    """Send a request of S3's as it stands, and give its answer."""
    address = urlsplit(aws.cloud.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    credential = "Credential=AKIA/20240101/us-east-1/s3/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"
    connection.request(method, path, body, {"Authorization": authorization, **headers})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


@pytest.fixture
def bucket(aws: Aws) -> Iterator[str]:
    s3 = aws.cloud.client("s3")
    s3.create_bucket(Bucket="some.bucket-1")
    yield "some.bucket-1"
    for found in s3.list_objects_v2(Bucket="some.bucket-1").get("Contents", ()):
        s3.delete_object(Bucket="some.bucket-1", Key=found["Key"])
    s3.delete_bucket(Bucket="some.bucket-1")


@pytest.mark.parametrize("multipart", [False, True], ids=["object", "part"])
@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
def test_content_in_chunks_with_a_trailing_checksum_is_taken_as_it_was(
    aws: Aws, bucket: str, signed: bool, multipart: bool
) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html"""
    s3 = aws.cloud.client("s3")
    signature = b";chunk-signature=" + b"0" * 64 if signed else b""
    body = b"\r\n".join(
        [
            b"6%b\r\none \r\n" % signature,
            b"5%b\r\n, two" % signature,
            b"0%b" % signature,
            b"x-amz-checksum-crc32:AsM9hQ==",
            *([b"x-amz-trailer-signature:" + b"0" * 64] if signed else []),
            b"\r\n",
        ]
    )
    form = (
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
        if signed
        else "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    )
    headers = {
        "Content-Encoding": "aws-chunked",
        "x-amz-content-sha256": form,
        "x-amz-decoded-content-length": "11",
        "x-amz-sdk-checksum-algorithm": "CRC32",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    path, upload = f"/{bucket}/key", ""
    if multipart:
        upload = s3.create_multipart_upload(Bucket=bucket, Key="key")["UploadId"]
        path += f"?partNumber=1&uploadId={upload}"
    answer, _ = send(aws, "PUT", path, headers, body)
    assert answer.status == 200
    if multipart:
        part = {"PartNumber": 1, "ETag": answer.headers["ETag"]}
        s3.complete_multipart_upload(
            Bucket=bucket, Key="key", UploadId=upload, MultipartUpload={"Parts": [part]}
        )
    got = s3.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == b"one \r\n, two"
    assert "ContentEncoding" not in got


@pytest.mark.parametrize(
    "host",
    [
        "some.bucket-1.localhost",
        "some.bucket-1.localhost:4566",
        "some.bucket-1.s3.localhost",
        "some.bucket-1.s3.us-east-1.localhost",
        "some.bucket-1.s3-us-east-1.localhost",
        "some.bucket-1.s3.localhost.localstack.cloud:4566",
        "Some.Bucket-1.S3.US-East-1.localhost.localstack.cloud",
    ],
)
def test_a_bucket_may_be_in_the_host(aws: Aws, bucket: str, host: str) -> None:
    assert send(aws, "PUT", "/a/b%20c", {"Host": host}, b"content")[0].status == 200
    assert (
        aws.cloud.client("s3").get_object(Bucket=bucket, Key="a/b c")["Body"].read() == b"content"
    )
    _, listing = send(aws, "GET", "/?list-type=2", {"Host": host})
    assert b"<Key>a/b c</Key>" in listing


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "[::1]:4566",
        "s3.localhost",
        "s3.us-east-1.localhost",
        "localhost.localstack.cloud",
        "s3.localhost.localstack.cloud:4566",
        "cloud.example.com",
    ],
)
def test_any_other_host_leaves_the_bucket_in_the_path(aws: Aws, bucket: str, host: str) -> None:
    assert send(aws, "PUT", f"/{bucket}/key", {"Host": host}, b"content")[0].status == 200
    assert aws.cloud.client("s3").get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


def test_a_page_of_the_internet_changes_nothing(aws: Aws, bucket: str) -> None:
    answer, content = send(
        aws, "PUT", f"/{bucket}/key", {"Origin": "https://example.com"}, b"content"
    )
    assert answer.status == 403
    assert b"<Code>AccessDenied</Code>" in content
    assert b"https://example.com" in content
    assert aws.cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_page_of_this_machine_is_answered(aws: Aws, bucket: str) -> None:
    origin = {"Origin": "http://localhost:3000"}
    assert send(aws, "PUT", f"/{bucket}/key", origin, b"content")[0].status == 200


def test_an_answer_without_content_announces_none(aws: Aws, bucket: str) -> None:
    answer, _ = send(aws, "DELETE", f"/{bucket}/none", {})
    assert answer.status == 204
    assert answer.headers["Content-Length"] is None


@pytest.mark.parametrize("path", ["/", "/none/key"])
def test_an_answer_is_dated_once(aws: Aws, path: str) -> None:
    answer, _ = send(aws, "GET", path, {})
    assert len(answer.headers.get_all("Date", [])) == 1


def test_a_presigned_url_writes_and_reads(client: Client) -> None:
    for signature in ("s3v4", "s3"):
        s3 = client("s3", signature_version=signature)
        s3.create_bucket(Bucket="presigned")
        target = {"Bucket": "presigned", "Key": "a+b ü.txt"}
        put = s3.generate_presigned_url("put_object", target)
        request = urllib.request.Request(put, method="PUT", data=b"by url")
        with urllib.request.urlopen(request) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(s3.generate_presigned_url("get_object", target)) as answer:
            assert answer.read() == b"by url"
        s3.delete_object(**target)
        s3.delete_bucket(Bucket="presigned")


def test_a_queue_has_one_url_whichever_way_it_is_asked_for(aws: Aws) -> None:
    outside, inside = make_client(aws, by_http(aws), "sqs"), aws.cloud.client("sqs")
    url = outside.create_queue(QueueName="one-url")["QueueUrl"]
    assert inside.get_queue_url(QueueName="one-url")["QueueUrl"] == url
    inside.send_message(QueueUrl=url, MessageBody="hello")
    assert outside.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "hello"
    outside.delete_queue(QueueUrl=url)
    outside.close()


def test_a_client_keeps_its_connection(aws: Aws) -> None:
    address = urlsplit(aws.cloud.endpoint_url)
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    headers = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Authorization": _AUTHORIZATION}
    connection.request("POST", "/", b"{}", headers)
    assert json.load(connection.getresponse()) == {"TableNames": []}
    first = connection.sock
    for _ in range(3):
        connection.request("POST", "/", b"{}", headers)
        assert json.load(connection.getresponse()) == {"TableNames": []}
    assert connection.sock is first
    connection.close()


_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIA/20240101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def test_many_clients_at_once_are_each_answered(aws: Aws) -> None:
    client = make_client(aws, by_http(aws), "lambda")
    together = threading.Barrier(20)
    aws.runtime.handler = lambda event: (together.wait(60), event)[1]
    name = aws.function()

    def invoke(number: int) -> int:
        answer = client.invoke(FunctionName=name, Payload=str(number))
        return int(answer["Payload"].read())

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(invoke, range(20))) == list(range(20))
    client.close()


def test_functions_that_invoke_each_other_by_http_do_not_wait_for_a_free_thread(aws: Aws) -> None:
    client = make_client(aws, by_http(aws), "lambda")
    name = aws.function()

    def handler(depth: int) -> int:
        if depth == 0:
            return 0
        answer = client.invoke(FunctionName=name, Payload=str(depth - 1))
        return 1 + int(answer["Payload"].read())

    aws.runtime.handler = handler
    assert client.invoke(FunctionName=name, Payload="15")["Payload"].read() == b"15"
    client.close()


@pytest.mark.parametrize(
    ("service", "method", "params", "status", "code"),
    [
        ("s3", "get_object", {"Bucket": "none", "Key": "k"}, 404, "NoSuchBucket"),
        ("s3", "head_bucket", {"Bucket": "none"}, 404, "404"),
        ("dynamodb", "scan", {"TableName": "none"}, 400, "ResourceNotFoundException"),
        (
            "kinesis",
            "describe_stream",
            {"StreamName": "none"},
            400,
            "ResourceNotFoundException",
        ),
        ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:none", "Message": "m"},
         404, "NotFound"),
        ("lambda", "get_function", {"FunctionName": "none"}, 404, "ResourceNotFoundException"),
    ],
)  # fmt: skip
def test_errors_reach_the_client_as_its_own(
    client: Client, service: str, method: str, params: dict[str, Any], status: int, code: str
) -> None:
    with pytest.raises(ClientError) as error:
        getattr(client(service), method)(**params)
    response: Any = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "method", "params", "name"),
    [
        ("braket", "search_jobs", {"filters": []}, "braket"),  # REST with JSON
        ("gamelift", "list_builds", {}, "gamelift"),  # JSON
    ],
)
def test_a_service_that_moto_has_not_is_named(
    client: Client, service: str, method: str, params: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError) as error:
        getattr(client(service), method)(**params)
    response: Any = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["Error"]["Code"] == "NotImplemented"
    assert f"the embedded cloud has no service '{name}'" in response["Error"]["Message"]


@pytest.mark.parametrize(
    ("service", "method", "params", "operation"),
    [
        ("ssm", "list_ops_metadata", {}, "ListOpsMetadata"),  # JSON
        ("sns", "list_origination_numbers", {}, "ListOriginationNumbers"),  # query
        ("s3", "get_bucket_analytics_configuration", {"Bucket": "b", "Id": "i"}, "GET /b"),  # XML
    ],
)
def test_an_operation_that_moto_has_not_is_named_with_moto_s_reason(
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    method: str,
    params: dict[str, Any],
    operation: str,
) -> None:
    from moto.core.botocore_stubber import BotocoreStubber

    def process_request(self: Any, request: Any) -> Any:
        raise NotImplementedError("this action has not been implemented")

    monkeypatch.setattr(BotocoreStubber, "process_request", process_request)
    with pytest.raises(ClientError) as error:
        getattr(client(service), method)(**params)
    response: Any = error.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert response["Error"]["Code"] == "NotImplemented"
    assert response["Error"]["Message"] == (
        f"{service} {operation}: moto, which answers this service in the embedded cloud, does not "
        "have it: this action has not been implemented"
    )


def test_an_operation_that_moto_really_has_not_is_named(client: Client) -> None:
    with pytest.raises(ClientError) as error:
        client("ssm").list_ops_metadata()
    response: Any = error.value.response
    assert response["Error"]["Code"] == "NotImplemented"
    assert "ListOpsMetadata" in response["Error"]["Message"]


def test_a_defect_of_moto_is_told_with_its_place_and_not_tried_again(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.secretsmanager.models import SecretsManagerBackend

    calls = []

    def list_secrets(self: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        raise AttributeError("'NoneType' object has no attribute 'x'")

    monkeypatch.setattr(SecretsManagerBackend, "list_secrets", list_secrets)
    with pytest.raises(ClientError) as error:
        client("secretsmanager").list_secrets()
    monkeypatch.undo()
    response: Any = error.value.response
    assert response["Error"]["Code"] == "InternalFailure"
    message = response["Error"]["Message"]
    assert message.startswith(
        "secretsmanager ListSecrets: moto, which answers this service in the embedded cloud, "
        "failed: 'NoneType' object has no attribute 'x' (AttributeError at "
    )
    assert __file__ in message
    assert calls == [1]


def test_a_defect_of_the_cloud_itself_reaches_the_client_with_its_traceback(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(self: Any, reference: str, qualifier: str | None = None) -> Any:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("slstest.embedded.lambda_service.functions.FunctionStore.get", get)
    client = make_client(aws, by_http(aws), "lambda")
    with pytest.raises(ClientError) as error:
        client.get_function(FunctionName="f")
    monkeypatch.undo()
    client.close()
    assert "the embedded cloud failed in GET /2015-03-31/functions/f" in str(error.value)
    assert "ZeroDivisionError: a defect" in str(error.value)


def test_unsigned_requests_find_the_services_that_take_them(client: Client) -> None:
    pool = client("cognito-identity").create_identity_pool(
        IdentityPoolName="pool", AllowUnauthenticatedIdentities=True
    )["IdentityPoolId"]
    unsigned = client("cognito-identity", signature_version=UNSIGNED)
    assert unsigned.get_id(IdentityPoolId=pool)["IdentityId"]


def test_a_package_that_moto_lacks_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moto.glacier.models", None)
    with pytest.raises(ClientError) as error:
        client("glacier").list_vaults()
    assert "lacks a package (pip install 'moto[all]')" in str(error.value)
    assert "moto.glacier.models" in str(error.value)


@pytest.mark.parametrize(
    ("service", "protocol", "headers"),
    [
        ("s3", "rest-xml", {}),
        ("route53", "rest-xml", {}),
        ("kinesis", "json", {"X-Amz-Target": "Kinesis_20131202.PutRecord"}),
        ("batch", "rest-json", {}),
        ("sns", "query", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}),
        ("ec2", "ec2", {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}),
    ],
)
def test_an_error_is_worded_in_the_protocol_of_its_service(
    service: str, protocol: str, headers: dict[str, str]
) -> None:
    request = AwsRequest("POST", "http://x/", headers, b"", service, "us-east-1", "AKIA", "")
    answer = request.error(501, "NotImplemented", "not <yet>")
    response = {"status_code": 501, "headers": answer.headers, "body": answer.body}
    parsed: Any = create_parser(protocol).parse(response, None)  # type: ignore[arg-type]
    assert parsed["Error"]["Code"] == "NotImplemented"
    assert parsed["Error"]["Message"] == "not <yet>"


def test_requests_that_are_no_http_disturb_nobody(aws: Aws) -> None:
    port = int(urlsplit(aws.cloud.endpoint_url).port or 0)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert b"Bad request" in connection.recv(1000)
    with socket.create_connection(("127.0.0.1", port)):
        pass
    assert make_client(aws, by_http(aws), "kinesis").list_streams()["StreamNames"] == []


def test_requests_to_other_endpoints_go_their_way(aws: Aws) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        other = make_client(aws, url, "kinesis", retries={"max_attempts": 0})
        with pytest.raises(EndpointConnectionError):
            other.list_streams()


def test_an_endpoint_whose_url_begins_alike_is_another(aws: Aws) -> None:
    door = InProcessDoor("http://127.0.0.1:80", "us-east-1", lambda request: pytest.fail("asked"))
    request = AWSRequest("POST", "http://127.0.0.1:8080/").prepare()
    assert door._answer(request) is None


def test_a_closed_cloud_hangs_up_and_answers_nobody(aws: Aws) -> None:
    cloud = EmbeddedCloud(lambda _: aws.runtime)
    address = urlsplit(cloud.endpoint_url)
    before = set(threading.enumerate())
    connection = http.client.HTTPConnection(str(address.hostname), address.port)
    connection.request("POST", "/", b"{}", {"Authorization": _AUTHORIZATION})
    connection.getresponse().read()
    (serving,) = set(threading.enumerate()) - before
    cloud.close()
    serving.join(60)
    assert not serving.is_alive()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(address.hostname), int(address.port or 0)))
    connection.close()


def test_a_client_that_hangs_up_is_nothing_to_tell(capfd: pytest.CaptureFixture[str]) -> None:
    asked, gone = threading.Event(), threading.Event()

    def handle(request: AwsRequest) -> AwsResponse:
        asked.set()
        assert gone.wait(10)
        return AwsResponse(200, {}, b"x" * 1_000_000)

    door = HttpDoor("us-east-1", handle)
    door.open()
    try:
        port = int(door.endpoint_url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert asked.wait(10)
            # So that closing does not wait for anything, as when a process is killed.
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        gone.set()
    finally:
        door.close()
    assert capfd.readouterr().err == ""


def test_what_is_raised_on_purpose_comes_out_as_itself_in_this_process() -> None:
    def refuse(request: AwsRequest) -> AwsResponse:
        raise ConfigurationError("the role is not assumable")

    door = InProcessDoor("http://127.0.0.1:80", "us-east-1", refuse)
    door.open()
    try:
        client = boto3.Session("any", "any", region_name="us-east-1").client(
            "lambda", endpoint_url="http://127.0.0.1:80"
        )
        with pytest.raises(ConfigurationError, match=r"^the role is not assumable$"):
            client.invoke(FunctionName="f")
    finally:
        door.close()


def test_what_is_raised_on_purpose_is_told_over_http_in_its_own_words() -> None:
    asked = []

    def refuse(request: AwsRequest) -> AwsResponse:
        asked.append(request)
        raise ConfigurationError("the role is not assumable")

    door = HttpDoor("us-east-1", refuse)
    door.open()
    try:
        client = boto3.Session("any", "any", region_name="us-east-1").client(
            "lambda", endpoint_url=door.endpoint_url
        )
        with pytest.raises(ClientError) as error:
            client.invoke(FunctionName="f")
    finally:
        door.close()
    response: Any = error.value.response
    assert response["Error"]["Message"] == "the role is not assumable"
    assert len(asked) == 1
