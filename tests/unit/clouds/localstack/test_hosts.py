"""One container for the workers of a run on a machine, whichever of them end how."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from slstest.clouds.localstack import hosts
from slstest.clouds.localstack.container import ContainerSettings
from slstest.clouds.localstack.meeting import Meeting
from slstest.clouds.localstack.sharing import ask
from slstest.errors import SlstestError
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from fake_daemon import FakeDaemon

RUN = "r1"
MEMBER = """
    import sys
    sys.path.remove("")  # as a worker of xdist
    import os, signal
    from slstest.clouds.localstack.container import ContainerSettings
    from slstest.clouds.localstack.hosts import join

    membership = join(sys.argv[1], ContainerSettings())
    if sys.argv[2:] == ["with a child"]:
        child = os.fork()
        if not child:
            signal.pause()
        print(child)
    print(membership.port, flush=True)
    sys.stdin.read()
    membership.close()
    """


class Member:
    """A process that takes part until its standard input ends."""

    def __init__(self, run: str, *arguments: str, folder: Path | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(MEMBER), run, *arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def told(self) -> int:
        """The next number that it writes; the last is the port."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def end(self) -> None:
        self.process.communicate()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


Start = Callable[..., Member]


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as ending:

        def member(*arguments: str, run: str = RUN, folder: Path | None = None) -> Member:
            started = Member(run, *arguments, folder=folder)
            ending.callback(started.kill)
            return started

        yield member


@pytest.fixture
def meeting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, daemon: FakeDaemon
) -> Iterator[Meeting]:
    """That of the run; nothing may be left of it at the end."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield Meeting.of(RUN)
    wait_until("the last caretaker to end", lambda: not list(tmp_path.iterdir()) or None)
    assert daemon.containers == []


def caretaker() -> psutil.Process:
    (found,) = (
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if "slstest.clouds.localstack.caretaker" in (process.info["cmdline"] or [])
        and (process.info["environ"] or {}).get("TMPDIR") == os.environ["TMPDIR"]
    )
    return found


def test_processes_that_come_at_once_share_one_that_stays_until_the_last(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    members = [start() for _ in range(4)]
    (port,) = {member.told() for member in members}
    first = ask(port, {})
    for member in members[:-1]:
        member.end()
    assert ask(port, {}) == first
    assert [each.id for each in daemon.containers] == [first["container"]]
    members[-1].end()
    wait_until("the container to go", lambda: not daemon.containers or None)
    assert len(daemon.created) == 1


def test_a_folder_with_a_module_named_as_one_of_pythons_does_not_prevent_it(
    daemon: FakeDaemon,
    meeting: Meeting,
    start: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "queue.py").write_text("raise SystemExit('the wrong queue')", encoding="utf-8")
    member = start(folder=folder)
    assert ask(member.told(), {})["container"] == daemon.containers[0].id
    member.end()
    wait_until("the container to go", lambda: not daemon.containers or None)


def test_one_that_is_killed_while_the_container_starts_leaves_nothing(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    daemon.never_ready = True
    member = start()
    member.told()
    wait_until("a container", lambda: daemon.containers or None)
    member.kill()
    wait_until("the container to go", lambda: not daemon.containers or None)


def test_it_stays_though_the_process_that_started_it_is_killed(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    first = start()
    port = first.told()
    other = start()
    assert other.told() == port
    first.kill()
    assert ask(port, {})["container"] == daemon.containers[0].id
    other.kill()
    wait_until("the container to go", lambda: not daemon.containers or None)


def test_a_child_that_a_killed_worker_has_forked_does_not_keep_it(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    member = start("with a child")
    child = member.told()
    try:
        ask(member.told(), {})
        member.process.kill()
        wait_until("the container to go", lambda: not daemon.containers or None)
    finally:
        os.kill(child, signal.SIGKILL)


def test_one_that_comes_when_the_last_has_gone_starts_another(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    for _ in range(3):
        member = start()
        ask(member.told(), {})
        member.kill()
    assert len({each.labels["slstest.run"] for each in daemon.created}) == 3


def test_runs_do_not_share(daemon: FakeDaemon, meeting: Meeting, start: Start) -> None:
    one, other = start(), start(run="r2")
    assert ask(one.told(), {}) != ask(other.told(), {})
    one.end()
    wait_until("one container to go", lambda: len(daemon.containers) == 1 or None)
    assert daemon.containers[0].labels["slstest.run"].startswith("r2-")


def test_where_the_caretaker_is_killed_the_container_goes_and_the_next_starts_another(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    first = start()
    port = first.told()
    ask(port, {})
    caretaker().kill()
    wait_until("the container to go", lambda: not daemon.containers or None)
    with pytest.raises(SlstestError, match="the process that started LocalStack has ended"):
        ask(port, {})
    other = start()
    assert ask(other.told(), {})["container"] == daemon.containers[0].id


def test_a_caretaker_that_is_told_to_end_removes_the_container(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    first = start()
    ask(first.told(), {})
    caretaker().terminate()
    wait_until("the container to go", lambda: not daemon.containers or None)
    other = start()
    assert ask(other.told(), {})["container"] == daemon.containers[0].id


def test_each_is_told_why_it_did_not_start(
    daemon: FakeDaemon, meeting: Meeting, start: Start
) -> None:
    daemon.ends_at_once = True
    daemon.log = "no disk"
    for member in [start(), start()]:
        with pytest.raises(SlstestError, match=r"did not start: its container[^$]*no disk"):
            ask(member.told(), {})


def test_a_caretaker_that_cannot_run_is_told_with_its_own_words(
    meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hosts, "_CARETAKER", "slstest.nobody")
    with pytest.raises(SlstestError, match=r"has ended:\n(.|\n)*No module named slstest\.nobody"):
        hosts.join(RUN, ContainerSettings())
    meeting.remove()


def test_a_folder_that_cannot_be_used_is_told(
    tmp_path: Path, meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting.folder.write_text("in the way")
    with pytest.raises(SlstestError, match=r"cannot meet in .* set TMPDIR to another"):
        hosts.join(RUN, ContainerSettings())
    meeting.folder.unlink()
