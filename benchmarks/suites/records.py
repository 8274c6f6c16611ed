"""Many records through one event source mapping: each once, in order per shard."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from slstest.environment import Environment

RECORD_READER = Path(__file__).parent / "record_reader"
BATCH_SIZE = 100


def test_every_record_is_delivered_once_and_in_order(
    sls: Environment, number: int, pytestconfig: pytest.Config
) -> None:
    count: int = pytestconfig.getoption("records")
    stream = sls.stream(shard_count=4)
    reader = sls.function(RECORD_READER, timeout=30)
    reader.triggered_by(stream, batch_size=BATCH_SIZE)

    began = time.monotonic()
    put = stream.put(*({"number": number} for number in range(count)))
    sls.settle()
    ended = time.monotonic()

    sent: defaultdict[str, list[int]] = defaultdict(list)
    delivered: defaultdict[str, list[int]] = defaultdict(list)
    for record in put:
        sent[record.shard_id].append(record.data["number"])
    for invocation in reader.invocations:
        delivered[invocation.response["shard"]] += invocation.response["numbers"]
        assert len(invocation.response["numbers"]) <= BATCH_SIZE
    assert len(sent) == 4
    assert delivered == sent

    figures: Path = pytestconfig.getoption("measurements") / f"records-{number}.json"
    figures.write_text(json.dumps(ended - began), encoding="utf-8")
