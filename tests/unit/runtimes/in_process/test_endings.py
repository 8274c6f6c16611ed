"""Functions that do not end by themselves."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from slstest.runtimes.base import InvocationOutcome
from slstest.runtimes.in_process import InProcessRuntime, uninterrupted
from slstest.runtimes.in_process.watchdog import Interrupted, Watch, Watchdog

from .conftest import Lab, here

SLEEP = "time.sleep(60)"
BUSY = "while True: pass"
WAITING = "threading.Event().wait(60)"
READING = "os.read(os.pipe()[0], 1)"
CHILD = "subprocess.run(['sleep', '60'])"
STUBBORN = """while True:
            try: time.sleep(60)
            except BaseException: pass"""
TWICE_STUBBORN = """while True:
            try:
                while True:
                    try: time.sleep(60)
                    except BaseException: print('never mind')
            except BaseException: continue"""
BUSY_AND_STUBBORN = """while True:
            try:
                while True: pass
            except: pass"""


def stuck(statement: str) -> str:
    return f"""
    import os, subprocess, threading, time
    def handler(event, context):
        {statement}
    """


def assert_timed_out(outcome: InvocationOutcome, timeout: str) -> None:
    assert json.loads(outcome.payload) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: request-1 Error: Task timed out after {timeout} seconds",
    }
    assert (outcome.function_error, outcome.alive) == ("Unhandled", False)
    assert outcome.log_lines[-3].endswith(f" request-1 Task timed out after {timeout} seconds")
    assert outcome.log_lines[-1].endswith("\tStatus: timeout")


@pytest.mark.parametrize(
    "statement",
    [SLEEP, BUSY, WAITING, READING, CHILD, STUBBORN, TWICE_STUBBORN, BUSY_AND_STUBBORN],
)
def test_a_timeout_ends_whatever_the_handler_does(lab: Lab, statement: str) -> None:
    function = lab.deploy(stuck(statement), timeout=0.05)

    assert_timed_out(function.invoke(), "0.05")


@pytest.mark.parametrize("statement", [BUSY, BUSY_AND_STUBBORN])
def test_a_timeout_ends_a_handler_on_another_thread_than_the_main_one(
    lab: Lab, statement: str
) -> None:
    function = lab.deploy(stuck(statement), timeout=0.05)

    with ThreadPoolExecutor(1) as pool:
        assert_timed_out(pool.submit(function.invoke).result(), "0.05")
        # Nothing that was meant for the handler arrives later.
        assert pool.submit(sum, range(100_000)).result() == 4999950000


def test_a_handler_that_ends_after_its_time_has_timed_out(lab: Lab) -> None:
    function = lab.deploy(
        """
        import time
        def handler(event, context):
            try: time.sleep(60)
            finally: return "too late"
        """,
        timeout=0.05,
    )

    assert_timed_out(function.invoke(), "0.05")


def test_a_handler_that_turns_the_timeout_into_an_exception_has_timed_out(lab: Lab) -> None:
    function = lab.deploy(
        """
        import time
        def handler(event, context):
            try: time.sleep(60)
            except BaseException: raise ValueError
        """,
        timeout=0.05,
    )

    assert_timed_out(function.invoke(), "0.05")


def test_an_initialisation_that_never_ends_is_repeated_and_times_out(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slstest.runtimes.in_process.environment._INIT_LIMIT", 0.05)
    function = lab.deploy("import time\ntime.sleep(60)", timeout=0.02)

    outcome = function.invoke()

    assert_timed_out(outcome, "0.02")
    assert outcome.log_lines[1].endswith("\tPhase: init\tStatus: timeout")
    assert outcome.log_lines[2].endswith("\tPhase: invoke\tStatus: timeout")
    assert outcome.log_lines[3].startswith("START ")


def test_a_repeated_initialisation_starts_with_fresh_modules_and_counts_as_invocation(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slstest.runtimes.in_process.environment._INIT_LIMIT", 0.05)
    files = {
        "app.py": """
            import pathlib, tempfile, time
            import helpers
            helpers.loads += 1
            slow = pathlib.Path(tempfile.gettempdir(), "slow")
            if not slow.exists():
                slow.touch()
                time.sleep(60)
            time.sleep(0.03)

            def handler(event, context):
                return [helpers.loads, context.get_remaining_time_in_millis() < 9_990]
            """,
        "helpers.py": "loads = 0",
    }
    outcome = lab.deploy(files, timeout=10).invoke()

    assert json.loads(outcome.payload) == [1, True]
    assert outcome.cold_start
    assert outcome.duration > 29
    assert "Init Duration" not in outcome.log_lines[-1]


def test_what_a_handler_did_before_its_timeout_is_in_the_log(lab: Lab) -> None:
    function = lab.deploy(
        "import time\ndef handler(e, c):\n print('begun')\n time.sleep(60)", timeout=0.05
    )

    assert "begun" in function.invoke().log_lines


def test_many_handlers_that_end_just_at_their_timeout_never_hurt_the_caller(lab: Lab) -> None:
    function = lab.deploy("import time\ndef handler(e, c): time.sleep(0.002)", timeout=0.0022)
    spec = function.spec
    endings = set()

    for _ in range(150):
        outcome = function.invoke()
        endings.add(outcome.function_error)
        if not outcome.alive:
            function = lab.deploy(spec.code, timeout=0.0022)

    assert endings <= {None, "Unhandled"}


def test_the_signal_that_ends_functions_belongs_to_the_tests_again_afterwards(lab: Lab) -> None:
    arrived: list[int] = []
    before = signal.signal(signal.SIGURG, lambda number, _: arrived.append(number))
    try:
        lab.deploy(stuck(SLEEP), timeout=0.05).invoke()
        signal.raise_signal(signal.SIGURG)
        assert arrived == [signal.SIGURG]
    finally:
        signal.signal(signal.SIGURG, before)


def test_closing_an_environment_ends_its_invocation(lab: Lab) -> None:
    function = lab.deploy(
        """
        import os, time
        def handler(event, context):
            os.write(event, b"!")
            time.sleep(60)
        """
    )

    def close_when_running(pipe: int) -> None:
        os.read(pipe, 1)
        function.environment.close()

    import os

    read, write = os.pipe()
    closer = threading.Thread(target=close_when_running, args=(read,))
    closer.start()
    outcome = function.invoke(write)
    closer.join()
    os.close(read)
    os.close(write)

    assert json.loads(outcome.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: request-1 Error: Runtime exited with error: signal: killed",
    }
    assert not outcome.alive


def test_while_debugging_nothing_times_out(lab: Lab) -> None:
    runtime = InProcessRuntime(here, debugging=True, scratch=lab.folder / "scratch")
    function = lab.deploy("import time\ndef handler(e, c): time.sleep(0.03)", runtime, timeout=0.01)

    assert function.returned() is None
    runtime.close()


# -- the watchdog by itself ------------------------------------------------------------------


def in_watchdog(function: Callable[[], object], limit: float) -> object:
    watchdog = Watchdog()
    watch = Watch("over", limit)
    try:
        return watchdog.run(watch, function)
    except Interrupted:
        return watch.reason
    finally:
        watchdog.close()


def test_what_must_not_be_left_half_done_is_finished_first() -> None:
    done: list[str] = []

    def function() -> None:
        with uninterrupted():
            time.sleep(0.05)
            done.append("the cloud's answer")
        done.append("the function goes on")

    assert in_watchdog(function, 0.01) == "over"
    assert done == ["the cloud's answer"]


def test_a_function_within_a_function_has_a_limit_of_its_own() -> None:
    def outer() -> object:
        with uninterrupted():
            return in_watchdog(lambda: time.sleep(60), 0.02)

    assert in_watchdog(outer, 60) == "over"


def test_an_outer_function_whose_time_is_over_ends_after_the_inner_one() -> None:
    inner: list[object] = []

    def outer() -> None:
        with uninterrupted():
            inner.append(in_watchdog(lambda: time.sleep(0.05), 60))
        inner.append("the outer one goes on")

    assert in_watchdog(outer, 0.01) == "over"
    assert inner == [None]


class _InterruptedAsItEnds(Watch):
    """One whose run is interrupted before it could say that no more is to be sent."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "armed" and not value and self.__dict__.get("armed") and self.reason is None:
            self.reason = self.over
            raise Interrupted
        super().__setattr__(name, value)


def test_a_run_that_is_interrupted_as_it_ends_is_watched_no_more() -> None:
    """Otherwise its thread would be interrupted in whatever it does next."""
    watchdog, watch = Watchdog(), _InterruptedAsItEnds("over", 60)

    with pytest.raises(Interrupted):
        watchdog.run(watch, lambda: None)

    assert (watch.armed, watch in watchdog._watched) == (False, False)
    watchdog.close()


def test_the_watchdogs_thread_ends_with_it() -> None:
    before = set(threading.enumerate())
    watchdog = Watchdog()
    watchdog.run(Watch("over", 60), lambda: None)
    (watching,) = set(threading.enumerate()) - before

    watchdog.close()

    assert not watching.is_alive()
