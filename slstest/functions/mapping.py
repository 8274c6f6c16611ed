"""Event source mappings: which function reads which stream, and how.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from slstest.calls import ask_unless, refused_with
from slstest.casing import parameters
from slstest.clouds.base import Cloud
from slstest.deletion import delete_when_free
from slstest.errors import SlstestError
from slstest.functions.permissions import reading, sending_to_all
from slstest.functions.role import Role, ask_as
from slstest.ledger import Entry
from slstest.scope import Scope
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

KIND = "event source mapping"

_TAKEN = {
    "function_name": "it is the function whose triggered_by() is called",
    "event_source_arn": "it is the resource given to triggered_by()",
    "uuid": "it is this mapping",
}

_NOT_FOUND = ("ResourceNotFoundException",)
_BUSY = ("ResourceInUseException",)
"""AWS is still carrying out the last change of the mapping."""


class MappableSource(Protocol):
    """A resource that a mapping can read."""

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name."""


class EventSourceMapping:
    """An event source mapping between a resource and a function of one environment."""

    def __init__(
        self, scope: Scope, entry: Entry, uuid: str, asked: str, role: Role | None = None
    ) -> None:
        """``role`` is that which was made for the function."""
        self._role = role
        self._scope = scope
        self._entry = entry
        self._uuid = uuid
        self._asked = asked

    @property
    def uuid(self) -> str:
        """Its id on the cloud."""
        return self._uuid

    @property
    def state(self) -> str:
        """What the cloud says now: ``Enabled``, ``Disabled``, ``Updating``, ..."""
        return str(self._describe()["State"])

    def update(self, **settings: Any) -> None:
        """Change settings, in snake case, and wait until they hold.

        https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html
        """
        client = self._scope.cloud.client("lambda")
        asked = f"the mapping {self._asked}: update({_listed(settings)})"
        given = parameters(client, "UpdateEventSourceMapping", settings, asked=asked, taken=_TAKEN)

        if self._role is not None:
            self._role.allow(sending_to_all(given), asked=asked)
        request = {"UUID": self._uuid, **given}

        def accepted() -> dict[str, Any] | None:
            try:
                return ask_as(
                    self._role, self._scope, "update_event_source_mapping", request, asked=asked
                )
            except SlstestError as error:
                if refused_with(error, _BUSY):
                    return None
                raise

        pace = self._scope.cloud.pace
        answer = wait_until(f"{asked}: the mapping to be free", accepted, pace=pace)
        _wait_until_steady(self._scope, answer, asked)

    def disable(self) -> None:
        """Stop reading, and wait until that holds; what has been read is still delivered."""
        self.update(enabled=False)

    def enable(self) -> None:
        """Go on reading where it stopped, and wait until that holds."""
        self.update(enabled=True)

    def delete(self) -> None:
        """Delete it and wait until it is gone. One that is gone already is fine."""
        delete_mapping(self._scope.cloud, self._entry)
        client = self._scope.cloud.client("lambda")

        def gone() -> bool | None:
            answer = ask_unless(_NOT_FOUND, client, "get_event_source_mapping", UUID=self._uuid)
            return True if answer is None else None

        pace = self._scope.cloud.pace
        wait_until(f"the mapping {self._asked} to be deleted", gone, pace=pace)
        self._scope.ledger.strike(self._entry)

    def _describe(self) -> dict[str, Any]:
        answer: dict[str, Any] = self._scope.cloud.client("lambda").get_event_source_mapping(
            UUID=self._uuid
        )
        return answer

    def __repr__(self) -> str:
        return f"<{KIND} {self._asked} {self._uuid}>"


def create_mapping(
    scope: Scope, function: Function, source: MappableSource, settings: Mapping[str, Any]
) -> EventSourceMapping:
    """Map a resource to a function and wait until the mapping is enabled, or disabled where
    the settings say so."""
    client = scope.cloud.client("lambda")
    asked = f"{function}.triggered_by({source})"
    given = parameters(client, "CreateEventSourceMapping", settings, asked=asked, taken=_TAKEN)
    request = {"FunctionName": function.name, "EventSourceArn": source.arn, **given}
    tags = {**scope.tags(), **given.get("Tags", {})}
    if tags:
        request["Tags"] = tags
    role = function.role
    if role is not None:
        role.allow([*reading(source.arn), *sending_to_all(given)], asked=asked)
    detail = {"function": function.name, "source": source.arn}
    with scope.creating(KIND, f"{source.arn} -> {function.name}", **detail) as entry:
        made = ask_as(role, scope, "create_event_source_mapping", request, asked=asked)
        scope.ledger.learn(entry, uuid=made["UUID"])
    if not scope.cloud.creates_at_once:
        _wait_until_steady(scope, made, asked)
    return EventSourceMapping(scope, entry, made["UUID"], f"{source} -> {function}", role)


def create_stream_mapping(
    scope: Scope, function: Function, stream: MappableSource, settings: Mapping[str, Any]
) -> EventSourceMapping:
    """Map a stream to a function, from its oldest record on unless the settings say where."""
    start = "AT_TIMESTAMP" if "starting_position_timestamp" in settings else "TRIM_HORIZON"
    return create_mapping(scope, function, stream, {"starting_position": start, **settings})


def delete_mapping(cloud: Cloud, entry: Entry) -> None:
    """Ask for the deletion of a mapping; one that is gone already is fine, one that AWS is
    still changing is waited for."""
    client = cloud.client("lambda")
    uuids = [entry.detail["uuid"]] if "uuid" in entry.detail else _uuids(client, entry)

    delete = partial(ask_unless, _NOT_FOUND, client, "delete_event_source_mapping")
    for uuid in uuids:
        delete_when_free(cloud, entry, partial(delete, UUID=uuid), _BUSY)


def _uuids(client: Any, entry: Entry) -> list[str]:
    """The mappings of a run that was killed before it could write the answer down."""
    answer = ask_unless(
        _NOT_FOUND,
        client,
        "list_event_source_mappings",
        FunctionName=entry.detail["function"],
        EventSourceArn=entry.detail["source"],
    )
    return [] if answer is None else [m["UUID"] for m in answer["EventSourceMappings"]]


def _wait_until_steady(scope: Scope, mapping: Mapping[str, Any], asked: str) -> None:
    client = scope.cloud.client("lambda")

    def steady() -> bool | None:
        uuid = mapping["UUID"]
        found = ask_unless(_NOT_FOUND, client, "get_event_source_mapping", UUID=uuid)
        return True if found and found["State"] in ("Enabled", "Disabled") else None

    if mapping["State"] not in ("Enabled", "Disabled"):
        wait_until(f"{asked}: the mapping to take effect", steady, pace=scope.cloud.pace)


def _listed(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())
