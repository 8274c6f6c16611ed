"""The settings of an event source mapping that reads a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from slstest.embedded.event_sources.filters import NO_FILTERS, FilterCriteria

REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"


@dataclass(frozen=True)
class StreamSettings:
    """Settings of a mapping that reads a stream, with AWS's defaults.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
    """

    batch_size: int = 100
    maximum_batching_window: float = 0
    """Seconds."""
    starting_position: str = "LATEST"
    starting_position_timestamp: Any = None
    maximum_record_age: int = -1
    """Seconds; -1 for as long as the stream keeps the record."""
    maximum_retry_attempts: int = -1
    """-1 for as long as the stream keeps the record."""
    bisect_batch_on_function_error: bool = False
    parallelization_factor: int = 1
    """How many batches of a shard are handled at once."""
    tumbling_window: int = 0
    """Seconds; 0 for none."""
    report_batch_item_failures: bool = False
    filters: FilterCriteria = NO_FILTERS
    on_failure: str = ""
    """The ARN of the destination for records that are given up."""

    transition_reason: ClassVar[str] = "User action"
    tells_last_result: ClassVar[bool] = True

    def document(self) -> dict[str, Any]:
        """The fields of EventSourceMappingConfiguration that AWS gives for a stream."""
        document: dict[str, Any] = {
            "StartingPosition": self.starting_position,
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.maximum_batching_window,
            "ParallelizationFactor": self.parallelization_factor,
            "DestinationConfig": {
                "OnFailure": {"Destination": self.on_failure} if self.on_failure else {}
            },
            "MaximumRecordAgeInSeconds": self.maximum_record_age,
            "BisectBatchOnFunctionError": self.bisect_batch_on_function_error,
            "MaximumRetryAttempts": self.maximum_retry_attempts,
            "TumblingWindowInSeconds": self.tumbling_window,
            "FunctionResponseTypes": (
                [REPORT_BATCH_ITEM_FAILURES] if self.report_batch_item_failures else []
            ),
        }
        if self.filters.filters:
            document["FilterCriteria"] = self.filters.document
        if self.starting_position_timestamp is not None:
            document["StartingPositionTimestamp"] = self.starting_position_timestamp
        return document
