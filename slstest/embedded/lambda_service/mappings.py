"""Event source mappings: the API that makes, changes and ends them.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from slstest.embedded.event_sources.kinesis import KinesisPoller
from slstest.embedded.event_sources.settings import BatchFailure, StreamSettings
from slstest.embedded.lambda_service.errors import (
    conflict,
    invalid_parameter,
    not_built,
    not_found,
)
from slstest.embedded.lambda_service.event_source_mapping import (
    EventSourceMapping,
    check_starting_position,
    stream_settings,
)
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.lambda_service.invocation import Invoker, error_type
from slstest.embedded.pagination import page
from slstest.embedded.scheduler import Scheduler

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class _Entry:
    mapping: EventSourceMapping
    poller: KinesisPoller

    def document(self, state: str | None = None) -> dict[str, Any]:
        """The mapping's document, in a passing state or the one that it is in."""
        if state is None:
            reading = self.mapping.enabled and not self.poller.lost
            state = "Enabled" if reading else "Disabled"
        return self.mapping.document(self.poller.last_result, state)


class MappingService:
    """The event source mappings of one account and region."""

    def __init__(
        self,
        region: str,
        account_id: str,
        store: FunctionStore,
        invoker: Invoker,
        scheduler: Scheduler,
        client: Callable[[str], Any],
    ) -> None:
        self._arn_prefix = f"arn:aws:lambda:{region}:{account_id}:event-source-mapping:"
        self._stream_prefix = f"arn:aws:kinesis:{region}:{account_id}:stream/"
        self._store = store
        self._invoker = invoker
        self._scheduler = scheduler
        self._client = client
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def create(self, params: Parameters) -> dict[str, Any]:
        source_arn = self._source(params)
        settings = stream_settings(StreamSettings(), params)
        check_starting_position(params)
        function = self._function(params)
        identifier = str(uuid.uuid4())
        mapping = EventSourceMapping(
            uuid=identifier,
            arn=self._arn_prefix + identifier,
            function_name=function.name,
            function_arn=function.arn,
            role_arn=function.settings["Role"],
            source_arn=source_arn,
            settings=settings,
            enabled=params.get("Enabled", True),
            last_modified=self._scheduler.now(),
        )
        with self._stream_expected(source_arn):
            entry = _Entry(mapping, self._poller(mapping))
            with self._lock:
                self._refuse_duplicate(mapping)
                self._entries[identifier] = entry
            if mapping.enabled:
                entry.poller.enable()
        return entry.document("Creating")

    def get(self, params: Parameters) -> dict[str, Any]:
        return self._entry(params).document()

    def list_page(self, params: Parameters) -> dict[str, Any]:
        with self._lock:
            found = list(self._entries.values())
        if source_arn := params.get("EventSourceArn"):
            found = [entry for entry in found if entry.mapping.source_arn == source_arn]
        if reference := params.get("FunctionName"):
            name, _ = self._store.name_of(reference)
            found = [entry for entry in found if entry.mapping.function_name == name]
        shown, marker = page(found, params.get("Marker"), min(params.get("MaxItems", 100), 100))
        result: dict[str, Any] = {"EventSourceMappings": [each.document() for each in shown]}
        return result | ({"NextMarker": marker} if marker else {})

    def update(self, params: Parameters) -> dict[str, Any]:
        entry = self._entry(params)
        mapping, poller = entry.mapping, entry.poller
        settings = stream_settings(mapping.settings, params)
        function = self._function(params) if "FunctionName" in params else None
        with self._lock:
            if function is not None and function.name != mapping.function_name:
                self._refuse_duplicate(replace(mapping, function_name=function.name))
                mapping.function_name, mapping.function_arn = function.name, function.arn
            mapping.settings = settings
            mapping.last_modified = self._scheduler.now()
            before, mapping.enabled = mapping.enabled, params.get("Enabled", mapping.enabled)
        if not mapping.enabled:
            poller.disable()
        poller.change(settings)
        if mapping.enabled == before:
            return entry.document("Updating")
        if not mapping.enabled:
            return entry.document("Disabling")
        with self._stream_expected(mapping.source_arn):
            poller.enable()
        return entry.document("Enabling")

    def delete(self, params: Parameters) -> dict[str, Any]:
        entry = self._entry(params)
        with self._lock:
            self._entries.pop(entry.mapping.uuid, None)
        entry.poller.disable()
        return entry.document("Deleting")

    def stream_written(self, stream: str, shard_ids: set[str] | None) -> None:
        """Records were put into a stream (its name or ARN): wake who reads it."""
        for entry in self._reading(stream):
            entry.poller.wake(shard_ids)

    def has_readers(self) -> bool:
        return bool(self._entries)

    def is_read(self, stream: str) -> bool:
        """Whether a mapping reads this stream (its name or ARN)."""
        return bool(self._reading(stream))

    def close(self) -> None:
        with self._lock:
            entries = list(self._entries.values())
            self._entries.clear()
        for entry in entries:
            entry.poller.disable()

    # -- inside -------------------------------------------------------------------------

    def _source(self, params: Parameters) -> str:
        source_arn: str = params.get("EventSourceArn", "")
        if not source_arn:
            raise invalid_parameter("Unrecognized event source.")
        service = source_arn.split(":")[2]
        if service != "kinesis" or ":stream/" not in source_arn or "/consumer/" in source_arn:
            raise not_built(
                "CreateEventSourceMapping",
                f"the event source '{source_arn}'; event sources are Kinesis data streams",
            )
        if not source_arn.startswith(self._stream_prefix):
            raise invalid_parameter(f"Stream not found: {source_arn}")
        return source_arn

    def _function(self, params: Parameters) -> Function:
        name, qualifier = self._store.name_of(params["FunctionName"])
        function = self._store.find(name)
        if function is None or qualifier not in (None, "$LATEST"):
            raise invalid_parameter("Function does not exist")
        return function

    @contextmanager
    def _stream_expected(self, source_arn: str) -> Iterator[None]:
        """Answer as AWS does where the stream turns out to be missing."""
        try:
            yield
        except self._client("kinesis").exceptions.ResourceNotFoundException as error:
            raise invalid_parameter(f"Stream not found: {source_arn}") from error

    def _reading(self, stream: str) -> list[_Entry]:
        suffix = f":stream/{stream.rpartition('/')[2]}"
        with self._lock:
            return [
                entry
                for entry in self._entries.values()
                if entry.mapping.source_arn.endswith(suffix)
            ]

    def _entry(self, params: Parameters) -> _Entry:
        entry = self._entries.get(params["UUID"])
        if entry is None:
            raise not_found("The resource you requested does not exist.")
        return entry

    def _refuse_duplicate(self, new: EventSourceMapping) -> None:
        for entry in self._entries.values():
            mapping = entry.mapping
            if (mapping.source_arn, mapping.function_name) == (new.source_arn, new.function_name):
                raise conflict(
                    f'The event source arn (" {new.source_arn} ") and function '
                    f'(" {new.function_name} ") provided mapping already exists. Please update or '
                    f"delete the existing mapping with UUID {mapping.uuid}"
                )

    def _poller(self, mapping: EventSourceMapping) -> KinesisPoller:
        return KinesisPoller(
            mapping.source_arn,
            mapping.settings,
            self._client("kinesis"),
            self._scheduler,
            role_arn=lambda: self._role_arn(mapping),
            invoke=lambda event, attempt: self._invoke(mapping, event, attempt),
        )

    def _role_arn(self, mapping: EventSourceMapping) -> str:
        function = self._store.find(mapping.function_name)
        if function is not None:
            mapping.role_arn = function.settings["Role"]
        return mapping.role_arn

    def _invoke(
        self, mapping: EventSourceMapping, event: bytes, attempt: int
    ) -> BatchFailure | None:
        """Invoke the mapping's function with a batch: what went wrong, or None."""
        function = self._store.find(mapping.function_name)
        if function is None:
            return BatchFailure(f"function {mapping.function_name} was deleted", invoked=False)
        outcome = self._invoker.invoke(function, event, attempt=attempt)
        if outcome.function_error is None:
            return None
        return BatchFailure(error_type(outcome), invoked=True)
