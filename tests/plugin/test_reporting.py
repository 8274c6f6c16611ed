"""What the reader of a failed test gets to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

HARNESS_FRAMES = ("*/slstest/*.py:*", "*/plugins/*.py:*", "*botocore*", "*_pytest*")


def _no_harness_frames(result: pytest.RunResult) -> None:
    for pattern in HARNESS_FRAMES:
        result.stdout.no_fnmatch_line(pattern)


def test_a_failure_shows_the_invocations_and_the_log(project: Project) -> None:
    project.tests(
        """
        def test_it(sls):
            echo = sls.function("echo")
            echo.invoke({"page": "/home"})
            assert 1 == 2
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E       assert 1 == 2",
            "*- slstest invocations -*",
            "echo: 1 invocation",
            '*event: *{"page": "/home"}',
            "*- slstest function log -*",
            "log of echo:",
            "  START RequestId: *",
            "  echo {'page': '/home'}",
            "  REPORT RequestId: *",
        ]
    )


def test_a_failure_in_setup_shows_them_too(project: Project) -> None:
    project.tests(
        """
        @pytest.fixture
        def broken(invoke_event):
            raise RuntimeError("broken fixture")

        @pytest.mark.sls_function("echo")
        @pytest.mark.invoke_event("hello")
        def test_it(broken): pass
        """
    )
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["E *broken fixture", "*- slstest invocations -*", "echo: 1 invocation", "  echo hello"]
    )


def test_a_test_that_passes_shows_nothing(project: Project) -> None:
    project.tests("def test_it(sls): sls.function('echo').invoke('hello')")
    result = project.run_sls("-rA")
    result.assert_outcomes(passed=1)
    result.stdout.no_fnmatch_line("*slstest invocations*")


def test_a_failure_without_functions_has_no_sections(project: Project) -> None:
    project.tests("def test_it(sls): assert 1 == 2")
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*- slstest *")


def test_a_failed_expectation_shows_the_line_of_the_test_and_its_explanation(
    project: Project,
) -> None:
    project.tests(
        """
        def test_it(sls):
            clicks = sls.table("clicks", key="page")
            clicks.put({"page": "/home", "count": 1})
            clicks.expect_item({"page": "/home", "count": 2})
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '>       clicks.expect_item({"page": "/home", "count": 2})',
            "E       slstest.errors.ExpectationFailed: *clicks*",
            "E *count*",
            "test_it.py:5: ExpectationFailed",
            "FAILED test_it.py::test_it - slstest.errors.ExpectationFailed: *",
        ]
    )
    _no_harness_frames(result)


ERRORS = {
    "ConfigurationError": ('sls.function("nowhere")', "there is no such folder"),
    "ConfigurationError of AWS": ('sls.table("t", key=("id", "X"))', "'X'"),
    "FunctionError": ('sls.function("echo").invoke("fail")', "ValueError: asked to fail"),
    "lookup": ('sls["nothing"]', "nothing has this name"),
}


@pytest.mark.parametrize(("line", "told"), ERRORS.values(), ids=ERRORS)
def test_an_error_of_the_harness_shows_the_line_of_the_test_and_its_text(
    project: Project, line: str, told: str
) -> None:
    project.tests(f"def test_it(sls):\n    {line}\n")
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f">       {line}".replace("[", "[[]"), f"E *{told}*"])
    result.stdout.fnmatch_lines(["test_it.py:3: *"])
    result.stdout.no_fnmatch_line("*direct cause*")
    _no_harness_frames(result)


def test_an_error_in_a_fixture_of_the_project_shows_the_line_of_the_fixture(
    project: Project,
) -> None:
    project.file(
        "conftest.py",
        """
        import pytest

        @pytest.fixture
        def sls_function(sls):
            return sls.function("nowhere")
        """,
    )
    project.tests("def test_it(sls_function): pass")
    result = project.run_sls()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ['>       return sls.function("nowhere")', "E *no such folder*", "conftest.py:5: *"]
    )
    _no_harness_frames(result)


def test_what_the_test_was_handling_is_still_shown(project: Project) -> None:
    project.tests(
        """
        def test_it(sls):
            try:
                int("x")
            except ValueError:
                sls.function("nowhere")
        """
    )
    result = project.run_sls()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["E *ValueError: invalid literal*", "During handling of the above *", "E *no such folder*"]
    )
    _no_harness_frames(result)


def test_full_trace_shows_the_harness(project: Project) -> None:
    project.tests("def test_it(sls): sls['nothing']")
    result = project.run_sls("--full-trace")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*environment.py:*"])


def test_an_error_in_a_fixture_of_the_harness_is_its_text_alone(project: Project) -> None:
    project.function("slow", "import time\ndef handler(event, context):\n    time.sleep(0.5)\n")
    project.tests(
        """
        @pytest.mark.sls_function("slow")
        @pytest.mark.invoke_event({}, invocation_type="Event")
        def test_it(invoke_event): pass
        """
    )
    result = project.run_sls("--sls-timeout=0.1")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_it*",
            "test_it.py:3: @pytest.mark.invoke_event: not settled after 0.1 s; still under way:",
            "  - *slow*",
        ]
    )
    result.stdout.no_fnmatch_line("E  *")
    _no_harness_frames(result)


UNDELETABLE = """
    def test_it(sls):
        bucket = sls.bucket("archive")
        table = sls.table("clicks")
        delete = sls.client("s3").delete_bucket

        def refuse(**kwargs):
            from botocore.exceptions import ClientError
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "No."}}, "DeleteBucket")

        sls.client("s3").delete_bucket = refuse
    """


def test_a_failure_of_teardown_fails_the_test_naming_what_is_left(project: Project) -> None:
    project.tests(UNDELETABLE)
    result = project.run_sls()
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*ERROR at teardown of test_it*",
            "could not delete 1 resource(s) of 'test_it' on the cloud embedded:",
            "  bucket sls-*-archive-*AccessDenied*",
        ]
    )
    _no_harness_frames(result)


def test_keep_leaves_the_resources_of_a_failed_test_and_lists_them(project: Project) -> None:
    project.tests(
        """
        def test_a_fails(sls):
            sls.table("clicks")
            sls.function("echo").triggered_by(sls.stream("events"))
            assert False

        def test_b_passes(sls):
            sls.bucket("archive")

        def test_c_fails_in_setup(sls_function): pass

        def test_d_sees_what_was_kept(sls):
            assert not sls.client("s3").list_buckets()["Buckets"]
        """
    )
    result = project.run_sls("--sls-keep")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    lines = result.outlines
    start = next(i for i, line in enumerate(lines) if "= slstest kept resources =" in line)
    end = lines.index("They end with this run.")
    kept = lines[start + 1 : end]
    assert kept[0] == "test_it.py::test_a_fails"
    kinds = [line.split(" sls-")[0].strip() for line in kept[1:]]
    assert kinds[:3] == ["table", "function", "stream"]
    assert len(kept) == 5
    assert "archive" not in "".join(kept)


def test_kept_resources_are_there_until_the_run_ends(project: Project) -> None:
    project.tests(
        """
        def test_a_fails(sls):
            sls.table("clicks")
            assert False

        def test_b_looks(sls):
            (name,) = sls.client("dynamodb").list_tables()["TableNames"]
            assert "clicks" in name
        """
    )
    project.run_sls("--sls-keep").assert_outcomes(passed=1, failed=1)


def test_without_keep_a_failed_test_leaves_nothing(project: Project) -> None:
    project.tests(
        """
        def test_a_fails(sls):
            sls.table("clicks")
            assert False

        def test_b_looks(sls):
            assert sls.client("dynamodb").list_tables()["TableNames"] == []
        """
    )
    result = project.run_sls()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.no_fnmatch_line("*kept*")


def test_workers_report_all_of_this_too(project: Project) -> None:
    project.tests(
        """
        def test_fails(sls):
            echo = sls.function("echo")
            echo.invoke({"page": "/home"})
            echo.expect_invoked(times=2)

        @pytest.mark.sls_function("echo")
        @pytest.mark.invoke_event("hello")
        def test_fails_in_setup(broken): pass

        @pytest.fixture
        def broken(invoke_event):
            raise RuntimeError("broken fixture")
        """
    )
    project.tests(UNDELETABLE, "test_teardown.py")
    result = project.run_apart("--sls", "--sls-keep", "-n", "2")
    result.assert_outcomes(passed=1, failed=1, errors=2)
    for lines in (
        ["E *broken fixture", "*- slstest invocations -*", "echo: 1 invocation", "  echo hello"],
        ["could not delete 1 resource(s) of 'test_it' on the cloud embedded:"],
        [
            "E       slstest.errors.ExpectationFailed: *",
            "test_it.py:5: ExpectationFailed",
            "*- slstest invocations -*",
            "*- slstest function log -*",
            "  echo {'page': '/home'}",
        ],
        ["*= slstest kept resources =*", "test_it.py::test_fails*", "  function sls-*-echo-*"],
    ):
        result.stdout.fnmatch_lines(lines)
    _no_harness_frames(result)
