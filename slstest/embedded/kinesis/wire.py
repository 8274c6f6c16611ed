"""What has a form of its own on the wire."""

from __future__ import annotations


class Timestamp(float):
    """A moment: seconds since the epoch."""
