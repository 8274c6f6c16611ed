"""boto3 sessions for clouds elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import boto3

MADE_UP = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
"""Credentials for what is no AWS account."""
LAMBDA_READ_TIMEOUT = 930.0
"""Seconds; a synchronous invocation takes as long as the function."""


def session_of(elsewhere: Mapping[str, str], **settings: Any) -> boto3.Session:
    """A session whose clients of these services are at these URLs, and never show them other
    than made-up credentials; ``settings`` are those of ``boto3.Session``."""
    import boto3

    class Session(boto3.Session):
        def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
            if service_name in elsewhere and kwargs.get("endpoint_url") is None:
                kwargs |= {"endpoint_url": elsewhere[service_name], **MADE_UP}
            make: Callable[..., Any] = super().client
            return make(service_name, *args, **kwargs)

    return Session(**settings)


def client_at(session: boto3.Session, service: str, url: str) -> Any:
    """A client of a service that is answered on this machine: asked once, shown made-up
    credentials."""
    from botocore.config import Config

    make: Callable[..., Any] = session.client
    config = Config(read_timeout=LAMBDA_READ_TIMEOUT, retries={"total_max_attempts": 1})
    return make(service, endpoint_url=url, config=config, **MADE_UP)
