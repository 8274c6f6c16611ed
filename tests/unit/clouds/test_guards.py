from __future__ import annotations

import pytest

from slstest.clouds import open_cloud
from slstest.clouds.guards import (
    check_embedded_region,
    checked_accounts,
    checked_region,
    said_region,
)
from slstest.errors import ConfigurationError


def test_allowed_accounts_have_twelve_digits() -> None:
    assert checked_accounts(["123456789012", "210987654321", "123456789012"]) == (
        "123456789012",
        "210987654321",
    )
    for wrong in ("12345678901", "1234567890123", "my-account", "", "*"):
        with pytest.raises(ConfigurationError, match="is no id of an AWS account"):
            checked_accounts([wrong])


@pytest.mark.parametrize(
    "listed",
    [
        ["123456789012,210987654321"],
        ["123456789012,", "210987654321"],
        ["123456789012", ",", "210987654321,"],
        ["123456789012 210987654321"],
        ["123456789012,\n  210987654321\n"],
    ],
)
def test_allowed_accounts_may_be_separated_by_commas_blanks_and_lines(listed: list[str]) -> None:
    assert checked_accounts(listed) == ("123456789012", "210987654321")


def test_a_comma_is_no_account() -> None:
    with pytest.raises(ConfigurationError, match="no AWS account is allowed"):
        checked_accounts([","])


def test_without_an_allowed_account_none_may_be_used() -> None:
    with pytest.raises(ConfigurationError, match="no AWS account is allowed"):
        checked_accounts([])


def test_the_region_is_the_one_given_or_that_of_the_environment() -> None:
    variables = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}
    assert said_region("us-gov-east-1", variables) == "us-gov-east-1"
    assert said_region(None, variables) == "eu-west-1"
    assert said_region(None, {"AWS_DEFAULT_REGION": "eu-west-2"}) == "eu-west-2"
    with pytest.raises(ConfigurationError, match="no AWS region is said"):
        said_region(None, {})


@pytest.mark.parametrize("region", ["moon", "eu-west", "eu_west_1", "http://x", "EU-WEST-1"])
def test_what_cannot_be_a_region_is_refused(region: str) -> None:
    with pytest.raises(ConfigurationError, match="is no AWS region; one looks like eu-west-1"):
        checked_region(region)


def test_the_embedded_cloud_has_the_regions_that_boto3_knows() -> None:
    with pytest.raises(ConfigurationError, match=r"knows no region 'xx-moon-1'; choose from .*eu-"):
        open_cloud(region="xx-moon-1")


def test_the_embedded_cloud_has_the_regions_of_each_partition_that_moto_knows() -> None:
    for region in ("eu-west-1", "cn-north-1", "us-gov-west-1"):
        check_embedded_region(region)
    with pytest.raises(ConfigurationError, match="knows no region 'eu-isoe-west-1'; choose from"):
        check_embedded_region("eu-isoe-west-1")


def test_no_url_leads_to_another_account() -> None:
    with pytest.raises(ConfigurationError, match="endpoint_url= goes with"):
        open_cloud("aws", endpoint_url="http://localhost:4566", accounts=["123456789012"])
