"""What somebody may have meant by a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

_SHORTEST_BEGINNING = 3
"""Letters; fewer begin too many names."""


def near(wrong: str, names: Iterable[str], most: int = 1) -> list[str]:
    """The names that are spelt nearly so, the nearest first; where there are none, those with a
    word that begins so (``delay`` for ``delay_seconds``)."""
    known = sorted(names)
    found = difflib.get_close_matches(wrong, known, n=most)
    if not found and len(wrong) >= _SHORTEST_BEGINNING:
        found = [name for name in known if f"_{wrong}" in f"_{name}"][:most]
    return found


def did_you_mean(
    wrong: str, names: Iterable[str], shown: Callable[[str], str] = str, most: int = 1
) -> str:
    """A question for the end of a refusal, after a blank; empty where no name is near."""
    found = near(wrong, names, most)
    return f" Did you mean {' or '.join(map(shown, found))}?" if found else ""
