"""The pytest face of slstest: options, markers and fixtures for integration tests of
serverless functions.

Each hook hands over to the module that knows. Imported by every run of pytest, so nothing
here or in these modules imports boto3, moto or the cloud before a test needs them.
"""

from __future__ import annotations

from typing import Any

import pytest

from . import (
    dynamodb,
    fixtures,
    functions,
    invoke,
    kinesis,
    leftovers,
    localstack,
    needs,
    options,
    redelivery,
    reporting,
    resources,
    running,
    s3,
    selection,
    session,
    settings,
    sqs,
)

EVENT_SOURCES = "slstest.plugins"
"""The entry point group through which third parties add event sources."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the options and load the event sources, those of third parties too."""
    options.add_options(parser)
    sources = (invoke, kinesis, dynamodb, s3, sqs)
    for module in (fixtures, needs, resources, functions, *sources, redelivery):
        pluginmanager.register(module, module.__name__)
    pluginmanager.load_setuptools_entrypoints(EVENT_SOURCES)


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the options once."""
    resolved = settings.resolve(config)
    session.start(config, resolved)
    if resolved.on:
        config.pluginmanager.register(running, running.__name__)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say in the header what the tests run on."""
    return session.header(config)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Let a worker of xdist share what the run has only one of, and answer for what it leaves."""
    leftovers.watch(node.config, node.workerinput["testrunuid"])
    here = localstack.is_here(node.gateway.spec)
    localstack.invite(node.config, node.workerinput, same_host=here)


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Start in the background what takes its time."""
    localstack.begin(session.config)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the tests that use the harness where it is off; bring the fixtures of markers."""
    on = session.current(config).settings.on
    for item in items:
        if selection.uses_harness(item):
            if on:
                selection.bring_fixtures(item)
            else:
                item.add_marker(pytest.mark.skip(reason=selection.NEEDS_SLS))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Tell of the tests that are to run."""
    localstack.collected(session.config, session.items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Wait for what was started in the background: not in the collection, whose errors end it."""
    localstack.wait_for_the_first_test(session)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any) -> None:
    """End the run where it is already known that its cloud did not start."""
    localstack.check(node.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """End the run where a worker has ended for want of its cloud."""
    localstack.worker_ended(node.config, getattr(node, "workeroutput", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was kept, and say what was skipped."""
    ends = session.current(terminalreporter.config).settings.ends_with_the_run
    reporting.list_kept(terminalreporter, ends_with_the_run=ends)
    selection.tell_skipped(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the cloud."""
    session.finish(config)
