"""SQS as an event source: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""

from __future__ import annotations

import base64
import json
import threading
from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest

from slstest.embedded.event_sources.base import NotInvoked, Throttled
from slstest.embedded.event_sources.filters import parse
from slstest.embedded.event_sources.messages import PAYLOAD_LIMIT
from slstest.embedded.event_sources.queue_source import QueueSource
from slstest.embedded.event_sources.sqs_settings import QueueSettings
from slstest.embedded.lambda_service.errors import LambdaApiError
from slstest.errors import NotSettled

if TYPE_CHECKING:
    from tests.unit.embedded.sqs.conftest import World

TIMEOUT = 60.0


def fail(records: Any) -> None:
    raise ValueError("broken")


def fails_on(*poison: str) -> Any:
    def handler(records: Any) -> None:
        if any(record["body"] in poison for record in records):
            raise ValueError("poison")

    return handler


def report(*poison: str) -> Any:
    """A handler that reports these bodies as failed."""

    def handler(records: Any) -> Any:
        failed = [record["messageId"] for record in records if record["body"] in poison]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    return handler


def filters(*patterns: Any) -> Any:
    return parse({"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]})


# -- success and failure ----------------------------------------------------------------------


def test_a_message_is_deleted_after_a_success(world: World) -> None:
    queue = world.queue()
    poller = world.poll(queue)
    world.send(queue, "a", "b")
    world.settle()
    assert world.batches == [["a", "b"]]
    assert world.counts(queue) == (0, 0, 0)
    assert poller.last_result == "OK"


def test_messages_sent_before_the_mapping_are_delivered(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a")
    world.poll(queue)
    world.settle()
    assert world.batches == [["a"]]


def test_nothing_is_deleted_after_an_error_and_the_visibility_timeout_is_the_retry(
    world: World,
) -> None:
    queue = world.queue(VisibilityTimeout=45)
    poller = world.poll(queue, fail)
    world.send(queue, "a", "b")
    world.quiesce()
    assert world.batches == [["a", "b"]]
    assert world.counts(queue) == (0, 2, 0)
    assert poller.last_result == "PROBLEM: Function call failed (ValueError)"
    world.advance(44)
    assert len(world.batches) == 1
    world.advance(1)
    assert world.batches == [["a", "b"], ["a", "b"]]
    assert world.attempts == [1, 2]
    assert world.moments == [0, 45]


def test_the_receive_count_grows_with_each_try(world: World) -> None:
    queue = world.queue()

    def until_third(records: Any) -> None:
        if records[0]["attributes"]["ApproximateReceiveCount"] != "3":
            raise ValueError("not yet")

    world.poll(queue, until_third)
    world.send(queue, "a")
    world.settle()
    counts = [e["Records"][0]["attributes"]["ApproximateReceiveCount"] for e in world.events]
    assert counts == ["1", "2", "3"]
    assert world.counts(queue) == (0, 0, 0)


def test_a_message_received_too_often_goes_to_the_dead_letter_queue(world: World) -> None:
    queue, dead = world.redriven(2)
    world.poll(queue, fails_on("poison"), batch_size=1)
    world.send(queue, "poison", "good")
    world.settle()
    assert sorted(world.batches) == [["good"], ["poison"], ["poison"]]
    (message,) = world.receive(dead)
    assert message["Body"] == "poison"
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == world.arn(queue)
    assert world.counts(queue) == (0, 0, 0)


def test_a_dead_letter_queue_is_an_event_source_too(world: World) -> None:
    queue, dead = world.redriven(1)
    world.poll(queue, fail)
    world.poll(dead)
    world.send(queue, "a")
    world.settle()
    assert world.batches == [["a"], ["a"]]
    source = world.events[1]["Records"][0]["attributes"]["DeadLetterQueueSourceArn"]
    assert source == world.arn(queue)


def test_a_message_that_never_succeeds_keeps_the_cloud_from_settling(world: World) -> None:
    queue = world.queue()
    world.poll(queue, fail)
    world.send(queue, "a")
    with pytest.raises(NotSettled, match=r"queue queue-0 \(on receipt \d+: Function call failed"):
        world.scheduler.settle(0.2)


def test_a_function_that_cannot_be_invoked_leaves_the_messages(world: World) -> None:
    queue = world.queue()

    def gone(records: Any) -> None:
        raise NotInvoked("function x was deleted")

    poller = world.poll(queue, gone)
    world.send(queue, "a")
    world.quiesce()
    assert poller.last_result == "PROBLEM: function x was deleted"
    assert world.counts(queue) == (0, 1, 0)


# -- batches ----------------------------------------------------------------------------------


def test_ten_messages_make_a_batch_by_default(world: World) -> None:
    queue = world.queue()
    world.send(queue, *map(str, range(12)))
    world.poll(queue)
    world.settle()
    assert sorted(len(batch) for batch in world.batches) == [2, 10]


def test_a_batch_has_at_most_the_batch_size(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a", "b", "c")
    world.poll(queue, batch_size=2)
    world.settle()
    assert sorted(world.batches) == [["a", "b"], ["c"]]


def test_a_batch_may_be_larger_than_a_request(world: World) -> None:
    queue = world.queue()
    world.send(queue, *map(str, range(25)))
    world.poll(queue, batch_size=25, maximum_batching_window=60)
    world.settle()
    assert world.batches == [[str(number) for number in range(25)]]
    assert world.now() == 0


def test_a_batching_window_gathers_messages(world: World) -> None:
    queue = world.queue(VisibilityTimeout=600)
    world.poll(queue, maximum_batching_window=60)
    world.send(queue, "a")
    world.advance(59)
    world.send(queue, "b")
    world.quiesce()
    assert world.batches == []
    world.settle()
    assert world.batches == [["a", "b"]]
    assert world.moments == [60]


def test_a_full_batch_ends_its_window(world: World) -> None:
    queue = world.queue()
    world.poll(queue, batch_size=2, maximum_batching_window=60)
    world.send(queue, "a", "b")
    world.settle()
    assert (world.batches, world.moments) == ([["a", "b"]], [0])


def test_a_message_whose_timeout_ends_before_the_window_is_not_delivered_twice(
    world: World,
) -> None:
    queue = world.queue(VisibilityTimeout=20)
    world.poll(queue, maximum_batching_window=50)
    world.send(queue, "a")
    world.settle()
    assert world.batches == [["a"]]
    assert world.attempts == [3]


def test_an_event_has_at_most_six_megabytes(world: World) -> None:
    queue = world.queue()
    large = "x" * 1_000_000
    for number in range(8):
        world.send(queue, f"{number}{large}")
    world.poll(queue)
    world.settle()
    assert sorted(len(batch) for batch in world.batches) == [2, 6]
    for event in world.events:
        assert len(json.dumps(event, separators=(",", ":"))) <= PAYLOAD_LIMIT + 14


@pytest.mark.parametrize(("maximum_concurrency", "most"), [(None, 5), (1000, 5), (2, 2)])
def test_as_many_batches_are_handled_at_once_as_maximum_concurrency_says_and_five_at_most(
    world: World, maximum_concurrency: int | None, most: int
) -> None:
    queue = world.queue()
    begun: Queue[str] = Queue()
    release = threading.Event()

    def handler(records: Any) -> None:
        begun.put(records[0]["body"])
        release.wait(TIMEOUT)

    world.send(queue, *map(str, range(10)))
    world.poll(queue, handler, batch_size=1, maximum_concurrency=maximum_concurrency)
    for _ in range(most):
        begun.get(timeout=TIMEOUT)
    while any(what.startswith("messages") for what in world.scheduler.pending()):
        continue
    assert world.counts(queue) == (10 - most, most, 0)
    release.set()
    world.settle()
    assert len(world.batches) == 10


# -- partial batch responses ------------------------------------------------------------------


def test_only_the_messages_that_a_response_reports_return(world: World) -> None:
    queue = world.queue()
    poller = world.poll(queue, report("b"), report_batch_item_failures=True)
    world.send(queue, "a", "b", "c")
    world.quiesce()
    assert world.counts(queue) == (0, 1, 0)
    assert poller.last_result == "PROBLEM: 1 of 3 messages failed"
    world.advance(30)
    assert world.batches == [["a", "b", "c"], ["b"]]


def test_a_response_means_nothing_unless_the_mapping_asks_for_it(world: World) -> None:
    queue = world.queue()
    world.poll(queue, report("b"))
    world.send(queue, "a", "b")
    world.settle()
    assert world.batches == [["a", "b"]]
    assert world.counts(queue) == (0, 0, 0)


def test_a_response_with_an_unknown_message_fails_the_whole_batch(world: World) -> None:
    queue, dead = world.redriven(1)
    world.poll(
        queue,
        lambda records: {"batchItemFailures": [{"itemIdentifier": "nobody"}]},
        report_batch_item_failures=True,
    )
    world.send(queue, "a", "b")
    world.settle()
    assert sorted(world.bodies(dead)) == ["a", "b"]


def test_an_error_fails_the_whole_batch_with_partial_responses_too(world: World) -> None:
    queue, dead = world.redriven(1)
    world.poll(queue, fail, report_batch_item_failures=True)
    world.send(queue, "a", "b")
    world.settle()
    assert sorted(world.bodies(dead)) == ["a", "b"]


# -- FIFO -------------------------------------------------------------------------------------


def test_a_group_has_one_batch_in_flight(world: World) -> None:
    queue = world.queue(fifo=True)
    other_group_done = threading.Event()
    begun_meanwhile: list[list[str]] = []

    def handler(records: Any) -> None:
        if records[0]["body"] == "b3":
            other_group_done.set()
        if records[0]["body"] == "a1":
            other_group_done.wait(TIMEOUT)
            begun_meanwhile.extend(world.batches)

    world.send(queue, "a1", "a2", "a3", group="a")
    world.send(queue, "b1", "b2", "b3", group="b")
    world.poll(queue, handler, batch_size=1)
    world.settle()
    assert sorted(begun_meanwhile) == [["a1"], ["b1"], ["b2"], ["b3"]]
    for group in ("a", "b"):
        delivered = [batch for batch in world.batches if batch[0].startswith(group)]
        assert delivered == [[f"{group}1"], [f"{group}2"], [f"{group}3"]]


def test_groups_are_handled_in_parallel(world: World) -> None:
    queue = world.queue(fifo=True)
    together = threading.Barrier(3)
    for group in "abc":
        world.send(queue, group, group=group)
    world.poll(queue, lambda records: together.wait(30) and None, batch_size=1)
    world.settle()
    assert sorted(world.batches) == [["a"], ["b"], ["c"]]


def test_a_batch_may_hold_several_groups_each_in_order(world: World) -> None:
    queue = world.queue(fifo=True)
    for number in (1, 2):
        for group in "ab":
            world.send(queue, f"{group}{number}", group=group)
    world.poll(queue)
    world.settle()
    assert world.batches == [["a1", "a2", "b1", "b2"]]


def test_a_failed_batch_hides_its_group_until_the_visibility_timeout(world: World) -> None:
    queue = world.queue(fifo=True)
    failed: list[int] = []

    def once(records: Any) -> None:
        if records[0]["body"] == "a1" and not failed:
            failed.append(1)
            raise ValueError("once")

    world.poll(queue, once, batch_size=2)
    world.send(queue, "a1", "a2", group="a")
    world.quiesce()
    world.send(queue, "a3", group="a")
    world.send(queue, "b1", group="b")
    world.settle()
    assert world.batches == [["a1", "a2"], ["b1"], ["a1", "a2"], ["a3"]]
    assert world.moments == [0, 0, 30, 30]


def test_a_partial_response_keeps_the_order_of_what_is_left(world: World) -> None:
    queue = world.queue(fifo=True)
    failed: list[int] = []

    def from_second_on(records: Any) -> Any:
        if failed:
            return None
        failed.append(1)
        ids = [record["messageId"] for record in records[1:]]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}

    world.poll(queue, from_second_on, report_batch_item_failures=True)
    world.send(queue, "1", "2", "3", group="a")
    world.settle()
    assert world.batches == [["1", "2", "3"], ["2", "3"]]


def test_a_group_goes_on_behind_its_dead_letter(world: World) -> None:
    queue, dead = world.redriven(1, fifo=True)
    world.poll(queue, fails_on("1"), batch_size=1)
    world.send(queue, "1", "2", group="a")
    world.settle()
    assert world.batches == [["1"], ["2"]]
    assert world.bodies(dead) == ["1"]


# -- filters ----------------------------------------------------------------------------------


def test_a_message_that_does_not_match_is_deleted(world: World) -> None:
    queue = world.queue()
    world.poll(queue, filters=filters({"body": {"kind": ["good"]}}))
    world.send(queue, '{"kind": "good"}', '{"kind": "bad"}', "no json")
    world.settle()
    assert world.batches == [['{"kind": "good"}']]
    assert world.counts(queue) == (0, 0, 0)


def test_a_function_is_not_invoked_where_nothing_matches(world: World) -> None:
    queue = world.queue()
    world.poll(queue, filters=filters({"body": ["wanted"]}))
    world.send(queue, "unwanted")
    world.settle()
    assert world.batches == []
    assert world.counts(queue) == (0, 0, 0)


# -- throttling -------------------------------------------------------------------------------


def throttled_until(world: World, moment: float) -> Any:
    def handler(records: Any) -> None:
        if world.now() < moment:
            raise Throttled

    return handler


def test_a_throttled_batch_is_tried_again_without_being_received_again(world: World) -> None:
    queue = world.queue()
    world.poll(queue, throttled_until(world, 5))
    world.send(queue, "a")
    world.settle()
    assert world.moments == [0, 1, 3, 7]
    assert world.attempts == [1, 1, 1, 1]
    assert world.counts(queue) == (0, 0, 0)


def test_a_batch_throttled_beyond_the_visibility_timeout_is_received_again(world: World) -> None:
    queue = world.queue(VisibilityTimeout=10)
    world.poll(queue, throttled_until(world, 10))
    world.send(queue, "a")
    world.settle()
    assert world.moments == [0, 1, 3, 7, 10]
    assert world.attempts == [1, 1, 1, 1, 2]


def test_throttling_uses_up_receipts(world: World) -> None:
    queue, dead = world.redriven(2)
    world.poll(queue, throttled_until(world, 1e6))
    world.send(queue, "a")
    world.settle()
    assert world.bodies(dead) == ["a"]


def test_nothing_else_is_read_while_a_batch_waits_for_concurrency(world: World) -> None:
    queue = world.queue()
    world.poll(queue, throttled_until(world, 1), batch_size=1)
    world.send(queue, "a")
    world.quiesce()
    world.send(queue, "b")
    world.quiesce()
    assert world.counts(queue) == (1, 1, 0)
    world.settle()
    assert world.batches == [["a"], ["a"], ["b"]]


# -- time -------------------------------------------------------------------------------------


def test_a_delayed_message_is_delivered_when_its_delay_is_over(world: World) -> None:
    queue = world.queue(DelaySeconds=90)
    world.poll(queue)
    world.send(queue, "a")
    world.quiesce()
    assert world.batches == []
    world.settle()
    assert (world.batches, world.moments) == ([["a"]], [90])


def test_messages_that_somebody_else_holds_come_when_they_return(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a")
    assert world.bodies(queue) == ["a"]
    world.poll(queue)
    world.settle()
    assert (world.batches, world.moments) == ([["a"]], [30])


def test_nothing_is_waited_for_when_somebody_else_deletes_what_is_hidden(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a")
    (message,) = world.receive(queue)
    world.poll(queue)
    world.quiesce()
    assert world.scheduler.pending() == ["return of hidden messages of queue queue-0 (due in 30 s)"]
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    world.settle()
    assert (world.batches, world.now()) == ([], 0)


def test_an_idle_queue_is_not_polled(world: World) -> None:
    queue = world.queue()
    world.poll(queue)
    world.send(queue, "a")
    world.settle()
    world.requests.clear()
    world.advance(3600)
    assert world.requests == []


def test_where_nobody_tells_of_messages_a_look_finds_them(elsewhere: World) -> None:
    world = elsewhere
    queue = world.queue()
    poller = world.poll(queue)
    world.settle()
    for body in ("a", "b"):
        world.send(queue, body)
        world.settle()
        assert body not in str(world.batches)
        poller.look()
        world.settle()
    assert world.batches == [["a"], ["b"]]


def test_where_nobody_tells_why_a_message_returns_is_known_until_it_is_done(
    elsewhere: World,
) -> None:
    world = elsewhere
    queue = world.queue(VisibilityTimeout=30)
    poison = {"a"}

    def handle(records: list[dict[str, Any]]) -> None:
        if records[0]["body"] in poison:
            raise ValueError

    poller = world.poll(queue, handle, batch_size=1)
    world.send(queue, "a", "b")
    poller.look()
    world.settle()
    assert poller.trouble == " (on receipt 1: Function call failed (ValueError))"
    poison.clear()
    world.advance(30)
    poller.look()
    world.settle()
    assert (sorted(world.batches), poller.trouble) == ([["a"], ["a"], ["b"]], "")


# -- queues that SQS does not know -----------------------------------------------------------


def test_a_queue_elsewhere_is_lost_only_when_it_has_been_unknown_for_some_seconds(
    elsewhere: World,
) -> None:
    world = elsewhere
    queue = world.queue()
    poller = world.poll(queue)
    world.settle()
    world.sqs.delete_queue(QueueUrl=queue)
    for _ in range(2):
        poller.look()
        world.settle()
        assert (poller.unknown, poller.lost) == (True, False)
        world.advance(2)
    world.advance(2)
    poller.look()
    world.settle()
    assert (poller.unknown, poller.lost) == (False, True)
    assert poller.last_result == f"PROBLEM: Queue {world.arn(queue)} was not found"


def test_a_queue_elsewhere_that_becomes_known_is_read(elsewhere: World) -> None:
    world = elsewhere
    poller = world.poll("http://sqs/late")
    world.settle()
    assert poller.unknown
    world.advance(4)
    queue = world.sqs.create_queue(QueueName="late")["QueueUrl"]
    world.send(queue, "a")
    poller.look()
    world.settle()
    assert (world.batches, poller.unknown) == ([["a"]], False)
    world.advance(4)
    world.sqs.delete_queue(QueueUrl=queue)
    poller.look()
    world.settle()
    assert not poller.lost  # it is unknown since now


# -- changes while messages flow --------------------------------------------------------------


def test_a_disabled_mapping_receives_nothing_until_it_is_enabled(world: World) -> None:
    queue = world.queue()
    poller = world.poll(queue, enable=False)
    world.send(queue, "a")
    world.settle()
    assert (world.batches, world.counts(queue)) == ([], (1, 0, 0))
    poller.enable()
    world.settle()
    assert world.batches == [["a"]]


def test_what_a_window_has_gathered_is_delivered_when_the_mapping_is_disabled(
    world: World,
) -> None:
    queue = world.queue()
    poller = world.poll(queue, maximum_batching_window=300)
    world.send(queue, "a")
    world.quiesce()
    poller.disable()
    world.settle()
    assert (world.batches, world.moments) == ([["a"]], [0])
    assert world.scheduler.pending() == []


def test_new_settings_hold_from_the_next_batch(world: World) -> None:
    queue = world.queue()
    poller = world.poll(queue, enable=False)
    world.send(queue, "a", "b", "c", "d")
    poller.update(QueueSettings(batch_size=3))
    poller.enable()
    world.settle()
    assert sorted(world.batches) == [["a", "b", "c"], ["d"]]


def test_a_shorter_window_ends_the_one_that_runs(world: World) -> None:
    queue = world.queue(VisibilityTimeout=600)
    poller = world.poll(queue, maximum_batching_window=300)
    world.send(queue, "a")
    world.advance(10)
    poller.update(QueueSettings(maximum_batching_window=5))
    world.quiesce()
    assert (world.batches, world.moments) == ([["a"]], [10])


def test_a_deleted_queue_ends_the_reading(world: World) -> None:
    queue = world.queue()
    poller = world.poll(queue, fail)
    world.send(queue, "a")
    world.quiesce()
    world.sqs.delete_queue(QueueUrl=queue)
    poller.wake()
    world.settle()
    assert poller.lost
    assert poller.last_result == f"PROBLEM: Queue {world.arn(queue)} was not found"


def test_a_queue_that_does_not_exist_cannot_be_mapped(world: World) -> None:
    source = QueueSource(world.client, world.scheduler, None)
    with pytest.raises(LambdaApiError, match=r"SQS Error Code: AWS\.SimpleQueueService\.NonE"):
        source.check(world.arn("missing"), 3)


# -- the record -------------------------------------------------------------------------------


def test_a_record_has_the_fields_that_aws_sends(world: World) -> None:
    queue = world.queue()
    world.poll(queue)
    sent = world.sqs.send_message(QueueUrl=queue, MessageBody="Test message.")
    world.settle()
    (record,) = world.events[0]["Records"]
    handle = record.pop("receiptHandle")
    assert handle.startswith("AQEB")
    milliseconds = "1700000000000"
    assert record == {
        "messageId": sent["MessageId"],
        "body": "Test message.",
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": milliseconds,
            "SenderId": "AIDAIT2UOQQY3AUEKVGXU",
            "ApproximateFirstReceiveTimestamp": milliseconds,
        },
        "messageAttributes": {},
        "md5OfBody": sent["MD5OfMessageBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": world.arn(queue),
        "awsRegion": "us-east-1",
    }


def test_a_record_of_a_fifo_queue_has_its_group_its_number_and_its_deduplication_id(
    world: World,
) -> None:
    queue = world.queue(fifo=True)
    world.poll(queue)
    sent = world.sqs.send_message(
        QueueUrl=queue, MessageBody="a", MessageGroupId="1", MessageDeduplicationId="once"
    )
    world.settle()
    attributes = world.events[0]["Records"][0]["attributes"]
    assert list(attributes) == [
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SequenceNumber",
        "MessageGroupId",
        "SenderId",
        "MessageDeduplicationId",
        "ApproximateFirstReceiveTimestamp",
    ]
    assert attributes["SequenceNumber"] == sent["SequenceNumber"]
    assert (attributes["MessageGroupId"], attributes["MessageDeduplicationId"]) == ("1", "once")


def test_a_record_has_the_attributes_that_were_sent(world: World) -> None:
    queue = world.queue()
    world.poll(queue)
    world.sqs.send_message(
        QueueUrl=queue,
        MessageBody="a",
        MessageAttributes={
            "Title": {"DataType": "String", "StringValue": "The Whistler"},
            "Author": {"DataType": "String", "StringValue": "John Grisham"},
            "WeeksOn": {"DataType": "Number", "StringValue": "6"},
        },
        MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988"}
        },
    )
    world.sqs.send_message(
        QueueUrl=queue,
        MessageBody="b",
        MessageAttributes={"Raw": {"DataType": "Binary", "BinaryValue": b"\xff\x00"}},
    )
    world.settle()
    first, second = (record for event in world.events for record in event["Records"])
    assert first["messageAttributes"]["WeeksOn"] == {
        "stringValue": "6",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "Number",
    }
    assert first["md5OfMessageAttributes"] == "d25a6aea97eb8f585bfa92d314504a92"
    assert first["attributes"]["AWSTraceHeader"] == "Root=1-5759e988"
    assert second["messageAttributes"] == {
        "Raw": {
            "binaryValue": base64.b64encode(b"\xff\x00").decode(),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": "Binary",
        }
    }
