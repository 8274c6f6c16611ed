"""Whatever happens while records flow, each of them ends in one way, and those of a partition
key in their order."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.event_sources.filters import NO_FILTERS, parse
from slstest.embedded.event_sources.settings import StreamSettings

if TYPE_CHECKING:
    from tests.unit.embedded.streams.conftest import Call, World

KEYS = "aAzZ~"
FOREVER = 10**6
DAY = 86_400.0
ERRORS = {
    "raise": ValueError,
    "hang": TimeoutError,
    "exit": ChildProcessError,
    "report": ValueError,  # where the mapping does not ask for reports
}
FILTER = parse({"Filters": [{"Pattern": '{"data": [{"prefix": "wanted"}]}'}]})


@dataclass(frozen=True)
class Put:
    key: str
    way: str
    """How the function fails on it."""
    failures: int
    """How often it does, before it succeeds."""
    wanted: bool
    """Whether it passes the filter, where there is one."""


@dataclass(frozen=True)
class Update:
    settings: StreamSettings


@dataclass(frozen=True)
class Enable:
    enabled: bool


@dataclass(frozen=True)
class Split:
    number: int


@dataclass(frozen=True)
class Wait:
    seconds: float


PUTS = st.builds(
    Put,
    st.sampled_from(KEYS),
    st.sampled_from(["raise", "hang", "exit", "report", "throttle"]),
    st.sampled_from([0, 0, 0, 0, 1, 2, FOREVER]),
    st.booleans(),
)


@st.composite
def stream_settings(draw: st.DrawFn) -> StreamSettings:
    window = draw(st.sampled_from([0, 0, 60]))
    return StreamSettings(
        batch_size=draw(st.integers(1, 6)),
        maximum_batching_window=draw(st.sampled_from([0, 0, 20])),
        starting_position="TRIM_HORIZON",
        maximum_record_age=draw(st.sampled_from([-1, -1, 60])),
        maximum_retry_attempts=draw(st.sampled_from([-1, 0, 1, 3])),
        bisect_batch_on_function_error=draw(st.booleans()),
        parallelization_factor=1 if window else draw(st.sampled_from([1, 2, 3, 10])),
        tumbling_window=window,
        report_batch_item_failures=draw(st.booleans()),
        filters=draw(st.sampled_from([NO_FILTERS, NO_FILTERS, FILTER])),
    )


STEPS = st.lists(
    st.one_of(
        PUTS,
        PUTS,
        PUTS,
        PUTS,
        st.builds(Update, stream_settings()),
        st.builds(Enable, st.booleans()),
        st.builds(Split, st.integers(0, 3)),
        st.builds(Wait, st.sampled_from([1, 7, 30, 70, 400, 90_000])),
    ),
    max_size=25,
)


class Function:
    """Fails on records as often as each says, and in its way. Counts what it processes in its
    windows."""

    def __init__(self, *, reports: bool) -> None:
        self.left: dict[str, int] = {}
        self.ways: dict[str, str] = {}
        self.processed: Counter[str] = Counter()
        self.ended: list[str] = []
        """The data of what was processed or given up, in the order in which it was."""
        self.in_windows = 0
        self.handed_over = 0
        self._reports = reports
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, call: Call) -> Any:
        keys = {record["key"] for record in call.event["Records"]}
        with self._lock:
            assert not keys & self._busy, "a partition key is in two batches at once"
            self._busy |= keys
        try:
            return self._handle(call)
        finally:
            with self._lock:
                self._busy -= keys

    def _handle(self, call: Call) -> Any:
        for position, data in enumerate(call.data):
            if self.left[data] > 0:
                self.left[data] -= 1
                return self._fail(call, position)
        return self._process(call, call.data)

    def _fail(self, call: Call, position: int) -> Any:
        data = call.data[position]
        if self.ways[data] == "throttle":
            raise Throttled
        if self.ways[data] != "report" or not self._reports:
            raise ERRORS[self.ways[data]](data)
        failure = {"itemIdentifier": call.event["Records"][position]["sequenceNumber"]}
        response = self._process(call, call.data[:position])
        return {**response, "batchItemFailures": [failure]}

    def _process(self, call: Call, data: list[str]) -> dict[str, Any]:
        with self._lock:
            self.processed.update(data)
            self.ended += data
            if "window" not in call.event:
                return {}
            self.in_windows += len(data)
            count = call.event["state"].get("n", 0)
            if call.event["isFinalInvokeForWindow"]:
                self.handed_over += count
            return {"state": {"n": count + len(data)}}

    def give_up(self, data: list[str]) -> None:
        with self._lock:
            self.ended += data


@settings(
    max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(beginning=stream_settings(), steps=STEPS, reports=st.booleans(), calm=st.booleans())
def test_every_record_ends_in_one_way_and_in_its_order(
    world: World, beginning: StreamSettings, steps: list[Any], reports: bool, calm: bool
) -> None:
    world.forget()
    function = Function(reports=reports)
    world.handler, world.on_discard = function, function.give_up
    poller = world.poll(**vars(replace(beginning, report_batch_item_failures=reports)))
    arrived: dict[str, float] = {}
    for number, step in enumerate(steps):
        if isinstance(step, Put):
            data = f"{'wanted' if step.wanted else 'other'}-{number:02}"
            function.left[data], function.ways[data] = step.failures, step.way
            arrived[data] = world.scheduler.now()
            world.put(step.key, data)
        elif isinstance(step, Update):
            poller.update(replace(step.settings, report_batch_item_failures=reports))
        elif isinstance(step, Enable):
            poller.enable() if step.enabled else poller.disable()
        elif isinstance(step, Split):
            world.split(step.number)
        else:
            world.advance(step.seconds)
        if calm:
            world.quiesce()
    poller.enable()
    world.settle()

    given_up = [data for _, discarded in world.discarded for data in discarded]
    ends = function.processed + Counter(given_up) + Counter(world.stream.filtered)
    assert not {data: count for data, count in ends.items() if count > 1}
    for data in arrived.keys() - ends.keys():
        assert world.scheduler.now() >= arrived[data] + DAY, f"{data} is lost"
    for key in KEYS:
        order = [each[-2:] for each in function.ended if world.stream.keys[each] == key]
        assert order == sorted(order)
    assert function.handed_over == function.in_windows
    retries = [each.settings.maximum_retry_attempts for each in steps if isinstance(each, Update)]
    retries.append(beginning.maximum_retry_attempts)
    if -1 not in retries:
        assert all(call.attempt <= max(retries) + 1 for call in world.calls)
