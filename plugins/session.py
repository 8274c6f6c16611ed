"""One run of pytest: its settings, and the cloud that its tests share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import SlstestError, TeardownError
from slstest.naming import new_run

from . import foresight, leftovers, localstack, selection
from .settings import Settings

if TYPE_CHECKING:
    from slstest.ahead import Ahead
    from slstest.clouds.base import Cloud
    from slstest.clouds.localstack.container import ContainerSettings
    from slstest.clouds.localstack.sharing import SharedContainer
    from slstest.environment import Environment
    from slstest.ledger import Ledger


class Run:
    """What the tests of one process share.

    The cloud starts with the first test that needs it, so that a process without such a test
    (the controller of xdist is one) starts nothing.
    """

    def __init__(
        self,
        settings: Settings,
        run: str,
        worker: str,
        root: Path,
        container: Callable[[], SharedContainer | None],
    ) -> None:
        """``container`` waits for the run's container, and returns None where it has none."""
        self.settings = settings
        self._container = container
        self._run = run
        self._worker = worker
        self._root = root
        self._cloud: Cloud | None = None
        self._not_opened: SlstestError | None = None
        """Why there is no cloud; a second test would wait as long to learn the same."""
        self._ledger: Ledger | None = None
        self._ahead: Ahead | None = None
        self._coming: list[pytest.Item] = []
        self._looked_at: set[str] = set()

    def expect(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Begin to create what a test and the next ones will ask for, where that takes long."""
        if self.settings.ahead == 0 or self.settings.cloud == "embedded":
            return
        self._coming = _coming(item, nextitem, self.settings.ahead)
        if self._cloud is not None:  # else the first environment says what prevents it
            self._prepare(self._cloud)

    def forget(self, item: pytest.Item) -> None:
        """Delete what was created ahead for a test that did not ask for it."""
        if self._ahead is not None:
            self._ahead.drop(item.nodeid)

    def _prepare(self, cloud: Cloud) -> None:
        for item in self._coming:
            if item.nodeid in self._looked_at or not selection.uses_harness(item):
                continue
            self._looked_at.add(item.nodeid)
            wishes = foresight.foreseen(item)
            if wishes:
                self._open_ahead(cloud).prepare(item.nodeid, item.name, wishes)

    def _open_ahead(self, cloud: Cloud) -> Ahead:
        if self._ahead is None:
            from slstest.ahead import Ahead

            self._ahead = Ahead(
                cloud,
                self._open_ledger(),
                self._run,
                self._worker,
                self.settings.timeout,
                self.settings.owner,
            )
        return self._ahead

    def _open_ledger(self) -> Ledger:
        if self._ledger is None:
            from slstest.ledger import Ledger, default_folder

            self._ledger = Ledger(None if self.settings.ends_with_the_run else default_folder())
        return self._ledger

    def environment(self, item: pytest.Item) -> Environment:
        """A throwaway world for one test."""
        from slstest.environment import Environment

        cloud = self._open_cloud()
        self._prepare(cloud)
        return Environment(
            cloud,
            label=item.name,
            run=self._run,
            worker=self._worker,
            base_dirs=[self._root, item.path.parent],
            timeout=self.settings.timeout,
            ledger=self._open_ledger(),
            prepared=None if self._ahead is None else self._ahead.claim(item.nodeid),
            owner=self.settings.owner,
        )

    def close(self) -> None:
        """End the cloud, if it was started.

        Raises :class:`slstest.errors.TeardownError` for what could not be deleted.
        """
        try:
            if self._ahead is not None:
                self._ahead.close()
        finally:
            self._close_cloud()

    def _close_cloud(self) -> None:
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.close()
        cloud, self._cloud = self._cloud, None
        if cloud is not None:
            cloud.close()

    def _open_cloud(self) -> Cloud:
        if self._not_opened is not None:
            raise SlstestError(str(self._not_opened)) from self._not_opened
        if self._cloud is None:
            from slstest.clouds import open_cloud

            try:
                self._cloud = open_cloud(
                    self.settings.cloud,
                    runtime=self.settings.runtime,
                    endpoint_url=self.settings.endpoint,
                    region=self.settings.region,
                    accounts=self.settings.accounts,
                    debugging=bool(self.settings.debugger),
                    container=self._container(),
                )
            except SlstestError as error:
                self._not_opened = error
                raise
        return self._cloud


def _coming(item: pytest.Item, nextitem: pytest.Item | None, ahead: int) -> list[pytest.Item]:
    """A test and those after it, as far as is known: a worker of xdist knows the next one."""
    if hasattr(item.config, "workerinput"):
        return [item] if nextitem is None else [item, nextitem]
    items = item.session.items
    here = items.index(item)
    return items[here : here + 1 + ahead]


_RUN = pytest.StashKey[Run]()


def start(config: pytest.Config, settings: Settings) -> None:
    """Begin a run; :func:`current` gives it from then on."""
    # xdist tells its workers in this attribute who they are.
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    run = worker.get("testrunuid", new_run())
    localstack.prepare(config, settings, run)
    leftovers.watch(config, run)
    config.stash[_RUN] = Run(
        settings,
        run=run,
        worker=worker.get("workerid", "main"),
        root=config.rootpath,
        container=lambda: localstack.container(config),
    )


def current(config: pytest.Config) -> Run:
    """The run that a configuration belongs to."""
    return config.stash[_RUN]


def header(config: pytest.Config) -> str | None:
    """The line at the top of pytest's output; None where the harness is off."""
    settings = current(config).settings
    if not settings.on:
        return None
    because = f" (because of {settings.runtime_because})" if settings.runtime_because else ""
    return f"slstest: {settings.cloud} cloud{_place(settings)}, {settings.runtime} runtime{because}"


def _place(settings: Settings) -> str:
    region = f" in {settings.region}" if settings.region else ""
    if settings.container is not None:
        return f"{region} ({settings.container.image}{_kept(settings.container)})"
    because = f" (because of {settings.endpoint_because})" if settings.endpoint_because else ""
    return f" at {settings.endpoint}{because}{region}" if settings.endpoint else region


def _kept(container: ContainerSettings) -> str:
    if not container.reuse:
        return ""
    from slstest.clouds.localstack.container import reuse_name

    name = reuse_name(container)
    return f", stays for the next run; docker rm --force --volumes {name} removes it"


def finish(config: pytest.Config) -> None:
    """End a run, however it came to its end. Does nothing where it never began."""
    run = config.stash.get(_RUN, None)
    try:
        if run is not None:
            run.close()
    except TeardownError as error:
        sys.stderr.write(f"slstest: {error}\n")
    finally:
        try:
            localstack.finish(config)
        finally:
            if run is not None:
                leftovers.tell(config, run.settings)
