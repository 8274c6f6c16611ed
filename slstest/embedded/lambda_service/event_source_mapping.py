"""One event source mapping, and its document.

https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from slstest.embedded.event_sources.base import Settings


@dataclass
class EventSourceMapping:
    """One mapping of an event source to a function."""

    uuid: str
    arn: str
    function_name: str
    function_arn: str
    role_arn: str
    source_arn: str
    settings: Settings
    enabled: bool
    last_modified: float
    tags: dict[str, str] = field(default_factory=dict)

    def document(self, last_result: str, state: str) -> dict[str, Any]:
        """EventSourceMappingConfiguration."""
        document = {
            "UUID": self.uuid,
            "EventSourceMappingArn": self.arn,
            "EventSourceArn": self.source_arn,
            "FunctionArn": self.function_arn,
            **self.settings.document(),
            "LastModified": self.last_modified,
            "State": state,
            "StateTransitionReason": self.settings.transition_reason,
        }
        if self.settings.tells_last_result:
            document["LastProcessingResult"] = last_result
        return document
