from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from aws_proxy import Proxy
from botocore.exceptions import ClientError

from slstest.clouds import aws, iam_actions
from slstest.clouds.aws import AwsAccount
from slstest.clouds.configured import endpoint_variables, is_sts_of_aws
from slstest.clouds.iam_actions import actions_of
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
    with pytest.raises(ConfigurationError, match=f"in the account {ACCOUNT}, which is none"):
        account.client("sqs")
    assert sts.operations() == ["GetCallerIdentity"]


# -- whether STS tells the truth ----------------------------------------------------------

AWS = "https://{}.eu-west-1.amazonaws.com"
ELSEWHERE = "http://127.0.0.1:2"


@pytest.fixture
def configure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sts: Proxy
) -> Callable[..., AwsAccount]:
    """Configures boto3's endpoints and nothing else; ``@`` is the URL of the emulator."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    caller(sts, f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1")

    def configure(profile: str = "", **variables: str) -> AwsAccount:
        text = f"[default]\n{profile}\n".replace("@", sts.url)
        (tmp_path / "config").write_text(text)
        for name, value in variables.items():
            monkeypatch.setenv(name, value.replace("@", sts.url))
        return AwsAccount([ACCOUNT], "eu-west-1")

    return configure


@pytest.mark.parametrize(
    ("profile", "variables", "others"),
    [
        ("", {"AWS_ENDPOINT_URL_STS": "@"}, "the others are at AWS"),
        ("services = s\n[services s]\nsts =\n  endpoint_url = @", {}, "the others are at AWS"),
        (
            "",
            {"AWS_ENDPOINT_URL": "@", "AWS_ENDPOINT_URL_SES": AWS.format("email")},
            f"ses is at {AWS.format('email')}",
        ),
        (
            "endpoint_url = @",
            {"AWS_ENDPOINT_URL_SQS": ELSEWHERE},
            f"sqs is at {ELSEWHERE}",
        ),
        (
            "",
            {"AWS_ENDPOINT_URL": ELSEWHERE, "AWS_ENDPOINT_URL_STS": "@"},
            f"the others are at {ELSEWHERE}",
        ),
    ],
)
def test_an_emulator_s_sts_is_not_believed_about_what_is_elsewhere(
    configure: Callable[..., AwsAccount],
    sts: Proxy,
    profile: str,
    variables: dict[str, str],
    others: str,
) -> None:
    account = configure(profile, **variables)
    told = re.escape(f"STS, which tells the account, is at {sts.url}, but {others}, which may")
    for ask in (account.examine, lambda: account.client("s3")):
        with pytest.raises(ConfigurationError, match=told):
            ask()
    assert sts.calls == []


def test_a_client_that_comes_to_be_elsewhere_later_is_not_given_away(
    configure: Callable[..., AwsAccount], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = configure(AWS_ENDPOINT_URL="@")
    account.examine()
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", AWS.format("dynamodb"))
    with pytest.raises(ConfigurationError, match="but dynamodb is at https://dynamodb"):
        account.client("dynamodb")


def test_all_may_be_at_one_emulator_that_a_profile_names(
    configure: Callable[..., AwsAccount], sts: Proxy
) -> None:
    account = configure("endpoint_url = @")
    assert account.examine()[0] == ACCOUNT
    assert account.client("dynamodb").meta.endpoint_url == sts.url


@pytest.mark.parametrize(
    ("url", "region"),
    [
        (None, "eu-west-1"),
        (None, "cn-north-1"),
        (None, "us-iso-east-1"),
        ("https://sts.amazonaws.com", "eu-west-1"),
        ("https://sts.eu-west-1.amazonaws.com/", "eu-west-1"),
        ("https://sts-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("https://vpce-0a1b-c2d3.sts.eu-west-1.vpce.amazonaws.com", "eu-west-1"),
    ],
)
def test_with_aws_s_sts_single_services_may_be_elsewhere(
    configure: Callable[..., AwsAccount],
    monkeypatch: pytest.MonkeyPatch,
    url: str | None,
    region: str,
) -> None:
    configure(AWS_ENDPOINT_URL_S3=ELSEWHERE, **({"AWS_ENDPOINT_URL_STS": url} if url else {}))
    account = AwsAccount([ACCOUNT], region)
    told = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "UserId": "AIDA1"}
    monkeypatch.setattr(account, "_who_calls", lambda _: told)  # nobody asks AWS here
    assert account.client("s3").meta.endpoint_url == ELSEWHERE
    assert ".amazonaws." in account.client("sqs").meta.endpoint_url or "iso" in region


@pytest.mark.parametrize(
    "url",
    [
        "https://ec2-3-8-1-2.eu-west-1.compute.amazonaws.com",
        "https://sts.amazonaws.com.example.org",
        "http://sts.eu-west-1.amazonaws.com",
        "https://sts.eu-west-1.amazonaws.com:4566",
    ],
)
def test_what_is_not_sts_at_aws_is_not_taken_for_it(url: str) -> None:
    assert not is_sts_of_aws(url, AWS.format("sts"))


@pytest.mark.parametrize(
    ("url", "body", "told"),
    [
        ("localhost:4566", "", "sts has no usable endpoint: Invalid endpoint: localhost:4566"),
        ("@", "<!doctype html><html><body>Sign in<br></body></html>", "answers, but not as AWS"),
        ("@", "<a><b>1</b></a>", "answers, but not as AWS does .GetCallerIdentity: 'GetCaller"),
    ],
)
def test_what_is_at_the_endpoint_may_be_no_aws(
    configure: Callable[..., AwsAccount], sts: Proxy, url: str, body: str, told: str
) -> None:
    sts.heal()
    for _ in range(2):
        sts.answer("GetCallerIdentity", body)
    account = configure(AWS_ENDPOINT_URL=url)
    with pytest.raises(ConfigurationError, match=told) as raised:
        account.examine()
    assert (sts.url if url == "@" else url) in str(raised.value)


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


@pytest.mark.parametrize(
    ("profile", "variables", "expected"),
    [
        ("endpoint_url = @", {}, {"AWS_ENDPOINT_URL": "@"}),
        (
            "endpoint_url = @\nservices = s\n[services s]\nses =\n  endpoint_url = @/ses",
            {},
            {"AWS_ENDPOINT_URL": "@", "AWS_ENDPOINT_URL_SES": "@/ses"},
        ),
        # https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        (
            f"endpoint_url = {ELSEWHERE}\nservices = s\n[services s]\nses =\n"
            f"  endpoint_url = {ELSEWHERE}",
            {"AWS_ENDPOINT_URL": "@"},
            {"AWS_ENDPOINT_URL": "@"},
        ),
        (
            f"endpoint_url = @\nservices = s\n[services s]\nses =\n  endpoint_url = {ELSEWHERE}",
            {"AWS_ENDPOINT_URL_SES": "@/ses"},
            {"AWS_ENDPOINT_URL": "@", "AWS_ENDPOINT_URL_SES": "@/ses"},
        ),
    ],
)
def test_a_function_finds_the_services_where_the_tests_do(
    configure: Callable[..., AwsAccount],
    sts: Proxy,
    profile: str,
    variables: dict[str, str],
    expected: dict[str, str],
) -> None:
    account = configure(profile, **variables)
    account.examine()
    role(sts, "ASIA1", timedelta(hours=1))
    told = account.variables("sls-f", OURS)
    assert {name: url for name, url in told.items() if "ENDPOINT" in name} == {
        name: url.replace("@", sts.url) for name, url in expected.items()
    }


def test_endpoints_that_are_to_be_ignored_are_no_function_s() -> None:
    settings = botocore.session.get_session(
        {"ignore_configured_endpoint_urls": (None, None, "true", bool)}
    )
    assert endpoint_variables(settings, {"AWS_ENDPOINT_URL": ELSEWHERE}) == {}


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


def test_a_role_of_yours_says_nothing_of_new_roles(account: AwsAccount, sts: Proxy) -> None:
    sts.refuse("AssumeRole", "AccessDenied", "is not authorized", times=2)
    with pytest.raises(ConfigurationError):
        account.variables("sls-f", YOURS)
    role(sts, "ASIA1", timedelta(hours=1))
    assert account.variables("sls-g", OURS)["AWS_ACCESS_KEY_ID"] == "ASIA1"
    assert sts.operations().count("AssumeRole") == 3


def test_what_has_expired_on_the_way_is_told_with_the_way_out(
    account: AwsAccount, sts: Proxy
) -> None:
    sts.refuse("ListQueues", "ExpiredToken", "The security token has expired")
    with pytest.raises(
        ClientError, match=r"expired\. Renew the AWS credentials; .* 'slstest sweep'"
    ):
        account.client("sqs").list_queues()


@pytest.mark.parametrize(
    ("service", "operation", "expected"),
    [
        ("s3", "UploadPart", "s3:PutObject"),
        ("s3", "CopyObject", "s3:GetObject, s3:PutObject"),
        ("s3", "CreateBucket", "s3:CreateBucket"),
        ("dynamodb", "TransactGetItems", "dynamodb:GetItem"),
        ("dynamodb", "BatchWriteItem", "dynamodb:BatchWriteItem"),
        (
            "dynamodb",
            "TransactWriteItems",
            "dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:PutItem, "
            "dynamodb:UpdateItem",
        ),
        ("lambda", "Invoke", "lambda:InvokeFunction"),
    ],
)
def test_the_actions_of_an_operation_are_those_of_iam(
    service: str, operation: str, expected: str
) -> None:
    assert ", ".join(actions_of(service, operation)) == expected


def test_every_operation_whose_action_has_another_name_is_one() -> None:
    session = botocore.session.get_session()
    for service, operations in iam_actions.OTHER_NAMES.items():
        assert set(operations) <= set(session.get_service_model(service).operation_names)
