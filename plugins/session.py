"""One run of pytest: its settings, and the cloud that its tests share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from slstest.naming import new_run

from .options import Settings

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud
    from slstest.environment import Environment
    from slstest.ledger import Ledger


class Run:
    """What the tests of one process share.

    The cloud starts with the first test that needs it, so that a process without such a test
    (the controller of xdist is one) starts nothing.
    """

    def __init__(self, settings: Settings, run: str, worker: str, root: Path) -> None:
        self.settings = settings
        self._run = run
        self._worker = worker
        self._root = root
        self._cloud: Cloud | None = None
        self._ledger: Ledger | None = None

    def environment(self, item: pytest.Item) -> Environment:
        """A throwaway world for one test."""
        from slstest.environment import Environment
        from slstest.ledger import Ledger, default_folder

        if self._ledger is None:
            in_memory = self.settings.cloud == "embedded"
            self._ledger = Ledger(None if in_memory else default_folder())
        return Environment(
            self._open_cloud(),
            label=item.name,
            run=self._run,
            worker=self._worker,
            base_dirs=[self._root, item.path.parent],
            timeout=self.settings.timeout,
            ledger=self._ledger,
        )

    def close(self) -> None:
        """End the cloud, if it was started."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.close()
        cloud, self._cloud = self._cloud, None
        if cloud is not None:
            cloud.close()

    def _open_cloud(self) -> Cloud:
        if self._cloud is None:
            from slstest.clouds import open_cloud

            self._cloud = open_cloud(
                self.settings.cloud,
                runtime=self.settings.runtime,
                endpoint_url=self.settings.endpoint,
                debugging=bool(self.settings.debugger),
            )
        return self._cloud


_RUN = pytest.StashKey[Run]()


def start(config: pytest.Config, settings: Settings) -> None:
    """Begin a run; :func:`current` gives it from then on."""
    # xdist tells its workers in this attribute who they are.
    worker: dict[str, Any] = getattr(config, "workerinput", {})
    config.stash[_RUN] = Run(
        settings,
        run=worker.get("testrunuid", new_run()),
        worker=worker.get("workerid", "main"),
        root=config.rootpath,
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
    at = f" at {settings.endpoint}" if settings.endpoint else ""
    return f"slstest: {settings.cloud} cloud{at}, {settings.runtime} runtime{because}"


def finish(config: pytest.Config) -> None:
    """End a run, however it came to its end. Does nothing where it never began."""
    run = config.stash.get(_RUN, None)
    if run is not None:
        run.close()
