"""Stopping in a handler, in a real pytest run at a real terminal."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

TEST = """
import json
import sys
from pathlib import Path

from slstest.runtimes.base import EnvironmentSpec, InvocationRequest
from slstest.runtimes.in_process import InProcessRuntime

HERE = Path(__file__).parent


def test_the_function():
    runtime = InProcessRuntime(
        lambda run: run(),
        debugging={debugging},
        source_of=lambda code: HERE / "source",
        scratch=HERE,
    )
    spec = EnvironmentSpec(
        "f", "arn:aws:lambda:eu-west-1:123456789012:function:f", "$LATEST", "python3.12",
        "app.handler", HERE / "unpacked", 0.3, 128, "eu-west-1", "group", "stream",
    )
    environment = runtime.start(spec)
    request = InvocationRequest("request-1", b"[20, 22]", spec.function_arn, "trace")
    outcome = environment.invoke(request)
    runtime.close()
    assert outcome.payload == b"42"
    assert list(outcome.log_lines[1:-2]) == {lines}
    print("after the function")
"""

HANDLER = """
def handler(event, context):
    print("before the breakpoint")
    one, other = event
    {stop}
    print("after the breakpoint")
    return one + other
"""

LINES = [
    "START RequestId: request-1 Version: $LATEST",
    "before the breakpoint",
    "after the breakpoint",
]


class Terminal:
    """A pytest run of the test above."""

    def __init__(
        self, folder: Path, *arguments: str, stop: str = "breakpoint()", debugging: bool = False
    ) -> None:
        for name in ("source", "unpacked"):
            (folder / name).mkdir()
        self.app = folder / "source" / "app.py"
        self.app.write_text(HANDLER.format(stop=stop))
        test = folder / "test_it.py"
        test.write_text(TEST.format(debugging=debugging, lines=LINES))
        self._program: Any = pexpect.spawn(
            sys.executable,
            ["-m", "pytest", "-p", "no:cacheprovider", *arguments, str(test)],
            cwd=folder,
            env={**os.environ, "TERM": "dumb", "NO_COLOR": "1"},
            encoding="utf-8",
            timeout=30,
        )
        self.shown = self._program.logfile_read = io.StringIO()

    def type(self, command: str) -> None:
        self._program.expect(r"\(Pdb\) ")
        self._program.sendline(command)

    def sees(self, text: str) -> None:
        self._program.expect_exact(text)

    def ends(self) -> int:
        self._program.expect(pexpect.EOF)
        self._program.close()
        status: int = self._program.exitstatus
        return status


@pytest.mark.parametrize("capture", ["--capture=fd", "--capture=sys", "--capture=no"])
@pytest.mark.parametrize("stop", ["breakpoint()", "import pdb; pdb.set_trace()"])
def test_a_breakpoint_stops_in_the_users_own_file(tmp_path: Path, capture: str, stop: str) -> None:
    terminal = Terminal(tmp_path, capture, stop=stop)

    terminal.sees(f"{terminal.app}(")
    terminal.type("p 'a sum of', one + other")
    terminal.sees("('a sum of', 42)")
    terminal.type("import time; time.sleep(0.5)  # longer than the function's timeout")
    terminal.type("continue")
    terminal.sees("1 passed")

    assert terminal.ends() == 0


def test_one_can_step_through_the_handler_and_out_of_it(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)

    terminal.sees(f"{terminal.app}(")
    terminal.type("until 7")
    terminal.sees("return one + other")
    terminal.type("up")
    terminal.type("down")
    terminal.type("return")
    terminal.sees("->42")
    terminal.type("next")
    terminal.type("p 6 * 7")
    terminal.sees("42")
    terminal.type("continue")
    terminal.sees("1 passed")

    assert terminal.ends() == 0


def test_quitting_the_debugger_ends_the_run(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)

    terminal.type("quit")

    terminal.sees("Exit: Quitting debugger")
    assert terminal.ends() == 2


def test_with_trace_one_can_set_a_breakpoint_in_the_handler(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "--trace", stop="pass", debugging=True)

    terminal.type(f"break {terminal.app}:5")
    terminal.sees("Breakpoint 1 at")
    terminal.type("continue")
    terminal.sees(f"{terminal.app}(5)handler()")
    terminal.type("p one")
    terminal.sees("20")
    terminal.type("continue")
    terminal.sees("1 passed")

    assert terminal.ends() == 0


def test_another_debugger_is_called_as_the_user_chose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONBREAKPOINT", "builtins.repr")
    terminal = Terminal(tmp_path, "--capture=no", stop="print(breakpoint('chosen'))")

    terminal.sees("'chosen'")
    terminal.ends()
