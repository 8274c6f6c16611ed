"""The markers that make a throwaway resource: ``sls_table``, ``sls_queue`` and the like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest

from slstest.errors import ConfigurationError

from .markers import Marker, ResourceRequest, Use, check_type, declare, fail_at, uses

if TYPE_CHECKING:
    from slstest.environment import Environment


def read_sls_table(
    name: str,
    key: str | tuple[str, str] = "id",
    sort_key: str | tuple[str, str] | None = None,
    stream: bool | str | None = None,
    **parameters: Any,
) -> ResourceRequest:
    """A throwaway DynamoDB table, sls["<name>"] in the test and "{<name>.name}" in the strings
    of other markers. key and sort_key name its key attributes, which hold strings unless
    they are given as ("id", "N"); stream=True gives it a stream of its changes, a stream view
    type such as "KEYS_ONLY" says what that holds; further parameters are those of CreateTable
    in snake case, such as billing_mode. May be given more than once.
    """
    check_type("key", key, str, tuple)
    check_type("sort_key", sort_key, str, tuple, type(None))
    check_type("stream", stream, bool, str, type(None))
    return _request(
        "table", name, {"key": key, "sort_key": sort_key, "stream": stream, **parameters}
    )


def read_sls_bucket(name: str, **parameters: Any) -> ResourceRequest:
    """A throwaway S3 bucket, sls["<name>"] in the test and "{<name>.name}" in the strings of
    other markers. Parameters are those of CreateBucket in snake case. May be given more than
    once.
    """
    return _request("bucket", name, parameters)


def read_sls_stream(name: str, shard_count: int = 1, **parameters: Any) -> ResourceRequest:
    """A throwaway Kinesis stream, sls["<name>"] in the test and "{<name>.arn}" in the strings
    of other markers. shard_count is its number of shards; further parameters are those of
    CreateStream in snake case. May be given more than once.
    """
    check_shard_count(shard_count)
    return _request("stream", name, {"shard_count": shard_count, **parameters})


def read_sls_queue(name: str, fifo: bool = False, **attributes: Any) -> ResourceRequest:
    """A throwaway SQS queue, sls["<name>"] in the test and "{<name>.arn}" or "{<name>.url}" in
    the strings of other markers. fifo makes it a FIFO queue; attributes are those of a queue in
    snake case, such as visibility_timeout or redrive_policy. May be given more than once.
    """
    check_type("fifo", fifo, bool)
    return _request("queue", name, {"fifo": fifo, **attributes})


def read_sls_topic(name: str, fifo: bool = False, **attributes: Any) -> ResourceRequest:
    """A throwaway SNS topic, sls["<name>"] in the test and "{<name>.arn}" in the strings of other
    markers. fifo makes it a FIFO topic; attributes are those of a topic in snake case, such as
    display_name or signature_version. May be given more than once.
    """
    check_type("fifo", fifo, bool)
    return _request("topic", name, {"fifo": fifo, **attributes})


def _itself(request: ResourceRequest) -> Sequence[ResourceRequest]:
    return (request,)


SLS_TABLE = Marker(
    "sls_table",
    read_sls_table,
    fixture="sls",
    example='sls_table("clicks", key="page")',
    makes=_itself,
)
SLS_BUCKET = Marker("sls_bucket", read_sls_bucket, fixture="sls", example='sls_bucket("archive")')
SLS_STREAM = Marker(
    "sls_stream", read_sls_stream, fixture="sls", example='sls_stream("clicks")', makes=_itself
)
SLS_QUEUE = Marker(
    "sls_queue", read_sls_queue, fixture="sls", example='sls_queue("orders", visibility_timeout=60)'
)
SLS_TOPIC = Marker(
    "sls_topic", read_sls_topic, fixture="sls", example='sls_topic("news", display_name="News")'
)

_MARKERS = (SLS_TABLE, SLS_BUCKET, SLS_STREAM, SLS_QUEUE, SLS_TOPIC)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for marker in _MARKERS:
        declare(config, marker)


def check_shard_count(shard_count: int) -> None:
    """Refuse what is no number of shards."""
    check_type("shard_count", shard_count, int)
    if shard_count < 1:
        raise ConfigurationError(f"argument 'shard_count' takes 1 or more, not {shard_count}")


def requested(item: pytest.Item) -> list[Use[ResourceRequest]]:
    """The resources that a test's markers ask for, the outermost marker first.

    Fails the test where two of them have one name.
    """
    found = [use for marker in _MARKERS for use in uses(item, marker)]
    seen: dict[str | None, Use[ResourceRequest]] = {}
    for use in found:
        earlier = seen.setdefault(use.value.name, use)
        if earlier is not use:
            fail_at(
                use.place,
                use.marker.name,
                f"the name {use.value.name!r} is already that of the marker "
                f"{earlier.marker.name} at {earlier.place}; give each resource a name of its own",
            )
    return found


def create(environment: Environment, wanted: Sequence[Use[ResourceRequest]]) -> None:
    """Make the resources, each after those that its placeholders name: the order of the
    markers does not matter."""
    waiting = list(wanted)
    while waiting:
        postponed: list[Use[ResourceRequest]] = []
        for use in waiting:
            try:
                arguments = environment.format(use.value.arguments)
            except ConfigurationError as error:
                if use is waiting[-1] and len(postponed) == len(waiting) - 1:
                    fail_at(use.place, use.marker.name, error)
                postponed.append(use)
            else:
                with use.blamed():
                    getattr(environment, use.value.kind)(use.value.name, **arguments)
        waiting = postponed


def _request(kind: str, name: str, arguments: dict[str, Any]) -> ResourceRequest:
    check_type("name", name, str)
    return ResourceRequest(kind, name, arguments)
