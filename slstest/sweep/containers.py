"""The containers on the Docker daemon that runs have left behind, or keep."""

from __future__ import annotations

import time
from collections.abc import Iterator

from slstest.clouds.localstack.labels import containers_of_ours, remove
from slstest.errors import SlstestError
from slstest.sweep.found import why_left
from slstest.sweep.sweep import Request, Row


def sweep_containers(request: Request) -> Iterator[Row]:
    """Find those with our labels, each after it was dealt with.

    Raises :class:`slstest.errors.SlstestError` where no Docker daemon answers.
    """
    for container in containers_of_ours():
        if request.run not in (None, container.run):
            continue
        now = time.time()
        unseen = "of another machine" if container.host else "no label says who started it"
        unseen = "kept between runs" if container.kept else unseen
        why = why_left(container, now, request.older_than, unseen)
        outcome, failed = f"left: {why}", False
        if not why and not request.delete:
            outcome = "would be deleted"
        elif not why:
            try:
                remove([container])
                outcome = "deleted"
            except SlstestError as error:
                outcome, failed = str(error), True
        yield Row(
            kind="container",
            name=container.name,
            run="(kept)" if container.kept else container.run,
            age=now - container.time,
            source="label",
            place="docker",
            outcome=outcome,
            failed=failed,
            due=not why,
        )
