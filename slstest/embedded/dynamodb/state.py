"""Answers requests with DynamoDB's streams as AWS has them, in front of moto's tables."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from slstest.embedded.dynamodb.changes import Changes
from slstest.embedded.dynamodb.streams import ChangeStreams
from slstest.embedded.dynamodb.streams_api import StreamsApi
from slstest.embedded.dynamodb.time_to_live import ExpiringTable
from slstest.embedded.gateway import State
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from botocore.model import ServiceModel

_STREAMS_TARGET = "DynamoDBStreams_"

_MAKE_TABLES = frozenset({"dynamodb", "cloudformation"})
"""The services whose requests can make a table."""


class StreamReaders(Protocol):
    """The mappings that read streams."""

    def stream_written(self, stream: str, shard_ids: set[str] | None) -> None:
        """Records came into a stream (its ARN), or it has ended."""


class DynamoDbState:
    """Stands in front of moto, and puts our tables in the place of moto's until it is closed."""

    def __init__(
        self,
        state: State,
        now: Callable[[], float],
        readers: StreamReaders,
        model: Callable[[], ServiceModel],
    ) -> None:
        """``model`` gives botocore's model of DynamoDB Streams."""
        self._state = state
        self._readers = readers
        self._streams = ChangeStreams(now)
        self._api = StreamsApi(self._streams, model, now)
        self._lock = threading.Lock()
        self._before: Any = None
        self.changes = Changes(self._streams)

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        if request.target.startswith(_STREAMS_TARGET):
            return self._api.answer(request)
        if self._before is None and request.service in _MAKE_TABLES:
            self._install()
        with self.changes.of_request() as touched:
            answer = self._state.handle(request, at=at)
        for arn in touched:
            self._readers.stream_written(arn, None)
        return answer

    def expiring_tables(self, account_id: str, region: str) -> list[ExpiringTable]:
        """The tables whose items have a time to live."""
        if self._before is None:
            return []
        from moto.dynamodb.models import dynamodb_backends

        account = dynamodb_backends[account_id]
        tables = list(account[region].tables.values()) if region in account else []
        return [
            ExpiringTable(table.name, tuple(table.table_key_attrs), table.ttl["AttributeName"])
            for table in tables
            if table.ttl["TimeToLiveStatus"] == "ENABLED"
        ]

    def forget_disabled(self) -> None:
        """Drop the streams that have ended, for good."""
        self._streams.forget_disabled()

    def close(self) -> None:
        """Give moto its own tables back."""
        if self._before is not None:
            self._put(self._before)

    # -- inside -------------------------------------------------------------------------

    def _install(self) -> None:
        with self._lock:
            if self._before is not None:
                return
            # Not before it is needed: moto's tables take a tenth of a second to import.
            from moto.dynamodb.models import dynamodb_backends

            from slstest.embedded.dynamodb.backend import EmbeddedDynamoDbBackend

            before = dynamodb_backends.backend
            self._put(
                type("DynamoDBBackend", (EmbeddedDynamoDbBackend,), {"changes": self.changes})
            )
            self._before = before

    @staticmethod
    def _put(backend: Any) -> None:
        from moto.dynamodb.models import dynamodb_backends

        dynamodb_backends.backend = backend
        for account in dynamodb_backends.values():
            account.backend = backend
            for region in [name for name, each in account.items() if not each.tables]:
                del account[region]
