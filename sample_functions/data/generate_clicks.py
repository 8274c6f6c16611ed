"""Writes the click log ``clicks.jsonl`` that lies beside this script.

    python sample_functions/data/generate_clicks.py

The log is an invented day of a small shop. The seed is fixed, so the script always writes the
same bytes; it is in the repository so that the log can be understood, and changed.
"""

from __future__ import annotations

import json
from bisect import bisect
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from random import Random

LOG = Path(__file__).with_name("clicks.jsonl")
CLICKS = 5200
VISITORS = 240
PAGES = ["/", "/search", "/cart", "/login", "/help", *(f"/product/{n}" for n in range(1, 8))]


def clicks() -> Iterator[dict[str, str]]:
    """The clicks in order of time; the n-th page is visited half as often as the (n/2)-th."""
    random = Random(20240229).random
    popularity = list(accumulate(1 / rank for rank in range(1, len(PAGES) + 1)))
    time = datetime(2024, 2, 29)
    for _ in range(CLICKS):
        time += timedelta(seconds=1 + int(random() * 30))
        yield {
            "time": time.isoformat(timespec="seconds"),
            "visitor": f"v{int(random() * VISITORS):03}",
            "page": PAGES[bisect(popularity, random() * popularity[-1])],
        }


def text() -> str:
    """The whole log."""
    return "".join(json.dumps(click, separators=(",", ":")) + "\n" for click in clicks())


if __name__ == "__main__":
    LOG.write_text(text(), encoding="utf-8")
