"""Answers in pages, with a marker for the next one."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class InvalidMarker(ValueError):
    """A marker that no page was answered with."""


def page(items: Sequence[T], marker: str | None, size: int) -> tuple[Sequence[T], str | None]:
    """One page of ``items``, and the marker of the next page or None."""
    try:
        start = int(base64.urlsafe_b64decode(marker)) if marker else 0
    except ValueError as error:
        raise InvalidMarker(f"Invalid marker: {marker}") from error
    end = start + size
    more = base64.urlsafe_b64encode(str(end).encode()).decode() if end < len(items) else None
    return items[start:end], more
