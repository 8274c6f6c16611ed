"""The marker and the fixture ``s3_event``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

BOTH_STYLES = """
    def test_fixture_style(sls):
        uploads = sls.bucket()
        echo = sls.function("echo")
        echo.triggered_by(uploads, suffix=".json")

        uploads.put("a.json", {"n": 1})
        uploads.put("b.csv", "n")

        (invocation,) = echo.invocations
        assert invocation.event["Records"][0]["s3"]["object"]["key"] == "a.json"

    @pytest.mark.sls_function("echo")
    @pytest.mark.s3_event("a.json", body={"n": 1}, suffix=".json")
    def test_marker_style(s3_event):
        (invocation,) = s3_event.invocations
        assert invocation.event["Records"][0]["s3"]["object"]["size"] == 8
    """


@pytest.mark.parametrize("runtime", ["process", "in-process"])
def test_both_styles_work_in_every_runtime(project: Project, runtime: str) -> None:
    project.tests(BOTH_STYLES)
    project.run("--sls", "--sls-runtime", runtime).assert_outcomes(passed=2)


def test_the_markers_object_is_handled_before_the_test_starts(project: Project) -> None:
    project.tests(
        """
        pytestmark = pytest.mark.sls_function("echo")

        @pytest.mark.s3_event("a b.txt")
        def test_it(s3_event):
            (invocation,) = s3_event.function._finished()
            (record,) = invocation.event["Records"]
            assert record["s3"]["object"]["key"] == "a+b.txt"
            assert record["s3"]["object"]["size"] == 0
            assert record["s3"]["configurationId"] == s3_event.notification.id

        @pytest.mark.s3_event
        def test_no_object(s3_event):
            assert s3_event.invocations == []
        """
    )
    project.run_sls().assert_outcomes(passed=2)


def test_send_returns_the_invocations_that_it_caused(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_function("echo")
        @pytest.mark.s3_event("first", prefix="f", events=["s3:ObjectCreated:Put"], id="mine")
        def test_it(s3_event, sls):
            (invocation,) = s3_event.send("following", b"abc", content_type="text/plain")
            (record,) = invocation.event["Records"]
            assert record["s3"]["object"]["size"] == 3
            assert record["s3"]["configurationId"] == "mine"
            assert s3_event.send("other", "content") == []
            assert len(s3_event.invocations) == 2
            s3_event.notification.delete()
            assert s3_event.send("further", "content") == []
        """
    )
    project.run_sls().assert_outcomes(passed=1)


def test_a_bucket_can_be_named(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.sls_bucket("uploads")
        @pytest.mark.sls_function("echo", environment={"BUCKET": "{uploads.name}"})
        @pytest.mark.s3_event("key", bucket="uploads", prefix="{uploads.name}/")
        def test_it(s3_event, sls):
            assert s3_event.bucket is sls["uploads"]
            assert s3_event.invocations == []
            assert len(s3_event.send(f"{s3_event.bucket.name}/key")) == 1
        """
    )
    project.run_sls().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("s3_event(5)", "argument 'key' takes str or None, not int"),
        ("s3_event('key', 5)", "argument 'body' takes dict or list or str or bytes or None"),
        ("s3_event(body='x')", "argument 'body' is the content of an object; give its key first"),
        ("s3_event(events='s3:ObjectCreated:*')", "argument 'events' takes list or tuple or None"),
        ("s3_event(bucket='missing')", "nothing has this name"),
        ("s3_event(bucket='clicks')", "argument 'bucket' names the stream 'clicks'; give the name"),
        ("s3_event(sufix='.json')", "has no setting 'sufix'. Did you mean suffix"),
        ("s3_event(events=['s3:Nonsense'])", "The event is not supported for notifications"),
    ],
)
def test_a_wrong_marker_fails_the_test_at_setup(
    project: Project, marker: str, problem: str
) -> None:
    project.tests(
        f"""
        @pytest.mark.sls_function("echo")
        @pytest.mark.{marker}
        @pytest.mark.sls_stream("clicks")
        def test_it(s3_event):
            pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*test_it.py:3: @pytest.mark.s3_event: *{problem}*"])
