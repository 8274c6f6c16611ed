"""One LocalStack container for a whole run: started by the process that the user started,
while the tests are collected, and shared by the workers of xdist."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import pytest

from slstest.errors import SlstestError

from . import selection
from .services import services_of
from .settings import Settings
from .terminal import Terminal

if TYPE_CHECKING:
    from slstest.clouds.localstack.background import BackgroundStart
    from slstest.clouds.localstack.container import LocalStackContainer
    from slstest.clouds.localstack.hosts import Membership
    from slstest.clouds.localstack.sharing import Lobby, SharedContainer

LOBBY = "slstest_lobby"
"""The port on loopback where a worker asks for the container, in its ``workerinput``."""

FAILURE = "slstest_failure"
"""Why a worker ended for want of its container, in its ``workeroutput``."""


class Share(Protocol):
    """What a process has of the run's container."""

    def container(self) -> SharedContainer:
        """Wait for it. Ends the run where it does not start."""

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Take note of the tests that are to run."""

    def close(self) -> None:
        """Give up this process's share."""


class Controller:
    """The process that starts the container, and ends it."""

    def __init__(self, config: pytest.Config, settings: Settings, run: str) -> None:
        self._config = config
        self._settings = settings
        self._run = run
        self._terminal = Terminal(config)
        self._start: BackgroundStart | None = None
        self._lobby: Lobby | None = None
        self._lock = threading.Lock()
        self._workers = 0
        self._workers_without_need = 0
        self._needed = False
        self._first: Sequence[pytest.Item] = ()
        self._closed = False

    def begin(self) -> None:
        """Start the container in the background, if it was not."""
        self._started()

    def invite(self) -> int:
        """Expect another worker; returns what it needs to ask for the container."""
        self.begin()
        if self._lobby is None:
            from slstest.clouds.localstack.sharing import Lobby

            self._terminal.direct = True
            self._lobby = Lobby(self._answer)
        self._workers += 1
        return self._lobby.port

    def container(self) -> SharedContainer:
        """See :class:`Share`."""
        from slstest.clouds.localstack.sharing import SharedContainer

        start = self._started()
        try:
            container = start.wait(self._terminal.show)
        except SlstestError as error:
            end_run(error)
        self._terminal.show()
        return SharedContainer(container.located, start.load)

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """See :class:`Share`."""
        if self._start is None:
            return
        if not any(selection.uses_harness(item) for item in items):
            with self._lock:
                self._give_up()
            return
        self._start.load_soon(_services(items, self._settings))
        self._first = items[:1]

    def wait_for_the_first_test(self) -> None:
        """Wait for what it would wait for in its own time: the container and its services."""
        if any(selection.uses_harness(item) for item in self._first):
            container = self.container()
            for service in _services(self._first, self._settings):
                container.load(service)

    def check(self) -> None:
        """End the run where a worker needs the container and it did not start."""
        start = self._start
        if self._needed and start is not None and start.error is not None:
            end_run(start.error)

    def close(self) -> None:
        """End the container."""
        with self._lock:
            self._closed = True
            self._give_up()
        if self._lobby is not None:
            self._lobby.close()

    def _started(self) -> BackgroundStart:
        """The start; another one where it was given up, since no test showed that it needs it."""
        from slstest.clouds.localstack.background import BackgroundStart

        with self._lock:
            if self._closed:
                raise SlstestError("the run has ended, and LocalStack with it")
            if self._start is None:
                assert self._settings.container is not None
                self._start = BackgroundStart(
                    self._settings.container,
                    self._run,
                    say=self._terminal.say,
                    when_ready=self._tell_of,
                )
            return self._start

    def _give_up(self) -> None:
        """End the start, or the container. Its label is that of the next: the lock is held until
        it is gone."""
        start, self._start = self._start, None
        if start is not None:
            start.close()

    def _answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a worker wants to know, or has to tell."""
        from slstest.clouds.localstack.sharing import answer

        if "collected" in question:
            self._hear(question["collected"], question["needed"])
            return {}
        with self._lock:
            self._needed = True
        return answer(self._started(), question)

    def _hear(self, services: Sequence[str], needed: bool) -> None:
        with self._lock:
            self._needed |= needed
            self._workers_without_need += not needed
            if self._workers_without_need == self._workers and not self._needed:
                self._give_up()
        if needed:
            self._started().load_soon(services)

    def _tell_of(self, container: LocalStackContainer) -> None:
        if self._config.get_verbosity() >= 0:
            kept = " (left by an earlier run)" if container.reused else ""
            self._terminal.say(
                f"LocalStack {container.version} answers at {container.located.url}{kept}"
            )


class Worker:
    """A worker of xdist, which asks the process that has the container."""

    def __init__(
        self, port: int, settings: Settings, end_run: Callable[[Exception], NoReturn]
    ) -> None:
        self._port = port
        self._settings = settings
        self._end_run = end_run

    def container(self) -> SharedContainer:
        """See :class:`Share`."""
        from slstest.clouds.localstack.readiness import Located
        from slstest.clouds.localstack.sharing import SharedContainer, ask

        try:
            answer = ask(self._port, {})
        except SlstestError as error:
            self._end_run(error)
        return SharedContainer(Located(answer["url"], answer["container"]), self._load)

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """See :class:`Share`."""
        from slstest.clouds.localstack.sharing import ask

        needed = any(selection.uses_harness(item) for item in items)
        services = sorted(_services(items, self._settings))
        try:
            ask(self._port, {"collected": services, "needed": needed})
        except SlstestError as error:
            self._end_run(error)

    def close(self) -> None:
        """See :class:`Share`."""

    def _load(self, service: str) -> None:
        from slstest.clouds.localstack.sharing import ask

        ask(self._port, {"load": service})


class WorkerElsewhere:
    """A worker of xdist on another machine than the controller. The workers there share a container
    of their own, which starts with the first that needs it."""

    def __init__(self, config: pytest.Config, settings: Settings, run: str) -> None:
        self._config = config
        self._settings = settings
        self._run = run
        self._membership: Membership | None = None

    def container(self) -> SharedContainer:
        """See :class:`Share`."""
        return self._worker().container()

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """See :class:`Share`."""
        if any(selection.uses_harness(item) for item in items):
            self._worker().collected(items)

    def close(self) -> None:
        """See :class:`Share`."""
        membership, self._membership = self._membership, None
        if membership is not None:
            membership.close()

    def _worker(self) -> Worker:
        if self._membership is None:
            from slstest.clouds.localstack.hosts import join

            assert self._settings.container is not None
            try:
                self._membership = join(self._run, self._settings.container)
            except SlstestError as error:
                self._end_run(error)
        return Worker(self._membership.port, self._settings, self._end_run)

    def _end_run(self, error: Exception) -> NoReturn:
        """Only the controller can end the run: it is told why."""
        output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
        output[FAILURE] = f"on {socket.gethostname()}: {error}"
        end_run(error)


def _services(items: Sequence[pytest.Item], settings: Settings) -> set[str]:
    return services_of(items, functions_there=settings.runtime == "cloud")


_SHARE = pytest.StashKey[Share]()


def prepare(config: pytest.Config, settings: Settings, run: str) -> None:
    """Say how this process comes to the run's container, if it is to have one."""
    if settings.on and settings.container is not None:
        worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        if worker is None:
            config.stash[_SHARE] = Controller(config, settings, run)
        elif LOBBY in worker:
            config.stash[_SHARE] = Worker(worker[LOBBY], settings, end_run)
        else:
            config.stash[_SHARE] = WorkerElsewhere(config, settings, run)


def container(config: pytest.Config) -> SharedContainer | None:
    """The run's container, as soon as it answers; None where the run has none."""
    share = config.stash.get(_SHARE, None)
    return None if share is None else share.container()


def begin(config: pytest.Config) -> None:
    """Start the container, if there are tests to come that can use it. With workers it was
    started when the first on this machine was invited."""
    share = config.stash.get(_SHARE, None)
    alone = not config.pluginmanager.has_plugin("dsession")
    if isinstance(share, Controller) and alone and not _only_looks(config):
        share.begin()


def is_here(spec: Any) -> bool:
    """Whether a worker, by its specification of execnet's, is on this machine for certain."""
    return bool(spec.popen) and not spec.via


def invite(config: pytest.Config, worker: dict[str, Any], *, same_host: bool) -> None:
    """Tell a worker how to ask for the container."""
    share = config.stash.get(_SHARE, None)
    if isinstance(share, Controller) and same_host and not _only_looks(config):
        worker[LOBBY] = share.invite()


def collected(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Tell the tests that this process has collected."""
    share = config.stash.get(_SHARE, None)
    if share is not None:
        share.collected(items)


def wait_for_the_first_test(session: pytest.Session) -> None:
    """Wait for what the first test needs, if tests are to run."""
    share = session.config.stash.get(_SHARE, None)
    goes_on = session.config.getoption("continue_on_collection_errors")
    if isinstance(share, Controller) and (goes_on or not session.testsfailed):
        share.wait_for_the_first_test()


def check(config: pytest.Config) -> None:
    """End the run of the controller where the container did not start."""
    share = config.stash.get(_SHARE, None)
    if isinstance(share, Controller):
        share.check()


def worker_ended(config: pytest.Config, output: Mapping[str, Any]) -> None:
    """End the run of the controller where a worker has ended for want of its container."""
    if FAILURE in output:
        end_run(output[FAILURE])
    check(config)


def finish(config: pytest.Config) -> None:
    """End this process's share of the container."""
    share = config.stash.get(_SHARE, None)
    if share is not None:
        share.close()


def _only_looks(config: pytest.Config) -> bool:
    """Whether a run shows tests, or what they would set up, and runs none."""
    options = ("collectonly", "setupplan")
    return any(config.getoption(option, default=False) for option in options)


def end_run(error: Exception | str) -> NoReturn:
    """End the run: no test that needs the container could pass."""
    pytest.exit(f"slstest: {error}")
