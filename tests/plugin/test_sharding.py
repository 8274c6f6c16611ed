"""Shares of a suite on several machines, and the report of all of them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
import yaml
from junitparser import JUnitXml

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

ROOT = Path(__file__).parents[2]

TESTS = """
    @pytest.mark.parametrize("number", range(4))
    def test_echo(sls, number):
        echo = sls.function("echo")
        assert echo.invoke(number) == number

    def test_wrong(sls):
        sls.function("echo").invoke("fail")
    """


def test_the_reports_of_two_shares_merge_into_that_of_the_whole(project: Project) -> None:
    project.tests(TESTS)
    reports = [project.folder / f"report-{share}.xml" for share in (1, 2)]
    for share, report in enumerate(reports, 1):
        project.run_sls("--splits", "2", "--group", str(share), "--junitxml", str(report))

    whole = JUnitXml()
    for report in reports:
        whole += JUnitXml.fromfile(str(report))

    assert (whole.tests, whole.failures, whole.errors) == (5, 1, 0)
    cases: list[Any] = [case for suite in whole for case in suite]
    assert sorted(case.name for case in cases) == [
        *(f"test_echo[{number}]" for number in range(4)),
        "test_wrong",
    ]
    assert all(suite.hostname for suite in whole)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["plain", "xdist"])
def test_the_junit_report_has_what_the_functions_of_a_failed_test_did(
    project: Project, workers: tuple[str, ...]
) -> None:
    project.tests(TESTS)
    report = project.folder / "report.xml"
    project.run_sls("-k", "wrong", "--junitxml", str(report), *workers)

    found = ElementTree.parse(report).iter("property")
    properties = {each.attrib["name"]: each.attrib["value"] for each in found}
    assert "ValueError: asked to fail" in properties["slstest invocations"]
    assert "echo fail" in properties["slstest function log"]


def test_a_share_without_tests_ends_with_5_and_has_a_report_all_the_same(project: Project) -> None:
    project.tests("def test_it(sls): ...")
    report = project.folder / "report.xml"
    share = ("--splits", "2", "--group", "2", "--junitxml", str(report))
    for workers in ((), ("-n", "1")):
        assert project.run_sls(*share, *workers).ret == pytest.ExitCode.NO_TESTS_COLLECTED
        assert JUnitXml.fromfile(str(report)).tests == 0
        report.unlink()


# -- the examples for CI ----------------------------------------------------------------


def example(name: str) -> Any:
    return yaml.safe_load((ROOT / "docs" / "ci" / name).read_text(encoding="utf-8"))


def commands(name: str) -> list[str]:
    """The commands of an example that run pytest, with 1 in the place of each variable."""
    found = [command for command in _texts(example(name)) if command.startswith("pytest ")]
    return [re.sub(r"\$\{\{.*?\}\}|\$\w+", "1", command) for command in found]


EXAMPLES = pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])


@EXAMPLES
def test_pytest_understands_the_commands_of_the_examples_for_ci(
    pytester: pytest.Pytester, name: str
) -> None:
    clouds = []
    for command in commands(name):
        _, *arguments = shlex.split(command.partition("||")[0])
        clouds.append(pytester.parseconfigure(*arguments).getoption("sls_cloud"))
    assert clouds == [None, "localstack"]


@EXAMPLES
def test_a_share_without_tests_is_no_failure_in_the_examples_for_ci(
    tmp_path: Path, name: str
) -> None:
    """Only of a share: where there is no test at all, the job that runs all of them fails."""
    pytest_in_its_place = tmp_path / "pytest"
    pytest_in_its_place.write_text("#!/bin/sh\nexit $STATUS\n")
    pytest_in_its_place.chmod(0o755)

    def passes(command: str, status: int) -> bool:
        variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STATUS": str(status)}
        done = subprocess.run(["bash", "-e", "-c", command], env=variables, check=False)
        return done.returncode == 0

    everything, share = commands(name)
    assert [status for status in range(6) if passes(everything, status)] == [0]
    assert [status for status in range(6) if passes(share, status)] == [0, 5]


NODE_24 = {
    "actions/checkout": 5,
    "actions/setup-python": 6,
    "actions/cache": 5,
    "actions/upload-artifact": 6,
    "actions/download-artifact": 7,
}
"""The first major version of each action that runs on Node.js 24; runners lose Node.js 20:
https://github.blog/changelog/2025-09-19-deprecation-of-node-20-on-github-actions-runners/"""


def test_the_actions_of_the_example_run_on_a_node_that_runners_have() -> None:
    used = [
        step["uses"]
        for job in example("github-actions.yml")["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    ]
    assert {"/".join(each.split("@")[0].split("/")[:2]) for each in used} == set(NODE_24)
    for each in used:
        action, _, version = each.partition("@v")
        assert int(version) >= NODE_24["/".join(action.split("/")[:2])], each


def test_the_image_is_in_the_cache_before_a_test_can_fail() -> None:
    """GitHub's action that does both keeps nothing of a job that has failed:
    https://github.com/actions/cache/tree/main/save"""
    steps = example("github-actions.yml")["jobs"]["localstack"]["steps"]
    names = [step.get("uses", "").partition("@")[0] for step in steps]
    restore, save = names.index("actions/cache/restore"), names.index("actions/cache/save")
    (tests,) = (n for n, step in enumerate(steps) if step.get("run", "").startswith("pytest "))
    (pull,) = (n for n, step in enumerate(steps) if "docker pull" in step.get("run", ""))
    assert restore < pull < save < tests
    assert steps[save]["with"] == steps[restore]["with"]
    missed = f"steps.{steps[restore]['id']}.outputs.cache-hit != 'true'"
    assert steps[pull]["if"] == steps[save]["if"] == missed
    assert f"--output {steps[save]['with']['path']} " in steps[pull]["run"]


def test_gitlab_keeps_its_cache_of_a_job_that_has_failed_too() -> None:
    assert example("gitlab-ci.yml")["default"]["cache"]["when"] == "always"


def test_gitlab_looks_at_the_port_where_localstack_answers() -> None:
    """By itself it looks at the 20 lowest that an image exposes, and this image exposes 4510 to
    4559 too: https://docs.gitlab.com/ci/services/#how-the-health-check-of-services-works"""
    job = example("gitlab-ci.yml")["localstack"]
    endpoint = re.search(r"--sls-endpoint http://localstack:(\d+)", job["script"][-1])
    assert endpoint is not None
    assert job["variables"]["HEALTHCHECK_TCP_PORT"] == endpoint[1]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
