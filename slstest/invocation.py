"""One finished invocation of a function under test, as a test sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Invocation:
    """What one invocation got and what became of it."""

    request_id: str
    event: Any
    """The decoded payload."""
    response: Any
    """What the handler returned, decoded; None where it failed."""
    error: dict[str, Any] | None
    """Lambda's error document (``errorType``, ``errorMessage``, ...), None on success."""
    logs: list[str] = field(default_factory=list)
    """The lines that CloudWatch Logs got, START, END and REPORT included."""
    duration: float = 0.0
    """Milliseconds in the invoke phase."""
    cold_start: bool = False
    attempt: int = 1
    """1 for the first try of this event, 2 for its first retry, and so on."""
