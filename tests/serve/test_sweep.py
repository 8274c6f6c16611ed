"""``slstest sweep``: what is left of a run that was killed, and what must not be touched."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from slstest import Environment
from slstest.cli import main
from slstest.clouds import open_cloud
from slstest.ledger import Ledger, default_folder, read

if TYPE_CHECKING:
    from tests.serve.conftest import Serve, Server

Sweep = Callable[..., "tuple[int, str]"]

KILLED = """
import os, signal

def test_it(sls):
    bucket, table, queue = sls.bucket(), sls.table(), sls.queue()
    stream, topic = sls.stream(), sls.topic()
    function = sls.function("echo")
    for source in (bucket, queue, stream, topic):
        function.triggered_by(source)
    bucket.put("a.txt", b"")
    function.expect_invoked()
    os.kill(os.getpid(), signal.SIGKILL)
"""

LISTS = (
    ("dynamodb", "list_tables", "TableNames"),
    ("kinesis", "list_streams", "StreamNames"),
    ("lambda", "list_functions", "Functions"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ("logs", "describe_log_groups", "logGroups"),
    ("s3", "list_buckets", "Buckets"),
    ("sns", "list_topics", "Topics"),
    ("sns", "list_subscriptions", "Subscriptions"),
    ("sqs", "list_queues", "QueueUrls"),
)


@pytest.fixture(scope="module")
def own_server(serve: Serve) -> Server:
    """A server on which nobody else has anything."""
    return serve()


def client(server: Server, service: str) -> Any:
    make: Any = boto3.Session("any", "any", region_name="us-east-1").client
    return make(service, endpoint_url=server.url)


def there(server: Server) -> list[str]:
    """Everything that there is."""
    return [
        str(each)
        for service, operation, key in LISTS
        for each in getattr(client(server, service), operation)().get(key, [])
    ]


@pytest.fixture
def ledgers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own for ledgers."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return default_folder()


@pytest.fixture
def sweep(ledgers: Path, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """Runs the command, and gives its status and what it wrote."""

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["sweep", *arguments])
        told = capsys.readouterr()
        return status, re.sub(r" +", " ", told.out + told.err)

    return run


@pytest.fixture
def run_killed(own_server: Server, ledgers: Path, tmp_path: Path) -> Callable[[str], None]:
    """Runs tests whose process kills itself in the middle."""

    def run(runtime: str) -> None:
        (tmp_path / "test_it.py").write_text(textwrap.dedent(KILLED))
        (tmp_path / "pytest.ini").write_text("[pytest]\n")
        (tmp_path / "echo").mkdir()
        (tmp_path / "echo" / "app.py").write_text("def handler(event, context): return event\n")
        place = ["--sls-cloud", "endpoint", "--sls-endpoint", own_server.url]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "--sls", *place, "--sls-runtime", runtime],
            cwd=tmp_path,
            env=own_server.client_variables() | {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stdout

    return run


@pytest.fixture
def world(own_server: Server, ledgers: Path) -> Iterator[Environment]:
    """An environment of this process, which is running."""
    with (
        closing(open_cloud("endpoint", runtime="cloud", endpoint_url=own_server.url)) as cloud,
        closing(Ledger(ledgers)) as ledger,
        Environment(cloud, label="test_x", run="ab12cd", ledger=ledger) as environment,
    ):
        yield environment


@pytest.mark.parametrize("runtime", ["process", "cloud"])
def test_a_killed_run_is_swept_by_its_ledger(
    own_server: Server, run_killed: Callable[[str], None], sweep: Sweep, ledgers: Path, runtime: str
) -> None:
    run_killed(runtime)
    before = there(own_server)
    assert before

    status, text = sweep()
    assert status == 0
    assert "would be deleted" in text
    assert "0 left; say --delete to delete them" in text
    assert there(own_server) == before

    status, text = sweep("--delete")
    assert (status, there(own_server)) == (0, []), text
    assert re.search(r"\n(\d+) found: \1 deleted, 0 left\n", text)
    assert list(ledgers.iterdir()) == []
    assert sweep() == (0, "0 found: 0 to be deleted, 0 left\n")


INTERRUPTED_WHILE_DELETING = """
    import signal
    import slstest.teardown

    def interrupt(cloud, entry):
        signal.raise_signal(signal.SIGINT)

    def test_it(sls):
        sls.queue(), sls.queue()
        slstest.teardown.DELETERS["queue"] = interrupt
    """
A_WORKER_KILLED = """
    import os, signal

    def test_it(sls):
        sls.queue(), sls.queue()
        os.kill(os.getpid(), signal.SIGKILL)
    """
NOTHING_LEFT = "def test_it(sls): sls.queue()"


@pytest.mark.parametrize(
    ("test", "workers", "left"),
    [
        (INTERRUPTED_WHILE_DELETING, "0", 2),
        (INTERRUPTED_WHILE_DELETING, "1", 2),
        (A_WORKER_KILLED, "1", 2),
        (NOTHING_LEFT, "0", 0),
        (NOTHING_LEFT, "1", 0),
    ],
)
def test_a_run_says_at_its_end_how_to_delete_what_it_leaves(
    own_server: Server, tmp_path: Path, sweep: Sweep, test: str, workers: str, left: int
) -> None:
    (tmp_path / "test_it.py").write_text(textwrap.dedent(test))
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    place = ["--sls-cloud", "endpoint", "--sls-endpoint", own_server.url, "-n", workers]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--sls", "--maxfail=1", *place],
        cwd=tmp_path,
        env=own_server.client_variables() | {"XDG_STATE_HOME": os.environ["XDG_STATE_HOME"]},
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.findall(r"slstest: .* left in the cloud.*", done.stderr)
    line = f"slstest: {left} things of this run left in the cloud; delete with: slstest sweep"
    assert told == ([f"{line} --delete"] if left else []), done.stdout + done.stderr
    assert f"{left} found: {left} deleted" in sweep("--delete")[1]
    assert there(own_server) == []


def test_a_killed_run_is_swept_by_tags_where_there_is_no_ledger(
    own_server: Server, run_killed: Callable[[str], None], sweep: Sweep, ledgers: Path
) -> None:
    run_killed("cloud")
    run = {entry.run for entry in read(ledgers)}.pop()
    for path in ledgers.iterdir():
        path.unlink()
    for bucket in client(own_server, "s3").list_buckets()["Buckets"]:
        tag(own_server, "bucket", bucket["Name"], {"slstest:run": run})
    assert sweep() == (0, "0 found: 0 to be deleted, 0 left\n")
    place = ("--endpoint", own_server.url)
    before = there(own_server)

    status, text = sweep(*place, "--delete")
    assert (status, there(own_server)) == (0, before)
    assert "left: not older than 2h" in text

    assert sweep(*place, "--older-than", "0s", "--run", "other", "--delete")[0] == 0
    assert there(own_server) == before

    status, text = sweep(*place, "--older-than", "0s", "--run", run, "--delete")
    assert status == 0, text
    kinds = {line.partition(" sls-")[0] for line in text.splitlines() if line.endswith("deleted")}
    assert kinds == {
        "event source mapping",
        "function",
        "bucket",
        "table",
        "queue",
        "stream",
        "topic",
    }
    logs = client(own_server, "logs")
    (group,) = logs.describe_log_groups()["logGroups"]  # it has no tags
    logs.delete_log_group(logGroupName=group["logGroupName"])
    assert there(own_server) == []


def test_a_mapping_whose_function_is_gone_is_found_by_its_own_tags(
    own_server: Server, sweep: Sweep, ledgers: Path, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text("def handler(event, context): return event\n")
    ledger = Ledger(ledgers)
    with closing(open_cloud("endpoint", runtime="cloud", endpoint_url=own_server.url)) as cloud:
        world = Environment(cloud, ledger=ledger)
        world.function(tmp_path / "app.py").triggered_by(world.queue())
        ledger.close()
    for path in ledgers.iterdir():
        path.unlink()
    functions = client(own_server, "lambda")
    (function,) = functions.list_functions()["Functions"]
    functions.delete_function(FunctionName=function["FunctionName"])
    assert functions.list_event_source_mappings()["EventSourceMappings"]
    status, text = sweep("--endpoint", own_server.url, "--older-than", "0s", "--delete")
    assert "2 found: 2 deleted, 0 left" in text
    assert (status, there(own_server)) == (0, [])


def test_a_localstack_is_found_by_its_own_conventions(
    own_server: Server, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ENDPOINT_URL", "LOCALSTACK_HOST", "EDGE_PORT"):
        monkeypatch.delenv(name, raising=False)
    tag(own_server, "topic", "sls-topic", {"slstest:run": "ab12cd"})
    arguments = ("--cloud", "localstack", "--older-than", "0s", "--delete")
    assert "needs --endpoint URL" in sweep(*arguments)[1]
    monkeypatch.setenv("LOCALSTACK_HOST", f"127.0.0.1:{own_server.port}")
    assert sweep(*arguments)[0] == 0
    assert there(own_server) == []


def test_what_a_running_process_uses_is_left(
    world: Environment, sweep: Sweep, own_server: Server
) -> None:
    table = world.table()
    status, text = sweep("--delete")
    assert status == 0
    assert f"left: process {os.getpid()} is still running" in text
    assert "1 found: 0 deleted, 1 left" in text
    assert client(own_server, "dynamodb").list_tables()["TableNames"] == [table.name]

    status, text = sweep("--delete", "--older-than", "0s")
    assert "1 found: 1 deleted, 0 left" in text
    assert there(own_server) == []


def tag(server: Server, kind: str, name: str, tags: dict[str, str]) -> None:
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    if kind == "bucket":
        client(server, "s3").put_bucket_tagging(Bucket=name, Tagging={"TagSet": listed})
    else:
        sns = client(server, "sns")
        arn = sns.create_topic(Name=name)["TopicArn"]
        sns.tag_resource(ResourceArn=arn, Tags=listed)


def test_what_has_not_both_our_name_and_our_tag_is_never_touched(
    own_server: Server, sweep: Sweep
) -> None:
    ours = {"slstest:run": "ab12cd"}
    s3, sqs = client(own_server, "s3"), client(own_server, "sqs")
    for name, tags in (("sls-untagged", {"run": "ab12cd"}), ("theirs", ours), ("sls-ours", ours)):
        s3.create_bucket(Bucket=name)
        tag(own_server, "bucket", name, tags)
        tag(own_server, "topic", name, tags)
        sqs.create_queue(QueueName=name, tags=tags)
    status, text = sweep("--endpoint", own_server.url, "--older-than", "0s", "--delete")
    assert status == 0
    assert "3 found: 3 deleted, 0 left" in text
    left = sorted(each["Name"] for each in s3.list_buckets()["Buckets"])
    assert left == ["sls-untagged", "theirs"]
    for name in left:
        s3.delete_bucket(Bucket=name)
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])
        sns = client(own_server, "sns")
        sns.delete_topic(TopicArn=sns.create_topic(Name=name)["TopicArn"])
    assert there(own_server) == []


def test_what_has_expired_is_swept_and_what_has_no_age_is_left(
    own_server: Server, sweep: Sweep
) -> None:
    place = ("--endpoint", own_server.url, "--delete")
    expired = {"slstest:run": "ab12cd", "slstest:expiry": "2026-01-01T00:00:00Z"}
    tag(own_server, "topic", "sls-expired", expired)
    tag(own_server, "topic", "sls-later", {**expired, "slstest:expiry": "2999-01-01T00:00:00Z"})
    status, text = sweep(*place)
    assert status == 0
    assert re.search(r"sls-expired .* deleted\n", text)
    assert re.search(r"sls-later .* left: its age is not known", text)
    assert sweep(*place, "--older-than", "0s")[0] == 0
    assert there(own_server) == []


def test_what_cannot_be_deleted_is_told_and_the_status_says_so(
    own_server: Server, world: Environment, sweep: Sweep
) -> None:
    bucket = world.bucket(object_lock_enabled_for_bucket=True)
    table = world.table()
    s3 = client(own_server, "s3")
    bucket.put("a.txt", b"", object_lock_legal_hold_status="ON")
    status, text = sweep("--older-than", "0s", "--delete")
    assert status == 1
    assert re.search(rf"{bucket.name} .* could not be deleted: S3 does not delete a.txt", text)
    assert re.search(rf"{table.name} .* deleted\n", text)
    assert "2 found: 1 deleted, 0 left, 1 failed" in text
    s3.put_object_legal_hold(Bucket=bucket.name, Key="a.txt", LegalHold={"Status": "OFF"})


def test_a_bucket_with_a_governance_lock_is_swept_by_its_tags(
    own_server: Server, world: Environment, sweep: Sweep, ledgers: Path
) -> None:
    bucket = world.bucket(object_lock_enabled_for_bucket=True)
    lock = {"object_lock_mode": "GOVERNANCE", "object_lock_retain_until_date": "2040-01-02"}
    bucket.put("a.txt", b"", checksum_algorithm="SHA256", **lock)
    bucket.put("b.txt", b"")
    for path in ledgers.iterdir():
        path.unlink()
    status, text = sweep("--endpoint", own_server.url, "--older-than", "0s", "--delete")
    assert status == 0, text
    assert re.search(rf"{bucket.name} .* tag .* deleted\n", text)
    assert there(own_server) == []


def test_where_nothing_answers_the_message_says_so(sweep: Sweep, ledgers: Path) -> None:
    status, text = sweep("--endpoint", "http://127.0.0.1:1")
    assert (status, text.startswith("slstest sweep: error: nothing answers at")) == (1, True)


def test_what_was_at_an_endpoint_that_is_gone_can_be_forgotten(
    serve: Serve, sweep: Sweep, ledgers: Path
) -> None:
    server = serve()
    with closing(open_cloud("endpoint", runtime="cloud", endpoint_url=server.url)) as cloud:
        ledger = Ledger(ledgers)
        Environment(cloud, ledger=ledger).table()
        ledger.close()
    server.end()
    arguments = ("--older-than", "0s")
    status, text = sweep(*arguments, "--delete")
    assert status == 1
    assert f"cannot be reached: nothing answers at {server.url}" in text
    assert sweep(*arguments, "--delete", "--forget")[0] == 0
    assert sweep(*arguments) == (0, "0 found: 0 to be deleted, 0 left\n")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--older-than", "soon"], 2, "'soon' is no duration"),
        (["--cloud", "moon"], 2, "invalid choice: 'moon'"),
        (["--cloud", "endpoint"], 1, "--cloud endpoint needs --endpoint URL"),
        (["--endpoint", "https://sqs.eu-west-1.amazonaws.com"], 1, "is AWS itself"),
        (["--endpoint", "localhost"], 1, "is no URL of an endpoint"),
        (["--region", "eu-west-1", "--delete"], 1, "--region goes with --cloud or --endpoint"),
    ],
)
def test_a_wrong_argument_is_refused(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        got: object = main(["sweep", *arguments])
    except SystemExit as end:
        got = end.code
    assert (got, message in capsys.readouterr().err) == (status, True)
