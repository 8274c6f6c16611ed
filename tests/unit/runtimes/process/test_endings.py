"""Functions that cannot begin, or do not end well."""

from __future__ import annotations

import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from slstest.runtimes.base import InvocationOutcome
from slstest.runtimes.process import ProcessRuntime

from .conftest import LINUX, Alive, Eventually, Lab

DAEMON = """
import os, time

def daemon():
    # Twice forked and in a session of its own, as daemons are.
    here, there = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(there, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    print("daemon", os.read(here, 20).decode(), flush=True)

def child():
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
    print("child", pid, flush=True)
"""


def pids(outcome: InvocationOutcome) -> list[int]:
    return [
        int(found[1])
        for line in outcome.log_lines
        if (found := re.fullmatch(r"(?:daemon|child) (\d+)", line))
    ]


def exit_error(reason: str) -> dict[str, str]:
    return {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: request-1 Error: Runtime exited {reason}",
    }


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        ("import nowhere", "app.handler", "Runtime.ImportModuleError", "No module named 'nowhere'"),
        ("", "other.handler", "Runtime.ImportModuleError", "Unable to import module 'other'"),
        ("", "app.run", "Runtime.HandlerNotFound", "Handler 'run' missing on module 'app'"),
        ("", "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module"),
    ],
)
def test_an_initialisation_that_fails_is_told_by_the_invocation(
    lab: Lab, source: str, handler: str, error_type: str, message: str
) -> None:
    outcome, error = lab.deploy(source, handler=handler).failed()

    assert error["errorType"] == error_type
    assert message in error["errorMessage"]
    assert not outcome.alive
    assert outcome.cold_start
    start, warning, traceback, init_report, *invocation = outcome.log_lines
    assert start.startswith("INIT_START ")
    assert "LAMBDA_WARNING: Unhandled exception." in warning
    assert traceback.startswith(f"[ERROR] {error_type}: ")
    assert re.fullmatch(
        rf"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\tStatus: error\t"
        rf"Error Type: {error_type}",
        init_report,
    )
    assert invocation[:2] == [
        "START RequestId: request-1 Version: $LATEST",
        "END RequestId: request-1",
    ]
    assert invocation[2].endswith(f" MB\tStatus: error\tError Type: {error_type}")


def test_an_exception_at_import_has_its_own_type_and_lambdas_in_the_log(lab: Lab) -> None:
    outcome, error = lab.deploy("raise KeyError('TABLE')").failed()

    assert error["errorType"] == "KeyError"
    assert error["errorMessage"] == "'TABLE'"
    assert error["stackTrace"][-1].endswith("    raise KeyError('TABLE')\n")
    assert outcome.log_lines[-1].endswith("\tStatus: error\tError Type: Runtime.Unknown")


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("os._exit(3)", "with error: exit status 3"),
        ("os._exit(0)", "without providing a reason"),
        ("sys.exit(1)", "with error: exit status 1"),
        ("os.kill(os.getpid(), 9)", "with error: signal: killed"),
        ("os.kill(os.getpid(), 11)", "with error: signal: segmentation fault"),
    ],
)
@pytest.mark.parametrize("phase", ["init", "invoke"])
def test_an_exit_is_worded_as_lambda_words_it(
    lab: Lab, statement: str, reason: str, phase: str
) -> None:
    handler = f"def handler(event, context):\n    {statement}"
    function = lab.deploy("import os, sys\n" + (statement if phase == "init" else handler))

    outcome, error = function.failed()

    assert error == exit_error(reason)
    assert not outcome.alive
    assert outcome.log_lines[-3:-1] == (
        f"{error['errorMessage']}\nRuntime.ExitError",
        "END RequestId: request-1",
    )
    assert outcome.log_lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError")
    init_reports = [line for line in outcome.log_lines if line.startswith("INIT_REPORT")]
    assert len(init_reports) == (1 if phase == "init" else 0)


def test_a_dead_environment_stays_dead(lab: Lab) -> None:
    function = lab.deploy("import os\ndef handler(event, context): os._exit(1)")
    function.failed()

    outcome, error = function.failed()

    assert error["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert not outcome.alive


def test_an_exit_between_two_invocations_is_told_by_the_second(
    lab: Lab, eventually: Eventually, alive: Alive
) -> None:
    function = lab.deploy(
        """
        import os, socket, threading

        def handler(event, context):
            host = socket.create_connection(("127.0.0.1", event["port"]))
            threading.Thread(target=lambda: host.recv(1) or os._exit(4)).start()
            return os.getpid()
        """
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        pid = function.returned({"port": server.getsockname()[1]})
        server.accept()[0].close()
    eventually(lambda: not alive(pid))

    _, error = function.failed()

    assert error["errorMessage"].endswith("Runtime exited with error: exit status 4")


@pytest.mark.parametrize("waiting", ["time.sleep(600)", "while True: pass"])
def test_a_timeout_ends_the_invocation_in_lambdas_words(lab: Lab, waiting: str) -> None:
    source = f"""
        import time

        def handler(event, context):
            print("before", end="")
            {waiting}
        """

    outcome, error = lab.deploy(source, timeout=0.1).failed()

    assert error == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: request-1 Error: Task timed out after 0.10 seconds",
    }
    assert not outcome.alive
    assert outcome.duration == 100
    before, timed_out, end, report = outcome.log_lines[2:]
    assert before == "before"
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z request-1 Task timed out after 0\.10 seconds",
        timed_out,
    )
    assert end == "END RequestId: request-1"
    assert report.startswith("REPORT RequestId: request-1\tDuration: 100.00 ms\tBilled Duration: ")
    assert report.endswith(" ms\tStatus: timeout")


@LINUX
def test_a_timeout_kills_everything_the_handler_started(lab: Lab, alive: Alive) -> None:
    source = f"{DAEMON}\ndef handler(event, context): daemon(); child(); time.sleep(600)"

    outcome, _ = lab.deploy(source, timeout=0.3).failed()

    started = pids(outcome)
    assert len(started) == 2
    assert [pid for pid in started if alive(pid)] == []


@LINUX
def test_closing_kills_everything_the_handler_started(
    lab: Lab, alive: Alive, eventually: Eventually
) -> None:
    source = f"{DAEMON}\ndef handler(event, context): daemon(); child(); return os.getpid()"
    function = lab.deploy(source)
    outcome = function.invoke()
    started = [*pids(outcome), int(outcome.payload)]
    assert [pid for pid in started if not alive(pid)] == []

    function.close()
    function.close()

    eventually(lambda: not any(map(alive, started)))


@LINUX
@pytest.mark.parametrize("leave", ["os._exit(1)", "os.kill(os.getpid(), 11)"])
def test_what_the_handler_started_does_not_outlive_it(lab: Lab, alive: Alive, leave: str) -> None:
    source = f"{DAEMON}\ndef handler(event, context): daemon(); child(); {leave}"

    outcome, _ = lab.deploy(source).failed()

    started = pids(outcome)
    assert len(started) == 2
    assert [pid for pid in started if alive(pid)] == []


def test_one_environments_end_leaves_the_others_alone(lab: Lab) -> None:
    code = lab.write(f"{DAEMON}\ndef handler(event, context): daemon(); os.waitpid; exec(event)")
    survivor, suicide = lab.deploy(code), lab.deploy(code)
    survivor.returned("")

    suicide.failed("os._exit(1)")

    survivor.returned("")


@LINUX
@pytest.mark.parametrize("phase", ["init", "invoke"])
def test_too_much_memory_kills_as_on_aws(lab: Lab, phase: str) -> None:
    eat = "eaten = bytearray(3_000_000_000)"
    handler = f"def handler(event, context):\n    {eat}"
    function = lab.deploy(eat if phase == "init" else handler, memory_size=128)

    outcome, error = function.failed()

    assert error == exit_error("with error: signal: killed")
    assert not outcome.alive
    assert outcome.max_memory_used == 128
    assert outcome.log_lines[-1].endswith("\tStatus: error\tError Type: Runtime.OutOfMemory"), (
        outcome.log_lines
    )


@LINUX
def test_memory_counts_what_the_handler_started(lab: Lab) -> None:
    source = """
        import subprocess, sys

        def handler(event, context):
            eater = "import time; eaten = bytearray(400_000_000); time.sleep(600)"
            subprocess.run([sys.executable, "-c", eater])
        """

    outcome, _ = lab.deploy(source, memory_size=256).failed()

    assert outcome.log_lines[-1].endswith("Error Type: Runtime.OutOfMemory")


@LINUX
def test_memory_shared_with_forked_workers_counts_once(lab: Lab) -> None:
    source = """
        import os, time

        ballast = b"x" * 60_000_000

        def handler(event, context):
            here, there = os.pipe()
            for _ in range(2):
                if os.fork() == 0:
                    os.close(there)
                    os.read(here, 1)
                    os._exit(0)
            time.sleep(0.1)  # long enough to be looked at
            return "done"
        """

    assert lab.deploy(source, memory_size=128).returned() == "done"


@LINUX
def test_the_most_memory_ever_used_is_reported(lab: Lab) -> None:
    source = "def handler(event, context): del (eaten := [b'x' * event])[:]"
    function = lab.deploy(source, memory_size=512)

    little, much, after = (function.invoke(size) for size in (1, 100_000_000, 1))

    assert 0 < little.max_memory_used < 60
    assert 95 <= much.max_memory_used - little.max_memory_used <= 105
    assert after.max_memory_used == much.max_memory_used


@pytest.fixture
def impatient() -> Iterator[ProcessRuntime]:
    # Long enough for a busy machine to begin an initialisation in.
    runtime = ProcessRuntime(init_timeout=1)
    yield runtime
    runtime.close()


SLOW_ONCE = """
import os, time

with socket.create_connection(("127.0.0.1", int(os.environ["PORT"]))) as host:
    if host.recv(4) == b"slow":
        print("slow", flush=True)
        time.sleep(600)
print("quick")

def handler(event, context): return "handled"
"""


def test_an_initialisation_that_takes_too_long_is_repeated_within_the_invocation(
    lab: Lab, impatient: ProcessRuntime, answering: Callable[..., int]
) -> None:
    port = answering(b"slow", b"fast")
    function = lab.deploy(
        "import socket" + SLOW_ONCE, runtime=impatient, variables={"PORT": str(port)}
    )

    outcome = function.invoke()

    assert outcome.payload == b'"handled"'
    assert outcome.log_lines[1] == "slow"
    assert re.fullmatch(
        r"INIT_REPORT Init Duration: \d{4,}\.\d\d ms\tPhase: init\tStatus: timeout",
        outcome.log_lines[2],
    )
    assert outcome.log_lines[3:5] == ("quick", "START RequestId: request-1 Version: $LATEST")
    assert "Init Duration" not in outcome.log_lines[-1]
    assert outcome.init_duration is not None
    assert outcome.duration > outcome.init_duration
    assert function.returned() == "handled"


def test_an_initialisation_that_never_ends_times_out_with_the_function(
    lab: Lab, impatient: ProcessRuntime
) -> None:
    function = lab.deploy("import time\ntime.sleep(600)", runtime=impatient, timeout=0.2)

    outcome, error = function.failed()

    assert error["errorType"] == "Sandbox.Timedout"
    reports = [line for line in outcome.log_lines if line.startswith("INIT_REPORT")]
    assert [re.sub(r"[\d.]+ ms", "", report) for report in reports] == [
        "INIT_REPORT Init Duration: \tPhase: init\tStatus: timeout",
        "INIT_REPORT Init Duration: \tPhase: invoke\tStatus: timeout",
    ]
    assert outcome.log_lines[-1].endswith("\tStatus: timeout")
    assert outcome.duration == 200


@pytest.mark.parametrize("phase", ["init", "invoke"])
def test_closing_ends_a_running_invocation(lab: Lab, eventually: Eventually, phase: str) -> None:
    wait = "time.sleep(600)"
    handler = f"def handler(event, context): {wait}"
    function = lab.deploy("import time\n" + (wait if phase == "init" else handler))
    outcomes: list[InvocationOutcome] = []
    invocation = threading.Thread(target=lambda: outcomes.append(function.invoke()))
    invocation.start()
    eventually(function.environment._busy.locked)

    function.close()

    invocation.join()
    [outcome] = outcomes
    assert b"Runtime exited with error: signal: killed" in outcome.payload
    assert not outcome.alive


def test_an_environment_that_is_closed_answers_as_one_that_was_killed(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): pass")
    function.close()

    _, error = function.failed()

    assert error == exit_error("with error: signal: killed")


def test_a_signal_without_a_name_is_told_by_its_number(lab: Lab) -> None:
    number = int(signal.SIGPROF)
    function = lab.deploy(f"import os\ndef handler(e, c): os.kill(os.getpid(), {number})")

    _, error = function.failed()

    assert error == exit_error(f"with error: signal: signal {number}")
