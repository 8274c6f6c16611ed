"""The click log of the samples is what its script writes."""

from __future__ import annotations

import runpy
from pathlib import Path

DATA = Path(__file__).parents[2] / "sample_functions" / "data"


def test_the_committed_click_log_is_what_the_script_writes() -> None:
    script = runpy.run_path(str(DATA / "generate_clicks.py"))
    committed = (DATA / "clicks.jsonl").read_text(encoding="utf-8")

    assert committed == script["text"]()
    assert committed.count("\n") >= 5000
