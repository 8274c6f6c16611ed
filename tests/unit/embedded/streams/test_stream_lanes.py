"""What is handled at once, and what waits for something else.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#kinesis-polling-and-batching
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from slstest.embedded.event_sources.settings import StreamSettings
from slstest.embedded.event_sources.stream_reader import Page

if TYPE_CHECKING:
    from tests.unit.embedded.streams.conftest import Call, World

TIMEOUT = 60.0
KEYS = [f"key-{number}" for number in range(40)]


def fail_on(*bad: str) -> Any:
    def handler(call: Call) -> None:
        if set(bad) & set(call.data):
            raise ValueError("bad")

    return handler


@pytest.mark.parametrize("factor", [1, 4, 10])
def test_a_shard_has_as_many_batches_in_flight_as_the_factor_says(
    world: World, factor: int
) -> None:
    met = threading.Semaphore(0)
    go_on = threading.Event()

    def handler(call: Call) -> None:
        met.release()
        assert go_on.wait(TIMEOUT)

    world.handler = handler
    world.poll(parallelization_factor=factor, batch_size=1)
    for key in KEYS * 3:
        world.put(key, key)
    for _ in range(factor):
        assert met.acquire(timeout=TIMEOUT)
    in_flight = len(world.calls)
    go_on.set()
    world.settle()
    assert in_flight == factor
    assert len(world.calls) == 3 * len(KEYS)


def test_a_batch_that_fails_holds_up_its_own_lane_alone(world: World) -> None:
    world.handler = fail_on("bad")
    world.poll(parallelization_factor=10)
    world.put("A", "bad")
    world.quiesce()
    for key in KEYS:
        world.put(key, f"{key}-behind")
    world.quiesce()
    done = {data for batch in world.batches() for data in batch}
    assert "A-behind" not in done
    assert len(done) > len(KEYS) / 2


def test_looks_that_come_faster_than_the_stream_answers_do_not_keep_it_at_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody tells of records, a poller is told to look again and again."""
    read = world.stream.read
    reads: list[str] = []

    def read_slowly(iterator: str, shard_id: str) -> Page | None:
        reads.append(iterator)
        if len(reads) < 10:
            poller.look()
        return read(iterator, shard_id)

    monkeypatch.setattr(world.stream, "read", read_slowly)
    poller = world.poll(enable=False)
    poller.enable()
    world.settle()
    assert len(reads) == 1


@pytest.mark.parametrize("position", ["TRIM_HORIZON", "LATEST"])
def test_a_look_finds_the_shards_of_a_stream_that_had_none(
    world: World, monkeypatch: pytest.MonkeyPatch, position: str
) -> None:
    """As DynamoDB's may while it is being enabled."""
    shards = world.stream.shards
    monkeypatch.setattr(world.stream, "shards", list)
    poller = world.poll(starting_position=position)
    poller.look()
    world.settle()
    world.stream.put("key", "early")
    monkeypatch.setattr(world.stream, "shards", shards)
    poller.look()
    world.settle()
    assert world.batches() == [["early"]]


def test_a_look_that_finds_no_stream_ends_the_reading(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.stream, "shards", list)
    poller = world.poll()
    monkeypatch.undo()
    world.stream.deleted = True
    poller.look()
    world.settle()
    assert poller.lost


def test_a_look_finds_what_nobody_told_of(world: World) -> None:
    poller = world.poll(parallelization_factor=2)
    world.settle()
    world.stream.put("key", "new")
    poller.look()
    world.settle()
    assert world.batches() == [["new"]]


def test_other_factors_hold_for_what_waits(world: World) -> None:
    """A batch that has failed begins anew."""
    world.handler = fail_on("bad")
    poller = world.poll(parallelization_factor=1, maximum_retry_attempts=5)
    world.put("A", "bad")
    world.quiesce()
    world.put("A", "behind")
    world.put("B", "other")
    poller.update(StreamSettings(parallelization_factor=10, maximum_retry_attempts=1, batch_size=1))
    world.settle()
    assert [call.data for call in world.calls].count(["bad"]) == 1 + 2
    assert ["behind"] in world.batches()
    assert ["other"] in world.batches()


def test_other_factors_wait_for_the_end_of_a_window(world: World) -> None:
    world.handler = lambda call: {"state": call.event.get("state", {})}
    settings = StreamSettings(starting_position="TRIM_HORIZON", tumbling_window=60)
    poller = world.poll(**vars(settings))
    world.put("A", "a")
    world.quiesce()
    poller.update(replace(settings, tumbling_window=0, parallelization_factor=2))
    world.advance(59)
    world.put("B", "b")
    world.quiesce()
    assert "window" in world.calls[-1].event
    world.advance(1)
    world.put("B", "c")
    world.settle()
    assert world.batches() == [["a"], ["b"], [], ["c"]]
    assert "window" not in world.calls[-1].event


# -- shards that are split --------------------------------------------------------------------


def test_the_records_of_a_shard_come_before_those_of_its_children(world: World) -> None:
    world.handler = fail_on("bad")
    world.poll(maximum_retry_attempts=3)
    world.put("A", "bad")
    world.split()
    world.put("A", "child's")
    world.quiesce()
    assert world.batches() == [["bad"]]
    world.settle()
    assert world.batches() == [["bad"]] * 4 + [["child's"]]


def test_a_shard_that_is_split_while_the_mapping_is_disabled_is_read_on(world: World) -> None:
    poller = world.poll()
    poller.disable()
    world.put("A", "parent's")
    world.split()
    world.put("A", "child's")
    poller.enable()
    world.settle()
    assert world.batches() == [["parent's"], ["child's"]]


def test_a_window_ends_with_its_shard(world: World) -> None:
    """And the children begin their own: "Tumbling window aggregations do not support
    resharding"."""
    world.handler = lambda call: {"state": {"n": call.event["state"].get("n", 0) + 1}}
    world.poll(tumbling_window=60)
    world.put("A", "a")
    world.quiesce()
    world.split()
    world.put("A", "b")
    world.quiesce()
    told = [(call.data, call.event["state"], call.event["shardId"][-1]) for call in world.calls]
    assert told == [(["a"], {}, "0"), ([], {"n": 1}, "0"), (["b"], {}, "1")]
    assert world.now() == 0


# -- streams that are gone --------------------------------------------------------------------


def test_a_batch_of_a_stream_that_was_deleted_is_not_tried_again(world: World) -> None:
    world.handler = fail_on("bad")
    poller = world.poll()
    world.put("A", "bad")
    world.quiesce()
    world.stream.deleted = True
    world.settle()
    assert len(world.calls) == 1
    assert poller.lost
    assert poller.last_result == f"PROBLEM: Stream not found: {world.stream.arn}"


def test_an_iterator_that_has_expired_loses_nothing(world: World) -> None:
    world.poll()
    world.put("A", "a")
    world.advance(3600)
    world.put("A", "b")
    world.settle()
    assert world.batches() == [["a"], ["b"]]
