"""An AWS account: its clients, and everything that is checked before anything is created."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from slstest.calls import StillRefused, ask_while, code_of
from slstest.clouds.configured import (
    ENDPOINT_URL,
    endpoint_variables,
    is_same_server,
    is_sts_of_aws,
)
from slstest.clouds.connection import Health
from slstest.clouds.guards import checked_accounts, said_region
from slstest.clouds.iam_actions import actions_of
from slstest.clouds.sessions import LAMBDA_READ_TIMEOUT, session_of
from slstest.errors import ConfigurationError
from slstest.naming import ROLE_PATH
from slstest.waiting import Pace

if TYPE_CHECKING:
    import boto3

DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "UnauthorizedOperation",
)
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_NOTHING_CREATED = "Nothing was created."

_ATTEMPTS = 8
"""Of one request, as long as AWS throttles it or is in trouble: botocore waits up to 1, 2, 4, ...
20 seconds between them."""

_ASSUMABLE = 60.0
"""Seconds after which STS must have heard of a role that was just created."""
_LEFT = timedelta(minutes=20)
"""How long a function's credentials are good for at least when an invocation begins, which can
take fifteen minutes."""

_WAY = (
    "AWS_CA_BUNDLE",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""By which variables a function on this machine finds the way to AWS, besides endpoints."""


class AwsAccount:
    """The clients of one AWS account and region, with the user's own credentials.

    boto3 finds them as always: in the environment, in ``AWS_PROFILE``, in its files.
    """

    url = None
    needs_roles = True
    pace = Pace(first_pause=0.25, longest_pause=5.0, look=0.5)
    quiet = 10.0
    """A log line is seen some seconds after it was written."""
    quiet_here = 2.0
    quiet_pushes = 10.0
    slow_start: float | None = 60.0
    user_id = ""
    owner = ""

    def __init__(self, accounts: Iterable[str], region: str | None = None) -> None:
        """``accounts`` are the ids of the accounts that may be used.

        Raises :class:`slstest.errors.ConfigurationError` where none is allowed, or no region
        is said.
        """
        self._accounts = checked_accounts(accounts)
        self.region = said_region(region)
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._settings: Any = None
        """The botocore session below it."""
        self._only_at: str | None = None
        """Where STS is and every service must be, unless STS is at AWS."""
        self._account = ""
        self._caller: Mapping[str, str] = {}
        self._clients: dict[str, Any] = {}
        self._credentials: dict[str, Mapping[str, Any]] = {}
        self._assuming = threading.Lock()
        self._waits_for_new_roles = True
        """Until a role of ours was waited for in vain: the next ones would not be better."""

    @property
    def session(self) -> boto3.Session:
        """Only that of an account which was examined."""
        if self._session is None:
            self.examine()
        assert self._session is not None
        return self._session

    def client(self, service: str) -> Any:
        session = self.session
        with self._lock:
            if service not in self._clients:
                client = self._make(session, service, _ATTEMPTS)
                self._check_place(f"{service} is", client.meta.endpoint_url)
                self._clients[service] = client
            return self._clients[service]

    def session_with(self, elsewhere: Mapping[str, str]) -> boto3.Session:
        import botocore.session

        settings = botocore.session.get_session()
        # The very credentials that were examined, which also renew themselves.
        settings.register_component("credential_provider", _Found(self.session.get_credentials()))
        return session_of(elsewhere, botocore_session=settings, region_name=self.region)

    def examine(self) -> tuple[str, Health]:
        """The account of the credentials, which must be one that is allowed."""
        if self._session is None:
            session, sts = self._open()
            self._caller = self._who_calls(sts)
            account, arn = self._caller["Account"], self._caller["Arn"]
            if account not in self._accounts:
                raise ConfigurationError(
                    f"the AWS credentials are those of {arn} in the account {account}, which is "
                    f"none of those allowed: {', '.join(self._accounts)}{self._at_endpoint()}. "
                    "Choose other credentials (AWS_PROFILE), or allow the account "
                    "(sls_aws_accounts in the ini file; --account of slstest sweep). "
                    f"{_NOTHING_CREATED}"
                )
            # Of a role that was assumed, the name of the session says who it is.
            self.owner = arn.rpartition("/")[2].rpartition(":")[2]
            self.user_id = self._caller["UserId"].partition(":")[0]
            self._account = account
            self._session = session
        return self._account, Health()

    def variables(self, function_name: str, role_arn: str) -> Mapping[str, str]:
        """Short-lived credentials of the function's role, so that it can do here what it could
        do there; never the user's own. New ones come long before they expire."""
        credentials = self._credentials_of(role_arn, function_name)
        ways = {name: value for name, value in os.environ.items() if name.upper() in _WAY}
        return {
            **ways,
            **endpoint_variables(self._settings),
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
        }

    def close(self) -> None:
        """Nothing was started."""

    # -- inside -------------------------------------------------------------------------

    def _make(self, session: boto3.Session, service: str, attempts: int, **settings: Any) -> Any:
        from botocore.config import Config

        make: Callable[..., Any] = session.client
        try:
            client = make(
                service,
                config=Config(
                    connect_timeout=5.0,
                    read_timeout=LAMBDA_READ_TIMEOUT if service == "lambda" else 60.0,
                    retries={"mode": "standard", "total_max_attempts": attempts},
                    tcp_keepalive=True,
                    user_agent_extra="slstest",
                    **settings,
                ),
            )
        except ValueError as error:  # botocore's, for what is no URL
            raise ConfigurationError(
                f"{service} has no usable endpoint: {error}. Correct AWS_ENDPOINT_URL (or "
                f"endpoint_url in the profile), for example http://localhost:4566. "
                f"{_NOTHING_CREATED}"
            ) from error
        client.meta.events.register("after-call", self._explain)
        return client

    def _open(self) -> tuple[boto3.Session, Any]:
        """A session with the user's credentials, and a client of STS, which tells of the same
        account in which the other clients create things."""
        import botocore.session
        from botocore.exceptions import BotoCoreError

        try:
            self._settings = botocore.session.get_session()
            session = session_of({}, botocore_session=self._settings, region_name=self.region)
            sts = self._make(session, "sts", attempts=2)
            default = self._make(session, "sts", 2, ignore_configured_endpoint_urls=True)
            if not is_sts_of_aws(sts.meta.endpoint_url, default.meta.endpoint_url):
                self._only_at = sts.meta.endpoint_url
                told = endpoint_variables(self._settings)
                for name, url in ({ENDPOINT_URL: "AWS"} | dict(told)).items():
                    self._check_place(_others(name), url)
        except BotoCoreError as error:
            raise _unusable(error) from error
        return session, sts

    def _check_place(self, others: str, url: str) -> None:
        """Raise where STS tells of another account than that in which things are created: where
        STS is an emulator's, and services are AWS's, or another emulator's."""
        if self._only_at is None or is_same_server(url, self._only_at):
            return
        raise ConfigurationError(
            f"STS, which tells the account, is at {self._only_at}, but {others} at {url}, which "
            "may be another account. Let all be at the same place, or STS at AWS: look for "
            "AWS_ENDPOINT_URL_STS and other AWS_ENDPOINT_URL variables, and for endpoint_url in "
            f"the profile and its services section. {_NOTHING_CREATED}"
        )

    def _who_calls(self, sts: Any) -> Mapping[str, str]:
        from botocore.exceptions import (
            BotoCoreError,
            ClientError,
            EndpointConnectionError,
            NoCredentialsError,
        )
        from botocore.parsers import ResponseParserError

        try:
            told: Mapping[str, str] = sts.get_caller_identity()
            return {name: told[name] for name in ("Account", "Arn", "UserId")}
        except NoCredentialsError as error:
            raise ConfigurationError(
                "there are no AWS credentials. Name a profile (AWS_PROFILE), sign in (aws sso "
                f"login), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. {_NOTHING_CREATED}"
            ) from error
        except EndpointConnectionError as error:
            raise ConfigurationError(
                f"AWS does not answer in the region {self.region}: {error}. Is there such a "
                f"region, and a way to the internet? {_NOTHING_CREATED}"
            ) from error
        except (ResponseParserError, KeyError) as error:
            raise ConfigurationError(
                f"{sts.meta.endpoint_url} answers, but not as AWS does (GetCallerIdentity: "
                f"{error}). Look at AWS_ENDPOINT_URL, endpoint_url in the profile, and proxies. "
                f"{_NOTHING_CREATED}"
            ) from error
        except (BotoCoreError, ClientError) as error:
            raise _unusable(error) from error

    def _at_endpoint(self) -> str:
        """That boto3 was told to go elsewhere, where it was."""
        return f" (STS is at {self._only_at})" if self._only_at else ""

    def _explain(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        """Say at the end of a refusal what would help."""
        error = parsed.get("Error", {})
        if error.get("Code") in DENIED:
            actions = ", ".join(actions_of(model.service_model.signing_name, model.name))
            cure = (
                f"Allow {actions} to {self._caller.get('Arn', 'whoever runs the tests')}; what "
                "the tests need is listed in the README of slstest, under 'On AWS'."
            )
        elif error.get("Code") in _EXPIRED:
            cure = "Renew the AWS credentials; what is left then, 'slstest sweep' deletes."
        else:
            return
        error["Message"] = f"{error.get('Message', '').rstrip('.')}. {cure}"

    def _credentials_of(self, role_arn: str, function_name: str) -> Mapping[str, Any]:
        with self._assuming:
            known = self._credentials.get(role_arn)
            if known is None or known["Expiration"] - datetime.now(timezone.utc) < _LEFT:
                self._credentials[role_arn] = self._assume(role_arn, function_name)
            return self._credentials[role_arn]

    def _assume(self, role_arn: str, function_name: str) -> Mapping[str, Any]:
        """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html"""
        sts = self.client("sts")
        is_ours = f":role{ROLE_PATH}" in role_arn

        def assume() -> Mapping[str, Any]:
            answer = sts.assume_role(RoleArn=role_arn, RoleSessionName=function_name)
            credentials: Mapping[str, Any] = answer["Credentials"]
            return credentials

        what = f"the role {role_arn} to be assumable"
        timeout = _ASSUMABLE if is_ours and self._waits_for_new_roles else 0.0
        try:
            return ask_while(
                lambda error: code_of(error) in DENIED, assume, what, timeout, self.pace
            )
        except StillRefused as error:
            self._waits_for_new_roles = self._waits_for_new_roles and not is_ours
            why = str(error.refusal).rstrip(".")
            raise ConfigurationError(
                f"function {function_name} runs on this machine with the permissions of its role "
                f"{role_arn}, which must therefore be assumable, but is not: {why}. Its trust "
                "policy must allow it as well. Or let AWS run the function: --sls-runtime cloud"
            ) from error


class _Found:
    """botocore's chain of credential providers, at its end."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials


def _others(variable: str) -> str:
    """Which services a variable has moved."""
    service = variable.removeprefix(ENDPOINT_URL).strip("_").lower()
    return f"{service} is" if service else "the others are"


def _unusable(error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the AWS credentials cannot be used: {error}. {_NOTHING_CREATED}")
