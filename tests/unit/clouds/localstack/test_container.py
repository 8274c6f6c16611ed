from __future__ import annotations

import copy
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from testcontainers.core.config import testcontainers_config

from slstest.cli import main
from slstest.clouds.localstack.background import BackgroundStart
from slstest.clouds.localstack.container import (
    ContainerSettings,
    LocalStackContainer,
    reuse_name,
    start_container,
)
from slstest.clouds.localstack.endpoint import ContainerEndpoint
from slstest.clouds.localstack.labels import containers_of_ours, remove
from slstest.clouds.localstack.readiness import Located, version_at
from slstest.clouds.localstack.sharing import Lobby, ask
from slstest.clouds.localstack.variables import FAST
from slstest.errors import ConfigurationError, SlstestError
from slstest.ledger import this_host
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from fake_daemon import FakeDaemon


def start(run: str = "r1", **settings: Any) -> LocalStackContainer:
    """With none of the variables of whoever runs the tests."""
    return start_container(ContainerSettings(**settings), run, environ={})


def test_it_answers_on_loopback_with_the_fast_settings_and_goes_with_its_volumes(
    daemon: FakeDaemon,
) -> None:
    container = start()
    (made,) = daemon.containers
    assert container.located == Located(f"http://127.0.0.1:{made.port}", made.id)
    assert container.version == "4.14.0"
    assert FAST.items() <= made.variables.items()
    bindings = made.asked["HostConfig"]["PortBindings"]
    assert bindings == {"4566/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}
    assert container.located.trouble() == ""

    container.close()
    assert daemon.containers == []
    assert daemon.removed_volumes == [made.id]
    assert container.located.trouble() == f"its container {made.id[:12]} was removed"


def test_a_proxy_is_not_asked_for_what_is_on_loopback(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert version_at(f"http://127.0.0.1:{daemon.server.server_port}") == "4.14.0"


def test_functions_get_the_docker_socket_and_the_labels_of_the_run(daemon: FakeDaemon) -> None:
    container = start(runs_functions=True)
    (made,) = daemon.containers
    assert made.asked["HostConfig"]["Binds"] == ["/var/run/docker.sock:/var/run/docker.sock:rw"]
    flags = shlex.split(made.variables["LAMBDA_DOCKER_FLAGS"])
    process = made.labels["slstest.process"]
    assert process == f"{os.getpid()} {this_host()}"
    assert flags == ["--label", "slstest.run=r1", "--label", f"slstest.process={process}"]
    daemon.answer("POST", "/containers/create", {}, {"Labels": {"slstest.run": "r1"}})
    daemon.answer("POST", "/containers/create", {}, {"Labels": {"slstest.run": "r2"}})

    container.close()
    assert [each.labels for each in daemon.containers] == [{"slstest.run": "r2"}]


def functions_socket(daemon: FakeDaemon) -> str:
    """What of the daemon's machine is LocalStack's Docker socket."""
    start(runs_functions=True).close()
    source, _, _ = daemon.created[-1].asked["HostConfig"]["Binds"][0].split(":")
    return str(source)


def test_the_socket_is_that_of_the_machine_of_the_daemon(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which on a Mac, and with Docker Desktop, is a virtual machine."""
    monkeypatch.setattr(testcontainers_config, "_ryuk_docker_socket", "")  # it remembers
    socket = tmp_path / "docker.sock"
    with daemon.at_socket(socket) as host:
        monkeypatch.setenv("DOCKER_HOST", host)
        assert functions_socket(daemon) == str(socket)
        daemon.operating_system = "Docker Desktop"
        assert functions_socket(daemon) == "/var/run/docker.sock"
        daemon.operating_system = "Alpine Linux v3.20"  # Colima's
        monkeypatch.setattr(sys, "platform", "darwin")
        assert functions_socket(daemon) == "/var/run/docker.sock"
        monkeypatch.setenv("TESTCONTAINERS_DOCKER_SOCKET_OVERRIDE", "/run/user/1/docker.sock")
        assert functions_socket(daemon) == "/run/user/1/docker.sock"


def test_without_functions_there_is_no_socket_in_it(daemon: FakeDaemon) -> None:
    container = start()
    assert "Binds" not in daemon.containers[0].asked["HostConfig"]
    container.close()


def test_one_that_ends_before_it_answers_shows_the_end_of_its_log(daemon: FakeDaemon) -> None:
    daemon.ends_at_once = True
    daemon.log = "loading\nno licence"
    with pytest.raises(SlstestError, match=r"did not start.*exit code 3(.|\n)*  no licence"):
        start()
    assert daemon.containers == []


def test_a_port_that_is_taken_is_told(daemon: FakeDaemon) -> None:
    daemon.on_start = (500, "Bind for 127.0.0.1:4566 failed: port is already allocated")
    with pytest.raises(ConfigurationError, match=r"the port 4566 is taken.*--sls-localstack-port"):
        start(port=4566)
    assert daemon.containers == []


def test_a_port_that_one_of_ours_has_is_told_with_how_to_remove_it(daemon: FakeDaemon) -> None:
    port = daemon.server.server_port
    start(port=port, reuse=True).close()
    (kept,) = daemon.containers
    daemon.on_start = (500, f"Bind for 127.0.0.1:{port} failed: port is already allocated")
    removal = f"is taken by {kept.name}, .* docker rm --force --volumes {kept.name} removes it"
    for reuse in (True, False):
        with pytest.raises(ConfigurationError, match=removal):
            start(port=port, reuse=reuse, runs_functions=True)
    assert daemon.containers == [kept]


def test_what_docker_refuses_is_told_in_its_words(daemon: FakeDaemon) -> None:
    daemon.on_start = (500, "no space left on device")
    with pytest.raises(SlstestError, match=r"Docker could not start .*no space left on device"):
        start()
    assert daemon.containers == []


def test_one_that_is_kept_is_taken_again_by_the_same_settings_only(daemon: FakeDaemon) -> None:
    first = start(reuse=True)
    first.close()
    second = start(reuse=True)
    second.close()
    other = start(reuse=True, runs_functions=True)
    other.close()
    assert [each.reused for each in (first, second, other)] == [False, True, False]
    assert first.located == second.located != other.located
    assert daemon.containers[0].name == reuse_name(ContainerSettings(reuse=True), {})


def test_one_that_was_kept_but_has_ended_is_replaced(daemon: FakeDaemon) -> None:
    start(reuse=True).close()
    daemon.containers[0].status = "exited"
    again = start(reuse=True)
    again.close()
    assert not again.reused
    assert [each.status for each in daemon.containers] == ["running"]


def test_one_that_another_run_has_created_but_not_started_is_started(daemon: FakeDaemon) -> None:
    start(reuse=True).close()
    daemon.containers[0].status = "created"
    again = start(reuse=True)
    again.close()
    assert [each.status for each in daemon.containers] == ["running"]


def test_ours_are_listed_and_removed_and_no_others(daemon: FakeDaemon) -> None:
    daemon.answer("POST", "/containers/create", {}, {"Labels": {"slstest": "x"}})
    used = start("r7")
    start(reuse=True).close()
    ours = containers_of_ours()
    assert [(each.run, each.kept) for each in ours] == [("r7", False), ("", True)]
    remove(ours)
    remove(ours)
    assert [each.labels for each in daemon.containers] == [{"slstest": "x"}]
    used.close()


def test_a_container_whose_age_cannot_be_read_is_not_taken_for_an_old_one(
    daemon: FakeDaemon,
) -> None:
    start(reuse=True).close()
    daemon.containers[0].created = "yesterday"
    with pytest.raises(SlstestError, match="Docker says 'yesterday' where the container"):
        containers_of_ours()


def test_a_sweep_removes_what_a_dead_process_has_left_and_what_is_old(
    daemon: FakeDaemon,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # no ledger but the containers' labels
    used = start("r7")
    start(reuse=True).close()
    over = copy.deepcopy(daemon.created[0])
    over.id, over.name = "9" * 64, "over"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        over.labels["slstest.process"] = f"{ended.pid} {this_host()}"
    daemon.containers.append(over)
    function = {"slstest.run": "r7", "slstest.process": over.labels["slstest.process"]}
    daemon.answer("POST", "/containers/create", {}, {"Image": "python", "Labels": function})

    assert main(["sweep", "--containers"]) == 0
    assert f"process {os.getpid()} is still running" in capsys.readouterr().out
    assert main(["sweep", "--containers", "--delete"]) == 0
    told = capsys.readouterr().out
    assert "kept between runs" in told
    assert "of another machine" not in told
    assert over not in daemon.containers
    assert len(daemon.containers) == 2
    assert main(["sweep", "--containers", "--delete", "--older-than", "0s"]) == 0
    assert daemon.containers == []
    used.close()


def test_a_start_in_the_background_is_given_up_when_nobody_wants_it(daemon: FakeDaemon) -> None:
    daemon.never_ready = True
    background = BackgroundStart(ContainerSettings(), "r1")
    wait_until("the container to be made", lambda: daemon.created or None)
    background.close()
    background.close()
    assert daemon.containers == []
    assert background.error is None
    with pytest.raises(SlstestError, match="given up"):
        background.wait()


def test_a_container_is_there_to_be_ended_whatever_comes_of_its_start(daemon: FakeDaemon) -> None:
    def fail(_: LocalStackContainer) -> None:
        raise ValueError("the terminal is gone")

    background = BackgroundStart(ContainerSettings(), "r1", when_ready=fail)
    with pytest.raises(SlstestError, match="the terminal is gone"):
        background.wait()
    assert len(daemon.containers) == 1
    background.close()
    assert daemon.containers == []


def test_an_error_in_the_background_reaches_the_one_who_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    background = BackgroundStart(ContainerSettings(), "r1")
    with pytest.raises(SlstestError, match="no Docker daemon answers"):
        background.wait()
    assert background.error is not None
    background.close()


def test_the_questions_of_other_processes_are_answered_as_each_answer_is_there() -> None:
    ready = threading.Event()

    def answer(question: Mapping[str, Any]) -> Mapping[str, Any]:
        if question["wait"]:
            ready.wait()
        else:
            ready.set()
        return question

    lobby = Lobby(answer)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(ask, lobby.port, {"wait": True, "n": each}) for each in range(3)]
        assert ask(lobby.port, {"wait": False}) == {"wait": False}
        assert [each.result()["n"] for each in waiting] == [0, 1, 2]
    port = lobby.port
    lobby.close()
    with pytest.raises(SlstestError, match="has ended"):
        ask(port, {})


def test_an_error_is_raised_where_it_was_asked() -> None:
    def answer(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise SlstestError("no Docker\nat all")

    lobby = Lobby(answer)
    with pytest.raises(SlstestError, match="no Docker\nat all"):
        ask(lobby.port, {})
    lobby.close()


def test_an_endpoint_whose_container_has_ended_says_so_with_its_log(daemon: FakeDaemon) -> None:
    container = start()
    daemon.log = "Killed"
    daemon.containers[0].status = "exited"
    daemon.never_ready = True
    gone = Located("http://127.0.0.1:1", container.located.container)
    with pytest.raises(SlstestError, match=r"LocalStack is gone: its container(.|\n)*Killed"):
        ContainerEndpoint(gone, "us-east-1", lambda _: None).client("s3").list_buckets()
    container.close()


KILLED = """
    import os, signal
    from slstest.clouds.localstack.container import ContainerSettings, start_container

    start_container(ContainerSettings(), "killed", environ={})
    child = os.fork()  # it holds the pipe, and lives on
    if not child:
        os.close(1)
        signal.pause()
    print(child, flush=True)
    os.kill(os.getpid(), 9)
    """


def test_what_a_killed_process_has_started_is_removed(daemon: FakeDaemon, tmp_path: Path) -> None:
    """Though the folder in which it runs has a module with a name of the standard library's."""
    (tmp_path / "queue.py").write_text("raise SystemExit('the wrong queue')", encoding="utf-8")
    done = subprocess.run(
        # As the command pytest: the working directory is not where it imports from.
        [sys.executable, "-c", "import sys; sys.path.remove('')\n" + textwrap.dedent(KILLED)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert len(daemon.created) == 1
    try:
        wait_until("the janitor", lambda: not daemon.containers or None)
    finally:
        os.kill(int(done.stdout), signal.SIGKILL)
