"""What is left behind: nothing, whoever ends, and however."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slstest.errors import SlstestError
from slstest.runtimes.process import ProcessRuntime, interpreters
from slstest.runtimes.process.launcher import Interpreter
from slstest.runtimes.process.zygote import processes

from .conftest import LINUX, RUNTIME, Alive, Eventually, Lab

HOST = """
import json, os, sys, time
from pathlib import Path
from slstest.runtimes.base import EnvironmentSpec, InvocationRequest
from slstest.runtimes.process import ProcessRuntime, interpreters

settings = json.loads(sys.argv[1])
runtime = ProcessRuntime(allow_private_tmp=settings["allow_private_tmp"])
runtime.prestart()
told = {"zygote": list(runtime._launchers.values())[0]._zygote._process.pid}
if settings["invoke"]:
    spec = EnvironmentSpec(
        "f", "arn:aws:lambda:eu-west-1:123456789012:function:f", "$LATEST", settings["runtime"],
        "app.handler", Path(settings["code"]), 30, 256, "eu-west-1", "/aws/lambda/f", "stream",
    )
    outcome = runtime.start(spec).invoke(InvocationRequest("1", b"null", spec.function_arn, ""))
    told |= json.loads(outcome.payload)
if settings["fork"] and (told.setdefault("fork", os.fork())) == 0:
    time.sleep(600)  # with all that the host has open
print(json.dumps(told), flush=True)
sys.stdin.read()
"""

FUNCTION = """
import os, tempfile, time

def handler(event, context):
    here, there = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(there, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    return {
        "daemon": int(os.read(here, 20)),
        "environment": os.getpid(),
        "api": os.environ["AWS_LAMBDA_RUNTIME_API"],
        "folder": tempfile.gettempdir(),
    }
"""

StartHost = Callable[..., tuple["subprocess.Popen[str]", dict[str, Any]]]


@pytest.fixture
def start_host(lab: Lab) -> Iterator[StartHost]:
    """Starts a process with a runtime of its own; gives it and what it told."""
    hosts = []

    def start(**settings: Any) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        settings = {
            "allow_private_tmp": True,
            "invoke": True,
            "fork": False,
            "runtime": RUNTIME,
            "code": str(lab.write(FUNCTION)),
            **settings,
        }
        host = subprocess.Popen(
            [sys.executable, "-c", HOST, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[4])},
        )
        hosts.append(host)
        assert host.stdout is not None
        return host, json.loads(host.stdout.readline())

    yield start
    for host in hosts:
        host.kill()
        host.wait()
        for pipe in (host.stdin, host.stdout):
            assert pipe is not None
            pipe.close()


def nobody_listens(address: str) -> bool:
    name, port = address.split(":")
    with socket.socket() as client:
        return client.connect_ex((name, int(port))) != 0


def zygote_of(runtime: ProcessRuntime) -> int:
    [launcher] = runtime._launchers.values()
    assert launcher._zygote is not None
    return launcher._zygote._process.pid


@LINUX
@pytest.mark.parametrize(
    ("end", "allow_private_tmp"),
    [
        (signal.SIGKILL, True),
        (signal.SIGKILL, False),
        (signal.SIGTERM, True),
        (signal.SIGINT, True),
        ("exit", False),
    ],
    ids=str,
)
def test_nothing_outlives_the_host(
    start_host: StartHost,
    alive: Alive,
    eventually: Eventually,
    end: signal.Signals | str,
    allow_private_tmp: bool,
) -> None:
    host, told = start_host(allow_private_tmp=allow_private_tmp)
    assert alive(told["daemon"])
    assert allow_private_tmp or Path(told["folder"]).is_dir()

    if isinstance(end, signal.Signals):
        os.killpg(host.pid, end)
    else:
        assert host.stdin is not None
        host.stdin.close()

    eventually(lambda: not any(alive(told[who]) for who in ("zygote", "environment", "daemon")))
    eventually(lambda: nobody_listens(told["api"]))
    run_folder = Path(told["folder"]).parent
    assert allow_private_tmp or not run_folder.exists()


def test_a_host_that_dies_at_once_leaves_no_zygote(
    start_host: StartHost, alive: Alive, eventually: Eventually
) -> None:
    host, told = start_host(invoke=False)

    host.kill()

    eventually(lambda: not alive(told["zygote"]))


@LINUX
def test_a_host_that_dies_leaves_nothing_although_a_fork_of_it_lives_on(
    start_host: StartHost, alive: Alive, eventually: Eventually
) -> None:
    host, told = start_host(fork=True)

    host.kill()

    eventually(lambda: not any(alive(told[who]) for who in ("zygote", "daemon")))
    assert alive(told["fork"])
    os.kill(told["fork"], signal.SIGKILL)


@LINUX
def test_closing_the_runtime_waits_until_everything_is_gone(lab: Lab, alive: Alive) -> None:
    runtime = ProcessRuntime()
    told = [lab.deploy(FUNCTION, runtime=runtime).returned() for _ in range(3)]
    unborn = lab.deploy("import time; time.sleep(600)", runtime=runtime)
    zygote = zygote_of(runtime)

    runtime.close()
    runtime.close()

    assert not alive(zygote)
    for environment in told:
        assert not alive(environment["daemon"])
        assert not alive(environment["environment"])
        assert nobody_listens(environment["api"])
    assert not unborn.invoke().alive


def test_a_runtime_closed_before_anything_was_started_has_started_nothing() -> None:
    runtime = ProcessRuntime()

    runtime.close()

    assert runtime._launchers == {}


def test_a_zygote_that_is_not_needed_ends_without_having_served(alive: Alive) -> None:
    runtime = ProcessRuntime()
    runtime.prestart()
    zygote = zygote_of(runtime)

    runtime.close()

    assert not alive(zygote)


@LINUX
def test_environments_come_and_go_without_a_trace(
    lab: Lab, runtime: ProcessRuntime, eventually: Eventually
) -> None:
    code = lab.write("def handler(event, context): return 1")
    lab.deploy(code).returned()
    zygote = zygote_of(runtime)

    def belongings() -> dict[str, int]:
        return {
            "our descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "our threads": threading.active_count(),
            "its descriptors": len(list(Path(f"/proc/{zygote}/fd").iterdir())),
            "its children": len(processes.children(zygote)),
            "folders": len(list(Path(tempfile.gettempdir()).glob(f"slstest-{os.getpid()}-*"))),
            "ours to close": len(runtime._environments),
        }

    before = belongings()
    for number in range(200):
        function = lab.deploy(code)
        if number % 10 == 0:
            function.returned()
        function.close()
        lab.deployed.clear()

    # Fewer is fine: threads and connections of other tests' clouds end meanwhile.
    eventually(lambda: all(count <= before[what] for what, count in belongings().items()))


@LINUX
def test_environments_do_not_outlive_a_zygote_that_is_killed(
    lab: Lab, alive: Alive, eventually: Eventually
) -> None:
    runtime = ProcessRuntime()
    function = lab.deploy(FUNCTION, runtime=runtime)
    told = function.returned()

    os.kill(zygote_of(runtime), signal.SIGKILL)

    eventually(lambda: not alive(told["environment"]))
    with pytest.raises(SlstestError, match="ended unexpectedly, with status -9"):
        function.invoke()
    os.kill(told["daemon"], signal.SIGKILL)
    runtime.close()


@LINUX
def test_a_zygote_that_was_killed_is_replaced(lab: Lab, eventually: Eventually) -> None:
    runtime = ProcessRuntime()
    code = lab.write("def handler(event, context): return 1")
    lab.deploy(code, runtime=runtime).returned()
    killed = zygote_of(runtime)
    os.kill(killed, signal.SIGKILL)

    def works() -> bool:
        try:
            return bool(lab.deploy(code, runtime=runtime).returned() == 1)
        except SlstestError:
            return False  # it had not been noticed yet that the zygote is gone

    eventually(works)

    assert zygote_of(runtime) != killed
    runtime.close()


def test_a_zygote_that_cannot_start_says_why(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    python = lab.folder / "python"
    python.write_text("#!/bin/sh\necho 'No module named boto3' >&2\nexit 3\n", encoding="ascii")
    python.chmod(0o755)
    broken = Interpreter(str(python), sys.version_info[:2])
    monkeypatch.setattr(interpreters, "find", lambda *_: broken)
    runtime = ProcessRuntime()

    with pytest.raises(SlstestError, match=r"(?s)python\).* status 3.*No module named boto3"):
        lab.deploy("def handler(event, context): pass", runtime=runtime).invoke()

    runtime.close()


def test_a_fork_of_the_host_does_not_end_its_zygote(lab: Lab) -> None:
    runtime = ProcessRuntime()
    function = lab.deploy("def handler(event, context): return 1", runtime=runtime)
    assert function.returned() == 1

    pid = os.fork()
    if pid == 0:
        runtime.close()
        os._exit(0)
    os.waitpid(pid, 0)

    assert function.returned() == 1
    runtime.close()


def test_a_process_that_the_system_refuses_is_an_error_that_says_so(
    lab: Lab, without_private_tmp: ProcessRuntime
) -> None:
    without_private_tmp.prestart()
    [launcher] = without_private_tmp._launchers.values()
    assert launcher._zygote is not None
    folder = launcher._zygote._folder
    folder.touch()  # where the zygote is to make its folder

    function = lab.deploy("def handler(event, context): pass", runtime=without_private_tmp)
    with pytest.raises(SlstestError, match=f"no process could be started .*{folder.name}"):
        function.invoke()

    folder.unlink()
    assert function.spec.code.is_dir()
    assert lab.deploy(function.spec.code, runtime=without_private_tmp).returned() is None
