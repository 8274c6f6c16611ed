"""What a run has left in a cloud that outlives it, told at the run's end."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from .settings import Settings

if TYPE_CHECKING:
    from slstest.ledger import Entry

_RUNS = pytest.StashKey[set[str]]()


def watch(config: pytest.Config, run: str) -> None:
    """Look at the end for what has the id of this run: that of the process, or of its workers."""
    config.stash.setdefault(_RUNS, set()).add(run)


def tell(config: pytest.Config, settings: Settings) -> None:
    """Say how to delete what the ledgers of this machine still have, those of workers that were
    killed too. A worker leaves it to its controller, which speaks to the person."""
    is_worker = hasattr(config, "workerinput")
    if is_worker or not settings.on or settings.ends_with_the_run:
        return
    from slstest.ledger import default_folder, read

    runs = config.stash.get(_RUNS, set())
    left = [entry for entry in read(default_folder()) if entry.run in runs]
    for place in sorted({_place(entry) for entry in left}):
        count = sum(_place(entry) == place for entry in left)
        things = "1 thing" if count == 1 else f"{count} things"
        sys.stderr.write(
            f"slstest: {things} of this run left in the cloud; delete with: "
            f"slstest sweep --delete{place}\n"
        )


def _place(entry: Entry) -> str:
    """The arguments with which a sweep looks where an entry's resource is."""
    if entry.cloud != "aws":
        return ""
    return f" --cloud aws --region {entry.region} --account {entry.account_id}"
