"""Without --sls the tests that use the harness are skipped, and only those."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

USERS = {
    "sls": "def test_it(sls): pass",
    "sls_function": "def test_it(sls_function): pass",
    "kinesis_event": "def test_it(kinesis_event): pass",
    "invoke_event": "def test_it(invoke_event): pass",
    "a fixture that uses sls": """
        @pytest.fixture
        def mine(sls): return sls
        def test_it(mine): pass
        """,
    "a marker alone": """
        @pytest.mark.kinesis_event({"page": "/home"})
        def test_it(): pass
        """,
    "a marker of the class": """
        @pytest.mark.sls_table("clicks")
        class TestIt:
            def test_it(self): pass
        """,
    "a marker of the module": """
        pytestmark = [pytest.mark.sls_bucket("archive")]
        def test_it(): pass
        """,
    "a fixture asked for at run time": """
        def test_it(request): request.getfixturevalue("sls")
        """,
    "a wrong marker": """
        @pytest.mark.sls_table("clicks", kye="page")
        def test_it(): pass
        """,
}


@pytest.mark.parametrize("code", USERS.values(), ids=USERS)
def test_what_uses_the_harness_is_skipped_and_the_line_says_why(
    project: Project, code: str
) -> None:
    project.tests(code)
    result = project.run("-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED *: needs --sls (or sls = true in the ini file)"])


def test_other_tests_run(project: Project) -> None:
    project.tests("def test_it(tmp_path): pass\ndef test_sls(): pass")
    result = project.run()
    result.assert_outcomes(passed=2)
    result.stdout.no_fnmatch_line("*--sls*")


def test_one_line_tells_of_all_skipped_tests(project: Project, workers: tuple[str, ...]) -> None:
    project.tests("def test_a(sls): pass\ndef test_b(sls): pass\n")
    project.tests("def test_c(sls_function): pass\ndef test_d(): pass", "test_other.py")
    result = project.run_apart(*workers)
    result.assert_outcomes(skipped=3, passed=1)
    lines = [line for line in result.outlines if "--sls" in line]
    assert lines == ["slstest: 3 tests were skipped: needs --sls (or sls = true in the ini file)"]


def test_the_line_is_not_told_twice(project: Project) -> None:
    project.tests("def test_a(sls): pass")
    result = project.run("-rs")
    assert len([line for line in result.outlines if "--sls" in line]) == 1


def test_a_test_skipped_by_its_author_is_not_counted(project: Project) -> None:
    project.tests(
        """
        @pytest.mark.skip(reason="not now")
        def test_a(): pass
        """
    )
    result = project.run()
    result.assert_outcomes(skipped=1)
    result.stdout.no_fnmatch_line("slstest: *")


@pytest.mark.parametrize("on", [(), ("--sls",)], ids=["off", "on"])
def test_a_run_without_such_tests_imports_nothing_heavy(
    project: Project, on: tuple[str, ...]
) -> None:
    project.tests(
        """
        import sys

        def test_it():
            heavy = {"boto3", "botocore", "moto", "werkzeug", "psutil", "slstest.environment"}
            assert heavy.isdisjoint(sys.modules)
        """
    )
    project.run_apart("-p", "no:xdist", *on).assert_outcomes(passed=1)
