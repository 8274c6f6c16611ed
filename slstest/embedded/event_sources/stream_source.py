"""Kinesis streams as what CreateEventSourceMapping can name.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.event_sources.base import InvokeBatch, NotInvoked, Throttled
from slstest.embedded.event_sources.kinesis import KinesisReader
from slstest.embedded.event_sources.settings import BatchFailure, StreamSettings
from slstest.embedded.event_sources.stream_poller import StreamPoller
from slstest.embedded.event_sources.stream_reader import StreamNotFound
from slstest.embedded.lambda_service.errors import LambdaApiError, conflict, invalid_parameter
from slstest.embedded.lambda_service.invocation import error_type
from slstest.embedded.scheduler import Scheduler

Parameters = Mapping[str, Any]

STREAM_PARAMETERS = frozenset(
    {
        "UUID",
        "EventSourceArn",
        "FunctionName",
        "Enabled",
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "StartingPosition",
        "StartingPositionTimestamp",
    }
)
"""The parameters of CreateEventSourceMapping that do here what they say."""


class StreamSource:
    """Makes the pollers of mappings that read streams, and checks what they are made from."""

    parameters = STREAM_PARAMETERS

    def __init__(self, client: Callable[[str], Any], scheduler: Scheduler, arn_prefix: str) -> None:
        """``arn_prefix`` is what the ARN of every stream here begins with."""
        self._client = client
        self._scheduler = scheduler
        self._arn_prefix = arn_prefix

    def settings(
        self, current: StreamSettings | None, params: Parameters, stream_arn: str
    ) -> StreamSettings:
        """The settings that a request leaves, of a new mapping or one that has some. Raises
        Lambda's errors."""
        if current is None:
            if not stream_arn.startswith(self._arn_prefix):
                raise self.missing(stream_arn)
            _check_starting_position(params)
        return _stream_settings(current or StreamSettings(), params)

    def check(self, stream_arn: str, function_timeout: int) -> None:
        """That the stream exists shows when its shards are listed."""

    def poller(
        self,
        stream_arn: str,
        settings: StreamSettings,
        invoke: InvokeBatch,
        role_arn: Callable[[], str],
    ) -> StreamPoller:
        """The poller of a mapping, not enabled yet. Raises Lambda's error for a stream that
        does not exist."""
        try:
            return StreamPoller(
                KinesisReader(stream_arn, self._client("kinesis"), role_arn),
                settings,
                self._scheduler,
                invoke=lambda event, attempt: _failure_of(invoke, event, attempt),
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


def _failure_of(invoke: InvokeBatch, event: bytes, attempt: int) -> BatchFailure | None:
    """Invoke with a batch: what went wrong, or None."""
    try:
        outcome = invoke(event, attempt)
    except (NotInvoked, Throttled) as error:
        return BatchFailure(str(error), invoked=False)
    if outcome.function_error is None:
        return None
    return BatchFailure(error_type(outcome), invoked=True)


def _check_starting_position(params: Parameters) -> None:
    position = params.get("StartingPosition")
    timestamp = params.get("StartingPositionTimestamp")
    if position is None:
        raise invalid_parameter(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null."
        )
    if position != "AT_TIMESTAMP" and timestamp is not None:
        raise invalid_parameter("Timestamp only valid with StartingPosition AT_TIMESTAMP")
    if position == "AT_TIMESTAMP" and timestamp is None:
        raise invalid_parameter(
            "StartingPositionTimestamp must be provided when StartingPosition is AT_TIMESTAMP"
        )


def _stream_settings(current: StreamSettings, params: Parameters) -> StreamSettings:
    """The settings that a request leaves. Raises Lambda's errors."""
    age = params.get("MaximumRecordAgeInSeconds", current.maximum_record_age)
    if age != -1 and age < 60:
        raise invalid_parameter(
            f"Value '{age}' at 'maximumRecordAgeInSeconds' is not valid: it is -1, or from 60 to "
            "604800 seconds"
        )
    return StreamSettings(
        batch_size=params.get("BatchSize", current.batch_size),
        maximum_batching_window=params.get(
            "MaximumBatchingWindowInSeconds", current.maximum_batching_window
        ),
        starting_position=params.get("StartingPosition", current.starting_position),
        starting_position_timestamp=params.get(
            "StartingPositionTimestamp", current.starting_position_timestamp
        ),
        maximum_record_age=age,
        maximum_retry_attempts=params.get("MaximumRetryAttempts", current.maximum_retry_attempts),
    )
