"""Does a run on a LocalStack container leave anything behind, however it ends?

    python -m ci.leftovers [--times 10] [--runtime cloud] [ENDING ...]

tries each ending so often, and compares containers, networks, volumes and processes with those
before. Run it on a Docker daemon that nobody else uses: whatever is new there counts.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

TOKEN = "SLSTEST_LEFTOVERS"
"""An environment variable that the processes of a run inherit: by it they are known."""
MARK = "MARK"
"""Where a test writes the id of its process, when it is in the middle."""
PATIENCE = 120.0
GONE_IN = 30.0
"""Seconds in which everything has to be gone after the end."""
_LOOK_AGAIN = 0.05

FUNCTION = """
    import os, boto3

    def handler(event, context):
        queue = boto3.client("sqs").get_queue_url(QueueName=os.environ["QUEUE"])
        boto3.client("sqs").send_message(QueueUrl=queue["QueueUrl"], MessageBody="done")
    """

TESTS = """
    import os, pathlib, signal, pytest

    @pytest.mark.parametrize("n", range(2))
    def test_with_a_function(sls, n):
        queue = sls.queue()
        sls.table().put({"id": "1"})
        function = sls.function("function", environment={"QUEUE": queue.name})
        function.invoke({})
        queue.expect_message("done")

    def test_that_may_not_end(sls):
        sls.stream()
        sls.queue().send("on its way")
        mark = pathlib.Path(os.environ["MARK"])
        if os.environ["ENDING"] == "failing test":
            assert mark.exists()
        if os.environ["ENDING"] in BLOCKING and not mark.exists():
            mark.with_suffix(".new").write_text(str(os.getpid()))
            mark.with_suffix(".new").rename(mark)
            signal.pause()
    """


@dataclass(frozen=True)
class Left:
    """What there is at a moment."""

    containers: frozenset[str]
    networks: frozenset[str]
    volumes: frozenset[str]
    processes: frozenset[str]

    def __sub__(self, other: Left) -> list[str]:
        return [
            f"{kind[:-1]} {each}"
            for kind in ("containers", "networks", "volumes", "processes")
            for each in sorted(getattr(self, kind) - getattr(other, kind))
        ]


def docker(*arguments: str) -> frozenset[str]:
    """The lines that a Docker command writes."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return frozenset(done.stdout.split("\n")) - {""}


def look(token: str) -> Left:
    return Left(
        docker("ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Image}} {{.Labels}}"),
        docker("network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"),
        docker("volume", "ls", "--format", "{{.Name}}"),
        frozenset(_processes(token)),
    )


def _processes(token: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.pid != os.getpid():
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
    return found


class TooEarly(Exception):
    """The run did not come to the point at which it was to be ended."""


@dataclass(frozen=True)
class Run:
    """A run of pytest that has begun."""

    process: subprocess.Popen[bytes]
    mark: Path

    def wait_for_the_middle(self) -> int:
        """The id of the process whose test has come to its middle."""
        _wait(lambda: self._in_time() and self.mark.exists())
        return int(self.mark.read_text())

    def wait_for_a_container(self, token: str, before: Left) -> None:
        _wait(lambda: self._in_time() and bool(look(token).containers - before.containers))

    def _in_time(self) -> bool:
        if self.process.poll() is not None:
            raise TooEarly(f"pytest ended by itself, with {self.process.returncode}")
        return True


Ending = Callable[[Run, str, Left], None]


def on_its_own(_run: Run, _token: str, _before: Left) -> None:
    """Nothing is done to it."""


def interrupted(run: Run, _token: str, _before: Left) -> None:
    run.wait_for_the_middle()
    os.killpg(run.process.pid, signal.SIGINT)  # as the terminal does it


def worker_killed(run: Run, _token: str, _before: Left) -> None:
    worker = run.wait_for_the_middle()
    assert worker != run.process.pid
    os.kill(worker, signal.SIGKILL)


def controller_killed(run: Run, _token: str, _before: Left) -> None:
    run.wait_for_the_middle()
    run.process.kill()


def killed_at_the_start(run: Run, token: str, before: Left) -> None:
    run.wait_for_a_container(token, before)
    run.process.kill()


@dataclass(frozen=True)
class Way:
    """A way for a run to end."""

    end: Ending
    status: int
    arguments: Sequence[str] = ("-n", "2")


WAYS = {
    "success": Way(on_its_own, 0),
    "failing test": Way(on_its_own, 1),
    "ctrl-c": Way(interrupted, 2),
    "ctrl-c without workers": Way(interrupted, 2, ()),
    "worker killed": Way(worker_killed, 1),
    "controller killed": Way(controller_killed, -signal.SIGKILL),
    "killed without workers": Way(controller_killed, -signal.SIGKILL, ()),
    "killed at the start": Way(killed_at_the_start, -signal.SIGKILL),
}
BLOCKING = [name for name, way in WAYS.items() if way.end is not on_its_own]


def attempt(name: str, runtime: str, folder: Path) -> tuple[float, list[str]]:
    """Let a run end in one way; returns the seconds it took and what is wrong afterwards."""
    way, token = WAYS[name], f"{name} {time.time_ns()}"
    (folder / "function").mkdir()
    (folder / "function" / "app.py").write_text(textwrap.dedent(FUNCTION))
    tests = f"BLOCKING = {json.dumps(BLOCKING)}\n{textwrap.dedent(TESTS)}"
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\n")
    before = look(token)
    wrong: list[str] = []
    began = time.monotonic()
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *way.arguments),
                *("--sls", "--sls-cloud", "localstack", "--sls-runtime", runtime),
            ],
            cwd=folder,
            env={
                **os.environ,
                TOKEN: token,
                MARK: str(folder / "mark"),
                "ENDING": name,
                # The image of ci/localstack-image runs functions without a registry.
                "LAMBDA_RUNTIME_EXECUTOR": "process",
                "XDG_STATE_HOME": str(folder / "state"),
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            way.end(Run(process, folder / "mark"), token, before)
            process.wait(PATIENCE)
        except (TooEarly, subprocess.TimeoutExpired) as error:
            wrong.append(str(error))
        finally:
            process.kill()
            status = process.wait()
    if status != way.status:
        wrong.append(f"exit status {status}, not {way.status}")
    deadline = time.monotonic() + GONE_IN
    while (left := look(token) - before) and time.monotonic() < deadline:
        time.sleep(_LOOK_AGAIN)
    wrong += left
    if wrong:
        wrong += ["pytest wrote:", *(folder / "output").read_text().splitlines()]
    return time.monotonic() - began, wrong


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise TooEarly(f"pytest did not come so far in {PATIENCE:g} s")
        time.sleep(_LOOK_AGAIN)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What do runs on LocalStack leave behind?")
    parser.add_argument("endings", nargs="*", metavar="ENDING", help=f"of {', '.join(WAYS)}")
    parser.add_argument("--times", type=int, default=10, help="how often each (default: 10)")
    parser.add_argument("--runtime", choices=("process", "cloud"), default="process")
    asked = parser.parse_args(arguments)
    if unknown := set(asked.endings) - WAYS.keys():
        parser.error(f"no ending: {', '.join(unknown)}; there are: {', '.join(WAYS)}")
    # A shell lets what it runs in the background ignore Ctrl-C, and pytest would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bad = 0
    for name in asked.endings or WAYS:
        took = []
        clean = 0
        for _ in range(asked.times):
            with TemporaryDirectory(prefix="slstest-leftovers-") as folder:
                seconds, wrong = attempt(name, asked.runtime, Path(folder))
            took.append(seconds)
            clean += not wrong
            for line in wrong:
                sys.stdout.write(f"  {line}\n")
            sys.stdout.flush()
        bad += asked.times - clean
        sys.stdout.write(
            f"{name}: {clean} of {asked.times} left nothing "
            f"(median {statistics.median(took):.1f} s)\n"
        )
        sys.stdout.flush()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
