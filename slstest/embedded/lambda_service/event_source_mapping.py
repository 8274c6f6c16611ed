"""One event source mapping: its settings, AWS's checks of them, and its document.

https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.lambda_service.errors import invalid_parameter

Parameters = Mapping[str, Any]


@dataclass
class EventSourceMapping:
    """One mapping of a Kinesis stream to a function."""

    uuid: str
    arn: str
    function_name: str
    function_arn: str
    role_arn: str
    source_arn: str
    settings: StreamSettings
    enabled: bool
    last_modified: float

    def document(self, last_result: str, state: str) -> dict[str, Any]:
        """EventSourceMappingConfiguration."""
        settings = self.settings
        document: dict[str, Any] = {
            "UUID": self.uuid,
            "EventSourceMappingArn": self.arn,
            "EventSourceArn": self.source_arn,
            "FunctionArn": self.function_arn,
            "StartingPosition": settings.starting_position,
            "BatchSize": settings.batch_size,
            "MaximumBatchingWindowInSeconds": settings.maximum_batching_window,
            "ParallelizationFactor": 1,
            "DestinationConfig": {"OnFailure": {}},
            "MaximumRecordAgeInSeconds": settings.maximum_record_age,
            "BisectBatchOnFunctionError": False,
            "MaximumRetryAttempts": settings.maximum_retry_attempts,
            "TumblingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
            "LastModified": self.last_modified,
            "LastProcessingResult": last_result,
            "State": state,
            "StateTransitionReason": "User action",
        }
        if settings.starting_position_timestamp is not None:
            document["StartingPositionTimestamp"] = settings.starting_position_timestamp
        return document


def check_starting_position(params: Parameters) -> None:
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


def stream_settings(current: StreamSettings, params: Parameters) -> StreamSettings:
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
