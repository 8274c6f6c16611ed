"""A debugger in a handler on this machine, on a record that went through LocalStack's Kinesis."""

from __future__ import annotations

import base64
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

if TYPE_CHECKING:
    from localstack_container import LocalStack

SAMPLE = Path(__file__).parents[2] / "sample_functions" / "click_processor" / "app.py"
HEAD = "def handler(event: dict[str, Any], context: Any) -> None:\n"

TEST = """
def test_clicks_are_counted(sls):
    clicks = sls.table(key="page")
    stream = sls.stream()
    processor = sls.function(
        "click_processor", environment={"CLICKS_TABLE": clicks.name}, timeout=1
    )
    processor.triggered_by(stream)
    stream.put({"page": "/home"})
    clicks.expect_item({"page": "/home", "count": 1})
    assert len(processor.invocations) == 1
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A test, and the sample function with a breakpoint in its first line."""
    source = SAMPLE.read_text(encoding="utf-8")
    assert source.count(HEAD) == 1
    function = tmp_path / "click_processor" / "app.py"
    function.parent.mkdir()
    function.write_text(source.replace(HEAD, f"{HEAD}    breakpoint()\n"), encoding="utf-8")
    (tmp_path / "test_clicks.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("option", ["--sls-runtime=in-process", "--pdb"])
def test_a_breakpoint_stops_on_a_record_of_localstack(
    localstack: LocalStack, project: Path, option: str
) -> None:
    place = ["--sls", "--sls-cloud", "endpoint", "--sls-endpoint", localstack.endpoint]
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "pytest", "-p", "no:cacheprovider", *place, option],
        cwd=str(project),
        env={**os.environ, "XDG_STATE_HOME": str(project / "state")},
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 1000),
    )

    def ask(expression: str) -> str:
        terminal.sendline(f"p 'answer', {expression}")
        terminal.expect(r"\('answer', (.*)\)\r\n")
        assert terminal.match is not None
        answer = str(terminal.match[1])
        terminal.expect(r"\(Pdb\+*\) ")
        return answer

    terminal.expect(r"click_processor\S*app\.py\(\d+\)handler\(\)")
    terminal.expect(r"\(Pdb\+*\) ")
    arn = ask("event['Records'][0]['eventSourceARN']")
    assert re.fullmatch(r"'arn:aws:kinesis:us-east-1:000000000000:stream/sls-\S+'", arn)
    data = ask("event['Records'][0]['kinesis']['data']")
    assert base64.b64decode(data) == b'{"page": "/home"}'
    # Whoever debugs takes longer than the function has.
    assert ask("__import__('time').sleep(1.5)") == "None"
    terminal.sendline("continue")
    terminal.expect("1 passed")
    terminal.wait()
    assert terminal.exitstatus == 0
    streams = localstack.client("kinesis").list_streams()["StreamNames"]
    assert arn.rpartition("/")[2].strip("'") not in streams
