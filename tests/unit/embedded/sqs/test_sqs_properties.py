"""Whatever happens while messages flow, none is lost, and none of a group is out of order."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.event_sources.sqs_settings import QueueSettings

if TYPE_CHECKING:
    from tests.unit.embedded.sqs.conftest import World

RECEIPTS = 3


@dataclass(frozen=True)
class Send:
    group: str
    failures: int
    """How often the function fails on it before it succeeds."""


@dataclass(frozen=True)
class Change:
    batch_size: int
    enabled: bool


@dataclass(frozen=True)
class Wait:
    seconds: int


STEPS = st.lists(
    st.one_of(
        st.builds(Send, st.sampled_from("abc"), st.integers(0, RECEIPTS + 1)),
        st.builds(Change, st.integers(1, 4), st.booleans()),
        st.builds(Wait, st.integers(1, 40)),
    ),
    max_size=25,
)


class Function:
    """Fails as often as each message says, in one of the ways in which functions do."""

    def __init__(self, way: str) -> None:
        self.way = way
        self.left: dict[str, int] = {}
        self.processed: list[str] = []
        self.throttles = 0
        self._lock = threading.Lock()

    def __call__(self, records: list[dict[str, Any]]) -> Any:
        with self._lock:
            if self.way == "throttle":
                self.throttles += 1
                if self.throttles % 3 == 0:
                    raise Throttled
            for position, record in enumerate(records):
                if self.left[record["body"]] > 0:
                    return self._fail(records, position)
            self.processed += [record["body"] for record in records]
            return None

    def _fail(self, records: list[dict[str, Any]], position: int) -> Any:
        """Stop at the first failure, as AWS asks of functions that read FIFO queues."""
        self.left[records[position]["body"]] -= 1
        if self.way != "report":
            raise ValueError("broken")
        self.processed += [record["body"] for record in records[:position]]
        unprocessed = [record["messageId"] for record in records[position:]]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in unprocessed]}


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS, fifo=st.booleans(), way=st.sampled_from(["raise", "report", "throttle"]))
def test_every_message_is_processed_once_or_becomes_a_dead_letter(
    world: World, steps: list[Send | Change | Wait], fifo: bool, way: str
) -> None:
    world.forget()
    queue, dead = world.redriven(RECEIPTS, fifo=fifo)
    function = Function(way)
    poller = world.poll(queue, function, report_batch_item_failures=way == "report")
    for number, step in enumerate(steps):
        if isinstance(step, Send):
            body = f"{step.group}{number:02d}"
            function.left[body] = step.failures
            world.send(queue, body, group=step.group)
        elif isinstance(step, Wait):
            world.advance(step.seconds)
        else:
            poller.update(
                QueueSettings(
                    batch_size=step.batch_size, report_batch_item_failures=way == "report"
                )
            )
            poller.enable() if step.enabled else poller.disable()
    poller.enable()
    world.settle()

    dead_letters = [message["Body"] for message in world.queues.browse(world.arn(dead))]
    assert world.counts(queue) == (0, 0, 0)
    assert Counter(function.processed + dead_letters) == Counter(list(function.left))
    if fifo:
        for group in "abc":
            order = [body for body in function.processed if body[0] == group]
            assert order == sorted(order)
