"""AWS's checks of the settings of a mapping that reads a stream.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html,
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from slstest.embedded.destinations import ON_FAILURE_OF_STREAMS, supports
from slstest.embedded.event_sources.filters import FilterCriteria, InvalidFilter, parse
from slstest.embedded.event_sources.settings import REPORT_BATCH_ITEM_FAILURES, StreamSettings
from slstest.embedded.lambda_service.errors import invalid_parameter

Parameters = Mapping[str, Any]

STREAM_PARAMETERS = frozenset(
    {
        "UUID",
        "EventSourceArn",
        "FunctionName",
        "Enabled",
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "FilterCriteria",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ParallelizationFactor",
        "StartingPosition",
        "StartingPositionTimestamp",
        "Tags",
        "TumblingWindowInSeconds",
    }
)
"""The parameters of CreateEventSourceMapping that a stream's mapping has and that do here what
they say."""


class DestinationCheck(Protocol):
    """What can say whether a destination exists."""

    def check(self, arn: str) -> None:
        """Raise Lambda's error for a destination that does not."""


def check_starting_position(params: Parameters, now: float) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
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
    if timestamp is not None and timestamp > now:
        raise invalid_parameter("StartingPositionTimestamp cannot be in the future")


def stream_settings(
    current: StreamSettings, params: Parameters, destinations: DestinationCheck, *, data_key: str
) -> StreamSettings:
    """The settings that a request leaves. Raises Lambda's errors.

    ``data_key`` is the part of a record that a filter must take for JSON: ``data`` of Kinesis,
    ``dynamodb`` of DynamoDB. An empty FilterCriteria takes the filters away, and an empty
    Destination the destination.
    """
    if params.get("ScalingConfig"):
        raise invalid_parameter(
            "Unsupported 'scalingConfig' parameter for given event source mapping type."
        )
    responses = params.get("FunctionResponseTypes")
    settings = StreamSettings(
        batch_size=params.get("BatchSize", current.batch_size),
        maximum_batching_window=params.get(
            "MaximumBatchingWindowInSeconds", current.maximum_batching_window
        ),
        starting_position=params.get("StartingPosition", current.starting_position),
        starting_position_timestamp=params.get(
            "StartingPositionTimestamp", current.starting_position_timestamp
        ),
        maximum_record_age=params.get("MaximumRecordAgeInSeconds", current.maximum_record_age),
        maximum_retry_attempts=params.get("MaximumRetryAttempts", current.maximum_retry_attempts),
        bisect_batch_on_function_error=params.get(
            "BisectBatchOnFunctionError", current.bisect_batch_on_function_error
        ),
        parallelization_factor=params.get("ParallelizationFactor", current.parallelization_factor),
        tumbling_window=params.get("TumblingWindowInSeconds", current.tumbling_window),
        report_batch_item_failures=(
            current.report_batch_item_failures
            if responses is None
            else REPORT_BATCH_ITEM_FAILURES in responses
        ),
        filters=_filters(params, current, data_key),
        on_failure=_on_failure(params, current),
    )
    if settings.maximum_record_age != -1 and settings.maximum_record_age < 60:
        raise invalid_parameter(
            "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 "
            "(inclusive)"
        )
    if settings.tumbling_window and settings.parallelization_factor > 1:
        raise invalid_parameter(
            "Parallelization factor must be equal to 1 when tumbling window period is configured"
        )
    if settings.on_failure and settings.on_failure != current.on_failure:
        if not supports(ON_FAILURE_OF_STREAMS, settings.on_failure):
            raise invalid_parameter(f"The destination ARN {settings.on_failure} is invalid.")
        destinations.check(settings.on_failure)
    return settings


def _on_failure(params: Parameters, current: StreamSettings) -> str:
    config = params.get("DestinationConfig") or {}
    if "OnSuccess" in config:
        raise invalid_parameter(
            "Unsupported DestinationConfig parameter for given event source mapping type."
        )
    if "OnFailure" not in config:
        return current.on_failure
    if "Destination" not in config["OnFailure"]:
        raise invalid_parameter("The Destination field is required for an OnFailure configuration.")
    return str(config["OnFailure"]["Destination"])


def _filters(params: Parameters, current: StreamSettings, data_key: str) -> FilterCriteria:
    criteria = params.get("FilterCriteria")
    if criteria is None:
        return current.filters
    try:
        parsed = parse(criteria)
    except InvalidFilter as error:
        raise invalid_parameter(str(error)) from error
    for each in criteria.get("Filters") or ():
        if _asks_for_text(json.loads(each["Pattern"]), data_key):
            raise invalid_parameter("Invalid filter pattern definition.")
    return parsed


def _asks_for_text(pattern: Mapping[str, Any], data_key: str) -> bool:
    """Whether a pattern takes the data of a record for a plain string: "Lambda throws an
    exception at the time of the event source mapping creation or update"."""
    return isinstance(pattern.get(data_key), list) or any(
        _asks_for_text(each, data_key) for each in pattern.get("$or", ())
    )
