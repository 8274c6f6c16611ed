"""The command: its arguments, what it prints, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psutil
import pytest

from slstest.cli import main

if TYPE_CHECKING:
    from tests.serve.conftest import Serve, Server

HANDLER = """
import socket, subprocess, sys

def handler(event, context):
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with socket.create_connection(("127.0.0.1", event["port"])) as told:
        told.recv(1)
"""


def client(server: Server, service: str, **settings: Any) -> Any:
    make: Any = boto3.Session("any", "any", region_name="us-east-1").client
    return make(service, endpoint_url=server.url, **settings)


@pytest.fixture(scope="module")
def european_server(serve: Serve) -> Server:
    """A server of another region, started by somebody with settings for AWS."""
    return serve(
        "--region",
        "eu-west-1",
        AWS_DEFAULT_REGION="eu-south-1",
        AWS_PROFILE="there-is-none",
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_MAX_ATTEMPTS="none",
    )


def test_it_prints_what_it_serves_and_how_to_use_it(european_server: Server) -> None:
    server = european_server
    for part in (
        f"slstest {version('slstest')} serves the embedded cloud at http://127.0.0.1:{server.port}",
        "region     eu-west-1",
        "account    123456789012",
        f"functions  python3.{sys.version_info.minor}",
        "time       real",
        f"export AWS_ENDPOINT_URL={server.url}",
        "export AWS_DEFAULT_REGION=eu-west-1",
    ):
        assert part in server.greeting
    assert server.get("/_slstest/health")["region"] == "eu-west-1"


def test_it_prints_that_its_time_skips(skipping_server: Server) -> None:
    assert "time       skips to the next timer" in skipping_server.greeting


def test_the_users_own_aws_settings_are_none_of_its_business(european_server: Server) -> None:
    table = client(european_server, "dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    assert table["TableDescription"]["TableName"] == "t"


def test_what_it_prints_to_use_it_is_enough_for_a_client(server: Server) -> None:
    exports = [line.strip() for line in server.greeting.splitlines() if "export " in line]
    program = (
        "import boto3; boto3.client('lambda').list_functions(); boto3.client('s3').list_buckets()"
    )
    shell = "\n".join([*exports, f'exec "{sys.executable}" -c "{program}"'])
    done = subprocess.run(
        ["/bin/sh", "-c", shell], env={}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, "us-east-1"),
        ({"AWS_DEFAULT_REGION": "eu-north-1"}, "eu-north-1"),
        ({"AWS_DEFAULT_REGION": "eu-north-1", "AWS_REGION": "eu-south-1"}, "eu-south-1"),
    ],
)
def test_its_region_is_that_of_the_environment_unless_it_is_told_another(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variables: dict[str, str],
    region: str,
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert f"here {region})" in " ".join(capsys.readouterr().out.split())


def test_it_prints_what_a_topic_cannot_deliver_and_why(serve: Serve) -> None:
    server = serve()
    sns, sqs = client(server, "sns"), client(server, "sqs")
    topic_arn = sns.create_topic(Name="news")["TopicArn"]
    sqs.create_queue(QueueName="closed")
    queue_arn = "arn:aws:sqs:us-east-1:123456789012:closed"
    sns.subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    sns.publish(TopicArn=topic_arn, Message="rain")
    assert server.process.stderr is not None
    told = server.process.stderr.readline()
    assert told.startswith(
        f"slstest serve: not delivered: topic news could not deliver to {queue_arn}: "
    )
    assert "policy" in told


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_ended_while_a_function_runs(
    serve: Serve, zipped: Callable[[str], bytes], number: signal.Signals
) -> None:
    server = serve()
    functions = client(server, "lambda")
    functions.create_function(
        FunctionName="busy",
        Runtime=server.python,
        Role="arn:aws:iam::123456789012:role/busy",
        Handler="app.handler",
        Code={"ZipFile": zipped(HANDLER)},
        Timeout=900,
    )
    with socket.create_server(("127.0.0.1", 0)) as begun:
        payload = f'{{"port": {begun.getsockname()[1]}}}'
        functions.invoke(FunctionName="busy", InvocationType="Event", Payload=payload)
        handler, _ = begun.accept()
    with handler:
        server.note_processes()
        assert any(server.temporary.iterdir())
        assert server.end(number) == (0, "")


def test_nothing_is_left_when_it_is_ended_before_it_serves(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slstest.cli", "serve", "--port", "0"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (children := psutil.Process(process.pid).children()):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, "")
    assert psutil.wait_procs(children, timeout=60)[1] == []
    assert list(tmp_path.iterdir()) == []


def test_the_second_signal_ends_a_process_at_once() -> None:
    program = """
import os, signal
from slstest.commands.signals import end_request

with end_request() as end:
    os.kill(os.getpid(), signal.SIGTERM)
    assert end.wait(60)
    os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGINT


def test_a_port_that_is_taken_is_told_in_one_line(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--port", str(server.port)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(
        f"slstest serve: error: port {server.port} of 127.0.0.1 is taken, perhaps by LocalStack"
    )
    assert printed.err.count("\n") == 1


def test_a_host_that_others_reach_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0"]) == 1
    assert "served on loopback only" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http", "4566.0"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", f"--port={port}"])
    assert ended.value.code == 2
    assert f"{port!r} is not a port; give a number from 0 to 65535" in capsys.readouterr().err


def test_a_region_that_is_none_is_refused_with_those_there_are(
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = [sys.executable, "-m", "slstest.cli", "serve", "--port", "0", "--region", "mars"]
    assert subprocess.run(command, check=False).returncode == 1
    errors = capfd.readouterr().err
    assert "knows no region 'mars'; choose from af-south-1, " in errors
    assert errors.count("\n") == 1


def test_without_a_command_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"slstest {version('slstest')}\n"
