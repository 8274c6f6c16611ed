from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from slstest.runtimes.base import EnvironmentSpec, InvocationOutcome, InvocationRequest
from slstest.runtimes.process import ProcessRuntime
from slstest.runtimes.process.environment import ProcessEnvironment

RUNTIME = f"python3.{sys.version_info.minor}"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells and keeps it so")


@dataclass(frozen=True)
class Deployed:
    """A function with one execution environment."""

    environment: ProcessEnvironment
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

    def returned(self, event: object = None, **request: Any) -> Any:
        outcome = self.invoke(event, **request)
        assert outcome.function_error is None, outcome
        return json.loads(outcome.payload)

    def failed(self, event: object = None) -> tuple[InvocationOutcome, dict[str, Any]]:
        outcome = self.invoke(event)
        assert outcome.function_error == "Unhandled", outcome
        return outcome, json.loads(outcome.payload)

    def close(self) -> None:
        self.environment.close()


@dataclass(frozen=True)
class Lab:
    """A folder to write functions in, and a runtime to run them."""

    folder: Path
    runtime: ProcessRuntime
    numbers: Iterator[int]
    deployed: list[Deployed]

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
        *,
        runtime: ProcessRuntime | None = None,
        runtime_name: str = RUNTIME,
        **settings: Any,
    ) -> Deployed:
        number = next(self.numbers)
        name = settings.pop("function_name", f"function-{number}")
        spec = EnvironmentSpec(
            **{
                "function_name": name,
                "function_arn": f"arn:aws:lambda:eu-west-1:123456789012:function:{name}",
                "version": "$LATEST",
                "runtime": runtime_name,
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
        deployed = Deployed((runtime or self.runtime).start(spec), spec, count(1))
        self.deployed.append(deployed)
        return deployed


@pytest.fixture(scope="session")
def runtime() -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime()
    runtime.prestart()
    yield runtime
    runtime.close()


@pytest.fixture
def lab(runtime: ProcessRuntime, tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, runtime, count(1), [])
    yield lab
    for deployed in lab.deployed:
        deployed.close()


@pytest.fixture
def without_private_tmp() -> Iterator[ProcessRuntime]:
    runtime = ProcessRuntime(allow_private_tmp=False)
    yield runtime
    runtime.close()


Eventually = Callable[[Callable[[], bool]], None]


@pytest.fixture
def eventually() -> Eventually:
    """Waits until something is so, and fails where it does not come."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it did not come to be so"
            time.sleep(0.002)

    return wait


Alive = Callable[[int], bool]


@pytest.fixture
def alive() -> Alive:
    """Whether a process exists and has not ended."""

    def look(pid: int) -> bool:
        try:
            os.kill(pid, 0)
            if sys.platform != "linux":
                return True
            status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
        except (ProcessLookupError, FileNotFoundError):
            return False
        return status.rpartition(")")[2].split()[0] not in "ZX"

    return look


@pytest.fixture
def answering() -> Iterator[Callable[..., int]]:
    """Starts a server that gives each connection the next of the answers; returns its port."""
    with contextlib.ExitStack() as started:

        def start(*answers: bytes) -> int:
            server = started.enter_context(socket.create_server(("127.0.0.1", 0)))
            server.settimeout(60)

            def answer() -> None:
                with contextlib.suppress(TimeoutError):  # nobody came for the rest: a test failed
                    for each in answers:
                        with server.accept()[0] as connection:
                            connection.sendall(each)

            thread = threading.Thread(target=answer)
            thread.start()
            started.callback(thread.join)
            return int(server.getsockname()[1])

        yield start
