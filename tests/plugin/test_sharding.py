"""Shares of a suite on several machines, and the report of all of them."""

from __future__ import annotations

import re
import shlex
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


@pytest.mark.parametrize("name", ["github-actions.yml", "gitlab-ci.yml"])
def test_pytest_understands_the_commands_of_the_examples_for_ci(
    pytester: pytest.Pytester, name: str
) -> None:
    document = yaml.safe_load((ROOT / "docs" / "ci" / name).read_text(encoding="utf-8"))
    commands = [command for command in _texts(document) if command.startswith("pytest ")]
    clouds = []
    for command in commands:
        _, *arguments = shlex.split(re.sub(r"\$\{\{.*?\}\}|\$\w+", "1", command))
        clouds.append(pytester.parseconfigure(*arguments).getoption("sls_cloud"))
    assert clouds == [None, "localstack"]


def test_gitlab_looks_at_the_port_where_localstack_answers() -> None:
    """By itself it looks at the 20 lowest that an image exposes, and this image exposes 4510 to
    4559 too: https://docs.gitlab.com/ci/services/#how-the-health-check-of-services-works"""
    document = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab-ci.yml").read_text(encoding="utf-8"))
    job = document["localstack"]
    endpoint = re.search(r"--sls-endpoint http://localstack:(\d+)", job["script"][-1])
    assert endpoint is not None
    assert job["variables"]["HEALTHCHECK_TCP_PORT"] == endpoint[1]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
