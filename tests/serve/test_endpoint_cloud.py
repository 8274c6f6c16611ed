"""The cloud ``endpoint``: the same tests at a URL, with functions here and there."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from slstest.clouds import ALL_RUNTIMES
from slstest.naming import PREFIX

if TYPE_CHECKING:
    from tests.serve.conftest import Server

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
    import pytest
    from slstest import ConfigurationError, FunctionError, NotSettled

    @pytest.fixture
    def copies(sls):
        return sls.table()

    @pytest.fixture
    def copier(sls, copies):
        return sls.function("copier", environment={"TABLE": copies.name})

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
    """


@pytest.fixture
def run(server: Server, tmp_path: Path) -> Run:
    """Runs pytest on a project of its own, against the server."""

    def run(tests: str, *arguments: str, url: str = server.url) -> subprocess.CompletedProcess[str]:
        for name, text in (("copier/app.py", COPIER), ("test_it.py", tests)):
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
    assert "5 passed" in done.stdout
    assert left_on(server) == []


def test_what_only_the_cloud_could_push_is_refused_where_functions_run_here(
    server: Server, run: Run
) -> None:
    done = run(
        """
        def test_it(sls):
            bucket, function = sls.bucket(), sls.function("copier", environment={"TABLE": "t"})
            function.triggered_by(bucket)
        """
    )
    assert "the cloud 'endpoint' cannot push to it" in " ".join(done.stdout.split())
    assert left_on(server) == []


def test_a_call_cannot_be_made_to_fail_where_the_service_is_elsewhere(run: Run) -> None:
    done = run(
        """
        def test_it(sls):
            function = sls.function("copier", environment={"TABLE": "t"})
            sls.faults.fail(function, "dynamodb:PutItem", "InternalServerError")
        """
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


def test_where_nothing_answers_the_message_says_so(run: Run) -> None:
    done = run("def test_it(sls): pass", url="http://127.0.0.1:1")
    assert done.returncode == 1
    assert "nothing answers at http://127.0.0.1:1" in done.stdout
    assert "Traceback" not in done.stdout


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
        ("lambda", "list_functions", "Functions"),
        ("logs", "describe_log_groups", "logGroups"),
    ):
        found += getattr(client(service), operation)().get(key, [])
    return [text for each in found if f"{PREFIX}-" in (text := str(each))]
