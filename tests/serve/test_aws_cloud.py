"""The cloud ``aws`` with its guards on, on ``slstest serve`` in AWS's place.

A proxy stands in between: it notes every call, and makes calls fail as AWS's do.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws_proxy import Proxy

from slstest.naming import PREFIX

if TYPE_CHECKING:
    from tests.serve.conftest import Serve, Server

ACCOUNT = "123456789012"
USER = "AKIAUSEROFTHETESTS00"
README = Path(__file__).parents[2] / "README.md"

COPIER = """
    import base64, json, os, boto3

    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def handler(event, context):
        if "Records" not in event:
            return os.environ["AWS_ACCESS_KEY_ID"]
        for record in event["Records"]:
            data = record["kinesis"]["data"] if "kinesis" in record else None
            text = base64.b64decode(data) if data else record.get("body")
            if text is None:
                continue
            table.put_item(Item={"id": json.loads(text)["id"], "by": context.function_name})
        print("copied", len(event["Records"]))
    """

FIXTURES = """
    import pytest

    @pytest.fixture
    def copies(sls):
        return sls.table()

    @pytest.fixture
    def copier(sls, copies):
        return sls.function("copier", environment={"TABLE": copies.name})
    """

A_STREAM = """
    def test_a_stream(sls, copies, copier):
        stream = sls.stream()
        copier.triggered_by(stream, batch_size=2)
        stream.put({"id": "1"}, {"id": "2"}, partition_key="p")
        copies.expect_item({"id": "2", "by": copier.name})
    """

A_QUEUE = """
    def test_a_queue(sls, copies, copier):
        queue = sls.queue()
        copier.triggered_by(queue)
        queue.send({"id": "1"})
        copies.expect_item({"id": "1"})
    """

A_DESTINATION = """
    def test_a_destination(sls, copier):
        copier.configure_async(destination_config={"OnSuccess": {"Destination": sls.queue().arn}})
    """

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    proxy = Proxy(server.url)
    yield proxy
    proxy.stop()


@pytest.fixture
def run(server: Server, proxy: Proxy, tmp_path: Path) -> Run:
    """Runs pytest on a project of its own with the cloud ``aws``."""

    def run(
        *tests: str,
        arguments: tuple[str, ...] = (),
        ini: str = f"sls_aws_accounts = {ACCOUNT}",
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        source = "\n".join(textwrap.dedent(each) for each in (FIXTURES, *tests))
        for name, text in (
            ("copier/app.py", textwrap.dedent(COPIER)),
            ("test_it.py", source),
            ("pytest.ini", f"[pytest]\n{ini}\n"),
        ):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        cloud = ("--sls", "--sls-cloud", "aws")
        environment = server.client_variables() | {
            "AWS_ENDPOINT_URL": proxy.url,
            "AWS_ACCESS_KEY_ID": USER,
            "AWS_EC2_METADATA_DISABLED": "true",
            "XDG_STATE_HOME": str(tmp_path / "state"),
        }
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *cloud, *arguments],
            cwd=tmp_path,
            env={name: value for name, value in (environment | variables).items() if value},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def sweep(server: Server, proxy: Proxy, tmp_path: Path) -> Run:
    """Runs ``slstest sweep``, with an account on ``aws``."""

    def sweep(*arguments: str) -> subprocess.CompletedProcess[str]:
        place = ("--cloud", "aws", "--older-than", "0s") if "--account" in arguments else ()
        return subprocess.run(
            [sys.executable, "-m", "slstest.cli", "sweep", *place, *arguments],
            env=server.client_variables()
            | {
                "AWS_ENDPOINT_URL": proxy.url,
                "AWS_ACCESS_KEY_ID": USER,
                "XDG_STATE_HOME": str(tmp_path / "state"),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return sweep


@pytest.fixture
def client(server: Server) -> Callable[[str], Any]:
    """Clients that see what is on the server."""
    make: Any = boto3.Session("any", "any", region_name="us-east-1").client
    return lambda service: make(service, endpoint_url=server.url)


def passed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a run that failed told, in one line."""
    assert done.returncode, done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    return " ".join((done.stdout + done.stderr).split())


# -- the guards -------------------------------------------------------------------------


def test_without_a_region_nothing_begins(run: Run, proxy: Proxy) -> None:
    done = run(A_QUEUE, AWS_DEFAULT_REGION="")
    assert "no AWS region is said; give --sls-region" in said(done)
    assert proxy.calls == []


def test_without_an_allowed_account_nothing_begins(run: Run, proxy: Proxy) -> None:
    told = said(run(A_QUEUE, ini=""))
    assert "no AWS account is allowed" in told
    assert "sls_aws_accounts = 123456789012" in told
    assert proxy.calls == []


def test_in_an_account_that_is_not_allowed_nothing_is_created(run: Run, proxy: Proxy) -> None:
    told = said(run(A_QUEUE, A_STREAM, ini="sls_aws_accounts = 210987654321 111111111111"))
    assert f"in the account {ACCOUNT}, which is none of those allowed: 210987654321, 111" in told
    assert "allow the account (sls_aws_accounts in the ini file" in told
    assert f"STS is at {proxy.url}" in told
    assert proxy.operations() == ["GetCallerIdentity"]


def test_without_credentials_nothing_is_created(run: Run, proxy: Proxy) -> None:
    told = said(run(A_QUEUE, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY=""))
    assert "there are no AWS credentials. Name a profile (AWS_PROFILE)" in told
    assert proxy.calls == []


def test_a_profile_that_there_is_not_is_named(run: Run, proxy: Proxy) -> None:
    told = said(run(A_QUEUE, AWS_PROFILE="nobody"))
    assert "the AWS credentials cannot be used" in told
    assert "nobody" in told
    assert proxy.calls == []


def test_with_expired_credentials_nothing_is_created(run: Run, proxy: Proxy) -> None:
    proxy.refuse("GetCallerIdentity", "ExpiredToken", "The security token is expired", status=403)
    told = said(run(A_QUEUE))
    assert "The security token is expired. Renew the AWS credentials" in told
    assert proxy.operations() == ["GetCallerIdentity"]


def test_a_permission_that_is_missing_is_named_and_nothing_is_left(
    run: Run, proxy: Proxy, client: Callable[[str], Any]
) -> None:
    message = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform that"
    proxy.refuse("CreateStream", "AccessDeniedException", message)
    told = said(run(A_STREAM))
    assert "CreateStream was refused: AccessDeniedException: User: arn:aws:iam::12345" in told
    assert "Allow kinesis:CreateStream to arn:aws:" in told
    assert left_on(client) == []


def test_a_log_group_that_is_not_there_is_refused_and_another_s_is_left(
    run: Run, client: Callable[[str], Any]
) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="/mine/xy")
    test = """
        def test_it(sls):
            settings = {"logging_config": {"LogGroup": "/mine/x"}}
            function = sls.function("copier", environment={"TABLE": ""}, **settings)
            function.invoke({})
            function.expect_log("REPORT")
        """
    try:
        told = said(run(test, arguments=("--sls-runtime", "cloud")))
        assert "there is no log group '/mine/x'. Create it, or leave out LogGroup" in told
        assert left_on(client) == []
        logs.create_log_group(logGroupName="/mine/x")
        passed(run(test, arguments=("--sls-runtime", "cloud")))
        assert left_on(client) == []
    finally:
        found = logs.describe_log_groups(logGroupNamePrefix="/mine/")["logGroups"]
        groups = [group["logGroupName"] for group in found]
        for group in groups:
            logs.delete_log_group(logGroupName=group)
    assert groups == ["/mine/x", "/mine/xy"]


# -- what AWS does that emulators do not ------------------------------------------------


@pytest.mark.parametrize("runtime", ["process", "in-process", "cloud"])
def test_the_same_tests_run_in_an_account(
    run: Run, proxy: Proxy, client: Callable[[str], Any], runtime: str
) -> None:
    assert "2 passed" in passed(run(A_STREAM, A_QUEUE, arguments=("--sls-runtime", runtime)))
    assert left_on(client) == []


A_CHANGE = """
    def test_a_change(sls, copier):
        table = sls.table(stream=True)
        copier.triggered_by(table)
        table.put({"id": "1"})
        invocation = copier.expect_invoked()[0]
        assert invocation.event["Records"][0]["eventSourceARN"] == table.stream_arn
    """

A_PUSH = """
    def test_a_push(sls, copier):
        bucket, topic = sls.bucket(), sls.topic()
        copier.triggered_by(bucket)
        copier.triggered_by(topic)
        bucket.put("key", "body")
        topic.publish("message")
        copier.expect_invoked(times=2)
    """


@pytest.mark.parametrize("runtime", ["process", "cloud"])
def test_the_same_tests_run_in_an_account_of_another_partition(
    serve: Serve, run: Run, runtime: str
) -> None:
    there = serve("--region", "us-gov-west-1")
    done = run(
        A_STREAM,
        A_QUEUE,
        A_CHANGE,
        A_PUSH,
        arguments=("--sls-runtime", runtime),
        AWS_ENDPOINT_URL=there.url,
        AWS_DEFAULT_REGION="us-gov-west-1",
    )
    assert "4 passed" in passed(done)


def test_a_function_here_has_the_credentials_of_its_role_and_not_the_user_s(
    run: Run, proxy: Proxy
) -> None:
    passed(
        run(
            f"""
            def test_it(sls, copier):
                assert copier.invoke({{}}) not in ("{USER}", "", "test")
            """,
            A_QUEUE,
        )
    )
    (put,) = [call for call in proxy.calls if call.operation == "PutItem"]
    assert put.access_key != USER
    made = [call.form for call in proxy.calls if call.operation == "CreateRole"]
    assumed = {call.form["RoleArn"] for call in proxy.calls if call.operation == "AssumeRole"}
    assert assumed == {f"arn:aws:iam::{ACCOUNT}:role/slstest/{each['RoleName']}" for each in made}
    trusted = json.loads(made[0]["AssumeRolePolicyDocument"])["Statement"]
    assert [each["Principal"] for each in trusted] == [
        {"Service": "lambda.amazonaws.com"},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    ]
    assert trusted[1]["Condition"]["StringLike"]["aws:userid"][0] not in ("", "*")


def test_throttling_is_waited_for(run: Run, proxy: Proxy, client: Callable[[str], Any]) -> None:
    proxy.refuse("CreateTable", "ThrottlingException", "Rate exceeded", times=2)
    proxy.refuse("CreateStream", "LimitExceededException", "Rate exceeded for account")
    proxy.refuse("PutRecords", "ProvisionedThroughputExceededException", "Rate exceeded")
    proxy.refuse("CreateRole", "Throttling", "Rate exceeded")
    proxy.refuse("DeleteTable", "ThrottlingException", "Rate exceeded")
    passed(run(A_STREAM))
    assert proxy.operations().count("CreateTable") == 3
    assert left_on(client) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "xdist"])
def test_a_log_that_must_not_be_read_is_told_in_the_failure(
    run: Run, proxy: Proxy, client: Callable[[str], Any], workers: tuple[str, ...]
) -> None:
    message = "User: arn:aws:iam::123456789012:user/ada is not authorized to perform that"
    proxy.refuse("FilterLogEvents", "AccessDeniedException", message, times=math.inf)
    test = """
        def test_it(sls, copier):
            copier.invoke({})
            assert 1 == 2

        def test_a_function_that_fails(sls, copier):
            copier.invoke({"Records": [{"body": "{}"}]})
        """
    done = run(test, arguments=("--sls-runtime", "cloud", *workers))
    told = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == 1, told
    assert "INTERNALERROR" not in told
    assert "assert 1 == 2" in told
    assert "failed: KeyError: 'id'" in told
    assert "what the functions did could not be read: An error occurred" in told
    assert "Allow logs:FilterLogEvents to arn:aws:" in told
    assert "2 failed in" in told
    assert left_on(client) == []


def test_what_aws_does_not_know_yet_is_waited_for(
    run: Run, proxy: Proxy, client: Callable[[str], Any]
) -> None:
    proxy.refuse("DescribeTable", "ResourceNotFoundException", "Table not found", times=2)
    proxy.refuse("DescribeStreamSummary", "ResourceNotFoundException", "not found")
    proxy.refuse(
        "GetQueueAttributes", "AWS.SimpleQueueService.NonExistentQueue", "no such queue", times=2
    )
    proxy.refuse("PutBucketTagging", "NoSuchBucket", "The bucket does not exist", status=404)
    for operation in ("PutBucketTagging", "PutBucketNotification"):
        proxy.refuse(operation, "OperationAborted", "Please try again.", times=2, status=409)
    proxy.refuse("AssumeRole", "AccessDenied", "is not authorized to perform", status=403)
    a_bucket = "def test_a_bucket(sls, copier): copier.triggered_by(sls.bucket())"
    passed(run(A_STREAM, A_QUEUE, a_bucket))
    assert proxy.operations().count("PutBucketTagging") == 4
    assert proxy.operations().count("PutBucketNotification") == 4
    assert left_on(client) == []


A_RELAY = """
    @pytest.mark.parametrize("kind", ["bucket", "topic"])
    def test_a_relay(sls, copier, kind):
        source = getattr(sls, kind)()
        copier.triggered_by(source)
        source.put("key", "body") if kind == "bucket" else source.publish("news")
        copier.expect_log("copied 1")
    """

HEARD = """
    def test_heard(sls):
        topic = sls.topic()
        topic.publish("news")
        topic.expect_message("news")
    """


@pytest.mark.parametrize(
    ("operation", "tests"),
    [
        ("GetQueueUrl", [A_RELAY]),
        ("ReceiveMessage", [A_RELAY, HEARD, A_QUEUE]),
    ],
)
def test_a_queue_that_sqs_does_not_know_yet_is_waited_for(
    run: Run, proxy: Proxy, client: Callable[[str], Any], operation: str, tests: list[str]
) -> None:
    for test in tests:
        proxy.refuse(operation, "QueueDoesNotExist", "no such queue", times=2)
        passed(run(test, arguments=("--sls-timeout", "30")))
        assert [call.status for call in proxy.calls if call.operation == operation][:2] == [400] * 2
        proxy.calls.clear()
    assert left_on(client) == []


def test_a_queue_is_known_before_a_service_is_told_of_it(run: Run, proxy: Proxy) -> None:
    proxy.refuse("GetQueueAttributes", "QueueDoesNotExist", "no such queue", times=2)
    passed(run(HEARD))
    done = proxy.operations()
    assert done[: done.index("Subscribe")].count("GetQueueAttributes") == 3


def test_a_role_that_lambda_does_not_know_yet_is_waited_for(
    run: Run, proxy: Proxy, client: Callable[[str], Any]
) -> None:
    code = "InvalidParameterValueException"
    proxy.refuse(
        "CreateFunction", code, "The role defined for the function cannot be assumed by Lambda."
    )
    proxy.refuse(
        "CreateEventSourceMapping",
        code,
        "Cannot access stream arn. Please ensure the role can perform the GetRecords, ListShards "
        "Actions on your stream in IAM.",
        times=2,
    )
    proxy.refuse(
        "PutFunctionEventInvokeConfig", code, "The destination ARN arn:aws:sqs:x is invalid."
    )
    passed(run(A_STREAM, A_DESTINATION, arguments=("--sls-runtime", "cloud")))
    assert proxy.operations().count("CreateFunction") == 3
    assert proxy.operations().count("CreateEventSourceMapping") == 3
    assert proxy.operations().count("PutFunctionEventInvokeConfig") == 2
    assert left_on(client) == []


LATE = """
    import threading
    import boto3
    from slstest import ExpectationFailed
    from slstest.clouds import remote
    from slstest.clouds.aws import AwsAccount

    AwsAccount.quiet = 0.5
    remote._BEGINNING = 0.1

    @pytest.fixture
    def late():
        \"""Lets Lambda begin to read later than it says, and the harness does not hear of it.\"""
        client = boto3.client("lambda")
        timers = []

        def late(mapping):
            client.update_event_source_mapping(UUID=mapping.uuid, Enabled=False)
            again = client.update_event_source_mapping
            timers.append(threading.Timer(3, again, kwargs={"UUID": mapping.uuid, "Enabled": True}))
            timers[0].start()

        yield late
        timers[0].join()

    @pytest.mark.parametrize("kind", ["stream", "table"])
    def test_it(sls, copies, late, kind):
        copier = sls.function("writer.py", environment={"TABLE": copies.name})
        source = sls.stream() if kind == "stream" else sls.table(stream=True)
        late(copier.triggered_by(source))
        source.put({"id": "1"})
        with pytest.raises(ExpectationFailed):
            copies.expect_no_item({"id": "1"})
    """

WRITER = """
    import os, boto3

    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def handler(event, context):
        table.put_item(Item={"id": "1"})
    """


def test_a_mapping_that_begins_late_is_waited_for(
    run: Run, client: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / "writer.py").write_text(textwrap.dedent(WRITER), encoding="utf-8")
    passed(run(LATE, arguments=("--sls-runtime", "cloud")))
    assert left_on(client) == []


def test_what_cannot_be_deleted_at_once_is_deleted_in_the_end(
    run: Run, proxy: Proxy, client: Callable[[str], Any]
) -> None:
    for operation, code in (
        ("DeleteStream", "ResourceInUseException"),
        ("DeleteTable", "ResourceInUseException"),
        ("DeleteEventSourceMapping", "ResourceInUseException"),
        ("DeleteFunction", "ResourceConflictException"),
        ("DeleteRole", "ConcurrentModification"),
        ("DeleteRole", "DeleteConflict"),
        ("DeleteBucket", "BucketNotEmpty"),
    ):
        proxy.refuse(operation, code, "not now", times=2, status=409)
    test = "def test_a_bucket(sls): sls.bucket().put('key', 'body')"
    passed(run(A_STREAM, test, arguments=("--sls-runtime", "cloud")))
    assert left_on(client) == []


def test_what_cannot_be_deleted_is_told_and_stays_in_the_ledger(
    run: Run, proxy: Proxy, client: Callable[[str], Any], sweep: Run
) -> None:
    proxy.refuse("DeleteQueue", "AccessDenied", "not authorized", times=9, status=403)
    told = said(run("def test_a_queue(sls): sls.queue()"))
    proxy.heal()
    assert "could not delete 1 resource(s)" in told
    assert "Allow sqs:DeleteQueue to arn:aws:" in told
    place = f"--cloud aws --region us-east-1 --account {ACCOUNT}"
    assert (
        f"1 thing of this run left in the cloud; delete with: slstest sweep --delete {place}"
        in told
    )
    assert len(left_on(client)) == 1
    assert "say --cloud aws --region us-east-1 --account ID" in sweep().stdout
    assert "1 found: 1 deleted" in sweep("--account", ACCOUNT, "--delete").stdout
    assert left_on(client) == []


def test_a_sweep_checks_the_account_too(sweep: Run, proxy: Proxy) -> None:
    assert "no AWS account is allowed" in sweep("--cloud", "aws").stderr
    told = sweep("--account", "210987654321", "--delete").stderr
    assert "none of those allowed: 210987654321" in told
    assert "--account of slstest sweep" in told
    assert proxy.operations() == ["GetCallerIdentity"]


# -- tags, roles, permissions -----------------------------------------------------------

EVERYTHING = """
    def test_everything(sls):
        bucket, dead, topic = sls.bucket(), sls.queue(), sls.topic()
        table = sls.table(stream=True)
        stream, queue = sls.stream(), sls.queue(fifo=True)
        copier = sls.function(
            "copier",
            environment={
                "TABLE": table.name, "QUEUE": queue.url, "BUCKET": bucket.name, "TOPIC": topic.arn
            },
            dead_letter_config={"TargetArn": dead.arn},
            policy=[{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}],
        )
        consumer = stream.register_consumer()
        mapping = copier.triggered_by(consumer, batch_size=5, destination_config={
            "OnFailure": {"Destination": dead.arn}})
        copier.triggered_by(table)
        copier.triggered_by(queue)
        copier.configure_async(destination_config={"OnSuccess": {"Destination": dead.arn}})
        copier.reserve_concurrency(5)
        copier.reserve_concurrency(None)
        bucket.put("early", "x")
        copier.triggered_by(bucket)
        copier.triggered_by(topic)
        mapping.update(batch_size=6)
        mapping.disable()
        copier.invoke({})
        copier.invoke_async({})
        table.put({"id": "0"})
        table.delete("0")
        table.expect_no_item({"id": "7"})
        table.item("0")
        bucket.put("key", "body")
        sls.bucket(object_lock_enabled_for_bucket=True).put("locked", "x")
        bucket.expect_object("key")
        bucket.expect_count(2)
        queue.send({"id": "1"})
        table.expect_item({"id": "1"})
        dead.send({"id": "2"})
        dead.expect_message({"id": "2"})
        topic.publish("news")
        topic.expect_message("news")
        topic.subscribe(dead, redrive_policy={"deadLetterTargetArn": dead.arn}).update(
            raw_message_delivery=True)
        stream.put("x")
        stream.expect_record("x")
        stream.update_shard_count(2)
        assert copier.logs
        mapping.delete()
    """


def test_the_readme_lists_every_permission_that_functions_here_need(
    run: Run, proxy: Proxy, client: Callable[[str], Any]
) -> None:
    passed(run(EVERYTHING))
    assert left_on(client) == []
    assert needed(proxy) <= readme_actions()
    assert {action for actions in _BY_HEADER.values() for action in actions} <= needed(proxy)

    # What functions do is allowed by their roles, as far as actions go.
    granted = {
        action
        for call in proxy.calls
        if call.operation == "PutRolePolicy"
        for statement in json.loads(call.form["PolicyDocument"])["Statement"]
        for action in [statement["Action"]]
        for action in ([action] if isinstance(action, str) else action)
    }
    done = {action for call in proxy.calls if call.access_key != USER for action in call.actions}
    assert done == {"dynamodb:PutItem"}
    assert {*done, "ses:SendEmail"} <= granted


def test_everything_has_the_tags_by_which_a_sweep_finds_it(
    run: Run, proxy: Proxy, client: Callable[[str], Any], sweep: Run, tmp_path: Path
) -> None:
    test = EVERYTHING.replace("mapping.delete()", "raise OSError('keep')")
    ini = f"sls_aws_accounts = {ACCOUNT}\nsls_owner = ada & co"
    arguments = ("--sls-runtime", "cloud", "--sls-keep")
    assert "OSError: keep" in run(test, ini=ini, arguments=arguments).stdout
    seen = tags_on(client)
    assert {arn.split(":")[2] for arn in seen} == SERVICES
    expiry = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    for arn, tags in seen.items():
        assert {"slstest:run", "slstest:worker"} <= set(tags), arn
        assert tags["slstest:owner"] == "ada _ co"
        assert tags["slstest:test"] == "test_everything"
        assert expiry.fullmatch(tags["slstest:expiry"])

    shutil.rmtree(tmp_path / "state")
    assert "0 left" in sweep("--account", ACCOUNT, "--delete").stdout
    assert left_on(client) == []
    assert needed(proxy) <= readme_actions()


# -- helpers ----------------------------------------------------------------------------

SERVICES = {"dynamodb", "iam", "kinesis", "lambda", "logs", "s3", "sns", "sqs"}


def readme_actions() -> set[str]:
    """The actions that the policy in the README allows."""
    _, _, section = README.read_text(encoding="utf-8").partition("\n## On AWS\n")
    found = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert found
    statements = json.loads(found[1])["Statement"]
    return {action for statement in statements for action in statement["Action"]}


# What AWS wants allowed besides of a creation with tags.
_TAGGING = {
    "CreateTable": "dynamodb:TagResource",
    "CreateStream": "kinesis:AddTagsToStream",
    "RegisterStreamConsumer": "kinesis:TagResource",
    "CreateQueue": "sqs:TagQueue",
    "CreateTopic": "sns:TagResource",
    "CreateFunction": "lambda:TagResource",
    "CreateEventSourceMapping": "lambda:TagResource",
    "CreateRole": "iam:TagRole",
    "CreateLogGroup": "logs:TagResource",
}


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
_BY_HEADER = {
    "x-amz-bucket-object-lock-enabled": (
        "s3:PutBucketObjectLockConfiguration",
        "s3:PutBucketVersioning",
    ),
    "x-amz-bypass-governance-retention": ("s3:BypassGovernanceRetention",),
}


def needed(proxy: Proxy) -> set[str]:
    """The actions that must be allowed to the user, other than those that always are."""
    called = set(proxy.operations())
    found = {action for call in proxy.calls if call.access_key == USER for action in call.actions}
    headers = {name.lower() for call in proxy.calls for name, _ in call.request.headers.items()}
    found |= {action for name in headers for action in _BY_HEADER.get(name, ())}
    found |= {action for operation, action in _TAGGING.items() if operation in called}
    found |= {"iam:PassRole"} if "CreateFunction" in called else set()
    return found - {"sts:GetCallerIdentity"}


def tags_on(client: Callable[[str], Any]) -> dict[str, dict[str, str]]:
    """The tags of everything that is there of runs, by ARN."""

    def pairs(tags: Any) -> dict[str, str]:
        return {each["Key"]: each["Value"] for each in tags}

    found: dict[str, dict[str, str]] = {}
    for arn in left_on(client):
        service = arn.split(":")[2]
        name = arn.rpartition(":")[2].rpartition("/")[2]
        api = client(service)
        if service == "dynamodb":
            found[arn] = pairs(api.list_tags_of_resource(ResourceArn=arn)["Tags"])
        elif service == "iam":
            found[arn] = pairs(api.list_role_tags(RoleName=name)["Tags"])
        elif service == "kinesis":
            found[arn] = pairs(api.list_tags_for_resource(ResourceARN=arn)["Tags"])
        elif service == "lambda":
            found[arn] = api.list_tags(Resource=arn)["Tags"]
        elif service == "logs":
            found[arn] = api.list_tags_for_resource(resourceArn=arn)["tags"]
        elif service == "s3":
            found[arn] = pairs(api.get_bucket_tagging(Bucket=name)["TagSet"])
        elif service == "sns":
            found[arn] = pairs(api.list_tags_for_resource(ResourceArn=arn)["Tags"])
        else:
            url = api.get_queue_url(QueueName=name)["QueueUrl"]
            found[arn] = api.list_queue_tags(QueueUrl=url)["Tags"]
    return found


def left_on(client: Callable[[str], Any]) -> list[str]:
    """The ARNs of everything that is there of runs; other tests have others."""

    def listed(service: str, operation: str, key: str, **parameters: Any) -> list[Any]:
        found: list[Any] = getattr(client(service), operation)(**parameters).get(key, [])
        return found

    prefix = f"arn:aws:{{}}:us-east-1:{ACCOUNT}:"
    streams = [
        client("kinesis").describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
        for name in listed("kinesis", "list_streams", "StreamNames")
    ]
    functions = listed("lambda", "list_functions", "Functions")
    mappings = listed("lambda", "list_event_source_mappings", "EventSourceMappings")
    found = [
        *(
            prefix.format("dynamodb") + f"table/{each}"
            for each in listed("dynamodb", "list_tables", "TableNames")
        ),
        *(each["StreamARN"] for each in streams),
        *(
            consumer["ConsumerARN"]
            for each in streams
            for consumer in listed(
                "kinesis", "list_stream_consumers", "Consumers", StreamARN=each["StreamARN"]
            )
        ),
        *(
            prefix.format("sqs") + each.rpartition("/")[2]
            for each in listed("sqs", "list_queues", "QueueUrls")
        ),
        *(each["TopicArn"] for each in listed("sns", "list_topics", "Topics")),
        *(f"arn:aws:s3:::{each['Name']}" for each in listed("s3", "list_buckets", "Buckets")),
        *(each["FunctionArn"] for each in functions),
        *(each["Arn"] for each in listed("iam", "list_roles", "Roles")),
        *(
            each["arn"].removesuffix(":*")
            for each in listed("logs", "describe_log_groups", "logGroups")
        ),
    ]
    ours = [arn for arn in found if f"{PREFIX}-" in arn]
    return [
        *ours,
        *(
            each["EventSourceMappingArn"]
            for each in mappings
            if f"{PREFIX}-" in each["FunctionArn"]
        ),
    ]
