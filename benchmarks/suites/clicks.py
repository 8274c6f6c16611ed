"""The floor's work, as a test: three records through a function into a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slstest.environment import Environment

CLICK_PROCESSOR = Path(__file__).parents[2] / "sample_functions" / "click_processor"


def test_clicks_are_counted(sls: Environment, number: int) -> None:
    clicks = sls.table(key="page")
    stream = sls.stream()
    processor = sls.function(CLICK_PROCESSOR, environment={"CLICKS_TABLE": clicks.name})
    processor.triggered_by(stream)

    stream.put({"page": "/home"}, {"page": "/home"}, {"page": "/cart"})
    sls.settle()

    counts = {item["page"]: item["count"] for item in clicks.items()}
    assert counts == {"/home": 2, "/cart": 1}
