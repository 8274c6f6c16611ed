"""How a function is invoked asynchronously: its retries, the age of events, its destinations.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-configuring.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, Any]

_RETRY_ATTEMPTS = 2
_EVENT_AGE = 21_600


@dataclass(frozen=True)
class EventInvokeConfig:
    """The settings of one function; None and "" where nothing was set."""

    maximum_retry_attempts: int | None = None
    maximum_event_age: int | None = None
    """Seconds."""
    on_success: str = ""
    on_failure: str = ""
    """ARNs."""
    last_modified: float = 0.0

    @property
    def retry_attempts(self) -> int:
        chosen = self.maximum_retry_attempts
        return _RETRY_ATTEMPTS if chosen is None else chosen

    @property
    def event_age(self) -> int:
        """Seconds."""
        return self.maximum_event_age or _EVENT_AGE

    def with_parameters(self, params: Parameters, now: float) -> EventInvokeConfig:
        """With the settings that a request gives, and the others as they are."""
        destinations = params.get("DestinationConfig")
        on_success, on_failure = self.on_success, self.on_failure
        if destinations is not None:
            on_success, on_failure = destinations_of(destinations)
        return EventInvokeConfig(
            params.get("MaximumRetryAttempts", self.maximum_retry_attempts),
            params.get("MaximumEventAgeInSeconds", self.maximum_event_age),
            on_success,
            on_failure,
            now,
        )

    def document(self, function_arn: str) -> dict[str, Any]:
        """FunctionEventInvokeConfig."""
        document: dict[str, Any] = {
            "LastModified": self.last_modified,
            "FunctionArn": f"{function_arn}:$LATEST",
            "DestinationConfig": {
                "OnSuccess": {"Destination": self.on_success} if self.on_success else {},
                "OnFailure": {"Destination": self.on_failure} if self.on_failure else {},
            },
        }
        if self.maximum_retry_attempts is not None:
            document["MaximumRetryAttempts"] = self.maximum_retry_attempts
        if self.maximum_event_age is not None:
            document["MaximumEventAgeInSeconds"] = self.maximum_event_age
        return document


def destinations_of(destinations: Parameters) -> tuple[str, str]:
    """The ARNs of OnSuccess and OnFailure; "" where there is none."""
    on_success = destinations.get("OnSuccess", {}).get("Destination", "")
    on_failure = destinations.get("OnFailure", {}).get("Destination", "")
    return on_success, on_failure
