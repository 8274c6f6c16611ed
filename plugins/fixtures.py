"""The fixture ``sls``: one test's throwaway world."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from . import needs, reporting, resources, selection, session

if TYPE_CHECKING:
    from slstest.environment import Environment


@pytest.fixture
def sls(request: pytest.FixtureRequest) -> Iterator[Environment]:
    """A throwaway cloud environment for one test.

    Makes resources (``sls.table(key="page")``, ``sls.bucket()``, ``sls.stream()``), deploys
    the function under test (``sls.function("folder")``), waits until nothing is under way any
    more (``sls.settle()``), gives plain boto3 clients (``sls.client("dynamodb")``) and finds a
    resource by its name (``sls["clicks"]``). What the markers ``sls_table``, ``sls_bucket``,
    ``sls_stream``, ``sls_queue`` and ``sls_topic`` ask for is there already. Everything that it
    made is deleted after the test; what cannot be deleted fails it.
    """
    item: pytest.Item = request.node
    run = session.current(item.config)
    if not run.settings.on:
        pytest.skip(selection.NEEDS_SLS)
    wanted = resources.requested(item)
    environment = run.environment(item)
    reporting.remember(item, environment)
    try:
        needs.check(item, environment)
        resources.create(environment, wanted)
        yield environment
    finally:
        environment.keep = run.settings.keep and reporting.has_failed(item)
        reporting.remember_kept(item, environment.close())
