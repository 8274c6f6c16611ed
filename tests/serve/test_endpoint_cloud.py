"""The cloud ``endpoint``: the same tests at a URL, with functions here and there."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slstest.clouds import ALL_RUNTIMES, RUNTIMES, open_cloud
from slstest.clouds.endpoint import Endpoint
from slstest.environment import Environment
from slstest.naming import PREFIX
from slstest.waiting import Pace

if TYPE_CHECKING:
    from tests.serve.conftest import Serve, Server

Run = Callable[..., "subprocess.CompletedProcess[str]"]

COPIER = """
    import base64, json, os, boto3

    table = boto3.resource("dynamodb").Table(os.environ["TABLE"])

    def handler(event, context):
        if "Records" not in event:
            return {"echo": event}
        for record in event["Records"]:
            data = record["kinesis"]["data"] if "kinesis" in record else None
            text = base64.b64decode(data) if data else record["body"]
            table.put_item(Item={"id": json.loads(text)["id"], "by": context.function_name})
        print("copied", len(event["Records"]))
        return {"copied": len(event["Records"])}
    """

TESTS = """
    import threading

    import pytest
    from slstest import ConfigurationError, FunctionError, NotSettled

    @pytest.fixture
    def copies(sls):
        return sls.table()

    @pytest.fixture
    def copier(sls, copies):
        return sls.function("copier", environment={"TABLE": copies.name})

    @pytest.mark.parametrize("whose", ["the harness's", "the session's"])
    def test_the_log_and_the_functions_are_there_for_every_client(sls, copier, whose):
        client = sls.client if whose == "the harness's" else sls.session.client
        client("lambda").invoke(FunctionName=copier.name, Payload=b"{}", InvocationType="Event")
        sls.settle()
        assert len(copier.invocations) == 1
        group = f"/aws/lambda/{copier.name}"
        events = client("logs").filter_log_events(logGroupName=group)["events"]
        assert any(each["message"].startswith("REPORT") for each in events)

    def test_a_stream(sls, copies, copier):
        stream = sls.stream()
        copier.triggered_by(stream, batch_size=2)
        stream.put({"id": "1"}, {"id": "2"}, {"id": "3"}, partition_key="p")
        copies.expect_item({"id": "3", "by": copier.name})
        invocations = copier.expect_invoked(times=2)
        assert [len(each.event["Records"]) for each in invocations] == [2, 1]
        assert [each.response for each in invocations] == [{"copied": 2}, {"copied": 1}]
        assert invocations[0].cold_start
        copier.expect_log("copied 2")
        copies.expect_no_item({"id": "4"})

    def test_a_queue(sls, copies, copier):
        queue = sls.queue()
        copier.triggered_by(queue)
        queue.send({"id": "1"}, {"id": "2"})
        copies.expect_count(2)
        queue.expect_empty()

    def test_an_invocation(sls, copier):
        assert copier.invoke({"n": 1}) == {"echo": {"n": 1}}
        with pytest.raises(FunctionError, match="KeyError"):
            copier.invoke({"Records": [{}]})
        assert [each.event for each in copier.invocations][0] == {"n": 1}
        assert copier.invocations[1].error["errorType"] == "KeyError"

    def test_the_time_is_real(sls):
        with pytest.raises(ConfigurationError, match="is the real one and cannot be moved"):
            sls.clock.advance(minutes=5)

    def test_what_is_under_way_is_told(sls, copier):
        queue = sls.queue(delay_seconds=900)
        copier.triggered_by(queue)
        queue.send({"id": "1"})
        with pytest.raises(NotSettled, match="1 messages of queue"):
            sls.settle(timeout=0.5)

    def test_what_a_disabled_mapping_does_not_read_is_not_under_way(sls, copier):
        queue = sls.queue()
        copier.triggered_by(queue, enabled=False)
        queue.send({"id": "1"})
        sls.settle()
        assert copier.invocations == []

    def test_a_cloud_that_answers_slower_than_it_is_looked_at_settles(sls, copies, copier):
        def answer_slowly(**_):
            threading.Event().wait(0.15)

        sls.client("kinesis").meta.events.register("before-send.kinesis", answer_slowly)
        stream = sls.stream(shard_count=3)
        copier.triggered_by(stream)
        stream.put({"id": "1"})
        sls.settle(timeout=20)
        assert len(copier.invocations) == 1
    """


PUSHES = """
    import json
    import pytest
    from slstest import ConfigurationError

    ORDER = {"kind": {"DataType": "String", "StringValue": "order"}}

    @pytest.fixture
    def echo(sls):
        return sls.function("echo")

    def events(function, times):
        return [each.event["Records"][0] for each in function.expect_invoked(times)]

    def test_a_bucket(sls, echo):
        bucket = sls.bucket()
        made = echo.triggered_by(bucket, prefix="in/", events=["s3:ObjectCreated:*"])
        bucket.put("in/a.txt", b"123")
        bucket.put("out/b.txt", b"123")
        (record,) = events(echo, 1)
        assert record["s3"]["configurationId"] == made.id
        assert record["s3"]["bucket"]["arn"] == bucket.arn
        assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("in/a.txt", 3)
        assert record["eventName"] == "ObjectCreated:Put"

    def test_the_invocations_are_those_of_what_is_still_being_pushed(sls, echo):
        bucket = sls.bucket()
        echo.triggered_by(bucket)
        bucket.put("a.txt", b"")
        assert len(echo.invocations) == 1

    def test_what_the_bucket_notifies_already_stays(sls, echo):
        bucket, other = sls.bucket(), sls.function("echo")
        echo.triggered_by(bucket, prefix="a/")
        second = other.triggered_by(bucket, prefix="b/")
        bucket.put("a/1", b"")
        bucket.put("b/1", b"")
        assert [each["s3"]["object"]["key"] for each in events(echo, 1)] == ["a/1"]
        second.delete()
        bucket.put("a/2", b"")
        bucket.put("b/2", b"")
        echo.expect_invoked(2)
        other.expect_invoked(1)

    def test_a_topic(sls, echo):
        topic = sls.topic()
        made = topic.subscribe(echo, filter_policy={"kind": ["order"]})
        (published,) = topic.publish("hello", subject="greeting", message_attributes=ORDER)
        topic.publish("nobody hears it")
        (record,) = events(echo, 1)
        assert list(record) == ["EventSource", "EventVersion", "EventSubscriptionArn", "Sns"]
        assert record["EventSubscriptionArn"] == made.arn
        assert record["Sns"]["MessageId"] == published.message_id
        assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("hello", "greeting")
        assert record["Sns"]["MessageAttributes"] == {
            "kind": {"Type": "String", "Value": "order"}
        }
        assert record["Sns"]["TopicArn"] == topic.arn
        made.update(filter_policy="")
        topic.publish("everybody hears it")
        assert events(echo, 2)[1]["Sns"]["Subject"] is None
        made.delete()
        topic.publish("too late")
        echo.expect_invoked(2)

    def test_the_invocation_is_asynchronous(sls):
        topic, failures = sls.topic(), sls.queue()
        function = sls.function("failing")
        function.configure_async(
            maximum_retry_attempts=0,
            destination_config={"OnFailure": {"Destination": failures.arn}},
        )
        function.triggered_by(topic)
        topic.publish("hello")
        record = failures.expect_message({"requestContext": {"condition": "RetriesExhausted"}})
        assert record.body["requestPayload"]["Records"][0]["Sns"]["Message"] == "hello"

    def test_what_sns_refuses_for_a_function_is_refused(sls, echo):
        with pytest.raises(ConfigurationError, match="Invalid protocol type: lambda"):
            echo.triggered_by(sls.topic(fifo=True))
        topic = sls.topic()
        refusal = r"Delivery protocol \\[lambda\\] does not support raw message delivery"
        with pytest.raises(ConfigurationError, match=refusal):
            echo.triggered_by(topic, raw_message_delivery=True)
        made = echo.triggered_by(topic)
        with pytest.raises(ConfigurationError, match=refusal):
            made.update(raw_message_delivery=True)

    def test_a_message_must_say_the_same_to_functions_and_to_queues(sls, echo):
        topic = sls.topic()
        echo.triggered_by(topic)
        differing = {"default": "d", "lambda": "l"}
        with pytest.raises(ConfigurationError, match="something else to functions than to queues"):
            topic.publish(differing, message_structure="json")
        with pytest.raises(ConfigurationError, match="something else to functions than to queues"):
            sls.client("sns").publish(
                TopicArn=topic.arn, MessageStructure="json", Message=json.dumps(differing)
            )
        topic.publish({"default": "d", "lambda": "l", "sqs": "l"}, message_structure="json")
        topic.publish({"default": "d", "email": "e"}, message_structure="json")
        assert sorted(each["Sns"]["Message"] for each in events(echo, 2)) == ["d", "l"]

    def test_what_s3_refuses_leaves_nothing(sls, echo):
        bucket = sls.bucket()
        queues = sls.client("sqs").list_queues().get("QueueUrls")
        with pytest.raises(ConfigurationError, match="PutBucketNotificationConfiguration"):
            echo.triggered_by(bucket, events=["s3:Nonsense"])
        assert sls.client("sqs").list_queues().get("QueueUrls") == queues

    def test_a_permission_that_is_taken_back_ends_the_delivery(sls, echo):
        topic = sls.topic()
        echo.triggered_by(topic)
        client = sls.client("lambda")
        policy = json.loads(client.get_policy(FunctionName=echo.name)["Policy"])
        client.remove_permission(FunctionName=echo.name, StatementId=policy["Statement"][0]["Sid"])
        topic.publish("hello")
        echo.expect_invoked(0)
        assert "does not allow sns.amazonaws.com to do lambda:Invoke" in sls.undelivered()[0]

    def test_what_is_no_message_of_the_service_is_told(sls, echo):
        sqs = sls.client("sqs")
        before = set(sqs.list_queues().get("QueueUrls", []))
        bucket = sls.bucket()
        echo.triggered_by(bucket)
        (relay,) = [
            url for url in sqs.list_queues()["QueueUrls"] if url not in before and "s3-relay" in url
        ]
        sqs.send_message(QueueUrl=relay, MessageBody="hello")
        sqs.send_message(QueueUrl=relay, MessageBody="[]")
        bucket.put("a", b"")
        echo.expect_invoked(1)
        assert [told.count("not a message of s3") for told in sls.undelivered()] == [1, 1]

    @pytest.mark.parametrize("whose", ["the harness's", "the session's"])
    def test_a_service_cannot_be_told_to_push(sls, echo, whose):
        client = sls.client if whose == "the harness's" else sls.session.client
        rule = {"LambdaFunctionArn": echo.arn, "Events": ["s3:ObjectCreated:*"]}
        with pytest.raises(ConfigurationError, match=r"say function\\.triggered_by\\(bucket\\)"):
            client("s3").put_bucket_notification_configuration(
                Bucket=sls.bucket().name,
                NotificationConfiguration={"LambdaFunctionConfigurations": [rule]},
            )
        with pytest.raises(ConfigurationError, match=r"topic\\.subscribe\\(function\\)"):
            client("sns").subscribe(
                TopicArn=sls.topic().arn, Protocol="lambda", Endpoint=echo.arn
            )
    """


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    """Runs pytest on a project of its own, against the server."""

    def run(tests: str, *arguments: str, url: str = server.url) -> subprocess.CompletedProcess[str]:
        for name, text in (
            ("copier/app.py", COPIER),
            ("echo/app.py", "def handler(event, context): return event"),
            ("failing/app.py", "def handler(event, context): raise ValueError('no')"),
            ("test_it.py", tests),
        ):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        place = ["--sls", "--sls-cloud", "endpoint", "--sls-endpoint", url]
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *place, *arguments],
            cwd=tmp_path,
            env=server.client_variables() | {"XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("runtime", ALL_RUNTIMES)
def test_the_same_tests_run_at_an_endpoint(server: Server, run: Run, runtime: str) -> None:
    done = run(TESTS, "--sls-runtime", runtime)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 passed" in done.stdout
    assert left_on(server) == []


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_services_push_reaches_functions_that_run_here(
    server: Server, run: Run, runtime: str
) -> None:
    done = run(PUSHES, "--sls-runtime", runtime)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout
    assert left_on(server) == []


SEEN_FROM_THE_LOG = """
    from datetime import datetime
    from decimal import Decimal

    import pytest
    from slstest import ConfigurationError, ExpectationFailed, FunctionError, NotSettled

    @pytest.fixture
    def deploy(sls, tmp_path):
        def deploy(result, **settings):
            module = tmp_path / "result.py"
            names = "from datetime import datetime\\nfrom decimal import Decimal\\n"
            module.write_text(names + f"def handler(event, context): return {result}")
            return sls.function(module, **settings)
        return deploy

    @pytest.fixture
    def log_group(sls, request):
        name, logs = f"/mine/{request.node.name}", sls.client("logs")
        logs.create_log_group(logGroupName=name)
        yield name
        logs.delete_log_group(logGroupName=name)

    def test_an_event_that_will_be_tried_again(deploy, sls):
        function = deploy("1 / 0")
        function.invoke_async({})
        with pytest.raises(NotSettled, match="retry 1 of an asynchronous invocation of sls-"):
            sls.settle(timeout=3)

    def test_an_event_that_will_not_be_tried_again(deploy, sls):
        function = deploy("1 / 0")
        function.configure_async(maximum_retry_attempts=0)
        function.invoke_async({})
        sls.settle()

    def test_decimal(deploy):
        function = deploy("{'count': Decimal(2)}")
        assert function.invoke({}) == {"count": 2}
        assert function.invocations[0].response == {"count": 2}

    def test_unspeakable(deploy):
        function = deploy("datetime(2024, 1, 1)")
        with pytest.raises(FunctionError) as raised:
            function.invoke({})
        (invocation,) = function.invocations
        for part in ("errorType", "errorMessage"):
            assert invocation.error[part] == raised.value.payload[part]
        with pytest.raises(ExpectationFailed, match="Runtime.MarshalError"):
            function.expect_no_errors()

    def test_too_large(deploy):
        function = deploy("'x' * 6_291_600")
        with pytest.raises(FunctionError) as raised:
            function.invoke({})
        assert function.invocations[0].error == raised.value.payload

    def test_attempts(sls):
        function = sls.function("echo")
        assert [function.invoke({}), function.invoke({})] == [{}, {}]
        assert [each.attempt for each in function.invocations] == [1, 1]

    def test_attempts_of_a_stream(sls):
        function, stream = sls.function("failing"), sls.stream()
        function.triggered_by(stream, maximum_retry_attempts=1)
        stream.put({"n": 1})
        assert [each.attempt for each in function.expect_invoked(times=2)] == [1, 2]

    def test_a_group_of_many(sls, log_group):
        settings = {"logging_config": {"LogGroup": log_group}}
        echo, failing = sls.function("echo", **settings), sls.function("failing", **settings)
        failing.configure_async(maximum_retry_attempts=0)
        assert echo.invoke({"n": 1}) == {"n": 1}
        failing.invoke_async({"n": 2})
        with pytest.raises(ExpectationFailed, match="failed once"):
            failing.expect_no_errors()
        assert [each.event for each in echo.invocations] == [{"n": 1}]
        assert [each.event for each in failing.invocations] == [{"n": 2}]

    def test_a_group_that_is_given_later(sls, log_group):
        function, client = sls.function("echo"), sls.client("lambda")
        function.invoke({"n": 1})
        client.update_function_configuration(
            FunctionName=function.name, LoggingConfig={"LogGroup": log_group}
        )
        function.invoke({"n": 2})
        assert [each.event for each in function.invocations] == [{"n": 1}, {"n": 2}]
        with pytest.raises(ConfigurationError, match="cannot be JSON"):
            client.update_function_configuration(
                FunctionName=function.arn, LoggingConfig={"LogFormat": "JSON"}
            )

    def test_text(sls):
        function = sls.function("echo", logging_config={"LogFormat": "Text"})
        function.invoke({})
        assert len(function.invocations) == 1

    def test_json(sls):
        with pytest.raises(ConfigurationError, match="is read from its log.*Leave LogFormat out"):
            sls.function("echo", logging_config={"LogFormat": "JSON"})

    def test_another_language(sls):
        with pytest.raises(ConfigurationError, match="is nodejs22.x.*Use a runtime such as"):
            sls.function("echo", runtime="nodejs22.x", handler="index.handler")
    """


def test_what_the_cloud_runs_is_seen_from_its_log(server: Server, run: Run) -> None:
    done = run(SEEN_FROM_THE_LOG, "--sls-runtime", "cloud")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12 passed" in done.stdout
    assert left_on(server) == []


NEEDS = """
    import pytest

    @pytest.mark.sls_needs("clock")
    @pytest.mark.sls_table("made")
    def test_minutes(sls): assert 0

    def test_advance(sls):
        sls.clock.advance(minutes=5)

    @pytest.mark.sls_needs("sqs")
    def test_queue(sls):
        sls.queue()

    @pytest.mark.sls_redelivery
    def test_redelivery(sls):
        sls.function("copier", environment={"TABLE": "t"}).invoke({})
    """


def test_what_a_test_needs_and_the_cloud_lacks_skips_it(server: Server, run: Run) -> None:
    done = run(NEEDS, "-rs", "--sls-runtime", "cloud")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 3 skipped" in done.stdout
    assert "this test needs a clock that skips" in done.stdout
    assert left_on(server) == []


def test_under_strict_what_the_cloud_lacks_fails_the_test(run: Run) -> None:
    done = run(NEEDS, "--sls-strict", "--sls-runtime", "cloud")
    assert "1 passed" in done.stdout
    assert "skipped" not in done.stdout
    assert "this test needs a clock that skips" in done.stdout


def test_a_call_cannot_be_made_to_fail_where_the_service_is_elsewhere(run: Run) -> None:
    done = run(
        """
        def test_it(sls):
            function = sls.function("copier", environment={"TABLE": "t"})
            sls.faults.fail(function, "dynamodb:PutItem", "InternalServerError")
        """,
        "-rs",
    )
    assert "cannot be made to fail" in " ".join(done.stdout.split())


def test_parallel_runs_share_the_endpoint(server: Server, run: Run) -> None:
    done = run(TESTS, "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_on(server) == []


COMING = """
    from slstest.waiting import wait_until

    def tables_of_two(sls):
        names = sls.client("dynamodb").list_tables()["TableNames"]
        return [name for name in names if "-of-two-" in name] or None

    def test_one(sls):
        wait_until("the table of the next test", lambda: tables_of_two(sls), 10)

    def test_of_two(sls):
        table = sls.table(key="page")
        assert tables_of_two(sls) == [table.name]
    """


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_the_tables_of_the_next_test_are_created_while_this_one_runs(
    server: Server, run: Run, workers: tuple[str, ...]
) -> None:
    done = run(COMING, *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_on(server) == []


def test_what_was_created_for_a_test_that_never_came_is_deleted(server: Server, run: Run) -> None:
    done = run(COMING.replace("def test_one(sls):", "def test_one(sls):\n        assert 0"), "-x")
    assert done.returncode == 1
    assert left_on(server) == []


KEPT = """
    def test_that_fails(sls):
        queue, bucket = sls.queue(visibility_timeout=5), sls.bucket()
        failing, echo = sls.function("failing", timeout=3), sls.function("echo")
        failing.triggered_by(queue)
        echo.triggered_by(bucket)
        queue.send("message")
        bucket.put("key", "body")
        failing.expect_log("ValueError")
        assert 0, "that is all"

    def test_of_something_else(sls):
        queue, echo = sls.queue(), sls.function("echo")
        echo.triggered_by(queue)
        queue.send("message")
        echo.expect_invoked(1)
    """


def test_what_is_kept_of_a_test_is_not_read_in_the_next(
    server: Server, run: Run, tmp_path: Path
) -> None:
    done = run(KEPT, "--sls-keep", "--sls-timeout", "15")
    try:
        assert "1 failed, 1 passed" in done.stdout, done.stdout
        assert "that is all" in done.stdout
        assert "end with this run" not in done.stdout
        assert "left in the cloud; delete with: slstest sweep" in done.stderr
        assert {"queue", "bucket", "relay"} <= set(
            re.findall(r"queue|bucket|relay", "".join(left_on(server)))
        )
    finally:
        place = ["--endpoint", server.url, "--older-than", "0s", "--delete"]
        subprocess.run(
            [sys.executable, "-m", "slstest.cli", "sweep", *place],
            env=server.client_variables() | {"XDG_STATE_HOME": str(tmp_path / "state")},
            check=True,
        )
    assert left_on(server) == []


def test_a_stream_is_read_at_one_pace_whoever_waits(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Endpoint, "pace", Pace(look=0.2))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "echo.py").write_text("def handler(event, context): return event", encoding="utf-8")
    reads: list[float] = []
    with (
        closing(open_cloud("endpoint", endpoint_url=server.url, region="us-east-1")) as cloud,
        Environment(cloud, base_dirs=[tmp_path]) as sls,
    ):
        stream = sls.stream()
        sls.function("echo.py").triggered_by(stream)
        sls.settle()
        cloud.client("kinesis").meta.events.register(
            "before-call.kinesis.GetRecords", lambda **_: reads.append(time.monotonic())
        )
        began = time.monotonic()
        for _ in cloud.moments(2.0):
            pass
        looks = (time.monotonic() - began) / Endpoint.pace.look
        assert 0 < len(reads) <= looks + 2


IN_PROCESS = """
    import threading

    import pytest

    @pytest.mark.parametrize("whose", ["the harness's", "the session's"])
    def test_where_it_runs(sls, whose):
        client = sls.client if whose == "the harness's" else sls.session.client
        seen = []
        threading.seen = seen
        function = sls.function("notes")
        client("lambda").invoke(FunctionName=function.name)
        assert seen == [threading.main_thread()]

    def test_function_that_takes_too_long(sls):
        blocked = sls.function("notes", timeout=1, environment={"BLOCK": "1"})
        with pytest.raises(Exception, match="Task timed out after 1.00 seconds"):
            blocked.invoke({})
    """

NOTES = """
    import os, socket, threading

    def handler(event, context):
        if "BLOCK" in os.environ:
            with socket.create_server(("127.0.0.1", 0)) as nobody_comes:
                nobody_comes.settimeout(20)
                nobody_comes.accept()
        threading.seen.append(threading.current_thread())
    """


def test_handlers_in_this_process_run_on_the_thread_of_the_test(
    server: Server, run: Run, tmp_path: Path
) -> None:
    """Only there can one that blocks be ended."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "app.py").write_text(textwrap.dedent(NOTES), encoding="utf-8")
    done = run(IN_PROCESS, "--sls-runtime", "in-process")
    assert done.returncode == 0, done.stdout + done.stderr
    assert left_on(server) == []


UNREAD_LOGS = """
    asked = []

    def test_functions_log(sls):
        sls.client("logs").meta.events.register(
            "before-call", lambda model, **_: asked.append(model.name)
        )
        sls.function("echo").invoke({})
        sls.function("echo").invoke({})

    def test_nothing_was_written(sls):
        assert asked == ["DeleteLogGroup", "DeleteLogGroup"]
    """


def test_a_log_that_nobody_reads_is_not_written(run: Run) -> None:
    done = run(UNREAD_LOGS, "--sls-runtime", "process")
    assert done.returncode == 0, done.stdout + done.stderr


GONE = """
    import os, signal

    def test_that_is_cut_off(sls):
        copies = sls.table()
        echo = sls.function("echo")
        assert echo.invoke({"n": 1}) == {"n": 1}
        os.kill(SERVER, signal.SIGKILL)
        copies.put({"id": "1"})

    def test_of_something_else():
        pass
    """


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["plain", "xdist"])
def test_an_endpoint_that_is_gone_in_mid_test_fails_that_test(
    serve: Serve, run: Run, workers: tuple[str, ...]
) -> None:
    server = serve()
    tests = GONE.replace("SERVER", str(server.process.pid))
    done = run(tests, "--sls-runtime", "cloud", *workers, url=server.url)
    server.process.communicate()
    assert done.returncode == 1, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "1 failed, 1 passed, 1 error" in done.stdout
    gone = f"the endpoint {server.url} does not answer any more"
    assert f"what the functions did could not be read: {gone}" in done.stdout


def test_where_nothing_answers_the_message_says_so(run: Run) -> None:
    done = run("def test_it(sls): pass", url="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "nothing answers at http://127.0.0.1:1" in done.stdout
    assert "Traceback" not in done.stdout


HANGS = """
    import os, signal, threading
    import pytest

    SERVER = {pid}

    @pytest.fixture(scope="module", autouse=True)
    def unanswered():
        yield
        names = [thread.name for thread in threading.enumerate()]
        print("unanswered:", names.count("slstest-request"))

    @pytest.mark.parametrize("number", range(4))
    def test_that_needs_three(sls, number):
        queue, bucket, topic = sls.queue(), sls.bucket(), sls.topic()
        if number == 1:
            os.kill(SERVER, signal.SIGSTOP)
        queue.send("x")
        bucket.put("key", "x")
    """


def test_a_server_that_hangs_is_waited_for_once(serve: Serve, run: Run) -> None:
    server = serve()
    try:
        done = run(HANGS.replace("{pid}", str(server.process.pid)), "-s", url=server.url)
    finally:
        server.process.send_signal(signal.SIGCONT)
        server.end()
    assert "3 failed, 1 passed" in done.stdout, done.stdout
    assert f"{server.url} does not answer any more" in done.stdout
    assert "unanswered: 1\n" in done.stdout


def left_on(server: Server) -> list[str]:
    """The resources of runs that are still there; other tests have others."""
    import boto3

    def client(service: str) -> object:
        return boto3.Session("any", "any", region_name="us-east-1").client(  # type: ignore[call-overload]
            service, endpoint_url=server.url
        )

    found = []
    for service, operation, key in (
        ("dynamodb", "list_tables", "TableNames"),
        ("kinesis", "list_streams", "StreamNames"),
        ("sqs", "list_queues", "QueueUrls"),
        ("sns", "list_topics", "Topics"),
        ("s3", "list_buckets", "Buckets"),
        ("lambda", "list_functions", "Functions"),
        ("logs", "describe_log_groups", "logGroups"),
    ):
        found += getattr(client(service), operation)().get(key, [])
    return [text for each in found if f"{PREFIX}-" in (text := str(each))]
