"""Streams as what CreateEventSourceMapping can name.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.destinations import Destinations
from slstest.embedded.event_sources.base import InvokeBatch, Mapped
from slstest.embedded.event_sources.failure_records import (
    Discarded,
    Origin,
    send_failure_record,
)
from slstest.embedded.event_sources.kinesis import KinesisReader, stream_of
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


class StreamSource:
    """Makes the pollers of mappings that read streams, and checks what they are made from."""

    parameters = STREAM_PARAMETERS

    def __init__(
        self,
        client: Callable[[str], Any],
        scheduler: Scheduler,
        destinations: Destinations,
        arn_prefix: str,
    ) -> None:
        """``arn_prefix`` is what the ARN of every stream here begins with."""
        self._client = client
        self._scheduler = scheduler
        self._destinations = destinations
        self._arn_prefix = arn_prefix

    def settings(
        self, current: StreamSettings | None, params: Mapping[str, Any], stream_arn: str
    ) -> StreamSettings:
        """The settings that a request leaves, of a new mapping or one that has some. Raises
        Lambda's errors."""
        if current is None:
            if not stream_arn.startswith(self._arn_prefix):
                raise self.missing(stream_arn)
            check_starting_position(params, self._scheduler.now())
        return stream_settings(
            current or StreamSettings(), params, self._destinations, data_key="data"
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
        reader = KinesisReader(stream_arn, self._client("kinesis"), role_arn)
        try:
            return StreamPoller(
                reader,
                settings,
                self._scheduler,
                invoke=invoke,
                discard=self._discard(reader, mapped),
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
                    stream_of(reader.arn),
                    shard_id,
                    reader.batch_info,
                )
                now = self._scheduler.now()
                send_failure_record(self._destinations, settings.on_failure, discarded, origin, now)

        return discard
