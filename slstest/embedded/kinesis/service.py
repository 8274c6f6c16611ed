"""Answers Kinesis's requests, and tells those who read streams of what has changed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from slstest.embedded.constraints import broken_constraints
from slstest.embedded.gateway import State
from slstest.embedded.kinesis import attachments, consumers, records, shards, streams
from slstest.embedded.kinesis.errors import KinesisError, not_built, validation_error
from slstest.embedded.kinesis.protocol import Protocol as WireProtocol
from slstest.embedded.kinesis.protocol import encode, encode_error
from slstest.embedded.kinesis.region import Change, Parameters, Region, Result
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from botocore.model import ServiceModel

_Operation = Callable[[Region, Parameters, float], Result | None]

_OPERATIONS: Mapping[str, _Operation] = {
    **streams.OPERATIONS,
    **shards.OPERATIONS,
    **records.OPERATIONS,
    **consumers.OPERATIONS,
    **attachments.OPERATIONS,
}

_CHECKED_BY_OPERATION = frozenset({"Records", "Data", "PartitionKey", "ExplicitHashKey"})

_UNBUILT: Mapping[str, Callable[[Any], bool]] = {
    "DryRun": bool,
    "StreamId": bool,
    "WarmThroughputMiBps": lambda value: value is not None,
    "RecordDistributionStrategy": lambda value: value != "USER_PARTITION_KEY",
}
"""Tests for what parameters that are not built ask for."""


class StreamListener(Protocol):
    """Hears what becomes of streams."""

    def stream_written(self, stream_arn: str, shard_ids: frozenset[str] | None) -> None:
        """Records came into these shards of a stream, or its shards have changed."""

    def source_gone(self, arn: str) -> None:
        """A stream, or a consumer, does not exist any more."""


class KinesisService:
    """Answers the requests to Kinesis; all others go on."""

    def __init__(
        self,
        state: State,
        model: Callable[[], ServiceModel],
        now: Callable[[], float],
        listener: StreamListener,
        account_of: Callable[[str], str],
    ) -> None:
        """``account_of`` tells the account of an access key."""
        self._state = state
        self._load_model = model
        self._now = now
        self._listener = listener
        self._account_of = account_of
        self._protocol = WireProtocol()
        self._lock = threading.Lock()
        self._regions: dict[tuple[str, str], Region] = {}

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        if request.service != "kinesis":
            return self._state.handle(request, at=at)
        request_id = str(uuid.uuid4())
        try:
            params = self._params(request)
            account_id = self._account_of(request.access_key)
            result = self.perform(account_id, request.region, request.operation, params, at)
            return encode(request, result, request_id)
        except KinesisError as error:
            return encode_error(request, error, request_id)

    def perform(
        self,
        account_id: str,
        region: str,
        operation: str,
        params: Parameters,
        at: float | None = None,
    ) -> Result | None:
        """Carry out an operation whose parameters are valid. Raises Kinesis's errors."""
        now = self._now() if at is None else at
        with self._lock:
            found = self._regions.setdefault((account_id, region), Region(account_id, region))
            try:
                result = _OPERATIONS[operation](found, params, now)
            finally:
                changes, found.changes = found.changes, []
        for change in changes:
            self._tell(change)
        return result

    @cached_property
    def _model(self) -> ServiceModel:
        return self._load_model()

    def _params(self, request: AwsRequest) -> dict[str, Any]:
        name = request.operation
        if name not in _OPERATIONS or name not in self._model.operation_names:
            raise not_built(f"the operation {name or request.described}")
        operation = self._model.operation_model(name)
        params = self._protocol.decode(operation, request)
        for parameter, asks in _UNBUILT.items():
            if parameter in params and asks(params[parameter]):
                raise not_built(f"{parameter}, which {name} was called with,")
        if problems := broken_constraints(operation, params, skip=_CHECKED_BY_OPERATION):
            raise validation_error(problems)
        return params

    def _tell(self, change: Change) -> None:
        if change.gone:
            self._listener.source_gone(change.arn)
        else:
            self._listener.stream_written(change.arn, change.shard_ids)
