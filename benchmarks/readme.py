"""The benchmark's place in the README."""

from __future__ import annotations

from pathlib import Path

BEGIN = "<!-- benchmark:begin -->"
END = "<!-- benchmark:end -->"


def write(readme: Path, content: str) -> None:
    """Replace what is between the two marks. Raises ValueError where they are not there."""
    text = readme.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{readme} has no {BEGIN} followed by {END}")
    readme.write_text(f"{before}{BEGIN}\n{content}\n{END}{after}", encoding="utf-8")
