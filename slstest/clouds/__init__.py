"""The clouds, and the one place that opens one by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from slstest.clouds.guards import DEFAULT_REGION, check_embedded_region, checked_region
from slstest.errors import ConfigurationError

if TYPE_CHECKING:
    from slstest.clouds.base import Cloud
    from slstest.clouds.connection import Connection
    from slstest.clouds.localstack.container import ContainerSettings
    from slstest.clouds.localstack.sharing import SharedContainer
    from slstest.embedded.doors import Guard
    from slstest.embedded.function_host import Backstage, RuntimeFactory
    from slstest.runtimes.base import Runtime

CLOUDS = ("embedded", "localstack", "endpoint", "aws")
"""The clouds that this version has."""

RUNTIMES = ("process", "in-process")
"""What runs functions on this machine."""

ALL_RUNTIMES = (*RUNTIMES, "cloud")


def open_cloud(
    name: str = "embedded",
    *,
    runtime: str = "process",
    region: str | None = None,
    endpoint_url: str | None = None,
    accounts: Sequence[str] = (),
    debugging: bool = False,
    container: ContainerSettings | SharedContainer | None = None,
) -> Cloud:
    """Start a cloud, or find one. The caller closes it.

    ``runtime`` says where functions run: in processes of their own, in this process, or on the
    ``cloud`` itself, which the embedded cloud cannot. ``endpoint_url`` is where the cloud
    ``endpoint`` is, or a LocalStack that runs already; without it the cloud ``localstack`` starts
    a container, as ``container`` says, and ends it when it is closed. ``accounts`` are the ids of
    the AWS accounts in which the cloud ``aws`` may create things. ``region`` is by default
    us-east-1; for ``aws`` it is that of ``AWS_REGION`` or ``AWS_DEFAULT_REGION``, one of which
    must be set. ``debugging`` lifts the functions' timeouts in the in-process runtime.

    Raises :class:`slstest.errors.ConfigurationError` for a cloud or runtime that does not
    exist, for an endpoint that does not answer as an AWS cloud does, and for an AWS account
    that is not allowed; :class:`slstest.errors.SlstestError` for a container that does not start.
    """
    if name not in CLOUDS:
        raise ConfigurationError(f"there is no cloud '{name}'; there are: {', '.join(CLOUDS)}")
    runtimes = RUNTIMES if name == "embedded" else ALL_RUNTIMES
    if runtime not in runtimes:
        raise ConfigurationError(
            f"there is no runtime '{runtime}' on the {name} cloud; there are: {', '.join(runtimes)}"
        )
    _check_place(name, endpoint_url, container)
    if name == "aws":
        from slstest.clouds.aws import AwsAccount

        return _elsewhere(name, AwsAccount(accounts, region), runtime, debugging)
    region = checked_region(region or DEFAULT_REGION)
    if name == "embedded":
        if region != DEFAULT_REGION:
            check_embedded_region(region)
        return _with_functions_here(runtime, debugging, _embedded(region))
    connection = _connection(region, endpoint_url, container, functions_there=runtime == "cloud")
    try:
        return _elsewhere(name, connection, runtime, debugging)
    except BaseException:
        connection.close()
        raise


def _check_place(name: str, endpoint_url: str | None, container: object) -> None:
    if endpoint_url is None and name == "endpoint":
        raise ConfigurationError("the cloud 'endpoint' needs endpoint_url=, where it is")
    if endpoint_url is not None and name in ("embedded", "aws"):
        raise ConfigurationError("endpoint_url= goes with 'endpoint' and 'localstack' only")
    if container is not None and (name != "localstack" or endpoint_url is not None):
        raise ConfigurationError("container= goes with 'localstack' only, without endpoint_url=")


def _connection(
    region: str,
    url: str | None,
    container: ContainerSettings | SharedContainer | None,
    *,
    functions_there: bool,
) -> Connection:
    from slstest.clouds.localstack.container import ContainerSettings
    from slstest.clouds.localstack.endpoint import (
        ContainerEndpoint,
        FoundEndpoint,
        started_endpoint,
    )

    if url is not None:
        return FoundEndpoint(url, region)
    if container is None:
        container = ContainerSettings(runs_functions=functions_there)
    if isinstance(container, ContainerSettings):
        return started_endpoint(container, region)
    return ContainerEndpoint(container.located, region, container.load)


def _elsewhere(name: str, connection: Connection, runtime: str, debugging: bool) -> Cloud:
    connection.examine()
    if runtime == "cloud":
        from slstest.clouds.remote import RemoteCloud

        return RemoteCloud(name, connection)
    return _with_functions_here(runtime, debugging, _remote(name, connection))


Make = Callable[["RuntimeFactory", "Guard", "Guard"], "Cloud"]
"""Makes a cloud of a runtime and the guards of its two doors, the in-process one first."""


def _embedded(region: str) -> Make:
    def make(runtime: RuntimeFactory, in_process_guard: Guard, http_guard: Guard) -> Cloud:
        from slstest.clouds.embedded import EmbeddedCloud

        return EmbeddedCloud(
            runtime, region=region, in_process_guard=in_process_guard, http_guard=http_guard
        )

    return make


def _remote(name: str, connection: Connection) -> Make:
    def make(runtime: RuntimeFactory, in_process_guard: Guard, http_guard: Guard) -> Cloud:
        from slstest.clouds.here import FunctionsHere

        return FunctionsHere(
            name, connection, runtime, in_process_guard=in_process_guard, http_guard=http_guard
        )

    return make


def _with_functions_here(runtime: str, debugging: bool, make: Make) -> Cloud:
    if runtime == "process":
        from slstest.runtimes.process import ProcessRuntime

        processes = ProcessRuntime()
        processes.prestart()  # while moto and boto3 are imported here
        return make(lambda _: processes, nullcontext, nullcontext)

    from slstest.functions.package import source_of_zip
    from slstest.runtimes.in_process import STAGE, InProcessRuntime, uninterrupted

    def run_in_process(backstage: Backstage) -> Runtime:
        def source_of(folder: Path) -> Path | None:
            sha256 = backstage.code.sha256_of(folder)
            return source_of_zip(sha256) if sha256 else None

        return InProcessRuntime(
            backstage.scheduler.run_in_foreground,
            debugging=debugging,
            source_of=source_of,
            scratch=backstage.scratch,
        )

    return make(run_in_process, uninterrupted, STAGE.on_behalf_of_the_act)
