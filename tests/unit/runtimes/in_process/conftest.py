from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest

from slstest.runtimes.base import (
    EnvironmentSpec,
    ExecutionEnvironment,
    InvocationOutcome,
    InvocationRequest,
)
from slstest.runtimes.in_process import InProcessRuntime

T = TypeVar("T")


def here(run: Callable[[], T]) -> T:
    return run()


@dataclass(frozen=True)
class Deployed:
    """A function with one execution environment."""

    environment: ExecutionEnvironment
    spec: EnvironmentSpec
    request_ids: Iterator[int]

    def invoke(self, event: object = None, **request: Any) -> InvocationOutcome:
        number = next(self.request_ids)
        return self.environment.invoke(
            InvocationRequest(
                **{
                    "request_id": f"request-{number}",
                    "payload": json.dumps(event).encode(),
                    "invoked_function_arn": self.spec.function_arn,
                    "trace_id": f"Root=1-{number}",
                    **request,
                }
            )
        )

    def returned(self, event: object = None) -> Any:
        outcome = self.invoke(event)
        assert outcome.function_error is None, outcome
        return json.loads(outcome.payload)

    def failed(self, event: object = None) -> Any:
        outcome = self.invoke(event)
        assert outcome.function_error == "Unhandled", outcome
        return json.loads(outcome.payload)

    def printed(self, event: object = None) -> list[str]:
        """What the function itself wrote."""
        marks = ("INIT_START", "START ", "END ", "REPORT ")
        return [line for line in self.invoke(event).log_lines if not line.startswith(marks)]


@dataclass(frozen=True)
class Lab:
    """A place to write functions in and a runtime to run them."""

    folder: Path
    runtime: InProcessRuntime
    numbers: Iterator[int]

    def write(self, source: str | dict[str, str]) -> Path:
        folder = self.folder / f"code-{next(self.numbers)}"
        files = {"app.py": source} if isinstance(source, str) else source
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(textwrap.dedent(text), encoding="utf-8")
        return folder

    def deploy(
        self,
        source: str | dict[str, str] | Path,
        within: InProcessRuntime | None = None,
        **settings: Any,
    ) -> Deployed:
        number = next(self.numbers)
        name = settings.get("function_name", f"function-{number}")
        spec = EnvironmentSpec(
            **{
                "function_name": name,
                "function_arn": f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
                "version": "$LATEST",
                "runtime": "python3.12",
                "handler": "app.handler",
                "code": source if isinstance(source, Path) else self.write(source),
                "timeout": 30,
                "memory_size": 256,
                "region": "eu-west-1",
                "log_group": f"/aws/lambda/{name}",
                "log_stream": f"2026/01/01/[$LATEST]{number}",
                "aws_variables": {
                    "AWS_ACCESS_KEY_ID": f"key-{number}",
                    "AWS_SECRET_ACCESS_KEY": "secret",
                    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                },
                **settings,
            }
        )
        environment = (within or self.runtime).start(spec)
        return Deployed(environment, spec, count(1))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    runtime = InProcessRuntime(here, scratch=scratch)
    yield Lab(tmp_path, runtime, count(1))
    runtime.close()
    assert not list(scratch.iterdir())
