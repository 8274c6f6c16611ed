"""What the options and the ini file come to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from slstest.clouds.guards import checked_accounts, checked_region, said_region
from slstest.clouds.localstack.found import running_localstack
from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.clouds.urls import checked_url
from slstest.errors import ConfigurationError

from . import forms
from .given import Given, flag, given, ini, ini_place
from .options import AWS_TIMEOUT, CLOUDS, DEFAULT_AHEAD, DEFAULT_TIMEOUT, RUNTIMES

if TYPE_CHECKING:
    from slstest.clouds.localstack.container import ContainerSettings


@dataclass(frozen=True)
class Settings:
    """What the command line and the ini file come to, once for a whole run."""

    on: bool
    """Whether the tests that use the harness run at all."""
    cloud: str
    endpoint: str | None
    """The URL of the cloud ``endpoint``, or of a LocalStack that runs already."""
    endpoint_because: str
    """The environment variable that names a LocalStack, or an empty string."""
    container: ContainerSettings | None
    """The LocalStack container that the run starts; None where it starts none."""
    region: str | None
    """None where it is the cloud's default."""
    accounts: tuple[str, ...]
    """The AWS accounts in which the cloud ``aws`` may create things."""
    owner: str
    """Whose the resources are, for their tags; empty where nobody is named."""
    runtime: str
    debugger: str
    """``--pdb`` or ``--trace`` where the run has one of them, else an empty string."""
    runtime_because: str
    """The option that chose the runtime by itself, or an empty string."""
    timeout: float
    """Seconds that settling and expecting wait at most."""
    ahead: int
    """For how many coming tests resources are created ahead where that takes its time."""
    keep: bool
    """Whether a failed test's resources stay until the end of the run."""
    strict: bool
    """Whether a test fails that needs a service which the cloud lacks."""

    @property
    def ends_with_the_run(self) -> bool:
        """Whether nothing outlives the run in the cloud, even one that is killed."""
        throwaway = self.container is not None and not self.container.reuse
        return self.cloud == "embedded" or throwaway


def resolve(config: pytest.Config) -> Settings:
    """Read every option: the command line first, then the ini file, then the default.

    The form of each value is checked, also of those that this run does not need. Raises
    :class:`pytest.UsageError`, which names the option and lists what it takes.
    """
    on = flag(config, "sls")
    chosen = given(config, "sls_cloud", forms.one_of(CLOUDS))
    cloud = chosen.value if chosen else "embedded"
    runtime, debugger, because = _runtime(config, cloud)
    url = given(config, "sls_endpoint", checked_url)
    image = given(config, "sls_localstack_image", forms.image, "the name of an image")
    port = given(config, "sls_localstack_port", forms.port, "a port from 1 to 65535")
    reuse = flag(config, "sls_localstack_reuse")
    region = _region(config, in_account=on and cloud == "aws")
    accounts = _accounts(config, in_account=on and cloud == "aws")
    timeout = given(config, "sls_timeout", forms.seconds, "seconds above 0, such as 30 or 2.5")
    ahead = given(config, "sls_ahead", forms.count, "a number of tests: 0, 1, 2 or more")
    endpoint, endpoint_because = _endpoint(url, cloud)
    _check_container_is_started(config, cloud, endpoint, endpoint_because)
    container = None
    if on and cloud == "localstack" and endpoint is None:
        container = _container(image, port, reuse, runs_functions=runtime == "cloud")
    return Settings(
        on=on,
        cloud=cloud,
        endpoint=endpoint,
        endpoint_because=endpoint_because,
        container=container,
        region=region,
        accounts=accounts,
        owner=_owner(config),
        runtime=runtime,
        debugger=debugger,
        runtime_because=because,
        timeout=timeout.value if timeout else AWS_TIMEOUT if cloud == "aws" else DEFAULT_TIMEOUT,
        ahead=ahead.value if ahead else DEFAULT_AHEAD,
        keep=flag(config, "sls_keep"),
        strict=flag(config, "sls_strict"),
    )


def _endpoint(url: Given[str] | None, cloud: str) -> tuple[str | None, str]:
    """The URL of the cloud, and the environment variable that it comes from."""
    if cloud == "localstack" and url is None:
        try:
            return running_localstack(os.environ) or (None, "")
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from error
    if cloud in ("localstack", "endpoint"):
        if url is None:
            raise pytest.UsageError(
                "--sls-cloud endpoint: say where it is, with --sls-endpoint URL (or sls_endpoint "
                "in the ini file), for example --sls-endpoint http://localhost:4566"
            )
        return url.value, ""
    # In the ini file it may wait for the runs that choose the cloud.
    if url is not None and url.by_option:
        raise pytest.UsageError(
            f"{url.where}: a URL is for the cloud 'endpoint'; add --sls-cloud endpoint, or leave "
            "it out"
        )
    return None, ""


def _check_container_is_started(
    config: pytest.Config, cloud: str, endpoint: str | None, endpoint_because: str
) -> None:
    """Refuse options of a container where none is; in the ini file they may wait for it."""
    if cloud == "localstack" and endpoint is None:
        return
    for name in ("sls_localstack_image", "sls_localstack_port", "sls_localstack_reuse"):
        if config.getoption(name) is not None:
            cure = (
                f"the LocalStack at {endpoint} ({endpoint_because or '--sls-endpoint'}) runs "
                "already, and no container is started; leave out the one or the other"
                if cloud == "localstack"
                else f"the cloud {cloud!r} starts no container; add --sls-cloud localstack, or "
                "leave it out"
            )
            raise pytest.UsageError(f"--{name.replace('_', '-')}: {cure}")


def _container(
    image: Given[str] | None, port: Given[int] | None, reuse: bool, *, runs_functions: bool
) -> ContainerSettings:
    from slstest.clouds.localstack.container import ContainerSettings

    settings = ContainerSettings(
        image=image.value if image else DEFAULT_IMAGE,
        port=port.value if port else 0,
        reuse=reuse,
        runs_functions=runs_functions,
    )
    try:
        settings.check(os.environ)
    except ConfigurationError as error:
        where = image.where if image else "--sls-localstack-image"
        raise pytest.UsageError(f"{where}: {error}") from error
    return settings


def _region(config: pytest.Config, *, in_account: bool) -> str | None:
    region = given(config, "sls_region", checked_region)
    if region is not None:
        return region.value
    try:
        return said_region(None) if in_account else None
    except ConfigurationError as error:
        raise pytest.UsageError(f"--sls-cloud aws: {error}") from error


def _accounts(config: pytest.Config, *, in_account: bool) -> tuple[str, ...]:
    value = ini(config, "sls_aws_accounts", "ids of AWS accounts")
    accounts = value if isinstance(value, list) else []
    if not accounts and not in_account:
        return ()
    try:
        return checked_accounts(accounts)
    except ConfigurationError as error:
        place = ini_place(config, "sls_aws_accounts") if accounts else "--sls-cloud aws"
        raise pytest.UsageError(f"{place}: {error}") from error


def _owner(config: pytest.Config) -> str:
    value = ini(config, "sls_owner", "text in quotes")
    return "" if value is None else str(value)


def _debugger(config: pytest.Config) -> str:
    for dest, option in (("usepdb", "--pdb"), ("trace", "--trace")):
        if config.getoption(dest, default=False):
            return option
    return ""


def _runtime(config: pytest.Config, cloud: str) -> tuple[str, str, str]:
    """The runtime, the option of a debugger, and the one that chose the runtime by itself."""
    runtime = given(config, "sls_runtime", forms.one_of(RUNTIMES))
    if runtime is not None and runtime.value == "cloud" and cloud == "embedded":
        raise pytest.UsageError(
            f"{runtime.where}: the embedded cloud executes no function itself; choose process or "
            "in-process"
        )
    debugger = _debugger(config)
    # A debugger needs the handler in this process; only a runtime that was asked for on the
    # same command line is a wish of its own.
    if debugger and not (runtime and runtime.by_option):
        return "in-process", debugger, debugger
    return (runtime.value if runtime else "process"), debugger, ""
