"""A debugger and a handler in one terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

STOPPING = """
    def handler(event, context):
        records = len(event["Records"])
        breakpoint()
        return records
    """

TRIGGERED = """
    @pytest.mark.sls_function("stopping")
    @pytest.mark.kinesis_event("one", "two")
    def test_it(kinesis_event):
        assert kinesis_event.invocations[0].response == 2
    """


@pytest.mark.parametrize("options", ["--pdb", "--sls-runtime=in-process"])
def test_a_breakpoint_in_a_triggered_handler_stops_at_the_terminal(
    project: Project, options: str
) -> None:
    project.function("stopping", STOPPING)
    project.tests(TRIGGERED)
    terminal = project.pytester.spawn_pytest(f"--sls {options}", expect_timeout=30.0)
    terminal.expect(r"app\.py")
    terminal.expect(r"\(Pdb\)")
    terminal.sendline("p 'records are', records")
    terminal.expect(r"\('records are', 2\)")
    terminal.expect(r"\(Pdb\)")
    terminal.sendline("continue")
    terminal.expect("1 passed")
    terminal.wait()


def test_an_explained_error_is_opened_at_the_line_of_the_test(project: Project) -> None:
    project.tests("def test_it(sls):\n    here = 'in the test'\n    sls.function('nowhere')\n")
    terminal = project.pytester.spawn_pytest("--sls --pdb", expect_timeout=30.0)
    terminal.expect("no such folder")
    terminal.expect(r"\(Pdb\)")
    terminal.sendline("p here")
    terminal.expect("'in the test'")
    terminal.sendline("quit")
    terminal.expect("1 failed")
    terminal.wait()
