"""Which Python runs a function, and what is said where there is none."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from slstest.errors import UnsupportedRuntime
from slstest.runtimes.process import ProcessRuntime, interpreters

from .conftest import RUNTIME, Lab

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a shell script on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    interpreters._look_for.cache_clear()

    def write(name: str, script: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    yield write
    interpreters._look_for.cache_clear()


def test_the_running_python_needs_no_looking_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    found = interpreters.find(RUNTIME, "clicks")

    assert found.executable == sys.executable
    assert found.runtime == RUNTIME


@pytest.mark.parametrize("asked", ["nodejs22.x", "java21", "provided.al2023", "python2.7"])
def test_other_languages_are_refused(lab: Lab, asked: str) -> None:
    function = lab.deploy("def handler(event, context): pass")
    spec = replace(function.spec, runtime=asked)

    with pytest.raises(UnsupportedRuntime) as caught:
        ProcessRuntime().check(spec)

    assert str(caught.value).startswith(f"the function {spec.function_name} has the runtime ")
    assert f"{asked}, and the process runtime runs Python functions only" in str(caught.value)
    assert RUNTIME in str(caught.value)


def test_another_python_on_the_path_runs_its_functions(lab: Lab, install: Install) -> None:
    install("python3.77", f'exec {sys.executable} "$@"')
    code = lab.write("import os\ndef handler(event, context): return os.environ['LAMBDA_RUNTIME']")
    runtime = ProcessRuntime()

    for name in (RUNTIME, "python3.77"):
        variables = {"LAMBDA_RUNTIME": name}
        function = lab.deploy(code, runtime=runtime, runtime_name=name, variables=variables)
        runtime.check(function.spec)
        assert function.returned() == name

    assert sorted(each.runtime for each in runtime._launchers) == sorted([RUNTIME, "python3.77"])
    runtime.close()


def test_a_python_that_is_not_there_is_named_with_the_cure(install: Install) -> None:
    with pytest.raises(UnsupportedRuntime) as caught:
        interpreters.find("python3.78", "clicks")

    text = str(caught.value)
    assert "the function clicks has the runtime python3.78" in text
    assert "there is no python3.78 on the PATH" in text
    assert f"Tests run in {RUNTIME} here" in text
    assert "python3.78 -m pip install awslambdaric boto3" in text


def test_a_python_without_awslambdaric_is_named_with_the_cure(install: Install) -> None:
    script = "echo \"ModuleNotFoundError: No module named 'awslambdaric'\" >&2; exit 1"
    path = install("python3.78", script)

    with pytest.raises(UnsupportedRuntime) as caught:
        interpreters.find("python3.78", "clicks")

    assert f"{path} cannot import awslambdaric and boto3" in str(caught.value)
    assert "No module named 'awslambdaric'" in str(caught.value)


def test_a_python_that_fails_without_a_word_is_refused(install: Install) -> None:
    install("python3.78", "exit 127")

    with pytest.raises(UnsupportedRuntime, match=r"\(exit status 127\)"):
        interpreters.find("python3.78", "clicks")
