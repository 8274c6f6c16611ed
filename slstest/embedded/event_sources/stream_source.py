"""Streams as what CreateEventSourceMapping can name: Kinesis's, and those of DynamoDB tables.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.destinations import Destinations
from slstest.embedded.event_sources.base import InvokeBatch, Mapped, name_in
from slstest.embedded.event_sources.failure_records import (
    Discarded,
    Origin,
    send_failure_record,
)
from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.stream_poller import StreamPoller
from slstest.embedded.event_sources.stream_reader import StreamNotFound, StreamReader
from slstest.embedded.event_sources.stream_settings import (
    STREAM_PARAMETERS,
    check_starting_position,
    stream_settings,
)
from slstest.embedded.lambda_service.errors import LambdaApiError, conflict, invalid_parameter
from slstest.embedded.scheduler import Scheduler

ReaderOf = Callable[[str, Callable[[], str]], StreamReader]
"""Makes the reader of a stream, from its ARN and what tells the role in whose name it is read."""


class StreamSource:
    """Makes the pollers of mappings that read streams, and checks what they are made from."""

    parameters = STREAM_PARAMETERS

    def __init__(
        self,
        scheduler: Scheduler,
        destinations: Destinations,
        arn_prefix: str,
        reader_of: ReaderOf,
        *,
        data_key: str,
        at_timestamp: bool,
    ) -> None:
        """``arn_prefix`` is what the ARN of every stream here begins with; for ``data_key`` see
        :func:`stream_settings`; ``at_timestamp`` tells whether reading can begin at a moment."""
        self._scheduler = scheduler
        self._destinations = destinations
        self._arn_prefix = arn_prefix
        self._reader_of = reader_of
        self._data_key = data_key
        self._at_timestamp = at_timestamp

    def settings(
        self, current: StreamSettings | None, params: Mapping[str, Any], stream_arn: str
    ) -> StreamSettings:
        """The settings that a request leaves, of a new mapping or one that has some. Raises
        Lambda's errors."""
        if current is None:
            if not stream_arn.startswith(self._arn_prefix):
                raise self.missing(stream_arn)
            if params.get("StartingPosition") == "AT_TIMESTAMP" and not self._at_timestamp:
                raise invalid_parameter(f"Unsupported starting position for arn type: {stream_arn}")
            check_starting_position(params, self._scheduler.now())
        return stream_settings(
            current or StreamSettings(), params, self._destinations, data_key=self._data_key
        )

    def check(self, stream_arn: str, function_timeout: int) -> None:
        """That the stream exists shows when its shards are listed."""

    def poller(
        self,
        stream_arn: str,
        settings: StreamSettings,
        invoke: InvokeBatch,
        role_arn: Callable[[], str],
        mapped: Mapped,
    ) -> StreamPoller:
        """The poller of a mapping, not enabled yet. Raises Lambda's error for a stream that
        does not exist."""
        reader = self._reader_of(stream_arn, role_arn)
        try:
            return StreamPoller(
                reader,
                settings,
                self._scheduler,
                invoke=invoke,
                discard=self._discard(reader, mapped),
                function=lambda: name_in(mapped.function_arn),
            )
        except StreamNotFound as error:
            raise self.missing(stream_arn) from error

    def enable(self, stream_arn: str, poller: Any) -> None:
        """Begin to read. Raises Lambda's error for a stream that does not exist any more."""
        try:
            poller.enable()
        except StreamNotFound as error:
            raise self.missing(stream_arn) from error

    @staticmethod
    def missing(stream_arn: str) -> LambdaApiError:
        return invalid_parameter(f"Stream not found: {stream_arn}")

    @staticmethod
    def duplicate(stream_arn: str, function_name: str, uuid: str) -> LambdaApiError:
        """The error for a second mapping between the same stream and function."""
        return conflict(
            f'The event source arn (" {stream_arn} ") and function (" {function_name} ") provided '
            f"mapping already exists. Please update or delete the existing mapping with UUID {uuid}"
        )

    def _discard(
        self, reader: StreamReader, mapped: Mapped
    ) -> Callable[[str, Discarded, StreamSettings], None]:
        """Tells the destination, if there is one, of records that are given up."""

        def discard(shard_id: str, discarded: Discarded, settings: StreamSettings) -> None:
            if settings.on_failure:
                origin = Origin(
                    mapped.uuid,
                    mapped.function_arn,
                    reader.stream_arn,
                    shard_id,
                    reader.batch_info,
                )
                now = self._scheduler.now()
                send_failure_record(self._destinations, settings.on_failure, discarded, origin, now)

        return discard
