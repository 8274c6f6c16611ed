"""S3 as the event source: the marker and the fixture ``s3_event``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError

from .markers import Marker, check_type, declare, required

if TYPE_CHECKING:
    from collections.abc import Sequence

    from slstest.environment import Environment
    from slstest.functions.function import Function
    from slstest.functions.notification import BucketNotification
    from slstest.invocation import Invocation
    from slstest.resources.bucket import Bucket


@dataclass(frozen=True)
class S3EventRequest:
    """What the marker asks for."""

    key: str | None
    body: Any
    bucket: str | None
    notification: dict[str, Any]


def read_s3_event(
    key: str | None = None,
    body: Any = None,
    events: list[str] | tuple[str, ...] | None = None,
    prefix: str | None = None,
    suffix: str | None = None,
    bucket: str | None = None,
    **notification: Any,
) -> S3EventRequest:
    """An object that reaches the function under test through S3, before the test's body starts.
    key is that of the object; without one the test calls s3_event.send(...). body is its
    content: a dict or a list goes as JSON, a str as UTF-8, bytes as they are (by default it is
    empty). events lists the types that the bucket notifies of (default
    ["s3:ObjectCreated:*"]), prefix and suffix are parts that a key must have, URL encoded.
    bucket is the name of an sls_bucket to take instead of a throwaway one. Everything else is
    a member of S3's LambdaFunctionConfiguration in snake case, such as id.
    """
    check_type("key", key, str, type(None))
    check_type("body", body, dict, list, str, bytes, type(None))
    check_type("events", events, list, tuple, type(None))
    check_type("prefix", prefix, str, type(None))
    check_type("suffix", suffix, str, type(None))
    check_type("bucket", bucket, str, type(None))
    if body is not None and key is None:
        raise ConfigurationError("argument 'body' is the content of an object; give its key first")
    given = {"events": events, "prefix": prefix, "suffix": suffix}
    chosen = {argument: value for argument, value in given.items() if value is not None}
    return S3EventRequest(key, body, bucket, {**chosen, **notification})


S3_EVENT = Marker(
    "s3_event", read_s3_event, example='s3_event("in/a.json", body={"n": 1}, suffix=".json")'
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    declare(config, S3_EVENT)


@dataclass(frozen=True)
class S3Event:
    """An S3 bucket that triggers the function under test."""

    bucket: Bucket
    function: Function
    notification: BucketNotification
    """The event notification from the one to the other: ``.id``, ``.delete()``."""
    _environment: Environment

    @property
    def invocations(self) -> Sequence[Invocation]:
        """The finished invocations of the function under test, oldest first."""
        return self.function.invocations

    def send(self, key: str, body: Any = b"", **put_object_parameters: Any) -> Sequence[Invocation]:
        """Write an object, wait until nothing is under way any more, and return the
        invocations that finished meanwhile.

        Takes every parameter of PutObject in snake case, such as ``content_type=``. Raises
        :class:`slstest.errors.NotSettled` where work is still under way after the time of
        ``--sls-timeout``.
        """
        before = len(self.invocations)
        self.bucket.put(key, body, **put_object_parameters)
        self._environment.settle()
        return self.invocations[before:]


@pytest.fixture
def s3_event(request: pytest.FixtureRequest, sls: Environment, sls_function: Function) -> S3Event:
    """An S3 bucket that notifies the function under test, as the marker ``s3_event`` says.

    The marker's object has been written and everything it caused is over before the test's
    body starts. Has ``.bucket``, ``.function``, ``.notification``, ``.invocations`` and
    ``.send(key, body)``, which returns the invocations that the object caused.
    """
    use = required(request.node, S3_EVENT)
    wanted = use.value
    with use.blamed():
        bucket = sls.bucket() if wanted.bucket is None else _bucket_named(sls, wanted.bucket)
        notification = sls_function.triggered_by(bucket, **sls.format(wanted.notification))
        event = S3Event(bucket, sls_function, notification, sls)
        if wanted.key is not None:
            event.send(wanted.key, b"" if wanted.body is None else wanted.body)
    return event


def _bucket_named(environment: Environment, name: str) -> Bucket:
    found: Bucket = environment[name]
    if found.kind != "bucket":
        raise ConfigurationError(
            f"argument 'bucket' names the {found}; give the name of an sls_bucket"
        )
    return found
