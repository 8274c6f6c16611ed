"""The AWS CLI (version 1, from PyPI) as a client, configured by environment variables only."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.serve.conftest import Server

HANDLER = """
def handler(event, context):
    print("greeting", event["name"])
    return {"greeting": f"hello {event['name']}"}
"""


class Cli:
    """Runs ``aws`` in a folder of its own."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "awscli", *arguments],
            env=self.server.client_variables(),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def __call__(self, *arguments: str) -> str:
        """What it prints."""
        done = self.run(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout.strip()

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "--output", "json"))


@pytest.fixture
def aws(server: Server, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


def test_lambda_functions_are_created_invoked_and_their_logs_read(
    aws: Cli, zipped: Callable[[str], bytes]
) -> None:
    (aws.folder / "code.zip").write_bytes(zipped(HANDLER))
    name = ("--function-name", "greeter")
    created = aws.json(
        *("lambda", "create-function", *name, "--runtime", aws.server.python),
        *("--handler", "app.handler", "--role", "arn:aws:iam::123456789012:role/greeter"),
        *("--zip-file", "fileb://code.zip"),
    )
    assert created["FunctionArn"] == "arn:aws:lambda:us-east-1:123456789012:function:greeter"
    aws("lambda", "wait", "function-active-v2", *name)
    invoked = aws.json("lambda", "invoke", *name, "--payload", '{"name": "Ada"}', "answer.json")
    assert invoked == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads((aws.folder / "answer.json").read_text()) == {"greeting": "hello Ada"}
    group = ("--log-group-name", "/aws/lambda/greeter")
    found = aws.json("logs", "filter-log-events", *group, "--filter-pattern", "greeting")
    assert [event["message"] for event in found["events"]] == ["greeting Ada\n"]
    aws("lambda", "delete-function", *name)
    assert "Function not found" in aws.run("lambda", "get-function", *name).stderr


def test_lambda_in_another_region_is_refused_with_what_to_do(aws: Cli) -> None:
    done = aws.run("--region", "eu-west-1", "lambda", "list-functions")
    assert done.returncode != 0
    assert "has Lambda in us-east-1 only, and this request is for eu-west-1" in done.stderr


def test_s3_files_go_up_and_down_in_parts_and_in_folders(aws: Cli) -> None:
    content = bytes(range(256)) * 40_000  # parts are of 8 MB
    (aws.folder / "large").write_bytes(content)
    (aws.folder / "tree" / "inner").mkdir(parents=True)
    (aws.folder / "tree" / "a.txt").write_text("a")
    (aws.folder / "tree" / "inner" / "b c.txt").write_text("b")
    quiet = "--only-show-errors"
    assert aws("s3", "mb", "s3://cli-files") == "make_bucket: cli-files"
    aws("s3", "cp", quiet, "large", "s3://cli-files/large")
    aws("s3", "sync", quiet, "tree", "s3://cli-files/tree")
    assert aws("s3", "sync", "tree", "s3://cli-files/tree") == ""
    listed = aws("s3", "ls", "--recursive", "s3://cli-files").splitlines()
    assert [line.split(maxsplit=2)[2] for line in listed] == [
        "10240000 large",
        "1 tree/a.txt",
        "1 tree/inner/b c.txt",
    ]
    aws("s3", "cp", quiet, "s3://cli-files/large", "copy")
    assert (aws.folder / "copy").read_bytes() == content
    aws("s3", "cp", quiet, "--recursive", "s3://cli-files/tree", "back")
    assert (aws.folder / "back" / "inner" / "b c.txt").read_text() == "b"
    url = aws("s3", "presign", "s3://cli-files/tree/inner/b c.txt")
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"b"


def test_sqs_messages_are_sent_and_received(aws: Cli) -> None:
    # This version of the CLI overlooks AWS_ENDPOINT_URL for this one service.
    sqs = ("--endpoint-url", aws.server.url, "sqs")
    url = aws.json(*sqs, "create-queue", "--queue-name", "cli-queue")["QueueUrl"]
    sent = aws.json(*sqs, "send-message", "--queue-url", url, "--message-body", "hello")
    received = aws.json(*sqs, "receive-message", "--queue-url", url, "--wait-time-seconds", "20")
    (message,) = received["Messages"]
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "hello")


def test_kinesis_records_are_put(aws: Cli) -> None:
    stream = ("--stream-name", "cli-stream")
    aws("kinesis", "create-stream", *stream, "--shard-count", "1")
    put = aws.json("kinesis", "put-record", *stream, "--partition-key", "k", "--data", "aGVsbG8=")
    assert put["ShardId"] == "shardId-000000000000"


def test_dynamodb_items_are_put_and_read(aws: Cli) -> None:
    table = ("--table-name", "cli-table")
    aws(
        *("dynamodb", "create-table", *table, "--billing-mode", "PAY_PER_REQUEST"),
        *("--attribute-definitions", "AttributeName=id,AttributeType=S"),
        *("--key-schema", "AttributeName=id,KeyType=HASH"),
    )
    aws("dynamodb", "put-item", *table, "--item", '{"id": {"S": "1"}, "count": {"N": "2"}}')
    got = aws.json("dynamodb", "get-item", *table, "--key", '{"id": {"S": "1"}}')
    assert got["Item"] == {"id": {"S": "1"}, "count": {"N": "2"}}
