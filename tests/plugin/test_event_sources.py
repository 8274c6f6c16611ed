"""The fixtures of the event sources, end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

BOTH_STYLES = """
    def test_fixture_style(sls):
        clicks = sls.table(key="page")
        stream = sls.stream()
        counter = sls.function("counter", environment={"TABLE": clicks.name})
        counter.triggered_by(stream, batch_size=2)

        stream.put({"page": "/home"}, {"page": "/home"}, {"page": "/cart"})

        clicks.expect_item({"page": "/home", "count": 2})
        assert [len(i.event["Records"]) for i in counter.invocations] == [2, 1]

    @pytest.mark.sls_table("clicks", key="page")
    @pytest.mark.sls_function("counter", environment={"TABLE": "{clicks.name}"})
    @pytest.mark.kinesis_event({"page": "/home"}, {"page": "/home"}, batch_size=2)
    def test_marker_style(kinesis_event, sls):
        sls["clicks"].expect_item({"page": "/home", "count": 2})
        assert len(kinesis_event.invocations) == 1
    """

OVERRIDE = """
    import pytest

    @pytest.fixture
    def sls_function(sls):
        return sls.function("echo", "overridden", memory_size=256)
    """

OVERRIDDEN = """
    @pytest.mark.kinesis_event("record")
    @pytest.mark.invoke_event("payload")
    def test_it(kinesis_event, invoke_event, sls_function, sls):
        assert kinesis_event.function is invoke_event.function is sls_function
        assert sls_function is sls["overridden"]
        assert len(sls_function.invocations) == 2
    """


@pytest.mark.parametrize("runtime", ["process", "in-process"])
def test_both_styles_work_in_every_runtime(project: Project, runtime: str) -> None:
    project.tests(BOTH_STYLES)
    project.run("--sls", "--sls-runtime", runtime).assert_outcomes(passed=2)


def test_parallel_workers_need_no_setting(project: Project) -> None:
    project.tests(BOTH_STYLES)
    project.file("other/conftest.py", OVERRIDE)
    project.tests(OVERRIDDEN, "other/test_other.py")
    project.tests(
        """
        import os
        import pathlib

        def test_name(sls):
            worker = os.environ["PYTEST_XDIST_WORKER"]
            pathlib.Path(f"{worker}.txt").write_text(sls.bucket("archive").name)
        """,
        "test_names.py",
    )
    project.run_apart("--sls", "-n", "2", "--dist", "each").assert_outcomes(passed=8)

    names = [(project.folder / f"{worker}.txt").read_text() for worker in ("gw0", "gw1")]
    (_, run, worker, *_), (_, other_run, other_worker, *_) = [n.split("-") for n in names]
    assert run == other_run
    assert (worker, other_worker) == ("gw0", "gw1")


def test_records_of_the_marker_are_handled_before_the_test_starts(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.kinesis_event({"n": 1}, "two", b"three", partition_key="same", batch_size=3)
        def test_it(kinesis_event, sls):
            import base64

            (invocation,) = kinesis_event.function._finished()
            records = [r["kinesis"] for r in invocation.event["Records"]]
            data = [base64.b64decode(record["data"]) for record in records]
            assert data == [b'{"n": 1}', b"two", b"three"]
            assert {record["partitionKey"] for record in records} == {"same"}
            assert kinesis_event.mapping.state == "Enabled"
        """
    )
    project.run_sls().assert_outcomes(passed=1)


def test_send_returns_the_invocations_that_it_caused(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.kinesis_event("first", partition_key="key")
        def test_it(kinesis_event):
            (invocation,) = kinesis_event.send("second")
            (record,) = invocation.event["Records"]
            assert record["kinesis"]["partitionKey"] == "key"
            (invocation,) = kinesis_event.send("third", partition_key="other")
            assert invocation.event["Records"][0]["kinesis"]["partitionKey"] == "other"
            assert kinesis_event.send() == []
            assert len(kinesis_event.invocations) == 3

        @pytest.mark.sls_function("echo")
        @pytest.mark.kinesis_event
        def test_no_records(kinesis_event):
            assert kinesis_event.invocations == []
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_the_marker_chooses_the_shards_or_takes_a_stream_of_the_test(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.kinesis_event(shard_count=3)
        def test_shards(kinesis_event, sls):
            name = kinesis_event.stream.name
            shards = sls.client("kinesis").list_shards(StreamName=name)["Shards"]
            assert len(shards) == 3

        @pytest.mark.sls_stream("clicks")
        @pytest.mark.sls_function("echo")
        @pytest.mark.kinesis_event("record", stream="clicks")
        def test_stream(kinesis_event, sls):
            assert kinesis_event.stream is sls["clicks"]
            assert len(kinesis_event.invocations) == 1
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_an_invocation_is_over_before_the_test_starts(project: Project) -> None:
    project.tests(
        """
        pytestmark = pytest.mark.sls_function("echo")

        @pytest.mark.invoke_event({"page": "/home"})
        def test_response(invoke_event):
            assert invoke_event.response == {"page": "/home"}
            assert invoke_event.error is None
            assert len(invoke_event.invocations) == 1

        @pytest.mark.invoke_event("fail")
        def test_error(invoke_event):
            from slstest import FunctionError

            assert invoke_event.error["errorType"] == "ValueError"
            with pytest.raises(FunctionError, match="asked to fail"):
                invoke_event.response
            (invocation,) = invoke_event.send("well")
            assert invocation.response == invoke_event.response == "well"
            assert invoke_event.error is None

        @pytest.mark.invoke_event
        def test_no_payload(invoke_event):
            assert invoke_event.invocations == []
            assert invoke_event.response is None
        """
    )
    project.run_sls().assert_outcomes(passed=3)


def test_an_asynchronous_invocation_is_over_with_its_retries(project: Project) -> None:
    project.tests(
        """
        pytestmark = pytest.mark.sls_function("echo")

        @pytest.mark.invoke_event("fail", invocation_type="Event")
        def test_error(invoke_event):
            assert [i.attempt for i in invoke_event.invocations] == [1, 2, 3]
            assert invoke_event.error["errorMessage"] == "asked to fail"
            assert invoke_event.response is None

        @pytest.mark.invoke_event("well", invocation_type="Event")
        def test_success(invoke_event):
            (invocation,) = invoke_event.invocations
            assert invocation.response == "well"
            assert invoke_event.error is None
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_the_marker_says_how_the_function_is_invoked_asynchronously(project: Project) -> None:
    project.tests(
        """
        TO_FAILURES = {"OnFailure": {"Destination": "{failures.arn}"}}

        @pytest.mark.sls_queue("failures")
        @pytest.mark.sls_function("echo")
        @pytest.mark.invoke_event(
            "fail",
            invocation_type="Event",
            maximum_retry_attempts=1,
            destination_config=TO_FAILURES,
        )
        def test_it(invoke_event, sls):
            assert [i.attempt for i in invoke_event.invocations] == [1, 2]
            sls["failures"].expect_message({"requestPayload": "fail"})
        """
    )
    project.run_sls().assert_outcomes(passed=1)


def test_only_events_are_configured_by_the_marker(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.invoke_event("well", maximum_retry_attempts=1)
        def test_it(invoke_event):
            pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*argument 'maximum_retry_attempts' is for invocation_type='Event'*"]
    )


def test_a_project_overrides_the_function_under_test(project: Project) -> None:
    project.file("conftest.py", OVERRIDE)
    project.tests(OVERRIDDEN)
    project.run_sls().assert_outcomes(passed=1)


def test_an_override_may_build_on_the_marker(project: Project) -> None:
    project.tests(
        """
        @pytest.fixture
        def sls_function(sls_function):
            sls_function.invoke("warm")
            return sls_function

        @pytest.mark.sls_function("echo", name="mine")
        @pytest.mark.invoke_event("payload")
        def test_it(invoke_event, sls):
            assert invoke_event.function is sls["mine"]
            assert [i.event for i in invoke_event.invocations] == ["warm", "payload"]
        """
    )
    project.run_sls().assert_outcomes(passed=1)
