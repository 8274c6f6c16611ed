from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from aws_proxy import Proxy
from botocore.exceptions import ClientError

from slstest.clouds import aws
from slstest.clouds.aws import AwsAccount
from slstest.errors import ConfigurationError

ACCOUNT = "123456789012"
OURS = f"arn:aws:iam::{ACCOUNT}:role/slstest/sls-f"
YOURS = f"arn:aws:iam::{ACCOUNT}:role/worker"


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Answers in AWS's place; nothing is behind it."""
    proxy = Proxy("http://127.0.0.1:1")
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUSER")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret of the user")
    yield proxy
    proxy.stop()


@pytest.fixture
def account(sts: Proxy) -> AwsAccount:
    caller(sts, f"arn:aws:sts::{ACCOUNT}:assumed-role/Developer/ada@example.com", "AROA1:ada")
    return AwsAccount([ACCOUNT], "eu-west-1")


def caller(sts: Proxy, arn: str, user_id: str) -> None:
    result = f"<Account>{ACCOUNT}</Account><Arn>{arn}</Arn><UserId>{user_id}</UserId>"
    sts.answer(
        "GetCallerIdentity",
        f"<GetCallerIdentityResponse><GetCallerIdentityResult>{result}</GetCallerIdentityResult>"
        "</GetCallerIdentityResponse>",
    )


def role(sts: Proxy, key: str, expires_in: timedelta) -> None:
    expiration = (datetime.now(timezone.utc) + expires_in).isoformat()
    fields = {
        "AccessKeyId": key,
        "SecretAccessKey": f"secret of {key}",
        "SessionToken": f"token of {key}",
        "Expiration": expiration,
    }
    document = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    sts.answer(
        "AssumeRole",
        f"<AssumeRoleResponse><AssumeRoleResult><Credentials>{document}</Credentials>"
        "</AssumeRoleResult></AssumeRoleResponse>",
    )


def test_who_calls_is_asked_once_and_owns_what_is_created(account: AwsAccount, sts: Proxy) -> None:
    assert account.examine()[0] == ACCOUNT
    account.client("sqs")
    account.session_with({})
    assert (account.owner, account.user_id) == ("ada@example.com", "AROA1")
    assert sts.operations() == ["GetCallerIdentity"]


@pytest.mark.parametrize(
    ("arn", "owner"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/team/grace", "grace"),
        (f"arn:aws:iam::{ACCOUNT}:root", "root"),
    ],
)
def test_a_user_and_the_root_of_an_account_are_owners_too(sts: Proxy, arn: str, owner: str) -> None:
    caller(sts, arn, "AIDA1")
    account = AwsAccount([ACCOUNT], "eu-west-1")
    account.examine()
    assert account.owner == owner


def test_no_client_is_given_away_before_the_account_was_found_allowed(sts: Proxy) -> None:
    caller(sts, f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1")
    account = AwsAccount(["210987654321"], "eu-west-1")
    with pytest.raises(ConfigurationError, match=f"in the account {ACCOUNT}, but"):
        account.client("sqs")
    assert sts.operations() == ["GetCallerIdentity"]


def test_every_session_has_the_credentials_that_were_examined(
    account: AwsAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    account.examine()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
    session = account.session_with({"lambda": "http://127.0.0.1:2"})
    found: Any = session.get_credentials()
    assert found.access_key == "AKIAUSER"
    make: Any = session.client
    assert make("lambda").meta.endpoint_url == "http://127.0.0.1:2"


def test_a_function_has_its_role_s_credentials_until_they_are_about_to_expire(
    account: AwsAccount, sts: Proxy
) -> None:
    role(sts, "ASIA1", timedelta(hours=1))
    first = account.variables("sls-f", OURS)
    assert first["AWS_ACCESS_KEY_ID"] == "ASIA1"
    assert first["AWS_SESSION_TOKEN"] == "token of ASIA1"
    assert first["AWS_ENDPOINT_URL"] == sts.url
    assert not {"AWS_PROFILE", "secret of the user"} & {*first, *first.values()}
    assert account.variables("sls-f", OURS) == first
    assert sts.operations().count("AssumeRole") == 1

    role(sts, "ASIA2", timedelta(minutes=19))  # an invocation may take fifteen
    role(sts, "ASIA3", timedelta(hours=1))
    assert account.variables("sls-g", YOURS)["AWS_ACCESS_KEY_ID"] == "ASIA2"
    assert account.variables("sls-g", YOURS)["AWS_ACCESS_KEY_ID"] == "ASIA3"


def test_a_role_of_yours_that_cannot_be_assumed_is_refused_at_once(
    account: AwsAccount, sts: Proxy
) -> None:
    sts.refuse("AssumeRole", "AccessDenied", "is not authorized to perform: sts:AssumeRole")
    with pytest.raises(ConfigurationError, match=f"permissions of its role {YOURS}.*trust policy"):
        account.variables("sls-f", YOURS)
    assert sts.operations().count("AssumeRole") == 1


def test_a_new_role_is_waited_for_only_as_long_as_that_may_help(
    account: AwsAccount, sts: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "_ASSUMABLE", 0.5)
    sts.refuse("AssumeRole", "AccessDenied", "is not authorized", times=9)
    with pytest.raises(ConfigurationError, match="Allow sts:AssumeRole to arn:aws:sts"):
        account.variables("sls-f", OURS)
    asked = sts.operations().count("AssumeRole")
    assert asked > 1
    with pytest.raises(ConfigurationError):
        account.variables("sls-f", OURS)
    assert sts.operations().count("AssumeRole") == asked + 1


def test_what_has_expired_on_the_way_is_told_with_the_way_out(
    account: AwsAccount, sts: Proxy
) -> None:
    sts.refuse("ListQueues", "ExpiredToken", "The security token has expired")
    with pytest.raises(
        ClientError, match=r"expired\. Renew the AWS credentials; .* 'slstest sweep'"
    ):
        account.client("sqs").list_queues()
