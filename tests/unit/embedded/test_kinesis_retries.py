"""What becomes of a batch that fails:
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

DAY = 86_400.0


def fail(event: Any) -> None:
    raise ValueError("bad record")


def fail_on(*bad: str, times: int = 10**6) -> Callable[[Any], None]:
    """A handler that fails so often on batches with these records."""
    left = times

    def handler(event: Any) -> None:
        nonlocal left
        data = {base64.b64decode(each["kinesis"]["data"]).decode() for each in event["Records"]}
        if left and data & set(bad):
            left -= 1
            raise ValueError("bad record")

    return handler


def test_a_failed_batch_is_tried_again_as_it_is_and_holds_up_what_follows(aws: Aws) -> None:
    aws.runtime.handler = fail_on("a", times=2)
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=2)
    aws.put(stream, "a", "b", "c")
    aws.settle()
    assert aws.batches() == [["a", "b"]] * 3 + [["c"]]


def test_retries_back_off_exponentially(aws: Aws) -> None:
    aws.runtime.handler = fail_on("a", times=4)
    stream = aws.stream()
    aws.map(stream, aws.function())
    aws.put(stream, "a")
    aws.settle()
    moments = [call.moment for call in aws.runtime.calls]
    waits = [round(later - earlier) for earlier, later in itertools.pairwise(moments)]
    assert waits == [1, 2, 4, 8]


def test_the_next_batch_begins_with_no_failure(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    aws.runtime.handler = fail_on("a", times=3)
    aws.map(stream, function, MaximumRetryAttempts=3)
    aws.put(stream, "a")
    aws.settle()
    aws.runtime.handler = fail_on("b", times=3)
    aws.put(stream, "b")
    aws.settle()
    assert aws.batches() == [["a"]] * 4 + [["b"]] * 4
    assert [each.attempt for each in aws.cloud.invocations(function)] == [1, 2, 3, 4] * 2


def test_a_failing_shard_holds_up_no_other(aws: Aws) -> None:
    stream = aws.stream(shard_count=2)
    first, second = aws.keys(stream)
    aws.runtime.handler = fail_on("bad")
    aws.map(stream, aws.function())
    aws.put(stream, "bad", key=first)
    aws.quiesce()
    aws.put(stream, "good", key=second)
    aws.put(stream, "behind bad", key=first)
    aws.quiesce()
    assert ["good"] in aws.batches()
    assert ["behind bad"] not in aws.batches()


@pytest.mark.parametrize("retries", [0, 1, 5])
def test_a_batch_is_dropped_when_its_retries_are_used_up(aws: Aws, retries: int) -> None:
    aws.runtime.handler = fail_on("a")
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=1, MaximumRetryAttempts=retries)
    aws.put(stream, "a", "b")
    aws.settle()
    assert aws.batches() == [["a"]] * (1 + retries) + [["b"]]


def test_a_batch_is_tried_until_the_stream_drops_its_records_after_a_day(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    aws.map(stream, aws.function())
    put_at = aws.now()
    aws.put(stream, "a")
    aws.settle()
    assert len(aws.runtime.calls) == 17  # 2 ** 17 seconds are more than a day
    assert put_at + DAY / 2 < aws.runtime.calls[-1].moment < put_at + DAY
    assert round(aws.now() - put_at - DAY) == 0
    aws.runtime.handler = lambda event: None
    aws.put(stream, "b")
    aws.settle()
    assert aws.batches()[-1] == ["b"]


def test_a_stream_that_keeps_records_for_longer_is_tried_for_longer(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    aws.map(stream, aws.function())
    put_at = aws.now()
    aws.put(stream, "a")
    aws.quiesce()
    aws.kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=72)
    aws.settle()
    assert round(aws.now() - put_at - 3 * DAY) == 0


def test_retention_is_looked_up_when_it_matters(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    aws.map(stream, aws.function())
    put_at = aws.now()
    aws.put(stream, "a")
    aws.advance(DAY * 0.9)
    aws.kinesis.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    aws.settle()
    # The last retry was due when the first retention was over; by then there was a longer one.
    assert round(aws.now() - put_at - 2 * DAY) == 0


def test_records_are_dropped_at_the_age_that_the_mapping_sets(aws: Aws) -> None:
    aws.runtime.handler = fail_on("a")
    stream = aws.stream()
    aws.map(stream, aws.function(), MaximumRecordAgeInSeconds=60)
    put_at = aws.now()
    aws.put(stream, "a")
    aws.advance(30)
    aws.put(stream, "b")
    aws.settle()
    # Tried at 0, 1, 3, 7, 15 and 31 seconds; at 60 it is too old.
    assert aws.batches() == [["a"]] * 6 + [["b"]]
    assert round(aws.runtime.calls[-1].moment - put_at) == 60


def test_of_a_batch_only_those_records_are_dropped_that_are_too_old(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "a")
    aws.advance(40)
    aws.put(stream, "b")
    aws.runtime.handler = fail
    aws.map(stream, aws.function(), MaximumRecordAgeInSeconds=60)
    aws.settle()
    # "a" is 60 seconds old 20 seconds after the first try, which is between the retries
    # after 15 and 31 seconds.
    assert aws.batches() == [["a", "b"]] * 5 + [["b"]]


def test_records_that_are_too_old_are_not_even_tried(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "old", "old too")
    aws.advance(61)
    aws.put(stream, "young", "younger")
    aws.map(stream, aws.function(), BatchSize=3, MaximumRecordAgeInSeconds=60)
    aws.settle()
    assert aws.batches() == [["young", "younger"]]


def test_records_that_the_stream_has_dropped_are_not_delivered(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "yesterday")
    aws.advance(DAY)
    aws.put(stream, "today")
    aws.map(stream, aws.function())
    aws.settle()
    assert aws.batches() == [["today"]]


def test_what_grew_too_old_behind_another_batch_is_not_tried(aws: Aws) -> None:
    aws.runtime.handler = lambda event: aws.cloud._scheduler._skip_to(aws.now() + 120)
    stream = aws.stream()
    aws.map(stream, aws.function(), BatchSize=1, MaximumRecordAgeInSeconds=60)
    aws.put(stream, "a", "b")
    aws.settle()
    assert aws.batches() == [["a"]]


def test_a_function_that_cannot_be_invoked_uses_up_no_retry(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    aws.map(stream, function, MaximumRetryAttempts=0)
    aws.lambda_.delete_function(FunctionName=function)
    aws.put(stream, "a")
    aws.quiesce()
    (pending,) = aws.cloud._scheduler.pending()
    assert f"after function {function} was deleted, of a batch of" in pending
    aws.function(FunctionName=function)
    aws.settle()
    assert aws.batches() == [["a"]]


def test_settling_names_a_retry_that_is_due(aws: Aws) -> None:
    aws.runtime.handler = fail
    stream = aws.stream()
    aws.map(stream, aws.function())
    aws.put(stream, "a")
    aws.quiesce()
    (pending,) = aws.cloud._scheduler.pending()
    assert pending.startswith(
        f"retry 1, after ValueError, of a batch of shardId-000000000000 of stream {stream} (due in"
    )
