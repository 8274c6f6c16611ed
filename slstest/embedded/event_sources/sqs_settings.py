"""The settings of a mapping that reads a queue, and AWS's checks of them.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from slstest.embedded.event_sources.filters import NO_FILTERS, FilterCriteria, InvalidFilter, parse
from slstest.embedded.event_sources.settings import REPORT_BATCH_ITEM_FAILURES
from slstest.embedded.lambda_service.errors import invalid_parameter

QUEUE_PARAMETERS = frozenset(
    {
        "UUID",
        "EventSourceArn",
        "FunctionName",
        "Enabled",
        "BatchSize",
        "MaximumBatchingWindowInSeconds",
        "FilterCriteria",
        "FunctionResponseTypes",
        "ScalingConfig",
        "Tags",
    }
)
"""The parameters of CreateEventSourceMapping that a queue's mapping has and that do here what
they say."""

_ONLY_OTHER_SOURCES = (
    "StartingPosition",
    "StartingPositionTimestamp",
    "ParallelizationFactor",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "TumblingWindowInSeconds",
    "DestinationConfig",
)


@dataclass(frozen=True)
class QueueSettings:
    """Settings of a mapping that reads a queue, with AWS's defaults."""

    batch_size: int = 10
    maximum_batching_window: int = 0
    """Seconds."""
    report_batch_item_failures: bool = False
    filters: FilterCriteria = NO_FILTERS
    maximum_concurrency: int | None = None
    """Batches that are handled at once at most; None where the mapping sets no limit."""

    transition_reason: ClassVar[str] = "USER_INITIATED"
    tells_last_result: ClassVar[bool] = False

    def document(self) -> dict[str, Any]:
        """The fields of EventSourceMappingConfiguration that AWS gives for a queue; there is no
        ``LastProcessingResult`` among them."""
        document: dict[str, Any] = {
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.maximum_batching_window,
            "FunctionResponseTypes": (
                [REPORT_BATCH_ITEM_FAILURES] if self.report_batch_item_failures else []
            ),
        }
        if self.filters.filters:
            document["FilterCriteria"] = self.filters.document
        if self.maximum_concurrency is not None:
            document["ScalingConfig"] = {"MaximumConcurrency": self.maximum_concurrency}
        return document


def queue_settings(
    current: QueueSettings, params: Mapping[str, Any], *, fifo: bool
) -> QueueSettings:
    """The settings that a request leaves. Raises Lambda's errors.

    An empty FilterCriteria or ScalingConfig takes the filters or the limit away.
    """
    for name in _ONLY_OTHER_SOURCES:
        if params.get(name) is not None:
            raise invalid_parameter(f"{name} is not valid for SQS event sources.")
    responses = params.get("FunctionResponseTypes")
    concurrency = params.get("ScalingConfig")
    settings = QueueSettings(
        batch_size=params.get("BatchSize", current.batch_size),
        maximum_batching_window=params.get(
            "MaximumBatchingWindowInSeconds", current.maximum_batching_window
        ),
        report_batch_item_failures=(
            current.report_batch_item_failures
            if responses is None
            else REPORT_BATCH_ITEM_FAILURES in responses
        ),
        filters=_filters(params, current),
        maximum_concurrency=(
            current.maximum_concurrency
            if concurrency is None
            else concurrency.get("MaximumConcurrency")
        ),
    )
    if fifo and settings.maximum_batching_window > 0:
        raise invalid_parameter("Batching window is not supported for FIFO queues")
    if settings.batch_size > 10 and settings.maximum_batching_window == 0:
        raise invalid_parameter(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10"
        )
    return settings


def check_visibility_timeout(visibility_timeout: int, function_timeout: int) -> None:
    """Refuse a queue whose messages would come back while the function still handles them.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    if visibility_timeout < function_timeout:
        raise invalid_parameter(
            f"Queue visibility timeout: {visibility_timeout} seconds is less than Function "
            f"timeout: {function_timeout} seconds"
        )


def _filters(params: Mapping[str, Any], current: QueueSettings) -> FilterCriteria:
    criteria = params.get("FilterCriteria")
    if criteria is None:
        return current.filters
    try:
        return parse(criteria)
    except InvalidFilter as error:
        raise invalid_parameter(str(error)) from error
