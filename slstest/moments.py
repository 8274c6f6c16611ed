"""Moments as AWS and Docker write them."""

from __future__ import annotations

import re
from datetime import datetime, timezone


def moment(text: str) -> float | None:
    """The time (seconds since the epoch) of a text in ISO 8601, in UTC where it does not say;
    None where it is none."""
    # Python 3.10 reads neither a Z nor fractions of other than three or six digits.
    text = re.sub(r"\.(\d+)", lambda fraction: f".{fraction[1][:6]:0<6}", text)
    try:
        found = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=timezone.utc)).timestamp()
