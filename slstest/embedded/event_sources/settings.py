"""The settings of an event source mapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


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
    report_batch_item_failures: bool = False

    transition_reason: ClassVar[str] = "User action"
    tells_last_result: ClassVar[bool] = True

    def document(self) -> dict[str, Any]:
        """The fields of EventSourceMappingConfiguration that AWS gives for a stream."""
        document: dict[str, Any] = {
            "StartingPosition": self.starting_position,
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.maximum_batching_window,
            "ParallelizationFactor": 1,
            "DestinationConfig": {"OnFailure": {}},
            "MaximumRecordAgeInSeconds": self.maximum_record_age,
            "BisectBatchOnFunctionError": False,
            "MaximumRetryAttempts": self.maximum_retry_attempts,
            "TumblingWindowInSeconds": 0,
            "FunctionResponseTypes": [],
        }
        if self.starting_position_timestamp is not None:
            document["StartingPositionTimestamp"] = self.starting_position_timestamp
        return document


@dataclass(frozen=True)
class BatchFailure:
    """Why a batch was not processed."""

    error: str
    """Its type, or what else there is to say of it."""
    invoked: bool
    """False where the function could not even be invoked, which uses up no retry:
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
