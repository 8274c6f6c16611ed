"""Registered consumers of Kinesis streams.

https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from slstest.calls import ask, ask_unless
from slstest.casing import parameters
from slstest.clouds.base import Cloud
from slstest.deletion import delete_when_free
from slstest.functions.mapping import EventSourceMapping, create_stream_mapping
from slstest.ledger import Entry
from slstest.resources.base import Resource
from slstest.scope import Scope
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

_TAKEN = {
    "stream_arn": "it is the stream whose register_consumer() is called",
    "consumer_name": "it is the first argument",
}


class Consumer(Resource):
    """A registered consumer of a throwaway stream: it reads with a throughput of its own
    (enhanced fan-out), and can trigger a function in the stream's place."""

    kind = "stream consumer"

    def _map_to(self, function: Function, settings: Mapping[str, Any]) -> EventSourceMapping:
        return create_stream_mapping(self._scope, function, self, settings)


def register_consumer(
    scope: Scope, stream: Resource, name: str, settings: Mapping[str, Any]
) -> Consumer:
    """Register a consumer with a stream and wait until it is active."""
    asked = f"{stream}.register_consumer({name!r})"
    client = scope.cloud.client("kinesis")
    given = parameters(client, "RegisterStreamConsumer", settings, asked=asked, taken=_TAKEN)
    request = {"StreamARN": stream.arn, "ConsumerName": name, **given}
    tags = {**scope.tags(), **given.get("Tags", {})}
    if tags:
        request["Tags"] = tags
    with scope.creating(Consumer.kind, name, stream=stream.arn):
        made = ask(client, "register_stream_consumer", request, asked=asked)["Consumer"]
    arn = made["ConsumerARN"]

    def active() -> bool | None:
        unknown = ("ResourceNotFoundException",)
        answer = ask_unless(unknown, client, "describe_stream_consumer", ConsumerARN=arn)
        described = (answer or {}).get("ConsumerDescription", {})
        return True if described.get("ConsumerStatus") == "ACTIVE" else None

    if not scope.cloud.creates_at_once:
        wait_until(f"{asked}: the consumer to become active", active, pace=scope.cloud.pace)
    return Consumer(scope, scope.label(name), name, arn)


def delete_consumer(cloud: Cloud, entry: Entry) -> None:
    """Deregister a consumer; one that is gone already, or with its stream, is fine."""
    client, gone = cloud.client("kinesis"), ("ResourceNotFoundException",)
    request = {"StreamARN": entry.detail["stream"], "ConsumerName": entry.name}
    delete_when_free(
        cloud,
        entry,
        lambda: ask_unless(gone, client, "deregister_stream_consumer", **request),
        busy=("ResourceInUseException",),
    )
