"""Mappings, functions and streams that change while records are on their way."""

from __future__ import annotations

import base64
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws, Gate


def fail(event: Any) -> None:
    raise ValueError("bad record")


def enable(aws: Aws, mapping: str) -> None:
    aws.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)


def disable(aws: Aws, mapping: str) -> None:
    aws.lambda_.update_event_source_mapping(UUID=mapping, Enabled=False)


def test_a_disabled_mapping_goes_on_where_it_was(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function())
    aws.put(stream, "a")
    aws.settle()
    disable(aws, mapping)
    aws.put(stream, "b", "c")
    aws.settle()
    assert aws.batches() == [["a"]]
    enable(aws, mapping)
    aws.put(stream, "d")
    aws.settle()
    assert [data for batch in aws.batches() for data in batch] == ["a", "b", "c", "d"]


def test_disabling_ends_the_batch_that_is_being_handled_and_begins_no_other(
    aws: Aws, gate: Gate
) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), BatchSize=1)
    aws.put(stream, "a", "b")
    assert gate.entered.wait(60)
    disable(aws, mapping)
    gate.open()
    aws.settle()
    assert aws.batches() == [["a"]]
    enable(aws, mapping)
    aws.settle()
    assert aws.batches() == [["a"], ["b"]]


def test_a_mapping_enabled_again_during_a_batch_handles_each_record_once(
    aws: Aws, gate: Gate
) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), BatchSize=1)
    aws.put(stream, "a", "b", "c")
    assert gate.entered.wait(60)
    disable(aws, mapping)
    enable(aws, mapping)
    disable(aws, mapping)
    enable(aws, mapping)
    gate.open()
    aws.settle()
    assert aws.batches() == [["a"], ["b"], ["c"]]


def test_nothing_is_pending_while_a_mapping_is_disabled(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream, other = aws.stream(), aws.stream()
    function = aws.function()
    retrying = aws.map(stream, function)
    gathering = aws.map(other, function, MaximumBatchingWindowInSeconds=300)
    aws.put(stream, "a")
    aws.put(other, "b")
    aws.quiesce()
    assert len(aws.cloud._scheduler.pending()) == 2
    disable(aws, retrying)
    disable(aws, gathering)
    assert aws.cloud._scheduler.pending() == []


def test_disabling_a_mapping_whose_batch_fails_meanwhile_leaves_nothing_pending(
    aws: Aws, gate: Gate
) -> None:
    def fail_late(event: Any) -> None:
        gate.wait()
        raise ValueError

    aws.runtime.handler = fail_late
    stream = aws.stream()
    mapping = aws.map(stream, aws.function())
    aws.put(stream, "a")
    assert gate.entered.wait(60)
    disable(aws, mapping)
    gate.open()
    aws.quiesce()
    assert aws.cloud._scheduler.pending() == []


def test_a_retry_waits_for_its_time_after_the_mapping_was_disabled(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream, function = aws.stream(), aws.function()
    mapping = aws.map(stream, function)
    aws.put(stream, "a")
    aws.advance(10)
    tries = len(aws.runtime.calls)
    disable(aws, mapping)
    aws.runtime.handler = lambda event: None
    enable(aws, mapping)
    aws.quiesce()
    assert len(aws.runtime.calls) == tries
    aws.put(stream, "b")
    aws.settle()
    assert aws.batches() == [["a"]] * (tries + 1) + [["b"]]


def test_a_retry_whose_time_has_passed_while_disabled_is_made_at_once(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    mapping = aws.map(stream, aws.function())
    aws.put(stream, "a")
    aws.quiesce()
    disable(aws, mapping)
    aws.advance(3600)
    aws.runtime.handler = lambda event: None
    enable(aws, mapping)
    aws.quiesce()
    assert aws.batches() == [["a"]] * 2


def test_a_larger_batch_size_holds_for_records_that_wait(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), BatchSize=3, MaximumBatchingWindowInSeconds=100)
    aws.put(stream, "a", "b")
    aws.quiesce()
    aws.lambda_.update_event_source_mapping(UUID=mapping, BatchSize=4)
    aws.put(stream, "c")
    aws.quiesce()
    assert aws.batches() == []
    aws.put(stream, "d")
    aws.quiesce()
    assert aws.batches() == [["a", "b", "c", "d"]]


def test_a_smaller_batch_size_completes_the_batch_of_records_that_wait(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), BatchSize=10, MaximumBatchingWindowInSeconds=100)
    aws.put(stream, "a", "b", "c")
    aws.quiesce()
    aws.lambda_.update_event_source_mapping(UUID=mapping, BatchSize=2)
    aws.quiesce()
    assert aws.batches() == [["a", "b"]]
    aws.settle()
    assert aws.batches() == [["a", "b"], ["c"]]


def test_a_shorter_window_holds_for_records_that_wait(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), MaximumBatchingWindowInSeconds=300)
    began = aws.now()
    aws.put(stream, "a")
    aws.quiesce()
    aws.lambda_.update_event_source_mapping(UUID=mapping, MaximumBatchingWindowInSeconds=10)
    aws.settle()
    assert aws.batches() == [["a"]]
    assert round(aws.runtime.calls[0].moment - began) == 10
    assert aws.cloud._scheduler.pending() == []


def test_a_batch_that_fails_keeps_its_size_when_the_mapping_changes(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), BatchSize=3)
    aws.put(stream, "a", "b", "c", "d")
    aws.quiesce()
    aws.lambda_.update_event_source_mapping(UUID=mapping, BatchSize=1, MaximumRetryAttempts=2)
    aws.settle()
    assert aws.batches() == [["a", "b", "c"]] * 3 + [["d"]] * 3


def test_a_mapping_deleted_mid_retry_tries_no_more(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    mapping = aws.map(stream, aws.function())
    aws.put(stream, "a")
    aws.quiesce()
    aws.lambda_.delete_event_source_mapping(UUID=mapping)
    assert aws.cloud._scheduler.pending() == []
    aws.put(stream, "b")
    aws.settle()
    assert aws.batches() == [["a"]]


def test_a_mapping_deleted_during_a_batch_that_fails_tries_no_more(aws: Aws, gate: Gate) -> None:
    def fail_late(event: Any) -> None:
        gate.wait()
        raise ValueError

    aws.runtime.handler = fail_late
    stream = aws.stream()
    mapping = aws.map(stream, aws.function())
    aws.put(stream, "a")
    assert gate.entered.wait(60)
    aws.lambda_.delete_event_source_mapping(UUID=mapping)
    gate.open()
    aws.settle()
    assert aws.batches() == [["a"]]


def test_a_new_mapping_begins_anew(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    mapping = aws.map(stream, function)
    aws.put(stream, "a")
    aws.settle()
    aws.lambda_.delete_event_source_mapping(UUID=mapping)
    aws.map(stream, function)
    aws.settle()
    assert aws.batches() == [["a"], ["a"]]


def test_a_mapping_whose_stream_was_deleted_says_so(aws: Aws, gate: Gate) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    stream = aws.stream()
    mapping = aws.map(stream, aws.function())
    aws.put(stream, "a")
    assert gate.entered.wait(60)
    aws.kinesis.delete_stream(StreamName=stream)
    gate.open()
    aws.settle()
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert shown["State"] == "Disabled"
    assert shown["LastProcessingResult"] == f"PROBLEM: Stream not found: {aws.arn(stream)}"
    assert aws.batches() == [["a"]]


def test_a_deleted_stream_stops_the_retries_of_its_records(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    aws.map(stream, aws.function())
    aws.put(stream, "a")
    aws.quiesce()
    aws.kinesis.delete_stream(StreamName=stream)
    aws.settle()
    assert aws.cloud._scheduler.pending() == []


def test_a_mapping_goes_on_with_the_function_that_has_its_name_again(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    aws.map(stream, function)
    aws.lambda_.delete_function(FunctionName=function)
    aws.put(stream, "a")
    aws.quiesce()
    assert aws.batches() == []
    aws.function(FunctionName=function)
    aws.settle()
    assert aws.batches() == [["a"]]


def test_events_name_the_role_that_the_function_has_by_now(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    aws.map(stream, function)
    role = "arn:aws:iam::123456789012:role/another"
    aws.lambda_.update_function_configuration(FunctionName=function, Role=role)
    aws.put(stream, "a")
    aws.settle()
    assert aws.runtime.calls[0].event["Records"][0]["invokeIdentityArn"] == role


def test_whatever_happens_to_a_mapping_each_record_is_delivered_once_and_in_order(
    aws: Aws,
) -> None:
    """Three threads put, two turn the mapping off and on, one changes its batch size."""
    stream = aws.stream(shard_count=3)
    mapping = aws.map(stream, aws.function(), BatchSize=3)
    keys = aws.keys(stream)
    done = threading.Event()

    def put(key: str) -> None:
        for number in range(40):
            aws.put(stream, str(number), key=key)

    def toggle() -> None:
        while not done.is_set():
            disable(aws, mapping)
            enable(aws, mapping)

    def resize() -> None:
        sizes = iter(range(10**6))
        while not done.is_set():
            aws.lambda_.update_event_source_mapping(UUID=mapping, BatchSize=next(sizes) % 7 + 1)

    putting = [threading.Thread(target=put, args=(key,)) for key in keys]
    changing = [threading.Thread(target=target) for target in (toggle, toggle, resize)]
    for thread in (*putting, *changing):
        thread.start()
    for thread in putting:
        thread.join()
    done.set()
    for thread in changing:
        thread.join()
    enable(aws, mapping)
    aws.settle()
    got: dict[str, list[int]] = defaultdict(list)
    for call in aws.runtime.calls:
        for record in call.event["Records"]:
            data = base64.b64decode(record["kinesis"]["data"])
            got[record["kinesis"]["partitionKey"]].append(int(data))
    assert got == {key: list(range(40)) for key in keys}
