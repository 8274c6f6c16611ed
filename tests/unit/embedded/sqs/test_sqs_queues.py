"""Queues: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/welcome.html"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.sqs.conftest import World

DAY = 24 * 3600


def code_and_message(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    answer: Any = error.value.response
    return answer["Error"]["Code"], answer["Error"]["Message"]


# -- visibility -------------------------------------------------------------------------------


def test_a_received_message_is_hidden_for_the_visibility_timeout(world: World) -> None:
    queue = world.queue(VisibilityTimeout=10)
    world.send(queue, "a")
    assert world.bodies(queue) == ["a"]
    assert world.bodies(queue) == []
    assert world.counts(queue) == (0, 1, 0)
    world.advance(10)
    assert world.counts(queue) == (1, 0, 0)
    assert world.bodies(queue) == ["a"]


def test_a_message_received_for_no_time_stays_visible_and_is_counted(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a", "b")
    for count in ("1", "2"):
        messages = world.receive(queue, VisibilityTimeout=0)
        assert [message["Body"] for message in messages] == ["a", "b"]
        received = [message["Attributes"]["ApproximateReceiveCount"] for message in messages]
        assert received == [count, count]


def test_the_visibility_of_a_received_message_can_be_changed(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a")
    (message,) = world.receive(queue)
    handle = {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}
    world.sqs.change_message_visibility(**handle, VisibilityTimeout=100)
    world.advance(99)
    assert world.bodies(queue) == []
    world.sqs.change_message_visibility(**handle, VisibilityTimeout=0)
    assert world.bodies(queue) == ["a"]


def test_a_message_cannot_be_hidden_for_more_than_twelve_hours(world: World) -> None:
    queue = world.queue()
    world.send(queue, "a")
    world.advance(2 * DAY)
    (message,) = world.receive(queue)
    handle = {"QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"]}
    world.sqs.change_message_visibility(**handle, VisibilityTimeout=43_200)
    world.advance(1)
    with pytest.raises(ClientError) as raised:
        world.sqs.change_message_visibility(**handle, VisibilityTimeout=43_200)
    assert "beyond the limit [43200 seconds]" in code_and_message(raised)[1]


def test_a_message_that_was_received_again_is_not_deleted_by_the_old_handle(
    world: World,
) -> None:
    queue = world.queue(VisibilityTimeout=1)
    world.send(queue, "a")
    (first,) = world.receive(queue)
    world.advance(1)
    (second,) = world.receive(queue)
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    assert world.counts(queue) == (0, 1, 0)
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    assert world.counts(queue) == (0, 0, 0)


def test_a_handle_that_the_queue_never_gave_out_is_refused(world: World) -> None:
    queue = world.queue()
    with pytest.raises(ClientError) as raised:
        world.sqs.delete_message(QueueUrl=queue, ReceiptHandle="nonsense")
    assert code_and_message(raised)[0] == "ReceiptHandleIsInvalid"
    answer = world.sqs.delete_message_batch(
        QueueUrl=queue, Entries=[{"Id": "1", "ReceiptHandle": "nonsense"}]
    )
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"]) == ("1", "ReceiptHandleIsInvalid")


def test_a_delayed_message_cannot_be_received_before(world: World) -> None:
    queue = world.queue()
    world.send(queue, "late", DelaySeconds=60)
    world.send(queue, "now")
    assert world.bodies(queue) == ["now"]
    assert world.counts(queue) == (0, 1, 1)
    world.advance(60)
    assert "late" in world.bodies(queue)


def test_a_delayed_message_is_under_way_also_where_nothing_reads_the_queue(world: World) -> None:
    queue = world.queue(DelaySeconds=60)
    world.send(queue, "a")
    world.settle()
    assert world.now() == 60
    assert world.bodies(queue) == ["a"]


@pytest.mark.parametrize("moment", [0.0, 0.0004, 0.0005, 0.0009, 0.123456, 0.9999999])
def test_what_a_request_sets_for_a_minute_is_over_a_minute_after_it(
    world: World, moment: float
) -> None:
    queue = world.queue()
    world.advance(moment)
    world.send(queue, "delayed", DelaySeconds=60)
    world.advance(60)
    assert world.bodies(queue) == ["delayed"]
    assert world.scheduler.pending() == []


def test_a_purged_queue_is_empty_and_nothing_is_under_way(world: World) -> None:
    queue = world.queue(DelaySeconds=60)
    world.send(queue, "a")
    world.sqs.purge_queue(QueueUrl=queue)
    assert world.counts(queue) == (0, 0, 0)
    assert world.scheduler.pending() == []


def test_a_message_is_kept_for_the_retention_period(world: World) -> None:
    queue = world.queue(MessageRetentionPeriod=3600)
    world.send(queue, "old")
    world.advance(1800)
    world.send(queue, "young")
    world.advance(1800)
    assert world.counts(queue) == (1, 0, 0)
    assert world.bodies(queue) == ["young"]


def test_changing_one_attribute_keeps_the_others(world: World) -> None:
    queue, dead = world.redriven(3, Policy={"Statement": [{"Sid": "mine"}]})
    world.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "5"})
    attributes = world.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
    assert world.arn(dead) in attributes["Attributes"]["RedrivePolicy"]
    assert "mine" in attributes["Attributes"]["Policy"]
    assert attributes["Attributes"]["VisibilityTimeout"] == "5"


# -- dead letters -----------------------------------------------------------------------------


def test_a_dead_letter_keeps_its_id_its_age_and_its_count(world: World) -> None:
    queue, dead = world.redriven(2, VisibilityTimeout=1)
    world.send(queue, "a")
    for _ in range(2):
        (message,) = world.receive(queue)
        world.advance(1)
    assert world.counts(dead) == (0, 0, 0)
    assert world.bodies(queue) == []
    (moved,) = world.receive(dead)
    assert moved["MessageId"] == message["MessageId"]
    assert moved["Attributes"]["ApproximateReceiveCount"] == "3"
    assert moved["Attributes"]["SentTimestamp"] == message["Attributes"]["SentTimestamp"]
    assert moved["Attributes"]["DeadLetterQueueSourceArn"] == world.arn(queue)


def test_a_dead_letter_of_a_standard_queue_goes_on_ageing(world: World) -> None:
    queue, dead = world.redriven(1, VisibilityTimeout=1)
    world.send(queue, "a")
    world.bodies(queue)
    world.advance(3 * DAY)
    assert world.bodies(queue) == []
    assert world.counts(dead) == (1, 0, 0)
    world.advance(1 * DAY)
    assert world.counts(dead) == (0, 0, 0)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ({"maxReceiveCount": 3}, "mandatory attribute: deadLetterTargetArn"),
        ({"deadLetterTargetArn": "x"}, "mandatory attribute: maxReceiveCount"),
        ({"deadLetterTargetArn": "x", "maxReceiveCount": 0}, "valid values are from 1 to 1000"),
        (
            {
                "deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:none",
                "maxReceiveCount": 3,
            },
            "Dead letter target does not exist.",
        ),
    ],
)
def test_a_redrive_policy_that_cannot_be_is_refused(
    world: World, policy: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError) as raised:
        world.queue(RedrivePolicy=policy)
    code, message = code_and_message(raised)
    assert code == "InvalidParameterValue"
    assert reason in message


def test_a_dead_letter_queue_has_the_type_of_its_source(world: World) -> None:
    dead = world.queue(fifo=True)
    with pytest.raises(ClientError, match="must be same type of queue as the source"):
        world.queue(RedrivePolicy={"deadLetterTargetArn": world.arn(dead), "maxReceiveCount": 1})


def test_a_queue_may_refuse_to_take_dead_letters(world: World) -> None:
    dead = world.queue(RedriveAllowPolicy={"redrivePermission": "denyAll"})
    with pytest.raises(ClientError, match="does not permit the source"):
        world.queue(RedrivePolicy={"deadLetterTargetArn": world.arn(dead), "maxReceiveCount": 1})


# -- FIFO -------------------------------------------------------------------------------------


def test_messages_of_a_group_come_in_order_and_of_one_group_first(world: World) -> None:
    queue = world.queue(fifo=True)
    for body in ("a1", "b1", "a2", "b2"):
        world.send(queue, body, group=body[0])
    assert world.bodies(queue, 3) == ["a1", "a2", "b1"]


def test_a_group_is_blocked_while_one_of_its_messages_is_in_flight(world: World) -> None:
    queue = world.queue(fifo=True)
    world.send(queue, "a1", "a2", group="a")
    world.send(queue, "b1", group="b")
    (first,) = world.receive(queue, 1)
    assert first["Body"] == "a1"
    assert world.bodies(queue) == ["b1"]
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    assert world.bodies(queue) == ["a2"]


def test_a_group_is_blocked_also_while_a_later_message_is_in_flight(world: World) -> None:
    queue = world.queue(fifo=True)
    world.send(queue, "1", "2", group="a")
    first, second = world.receive(queue)
    world.sqs.change_message_visibility(
        QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0
    )
    assert world.bodies(queue) == []
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=second["ReceiptHandle"])
    assert world.bodies(queue) == ["1"]


def test_a_group_comes_back_in_order_after_its_timeout(world: World) -> None:
    queue = world.queue(fifo=True)
    world.send(queue, "1", "2", "3", group="a")
    assert world.bodies(queue, 2) == ["1", "2"]
    world.advance(30)
    assert world.bodies(queue) == ["1", "2", "3"]


def test_a_later_message_of_a_group_does_not_overtake_an_earlier_one(world: World) -> None:
    queue = world.queue(fifo=True)
    world.send(queue, "1", "2", group="a")
    first, second = world.receive(queue)
    for message, timeout in ((first, 60), (second, 10)):
        world.sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=timeout
        )
    world.advance(10)
    assert world.bodies(queue) == []
    world.advance(50)
    assert world.bodies(queue) == ["1", "2"]


def test_a_delay_holds_up_only_what_came_later(world: World) -> None:
    queue = world.queue(fifo=True, DelaySeconds=10)
    world.send(queue, "1", group="a")
    world.advance(6)
    world.send(queue, "2", group="a")
    world.advance(4)
    assert world.bodies(queue) == ["1"]


def test_an_expired_handle_of_a_fifo_queue_deletes_nothing(world: World) -> None:
    queue = world.queue(fifo=True)
    world.send(queue, "1", group="a")
    (message,) = world.receive(queue)
    world.advance(30)
    with pytest.raises(ClientError) as raised:
        world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    code, text = code_and_message(raised)
    assert code == "InvalidParameterValue"
    assert text.endswith("Reason: The receipt handle has expired.")


def test_a_duplicate_within_five_minutes_is_accepted_and_not_delivered(world: World) -> None:
    queue = world.queue(fifo=True)
    params = {"QueueUrl": queue, "MessageGroupId": "a", "MessageDeduplicationId": "once"}
    first = world.sqs.send_message(MessageBody="1", **params)
    (message,) = world.receive(queue)
    world.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    world.advance(299)
    second = world.sqs.send_message(MessageBody="2", **params)
    assert second["MessageId"] == first["MessageId"]
    assert second["SequenceNumber"] == first["SequenceNumber"]
    assert world.bodies(queue) == []
    world.advance(1)
    world.sqs.send_message(MessageBody="3", **params)
    assert world.bodies(queue) == ["3"]


def test_content_tells_duplicates_where_the_queue_is_set_so(world: World) -> None:
    queue = world.queue(fifo=True)
    world.send(queue, "same", "same", "other", group="a")
    assert world.bodies(queue) == ["same", "other"]


def test_duplicates_are_told_within_the_group_where_the_queue_is_set_so(world: World) -> None:
    queue = world.queue(fifo=True, DeduplicationScope="messageGroup")
    world.send(queue, "same", group="a")
    world.send(queue, "same", group="b")
    world.send(queue, "same", group="b")
    assert world.bodies(queue) == ["same", "same"]


def test_sequence_numbers_grow(world: World) -> None:
    queue = world.queue(fifo=True)
    numbers = []
    for body in ("1", "2", "3"):
        answer = world.sqs.send_message(QueueUrl=queue, MessageBody=body, MessageGroupId="a")
        numbers.append(answer["SequenceNumber"])
    assert numbers == sorted(set(numbers))
    received = [m["Attributes"]["SequenceNumber"] for m in world.receive(queue)]
    assert received == numbers
    assert {len(number) for number in numbers} == {20}


def test_a_standard_queue_takes_a_message_group_too(world: World) -> None:
    queue = world.queue()
    world.send(queue, "1", "2", group="tenant")
    messages = world.receive(queue)
    assert [message["Attributes"]["MessageGroupId"] for message in messages] == ["tenant"] * 2


# -- refused requests -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fifo", "params", "code", "message"),
    [
        (False, {"MessageBody": ""}, "MissingParameter", "contain the parameter MessageBody"),
        (False, {"MessageBody": "\x00"}, "InvalidMessageContents", "Invalid characters found"),
        (
            False,
            {"MessageBody": "é" * 600_000},
            "InvalidParameterValue",
            "Message must be shorter than 1048576 bytes.",
        ),
        (
            False,
            {"MessageBody": "x", "DelaySeconds": 901},
            "InvalidParameterValue",
            "DelaySeconds must be >= 0 and <= 900.",
        ),
        (
            False,
            {"MessageBody": "x", "MessageDeduplicationId": "d"},
            "InvalidParameterValue",
            "not valid for this queue type",
        ),
        (True, {"MessageBody": "x"}, "MissingParameter", "contain the parameter MessageGroupId"),
        (
            True,
            {"MessageBody": "x", "MessageGroupId": "g", "DelaySeconds": 5},
            "InvalidParameterValue",
            "not valid for this queue type.",
        ),
    ],
)
def test_a_message_that_a_queue_does_not_take_is_refused(
    world: World, fifo: bool, params: dict[str, Any], code: str, message: str
) -> None:
    queue = world.queue(fifo=fifo)
    with pytest.raises(ClientError) as raised:
        world.sqs.send_message(QueueUrl=queue, **params)
    assert code_and_message(raised)[0] == code
    assert message in code_and_message(raised)[1]


def test_a_fifo_queue_wants_to_know_how_to_tell_duplicates(world: World) -> None:
    queue = world.queue(fifo=True, ContentBasedDeduplication="false")
    with pytest.raises(ClientError, match="ContentBasedDeduplication enabled or"):
        world.sqs.send_message(QueueUrl=queue, MessageBody="x", MessageGroupId="g")


def test_a_wrong_entry_of_a_batch_fails_alone(world: World) -> None:
    queue = world.queue()
    answer = world.sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "good", "MessageBody": "x"},
            {"Id": "bad", "MessageBody": "x", "DelaySeconds": 901},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    (failed,) = answer["Failed"]
    assert (failed["Id"], failed["Code"]) == ("bad", "InvalidParameterValue")
    assert failed["SenderFault"] is True


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        (["1", "1"], "BatchEntryIdsNotDistinct"),
        (["not valid"], "InvalidBatchEntryId"),
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
    ],
)
def test_a_batch_that_breaks_a_rule_fails_as_a_whole(
    world: World, ids: list[str], code: str
) -> None:
    queue = world.queue()
    with pytest.raises(ClientError) as raised:
        world.sqs.send_message_batch(
            QueueUrl=queue, Entries=[{"Id": each, "MessageBody": "x"} for each in ids]
        )
    assert code_and_message(raised)[0] == f"AWS.SimpleQueueService.{code}"
    assert world.counts(queue) == (0, 0, 0)


@pytest.mark.parametrize(
    ("attributes", "code", "message"),
    [
        ({"VisibilityTimeout": "43201"}, "InvalidAttributeValue", "parameter VisibilityTimeout."),
        ({"DelaySeconds": "-1"}, "InvalidAttributeValue", "parameter DelaySeconds."),
        ({"MessageRetentionPeriod": "x"}, "InvalidAttributeValue", "MessageRetentionPeriod."),
        ({"Visibility": "1"}, "InvalidAttributeName", "Unknown Attribute Visibility."),
        (
            {"ContentBasedDeduplication": "true"},
            "InvalidAttributeName",
            "Unknown Attribute ContentBasedDeduplication.",
        ),
        ({"FifoQueue": "true"}, "InvalidParameterValue", "must end with .fifo suffix"),
        ({"RedrivePolicy": "nonsense"}, "InvalidParameterValue", "not in JSON format"),
        ({"RedriveAllowPolicy": "{}"}, "InvalidAttributeValue", "RedriveAllowPolicy."),
    ],
)
def test_attributes_that_cannot_be_are_refused(
    world: World, attributes: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as raised:
        world.queue(**attributes)
    assert code_and_message(raised)[0] == code
    assert message in code_and_message(raised)[1]


def test_creating_a_queue_twice_is_fine_if_it_is_the_same_queue(world: World) -> None:
    create = world.sqs.create_queue
    made = create(QueueName="twice", Attributes={"VisibilityTimeout": "5"})
    again = create(QueueName="twice", Attributes={"VisibilityTimeout": "5"})
    assert again["QueueUrl"] == made["QueueUrl"]
    with pytest.raises(ClientError, match="different value for attribute VisibilityTimeout"):
        create(QueueName="twice", Attributes={"VisibilityTimeout": "6"})


def test_the_url_of_a_queue_is_at_the_clouds_endpoint(world: World) -> None:
    assert world.queue().startswith("http://127.0.0.1:1/123456789012/queue-")


def test_a_message_that_another_service_sends_is_a_message_like_any_other(world: World) -> None:
    queue = world.queue()
    world.poll(queue)
    world.queues.send(world.arn(queue), "news")
    world.settle()
    assert world.batches == [["news"]]


def test_a_template_makes_queues(world: World) -> None:
    from moto.sqs.models import Queue

    dead = world.queue()
    properties = {
        "QueueName": "orders",
        "VisibilityTimeout": 7,
        "RedrivePolicy": {"deadLetterTargetArn": world.arn(dead), "maxReceiveCount": 1},
    }
    Queue.create_from_cloudformation_json(
        "orders", {"Properties": properties}, "123456789012", "us-east-1"
    )
    orders = world.sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    world.send(orders, "a")
    assert world.bodies(orders) == ["a"]
    world.advance(7)
    assert world.bodies(orders) == []
    assert world.bodies(dead) == ["a"]


# -- long polling -----------------------------------------------------------------------------


def test_a_long_poll_takes_its_time_of_the_cloud_and_none_of_the_test(world: World) -> None:
    queue = world.queue()
    assert world.bodies(queue, WaitTimeSeconds=20) == []
    assert world.now() == 20
    assert world.scheduler.pending() == []


def test_a_long_poll_ends_with_the_first_message(world: World) -> None:
    queue = world.queue()
    world.scheduler.call_later(5, "sender", lambda: world.send(queue, "a"))
    assert world.bodies(queue, WaitTimeSeconds=20) == ["a"]
    assert world.now() == 5


def test_a_long_poll_sees_hidden_messages_return(world: World) -> None:
    queue = world.queue(VisibilityTimeout=7)
    world.send(queue, "a")
    world.bodies(queue)
    assert world.bodies(queue, WaitTimeSeconds=20) == ["a"]
    assert world.now() == 7


def test_the_queue_may_say_how_long_a_receive_waits(world: World) -> None:
    queue = world.queue(ReceiveMessageWaitTimeSeconds=3)
    assert world.bodies(queue) == []
    assert world.now() == 3
    assert world.bodies(queue, WaitTimeSeconds=0) == []
    assert world.now() == 3


def test_a_long_poll_of_another_thread_holds_nobody_up(world: World) -> None:
    queue, other = world.queue(), world.queue()
    received: list[str] = []

    def wait() -> None:
        received.extend(world.bodies(queue, WaitTimeSeconds=20))

    thread = threading.Thread(target=wait)
    thread.start()
    while "ReceiveMessage" not in world.requests:
        world.send(other, "busy")
    world.send(queue, "a")
    thread.join(60)
    assert received == ["a"]


def test_a_wait_that_cannot_be_is_refused(world: World) -> None:
    with pytest.raises(ClientError) as raised:
        world.bodies(world.queue(), WaitTimeSeconds=21)
    assert code_and_message(raised)[0] == "InvalidParameterValue"


# -- looking without touching -----------------------------------------------------------------


def test_browsing_shows_what_can_be_received_and_changes_nothing(world: World) -> None:
    queue = world.queue()
    world.send(queue, "held")
    world.receive(queue)
    world.send(queue, "late", DelaySeconds=60)
    world.send(queue, "now")
    for _ in range(2):
        (message,) = world.queues.browse(world.arn(queue))
        assert message["Body"] == "now"
        assert message["Attributes"]["ApproximateReceiveCount"] == "0"
    assert world.queues.browse(world.arn("missing")) == []


def test_moto_has_its_own_queues_back_when_the_cloud_is_closed() -> None:
    from moto.sqs.models import SQSBackend, sqs_backends

    from slstest.embedded.sqs.state import SqsState

    before = sqs_backends.backend
    state = SqsState(lambda: 0.0, lambda: "http://x", None, lambda _: False)  # type: ignore[arg-type]
    assert sqs_backends.backend is not before
    state.close()
    assert sqs_backends.backend is before
    assert issubclass(before, SQSBackend)
