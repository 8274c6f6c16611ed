"""What must be said before anything is created in an AWS account."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from slstest.errors import ConfigurationError

DEFAULT_REGION = "us-east-1"
"""Of the clouds that are no AWS account; nothing costs money there."""

_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}")
_ACCOUNT = re.compile(r"\d{12}")
_BETWEEN = re.compile(r"[,\s]+")


def checked_accounts(accounts: Iterable[str]) -> tuple[str, ...]:
    """The ids of the AWS accounts in which tests may create things. A text may have several,
    with commas or blanks between them.

    Raises :class:`slstest.errors.ConfigurationError` where there is none, or what is none.
    """
    found = tuple(dict.fromkeys(each for text in accounts for each in _listed(str(text))))
    for account in found:
        if not _ACCOUNT.fullmatch(account):
            raise ConfigurationError(
                f"{account!r} is no id of an AWS account; one has 12 digits, such as 123456789012"
            )
    if not found:
        raise ConfigurationError(
            "no AWS account is allowed. List the accounts in which tests may create and delete "
            "things, each an id of 12 digits, in the ini file: sls_aws_accounts = 123456789012 "
            "(slstest sweep takes --account 123456789012)"
        )
    return found


def _listed(text: str) -> list[str]:
    return [each for each in _BETWEEN.split(text) if each or not text]


def checked_region(region: str) -> str:
    """Raises :class:`slstest.errors.ConfigurationError` for what cannot be a region."""
    if not _REGION.fullmatch(region):
        raise ConfigurationError(f"{region!r} is no AWS region; one looks like eu-west-1")
    return region


def said_region(region: str | None, variables: Mapping[str, str] = os.environ) -> str:
    """The region of an AWS account: the one given, or that of ``AWS_REGION`` or
    ``AWS_DEFAULT_REGION``. No other is guessed.

    Raises :class:`slstest.errors.ConfigurationError` where none is said.
    """
    found = region or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    if not found:
        raise ConfigurationError(
            "no AWS region is said; give --sls-region (or sls_region in the ini file), for "
            "example --sls-region eu-west-1, or set AWS_REGION (slstest sweep takes --region)"
        )
    return checked_region(found)


def check_embedded_region(region: str) -> None:
    """Raises :class:`slstest.errors.ConfigurationError` for a region that the embedded cloud
    cannot have."""
    from slstest.embedded.partitions import regions

    known = regions()
    if region not in known:
        raise ConfigurationError(
            f"the embedded cloud knows no region {region!r}; choose from {', '.join(known)}"
        )
