"""The settings of an event source mapping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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


@dataclass(frozen=True)
class BatchFailure:
    """Why a batch was not processed."""

    error: str
    """Its type, or what else there is to say of it."""
    invoked: bool
    """False where the function could not even be invoked, which uses up no retry:
    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html"""
