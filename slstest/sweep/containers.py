"""The containers on the Docker daemon that runs have left behind, or keep."""

from __future__ import annotations

import time
from collections.abc import Iterator

from slstest.clouds.localstack.labels import OurContainer, containers_of_ours, remove
from slstest.errors import SlstestError
from slstest.ledger import Entry
from slstest.sweep.found import is_over, words
from slstest.sweep.sweep import Request, Row


def sweep_containers(request: Request) -> Iterator[Row]:
    """Find those with our labels, each after it was dealt with.

    Raises :class:`slstest.errors.SlstestError` where no Docker daemon answers.
    """
    for container in containers_of_ours():
        if request.run not in (None, container.run):
            continue
        age = time.time() - container.created
        why_left = _why_left(container, age, request.older_than)
        outcome, failed = f"left: {why_left}", False
        if not why_left and not request.delete:
            outcome = "would be deleted"
        elif not why_left:
            try:
                remove([container])
                outcome = "deleted"
            except SlstestError as error:
                outcome, failed = str(error), True
        yield Row(
            kind="container",
            name=container.name,
            run="(kept)" if container.kept else container.run,
            age=age,
            source="label",
            place="docker",
            outcome=outcome,
            failed=failed,
            due=not why_left,
        )


def _why_left(container: OurContainer, age: float, older_than: float) -> str:
    over = None if container.kept else is_over(_entry(container))
    if over or age >= older_than:
        return ""
    if over is None:
        what = "kept between runs" if container.kept else "of another machine"
        return f"not older than {words(older_than)}, and {what}"
    return f"process {container.pid} is still running"


def _entry(container: OurContainer) -> Entry:
    """What a ledger would say of it."""
    return Entry(
        number=0,
        kind="container",
        name=container.name,
        run=container.run,
        worker="",
        environment="",
        cloud="localstack",
        endpoint_url=None,
        region="",
        account_id="",
        pid=container.pid,
        time=container.created,
        host=container.host,
    )
