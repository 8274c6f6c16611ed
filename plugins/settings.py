"""What the options and the ini file come to."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from slstest.clouds.guards import checked_accounts, checked_region, said_region
from slstest.clouds.localstack.found import running_localstack
from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.clouds.urls import checked_url
from slstest.errors import ConfigurationError

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

    Raises :class:`pytest.UsageError`, which names the option and lists what it takes.
    """
    cloud = _cloud(config)
    debugger = _debugger(config)
    runtime, because = _runtime(config, debugger, cloud)
    on = _flag(config, "sls")
    endpoint, endpoint_because = _endpoint(config, cloud)
    _check_container_is_started(config, cloud, endpoint, endpoint_because)
    starts_container = on and cloud == "localstack" and endpoint is None
    return Settings(
        on=on,
        cloud=cloud,
        endpoint=endpoint,
        endpoint_because=endpoint_because,
        container=_container(config, runtime) if starts_container else None,
        region=_region(config, in_account=on and cloud == "aws"),
        accounts=_accounts(config, in_account=on and cloud == "aws"),
        owner=_owner(config),
        runtime=runtime,
        debugger=debugger,
        runtime_because=because,
        timeout=_timeout(config, cloud),
        ahead=_ahead(config),
        keep=_flag(config, "sls_keep"),
        strict=_flag(config, "sls_strict"),
    )


def _cloud(config: pytest.Config) -> str:
    value, where = _text(config, "sls_cloud")
    if value is None:
        return "embedded"
    _check_choice(value, where, CLOUDS)
    return value


def _endpoint(config: pytest.Config, cloud: str) -> tuple[str | None, str]:
    """The URL of the cloud, and the environment variable that it comes from."""
    value, where = _text(config, "sls_endpoint")
    if cloud == "localstack" and value is None:
        try:
            return running_localstack(os.environ) or (None, "")
        except ConfigurationError as error:
            raise pytest.UsageError(str(error)) from error
    if cloud in ("localstack", "endpoint"):
        if value is None:
            raise pytest.UsageError(
                "--sls-cloud endpoint: say where it is, with --sls-endpoint URL (or sls_endpoint "
                "in the ini file), for example --sls-endpoint http://localhost:4566"
            )
        try:
            return checked_url(value), ""
        except ConfigurationError as error:
            raise pytest.UsageError(f"{where}: {error}") from error
    # In the ini file it may wait for the runs that choose the cloud.
    if value is not None and where.startswith("--"):
        raise pytest.UsageError(
            f"{where}: a URL is for the cloud 'endpoint'; add --sls-cloud endpoint, or leave it out"
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


def _container(config: pytest.Config, runtime: str) -> ContainerSettings:
    from slstest.clouds.localstack.container import ContainerSettings

    image, where = _text(config, "sls_localstack_image", "the name of an image")
    settings = ContainerSettings(
        image=image or DEFAULT_IMAGE,
        port=_port(config),
        reuse=_flag(config, "sls_localstack_reuse"),
        runs_functions=runtime == "cloud",
    )
    try:
        settings.check(os.environ)
    except ConfigurationError as error:
        raise pytest.UsageError(f"{where}: {error}") from error
    return settings


def _port(config: pytest.Config) -> int:
    value, where = _text(config, "sls_localstack_port", "a port such as 4566")
    if value is None:
        return 0
    # A TOML file gives a number.
    digits = value.removesuffix(".0")
    if not (digits.isdecimal() and 1 <= int(digits) <= 65535):
        raise pytest.UsageError(f"{where}: {value!r} is no port; give one from 1 to 65535")
    return int(digits)


def _region(config: pytest.Config, *, in_account: bool) -> str | None:
    value, where = _text(config, "sls_region")
    try:
        if value is not None:
            return checked_region(value)
        return said_region(None) if in_account else None
    except ConfigurationError as error:
        place = where if value is not None else "--sls-cloud aws"
        raise pytest.UsageError(f"{place}: {error}") from error


def _accounts(config: pytest.Config, *, in_account: bool) -> tuple[str, ...]:
    value = _ini(config, "sls_aws_accounts", "ids of AWS accounts")
    accounts = value if isinstance(value, list) else []
    if not accounts and not in_account:
        return ()
    try:
        return checked_accounts(accounts)
    except ConfigurationError as error:
        place = _ini_place(config, "sls_aws_accounts") if accounts else "--sls-cloud aws"
        raise pytest.UsageError(f"{place}: {error}") from error


def _owner(config: pytest.Config) -> str:
    value = _ini(config, "sls_owner", "text in quotes")
    return "" if value is None else str(value)


def _debugger(config: pytest.Config) -> str:
    for dest, option in (("usepdb", "--pdb"), ("trace", "--trace")):
        if config.getoption(dest, default=False):
            return option
    return ""


def _runtime(config: pytest.Config, debugger: str, cloud: str) -> tuple[str, str]:
    value, where = _text(config, "sls_runtime")
    if value is not None:
        _check_choice(value, where, RUNTIMES)
        if value == "cloud" and cloud == "embedded":
            raise pytest.UsageError(
                f"{where}: the embedded cloud executes no function itself; choose process or "
                "in-process"
            )
    # A debugger needs the handler in this process; only a runtime that was asked for on the
    # same command line is a wish of its own.
    if debugger and config.getoption("sls_runtime") is None:
        return "in-process", debugger
    return ("process" if value is None else value), ""


def _timeout(config: pytest.Config, cloud: str) -> float:
    value, where = _text(config, "sls_timeout", "seconds above 0, such as 30 or 2.5")
    if value is None:
        return AWS_TIMEOUT if cloud == "aws" else DEFAULT_TIMEOUT
    seconds = _number(value)
    if not (0 < seconds < math.inf):
        raise pytest.UsageError(
            f"{where}: {value!r} is not a time to wait; give seconds above 0, such as 30 or 2.5"
        )
    return seconds


def _ahead(config: pytest.Config) -> int:
    value, where = _text(config, "sls_ahead", "a number of tests, such as 2")
    if value is None:
        return DEFAULT_AHEAD
    tests = _number(value)
    if not (tests >= 0 and tests.is_integer()):
        raise pytest.UsageError(
            f"{where}: {value!r} is not a number of coming tests; give 0, 1, 2 or more"
        )
    return int(tests)


def _number(text: str) -> float:
    """What a text says; not a number where it says none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _flag(config: pytest.Config, name: str) -> bool:
    given = config.getoption(name)
    if given is not None:
        return bool(given)
    return bool(_ini(config, name, "true or false"))


def _text(
    config: pytest.Config, name: str, takes: str = "text in quotes"
) -> tuple[str | None, str]:
    """The value of an option, and where it was given as the person wrote it."""
    given = config.getoption(name)
    if given is not None:
        return str(given), "--" + name.replace("_", "-")
    value = _ini(config, name, takes)
    return (None if value is None else str(value)), _ini_place(config, name)


def _ini(config: pytest.Config, name: str, takes: str) -> object:
    try:
        value: object = config.getini(name)
    except (ValueError, TypeError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{_ini_place(config, name)}: {error}; it takes {takes}") from error
    return value


def _ini_place(config: pytest.Config, name: str) -> str:
    return f"{name} in {config.inipath.name}" if config.inipath else f"{name} (ini setting)"


def _check_choice(value: str, where: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise pytest.UsageError(
            f"{where}: unknown value {value!r}; choose from {', '.join(choices)}"
        )
