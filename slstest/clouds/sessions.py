"""boto3 sessions for clouds elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slstest.errors import ConfigurationError

if TYPE_CHECKING:
    import boto3

MADE_UP = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""Credentials for what is no AWS account."""
LAMBDA_READ_TIMEOUT = 930.0
"""Seconds; a synchronous invocation takes as long as the function."""


def session_of(
    elsewhere: Mapping[str, str], url: str | None = None, **settings: Any
) -> boto3.Session:
    """A session whose clients of these services are at these URLs, and never show them other
    than made-up credentials; the others are at ``url`` if there is one. ``settings`` are those of
    ``boto3.Session``."""
    import boto3

    class Session(boto3.Session):
        def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("endpoint_url") is None:
                kwargs["endpoint_url"] = elsewhere.get(service_name, url)
                if service_name in elsewhere:
                    kwargs |= MADE_UP
            make: Callable[..., Any] = super().client
            return make(service_name, *args, **kwargs)

    return Session(**settings)


def secluded_session(url: str, elsewhere: Mapping[str, str], **settings: Any) -> boto3.Session:
    """A session whose clients are at this URL, but for these services, which are at these URLs,
    whatever the user's AWS configuration says; ``settings`` are those of ``boto3.Session``."""
    import botocore.session

    nowhere = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    models = botocore.session.Session(session_vars=nowhere)
    return session_of(elsewhere, url, botocore_session=models, **settings)


def check_profile() -> None:
    """Raises :class:`slstest.errors.ConfigurationError` where the environment names a profile that
    is not there, of which boto3 makes a failure of whatever it is asked."""
    if not any(os.environ.get(name) for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")):
        return

    import botocore.session
    from botocore.exceptions import ProfileNotFound

    try:
        botocore.session.Session().get_scoped_config()
    except ProfileNotFound as error:
        raise ConfigurationError(
            f"{error}: AWS_PROFILE names it. Unset AWS_PROFILE, or add the profile to the AWS "
            "configuration of this machine."
        ) from error


def client_at(session: boto3.Session, service: str, url: str) -> Any:
    """A client of a service that is answered on this machine: asked once, shown made-up
    credentials."""
    from botocore.config import Config

    make: Callable[..., Any] = session.client
    config = Config(read_timeout=LAMBDA_READ_TIMEOUT, retries={"total_max_attempts": 1})
    return make(service, endpoint_url=url, config=config, **MADE_UP)
