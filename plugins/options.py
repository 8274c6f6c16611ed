"""The options of ``pytest`` that slstest adds, their ini twins, and what they come to."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from slstest.clouds.guards import DEFAULT_REGION, checked_accounts, checked_region, said_region
from slstest.clouds.localstack.found import running_localstack
from slstest.clouds.localstack.images import DEFAULT_IMAGE
from slstest.clouds.urls import checked_url
from slstest.errors import ConfigurationError

if TYPE_CHECKING:
    from slstest.clouds.localstack.container import ContainerSettings

CLOUDS = ("embedded", "localstack", "endpoint", "aws")
RUNTIMES = ("process", "in-process", "cloud")
DEFAULT_TIMEOUT = 30.0
DEFAULT_AHEAD = 2
AWS_TIMEOUT = 120.0
"""Seconds; a log line may take ten to be seen there, and a queue's count a minute to be right."""

# A TOML file may say a number only where the setting is declared as one.
_NUMBER: Literal["float", "string"] = "float" if pytest.version_tuple >= (8, 4) else "string"


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


def add_options(parser: pytest.Parser) -> None:
    """Add the options to the command line and to the ini file."""
    group = parser.getgroup("slstest", "integration tests of serverless functions (slstest)")
    group.addoption(
        "--sls",
        dest="sls",
        action="store_const",
        const=True,
        help="Run the tests that use the harness; without it they are skipped.",
    )
    group.addoption(
        "--no-sls",
        dest="sls",
        action="store_const",
        const=False,
        help="Skip the tests that use the harness, even where the ini file says sls = true.",
    )
    group.addoption(
        "--sls-cloud",
        dest="sls_cloud",
        metavar="CLOUD",
        help=f"Where the AWS APIs are answered: {_listed(CLOUDS)} (default: embedded).",
    )
    group.addoption(
        "--sls-endpoint",
        dest="sls_endpoint",
        metavar="URL",
        help="The URL that answers the AWS APIs, for --sls-cloud endpoint, or for --sls-cloud "
        "localstack where it runs already.",
    )
    group.addoption(
        "--sls-localstack-image",
        dest="sls_localstack_image",
        metavar="IMAGE",
        help=f"The image of the LocalStack container (default: {DEFAULT_IMAGE}, the last that "
        "needs no account).",
    )
    group.addoption(
        "--sls-localstack-port",
        dest="sls_localstack_port",
        metavar="PORT",
        help="The port of the LocalStack container on this machine (default: any free one).",
    )
    group.addoption(
        "--sls-localstack-reuse",
        dest="sls_localstack_reuse",
        action="store_const",
        const=True,
        help="Leave the LocalStack container to the next run, and take that of an earlier one.",
    )
    group.addoption(
        "--sls-region",
        dest="sls_region",
        metavar="REGION",
        help=f"The AWS region of the cloud (default: {DEFAULT_REGION}; for --sls-cloud aws that of "
        "AWS_REGION or AWS_DEFAULT_REGION).",
    )
    group.addoption(
        "--sls-runtime",
        dest="sls_runtime",
        metavar="RUNTIME",
        help=f"What executes a handler: {_listed(RUNTIMES)} (default: process; under --pdb "
        "and --trace in-process, so that breakpoints in handlers work).",
    )
    group.addoption(
        "--sls-timeout",
        dest="sls_timeout",
        metavar="SECONDS",
        help=f"How long settling and expecting wait at most (default: {DEFAULT_TIMEOUT:g}, "
        f"for --sls-cloud aws {AWS_TIMEOUT:g}).",
    )
    group.addoption(
        "--sls-ahead",
        dest="sls_ahead",
        metavar="TESTS",
        help="For how many coming tests tables and streams are created while the present one "
        f"runs, on clouds that take their time for it; 0 for none (default: {DEFAULT_AHEAD}).",
    )
    group.addoption(
        "--sls-keep",
        dest="sls_keep",
        action="store_const",
        const=True,
        help="Leave the resources of a failed test and print them; on the embedded cloud "
        "they end with the run.",
    )
    group.addoption(
        "--sls-strict",
        dest="sls_strict",
        action="store_const",
        const=True,
        help="Fail a test that needs a service which the cloud lacks, instead of skipping it.",
    )
    parser.addini("sls", "Whether --sls is the default.", type="bool", default=None)
    parser.addini("sls_strict", "Whether --sls-strict is the default.", type="bool", default=None)
    parser.addini("sls_cloud", "The default of --sls-cloud.", default=None)
    parser.addini("sls_endpoint", "The default of --sls-endpoint.", default=None)
    parser.addini("sls_localstack_image", "The default of --sls-localstack-image.", default=None)
    parser.addini(
        "sls_localstack_port", "The default of --sls-localstack-port.", type=_NUMBER, default=None
    )
    parser.addini(
        "sls_localstack_reuse",
        "Whether --sls-localstack-reuse is the default.",
        type="bool",
        default=None,
    )
    parser.addini("sls_region", "The default of --sls-region.", default=None)
    parser.addini(
        "sls_aws_accounts",
        "The ids of the AWS accounts in which --sls-cloud aws may create things.",
        type="args",
        default=[],
    )
    parser.addini(
        "sls_owner",
        "Whose the resources are, for the tag slstest:owner (default: who calls AWS, or the "
        "login name).",
        default=None,
    )
    parser.addini("sls_runtime", "The default of --sls-runtime.", default=None)
    parser.addini("sls_timeout", "The default of --sls-timeout.", type=_NUMBER, default=None)
    parser.addini("sls_ahead", "The default of --sls-ahead.", type=_NUMBER, default=None)
    parser.addini("sls_keep", "Whether --sls-keep is the default.", type="bool", default=None)


def resolve(config: pytest.Config) -> Settings:
    """Read every option: the command line first, then the ini file, then the default.

    Raises :class:`pytest.UsageError`, which names the option and lists what it takes.
    """
    cloud = _cloud(config)
    debugger = _debugger(config)
    runtime, because = _runtime(config, debugger, cloud)
    on = _flag(config, "sls")
    endpoint, endpoint_because = _endpoint(config, cloud)
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
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (0 < seconds < math.inf):
        raise pytest.UsageError(
            f"{where}: {value!r} is not a time to wait; give seconds above 0, such as 30 or 2.5"
        )
    return seconds


def _ahead(config: pytest.Config) -> int:
    value, where = _text(config, "sls_ahead", "a number of tests, such as 2")
    if value is None:
        return DEFAULT_AHEAD
    try:
        tests = float(value)
    except ValueError:
        tests = math.nan
    if not (tests >= 0 and tests.is_integer()):
        raise pytest.UsageError(
            f"{where}: {value!r} is not a number of coming tests; give 0, 1, 2 or more"
        )
    return int(tests)


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
        raise pytest.UsageError(f"{where}: unknown value {value!r}; choose from {_listed(choices)}")


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(values)
