"""The options of ``pytest`` that slstest adds, and their ini twins."""

from __future__ import annotations

from typing import Any

import pytest

from slstest.clouds.guards import DEFAULT_REGION
from slstest.clouds.localstack.images import DEFAULT_IMAGE

CLOUDS = ("embedded", "localstack", "endpoint", "aws")
RUNTIMES = ("process", "in-process", "cloud")
DEFAULT_TIMEOUT = 30.0
DEFAULT_AHEAD = 2
AWS_TIMEOUT = 120.0
"""Seconds; a log line may take ten to be seen there, and a queue's count a minute to be right."""

# A TOML file may say a number only where the setting is declared as one. The text comes first, so
# that what is no number is refused in our words.
_NUMBER: Any = "string"
if pytest.version_tuple >= (9, 2):
    _NUMBER = str | float
elif pytest.version_tuple >= (9, 0):
    _NUMBER = "float"


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
        help=f"Where the AWS APIs are answered: {', '.join(CLOUDS)} (default: embedded).",
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
        help=f"What executes a handler: {', '.join(RUNTIMES)} (default: process; under --pdb "
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
