"""Event source mappings: the API that makes, changes and ends them.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from slstest.embedded.destinations import Destinations
from slstest.embedded.event_sources.base import NotInvoked, Poller, Source
from slstest.embedded.event_sources.dynamodb import DynamoDbReader
from slstest.embedded.event_sources.kinesis import KinesisReader
from slstest.embedded.event_sources.queue_source import QueueSource
from slstest.embedded.event_sources.sqs import NextReturn, SqsPoller
from slstest.embedded.event_sources.stream_source import StreamSource
from slstest.embedded.lambda_service.errors import (
    LambdaApiError,
    invalid_parameter,
    not_built,
    not_found,
)
from slstest.embedded.lambda_service.event_source_mapping import EventSourceMapping
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.lambda_service.invocation import Invoker
from slstest.embedded.lambda_service.unbuilt import refuse_unbuilt_for
from slstest.embedded.pagination import page
from slstest.embedded.scheduler import Scheduler
from slstest.runtimes.base import InvocationOutcome

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class _Entry:
    mapping: EventSourceMapping
    source: Source
    poller: Poller

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
        partition: str,
        region: str,
        account_id: str,
        store: FunctionStore,
        invoker: Invoker,
        scheduler: Scheduler,
        client: Callable[[str], Any],
        next_return: NextReturn | None,
        destinations: Destinations,
    ) -> None:
        """``next_return`` tells when a message of a queue becomes visible again; see
        :class:`slstest.embedded.event_sources.sqs.SqsPoller`."""

        def prefix(service: str, resource: str) -> str:
            return f"arn:{partition}:{service}:{region}:{account_id}:{resource}"

        self._arn_prefix = prefix("lambda", "event-source-mapping:")
        self._sources: Mapping[str, Source] = {
            "kinesis": StreamSource(
                scheduler,
                destinations,
                prefix("kinesis", "stream/"),
                lambda arn, role_arn: KinesisReader(arn, client("kinesis"), role_arn),
                data_key="data",
                at_timestamp=True,
            ),
            "dynamodb": StreamSource(
                scheduler,
                destinations,
                prefix("dynamodb", "table/"),
                lambda arn, _: DynamoDbReader(arn, client("dynamodbstreams")),
                data_key="dynamodb",
                at_timestamp=False,
            ),
            "sqs": QueueSource(client, scheduler, next_return),
        }
        self._store = store
        self._invoker = invoker
        self._scheduler = scheduler
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def create(self, params: Parameters) -> dict[str, Any]:
        source_arn, source = self._source(params)
        settings = source.settings(None, params, source_arn)
        refuse_unbuilt_for("CreateEventSourceMapping", params, source.parameters)
        function = self._function(params)
        source.check(source_arn, function.settings["Timeout"])
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
            tags=dict(params.get("Tags", {})),
        )
        poller = source.poller(
            source_arn,
            settings,
            partial(self._invoke, mapping),
            lambda: self._role_arn(mapping),
            mapping,
        )
        entry = _Entry(mapping, source, poller)
        with self._lock:
            self._refuse_duplicate(mapping, source)
            self._entries[identifier] = entry
        if mapping.enabled:
            try:
                source.enable(source_arn, poller)
            except LambdaApiError:
                self._entries.pop(identifier, None)
                raise
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
        settings = entry.source.settings(mapping.settings, params, mapping.source_arn)
        refuse_unbuilt_for("UpdateEventSourceMapping", params, entry.source.parameters)
        function = self._function(params) if "FunctionName" in params else None
        with self._lock:
            if function is not None and function.name != mapping.function_name:
                self._refuse_duplicate(replace(mapping, function_name=function.name), entry.source)
                mapping.function_name, mapping.function_arn = function.name, function.arn
            mapping.settings = settings
            mapping.last_modified = self._scheduler.now()
            before = mapping.enabled and not poller.lost
            mapping.enabled = params.get("Enabled", before)
        if not mapping.enabled:
            poller.disable()
        poller.update(settings)
        if mapping.enabled == before:
            return entry.document("Updating")
        if not mapping.enabled:
            return entry.document("Disabling")
        entry.source.enable(mapping.source_arn, poller)
        return entry.document("Enabling")

    def delete(self, params: Parameters) -> dict[str, Any]:
        entry = self._entry(params)
        with self._lock:
            self._entries.pop(entry.mapping.uuid, None)
        entry.poller.disable()
        return entry.document("Deleting")

    def stream_written(self, stream_arn: str, shard_ids: Iterable[str] | None) -> None:
        """Records were put into these shards of a stream, or its shards have changed: wake who
        reads it, itself or through a consumer."""
        for entry in self._of(stream_arn, f"{stream_arn}/consumer/"):
            entry.poller.wake(shard_ids)

    def source_gone(self, source_arn: str) -> None:
        """A stream or a consumer was deleted."""
        for entry in self._of(source_arn):
            entry.poller.lose()

    def queue_written(self, queue_arn: str) -> None:
        """Messages were sent to a queue, or came back to it: wake who reads it."""
        for entry in self._of(queue_arn):
            entry.poller.wake()

    def queue_changed(self, queue_arn: str) -> None:
        """Somebody received, hid or deleted messages of a queue."""
        for entry in self._of(queue_arn):
            if isinstance(entry.poller, SqsPoller):
                entry.poller.hidden_changed()

    def look(self) -> None:
        """See whether there is news in any source, as nobody tells."""
        with self._lock:
            entries = [entry for entry in self._entries.values() if entry.mapping.enabled]
        for entry in entries:
            if not entry.poller.lost:
                entry.poller.look()

    def queue_pollers(self) -> list[SqsPoller]:
        """Those that read queues now."""
        with self._lock:
            entries = [entry for entry in self._entries.values() if entry.mapping.enabled]
        pollers = [entry.poller for entry in entries if isinstance(entry.poller, SqsPoller)]
        return [poller for poller in pollers if not poller.lost]

    def disable_all(self) -> None:
        """Read for no function any more, until a mapping is enabled again."""
        with self._lock:
            entries = list(self._entries.values())
            for entry in entries:
                entry.mapping.enabled = False
        for entry in entries:
            entry.poller.disable()

    def tags(self, arn: str) -> dict[str, str] | None:
        """The tags of the mapping with this ARN, to be changed in place; None where there is
        no such mapping."""
        entry = self._entries.get(arn.removeprefix(self._arn_prefix))
        return None if entry is None else entry.mapping.tags

    def close(self) -> None:
        with self._lock:
            entries = list(self._entries.values())
            self._entries.clear()
        for entry in entries:
            entry.poller.disable()

    # -- inside -------------------------------------------------------------------------

    def _source(self, params: Parameters) -> tuple[str, Source]:
        source_arn: str = params.get("EventSourceArn", "")
        if not source_arn:
            raise invalid_parameter("Unrecognized event source.")
        service = source_arn.split(":")[2]
        source = self._sources.get(service)
        if source is None or (service == "kinesis" and ":stream/" not in source_arn):
            raise not_built(
                "CreateEventSourceMapping",
                f"the event source '{source_arn}'; event sources are Kinesis data streams, their "
                "consumers, DynamoDB streams and SQS queues",
            )
        if service == "dynamodb" and "/stream/" not in source_arn:
            raise invalid_parameter("Unrecognized event source.")
        return source_arn, source

    def _function(self, params: Parameters) -> Function:
        name, qualifier = self._store.name_of(params["FunctionName"])
        function = self._store.find(name)
        if function is None or qualifier not in (None, "$LATEST"):
            raise invalid_parameter("Function does not exist")
        return function

    def _of(self, source_arn: str, prefix: str | None = None) -> list[_Entry]:
        """The mappings of a source, and of those whose ARN has a prefix."""
        with self._lock:
            entries = list(self._entries.values())
        return [
            entry
            for entry in entries
            if entry.mapping.source_arn == source_arn
            or (prefix and entry.mapping.source_arn.startswith(prefix))
        ]

    def _entry(self, params: Parameters) -> _Entry:
        entry = self._entries.get(params["UUID"])
        if entry is None:
            raise not_found("The resource you requested does not exist.")
        return entry

    def _refuse_duplicate(self, new: EventSourceMapping, source: Source) -> None:
        for entry in self._entries.values():
            mapping = entry.mapping
            if (mapping.source_arn, mapping.function_name) == (new.source_arn, new.function_name):
                raise source.duplicate(new.source_arn, new.function_name, mapping.uuid)

    def _role_arn(self, mapping: EventSourceMapping) -> str:
        function = self._store.find(mapping.function_name)
        if function is not None:
            mapping.role_arn = function.settings["Role"]
        return mapping.role_arn

    def _invoke(
        self,
        mapping: EventSourceMapping,
        event: bytes,
        attempt: int,
        request_id: str | None = None,
    ) -> InvocationOutcome:
        function = self._store.find(mapping.function_name)
        if function is None or mapping.uuid not in self._entries:
            raise NotInvoked(f"function {mapping.function_name} was deleted")
        return self._invoker.deliver(
            function,
            event,
            attempt=attempt,
            partial=mapping.settings.report_batch_item_failures,
            request_id=request_id,
        )
