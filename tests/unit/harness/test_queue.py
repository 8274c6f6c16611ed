from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest

from slstest import ConfigurationError, Environment, ExpectationFailed, SlstestError


class Browsable:
    """Stands for a cloud that shows its queues."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)

    def browse_queue(self, queue_arn: str) -> list[dict[str, Any]]:
        return self.messages


@pytest.fixture(autouse=True)
def _short_polls(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reading be quick: only AWS needs long polls to show every message."""
    monkeypatch.setattr(cloud, "endpoint_url", "http://here", raising=False)


def attributes(world: Environment, queue: Any) -> dict[str, str]:
    answer = world.client("sqs").get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])
    found: dict[str, str] = answer["Attributes"]
    return found


def test_attributes_are_taken_in_snake_case(world: Environment) -> None:
    dead = world.queue("dead")
    queue = world.queue(
        visibility_timeout=7,
        redrive_policy={"deadLetterTargetArn": dead.arn, "maxReceiveCount": 3},
        tags={"team": "mine"},
    )
    found = attributes(world, queue)
    assert found["VisibilityTimeout"] == "7"
    assert dead.arn in found["RedrivePolicy"]
    tags = world.client("sqs").list_queue_tags(QueueUrl=queue.url)["Tags"]
    assert tags["team"] == "mine"


def test_a_queue_knows_its_name_its_arn_and_its_url(world: Environment) -> None:
    queue = world.queue("orders")
    assert queue.arn.endswith(f":{queue.name}")
    assert queue.url.endswith(f"/{queue.name}")
    assert world.format("{orders.url}") == queue.url
    assert not queue.fifo


def test_a_fifo_queue_deduplicates_by_content_unless_told_otherwise(world: Environment) -> None:
    queue = world.queue(fifo=True)
    assert queue.fifo
    assert queue.name.endswith(".fifo")
    assert attributes(world, queue)["ContentBasedDeduplication"] == "true"
    other = world.queue(fifo=True, content_based_deduplication=False)
    assert attributes(world, other)["ContentBasedDeduplication"] == "false"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"queue_name": "x"}, "queue_name= cannot be given"),
        ({"fifo_queue": True}, "fifo_queue= cannot be given: write fifo=True"),
        ({"visibility_timout": 5}, "no attribute 'visibility_timout'. Did you mean visibility_t"),
        ({"colour": 5}, "no attribute 'colour'. It takes content_based_deduplication, "),
        ({"redrive_policy": {"maxReceiveCount": 1}}, "CreateQueue was refused"),
    ],
)
def test_what_a_queue_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"sls\.queue\('q'\): .*{problem}"):
        world.queue("q", **arguments)


def test_messages_are_read_back_as_they_were_sent(world: Environment) -> None:
    queue = world.queue()
    sent = queue.send({"order": 1}, "grün", b"bytes", ["a"])
    messages = queue.messages()
    assert [message.body for message in messages] == [{"order": 1}, "grün", "bytes", ["a"]]
    assert [message.raw for message in messages] == ['{"order": 1}', "grün", "bytes", '["a"]']
    assert [message.message_id for message in messages] == [each.message_id for each in sent]


def test_looking_leaves_the_messages_where_they_are(world: Environment) -> None:
    queue = world.queue()
    queue.send("a", "b")
    assert len(queue.messages()) == len(queue.messages()) == 2


def test_a_cloud_that_shows_its_queues_is_asked_first(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Browsable({"Body": '{"n": 1}', "MessageId": "1", "Attributes": {"SenderId": "me"}})
    monkeypatch.setattr(cloud, "browse_queue", shown.browse_queue, raising=False)
    queue = world.queue()
    cloud.calls.clear()
    (message,) = queue.messages()
    assert (message.body, message.attributes) == ({"n": 1}, {"SenderId": "me"})
    assert cloud.calls == []


def test_messages_have_the_attributes_that_were_sent(world: Environment) -> None:
    queue = world.queue()
    kind = {"kind": {"DataType": "String", "StringValue": "order"}}
    queue.send("a", message_attributes=kind)
    (message,) = queue.messages()
    assert message.message_attributes["kind"]["StringValue"] == "order"
    assert message.attributes["SentTimestamp"].isdecimal()


def test_as_few_requests_as_the_limits_allow(world: Environment, cloud: Any) -> None:
    queue = world.queue()
    cloud.calls.clear()
    assert len(queue.send(*map(str, range(21)))) == 21
    assert cloud.calls == ["SendMessageBatch"] * 3
    cloud.calls.clear()
    queue.send(*["x" * 100_000] * 5)
    assert cloud.calls == ["SendMessageBatch"] * 3
    queue.send()
    assert cloud.calls == ["SendMessageBatch"] * 3


def test_a_message_of_a_fifo_queue_has_a_group(world: Environment) -> None:
    queue = world.queue(fifo=True)
    queue.send("a")
    queue.send("b", message_group_id="mine")
    queue.send({"page": "/home"}, message_group_id=lambda body: body["page"])
    groups = {m.raw: m.attributes["MessageGroupId"] for m in queue.messages()}
    assert groups == {"a": "default", "b": "mine", '{"page": "/home"}': "/home"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"queue_url": "x"}, "queue_url= cannot be given: it is this queue"),
        ({"delay": 5}, "SendMessage of SQS has no parameter 'delay'"),
    ],
)
def test_a_parameter_of_send_that_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"queue 'q'\.send: {problem}"):
        world.queue("q").send("a", **arguments)


def test_bytes_that_are_no_text_are_refused(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match=r"send, message 2 of 2: .* no UTF-8"):
        world.queue().send(b"text", b"\xff")


def test_messages_that_are_not_taken_are_told(world: Environment, cloud: Any) -> None:
    queue = world.queue("q")
    failed = {"Id": "1", "Code": "InternalError", "Message": "no", "SenderFault": False}
    cloud.answer("SendMessageBatch", {"Successful": [], "Failed": [failed]})
    with pytest.raises(SlstestError, match=r"1 of 2 messages were not taken: InternalError: no"):
        queue.send("a", "b")


def test_an_expected_message_is_waited_for_and_returned(world: Environment, cloud: Any) -> None:
    queue = world.queue()
    cloud.between_looks.extend([lambda: None, lambda: queue.send({"order": 1, "n": 2})])
    message = queue.expect_message({"order": ANY})
    assert message.body == {"order": 1, "n": 2}
    assert len(queue.messages()) == 1


def test_a_message_that_does_not_come_is_explained(world: Environment) -> None:
    queue = world.queue("q")
    queue.send({"order": 1}, {"page": "/"})
    queue.send("later", delay_seconds=600)
    with pytest.raises(ExpectationFailed) as raised:
        queue.expect_message({"order": 2})
    assert str(raised.value) == (
        "queue 'q' has no message like\n"
        "  {'order': 2}\n"
        "The nearest of 2 messages is\n"
        "  {'order': 1}\n"
        "    order is 1, expected 2\n"
        "Messages that cannot be seen: 1 delayed.\n"
        "Nothing is under way any more that could change this."
    )


def test_an_empty_queue_is_settled_for(world: Environment, cloud: Any) -> None:
    queue = world.queue("q")
    queue.expect_empty()
    assert cloud.settled == [3.0]
    queue.send("left")
    with pytest.raises(ExpectationFailed) as raised:
        queue.expect_empty()
    assert str(raised.value).startswith(
        "queue 'q' was to be empty but has messages: 1 to be received\n  'left'"
    )


def test_a_message_in_flight_is_not_nothing(world: Environment) -> None:
    queue = world.queue()
    queue.send("held")
    world.client("sqs").receive_message(QueueUrl=queue.url)
    with pytest.raises(ExpectationFailed, match="1 in flight"):
        queue.expect_empty()


def test_deleting_a_queue_that_is_gone_is_fine(world: Environment) -> None:
    queue = world.queue()
    world.client("sqs").delete_queue(QueueUrl=queue.url)
    world.close()
