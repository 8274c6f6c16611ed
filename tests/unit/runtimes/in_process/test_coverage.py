"""Coverage of the lines of a handler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]

PROGRAM = """
import sys
from pathlib import Path
from slstest.runtimes.base import EnvironmentSpec, InvocationRequest
from slstest.runtimes.in_process import InProcessRuntime

here = Path.cwd()
runtime = InProcessRuntime(lambda run: run(), source_of=lambda code: here / "source")
for timeout in (30, 0.05):
    spec = EnvironmentSpec(
        "f", "arn:aws:lambda:eu-west-1:123456789012:function:f", "$LATEST", "python3.12",
        "app.handler", here / "unpacked", timeout, 128, "eu-west-1", "group", "stream",
    )
    environment = runtime.start(spec)
    stuck = b"true" if timeout < 1 else b"false"
    environment.invoke(InvocationRequest("r", stuck, spec.function_arn, "trace"))
runtime.close()
"""

HANDLER = """import time
import helpers


def handler(event, context):
    if event:
        time.sleep(60)
        return 7
    return helpers.answer()
"""


def test_the_lines_of_a_handler_are_counted_in_the_users_own_files(tmp_path: Path) -> None:
    pytest.importorskip("coverage")
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "unpacked").mkdir()
    (source / "app.py").write_text(HANDLER)
    (source / "helpers.py").write_text("def answer():\n    return 42\n")
    (tmp_path / "program.py").write_text(PROGRAM)

    def coverage(*arguments: str) -> None:
        command = [sys.executable, "-m", "coverage", *arguments]
        subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)

    coverage("run", "--source=source", "program.py")
    coverage("json", "-q")

    files = json.loads((tmp_path / "coverage.json").read_text())["files"]
    assert files["source/app.py"]["executed_lines"] == [1, 2, 5, 6, 7, 9]
    assert files["source/app.py"]["missing_lines"] == [8]
    assert files["source/helpers.py"]["missing_lines"] == []
