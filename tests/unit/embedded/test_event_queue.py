"""The queue of asynchronous invocations:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from slstest.embedded.lambda_service.event_records import (
    EVENT_AGE_EXCEEDED,
    dead_letter_attributes,
)
from slstest.runtimes.base import InvocationOutcome, InvocationRequest

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws, Gate


def fail(event: Any) -> Any:
    raise ValueError("no such page")


@contextmanager
def occupied(aws: Aws, name: str, gate: Gate) -> Iterator[None]:
    """A function with a reserved concurrency of one is busy in the body."""
    aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    aws.runtime.handlers[name] = lambda event: gate.wait() if event == "wait" else event
    busy = threading.Thread(target=lambda: aws.lambda_.invoke(FunctionName=name, Payload=b'"wait"'))
    busy.start()
    assert gate.entered.wait(60)
    yield
    gate.open()
    busy.join()


@pytest.fixture
def queue(aws: Aws) -> Iterator[str]:
    """The ARN of a queue."""
    sqs = aws.cloud.client("sqs")
    url = sqs.create_queue(QueueName=aws.name("records"))["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    yield attributes["Attributes"]["QueueArn"]
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def records(aws: Aws, queue: str) -> Callable[[], list[Any]]:
    return lambda: [json.loads(each["Body"]) for each in aws.cloud.browse_queue(queue)]


def send(aws: Aws, name: str, *events: Any) -> None:
    for event in events:
        payload = json.dumps(event).encode()
        aws.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=payload)


def configure(aws: Aws, name: str, queue: str, **settings: Any) -> None:
    aws.lambda_.put_function_event_invoke_config(
        FunctionName=name,
        DestinationConfig={"OnFailure": {"Destination": queue}},
        **settings,
    )


def test_a_throttled_event_backs_off_from_one_second_to_five_minutes(aws: Aws, gate: Gate) -> None:
    name = aws.function()
    with occupied(aws, name, gate):
        send(aws, name, "later")
        aws.quiesce()
        delays = []
        for _ in range(11):
            (timer,) = (t for t in aws.cloud._scheduler._timers if not t.cancelled)
            assert timer.what == (
                f"asynchronous invocation of {name}, which was throttled "
                "(ReservedFunctionConcurrentInvocationLimitExceeded)"
            )
            delays.append(round(timer.due - aws.now()))
            aws.advance(timer.due - aws.now())
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    aws.settle()
    assert [call.event for call in aws.runtime.calls] == ["wait", "later"]


def test_an_event_that_is_throttled_until_it_is_too_old_tells_so(
    aws: Aws, gate: Gate, queue: str, records: Callable[[], list[Any]]
) -> None:
    name = aws.function(DeadLetterConfig={"TargetArn": queue})
    configure(aws, name, queue, MaximumEventAgeInSeconds=60)
    with occupied(aws, name, gate):
        send(aws, name, "later")
        aws.settle()
    record, letter = records()
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert record["responseContext"] == {"statusCode": 429}
    assert "responsePayload" not in record
    assert letter == "later"
    attributes = aws.cloud.browse_queue(queue)[1]["MessageAttributes"]
    assert attributes["ErrorCode"]["StringValue"] == "429"
    assert attributes["ErrorMessage"]["StringValue"] == "Rate Exceeded."


def test_an_event_is_kept_for_six_hours(
    aws: Aws, gate: Gate, queue: str, records: Callable[[], list[Any]]
) -> None:
    name = aws.function()
    configure(aws, name, queue)
    with occupied(aws, name, gate):
        send(aws, name, "later")
        aws.advance(21_000)
        assert records() == []
        aws.advance(600)
        assert len(records()) == 1


def test_of_a_function_with_reserved_concurrency_no_more_events_are_read_than_it_can_take(
    aws: Aws,
) -> None:
    name = aws.function()
    aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=2)
    send(aws, name, *range(50))
    aws.quiesce()
    assert sorted(call.event for call in aws.runtime.calls) == list(range(50))
    assert aws.cloud._scheduler.pending() == []


def test_an_event_that_was_not_read_in_time_is_given_up(
    aws: Aws, gate: Gate, queue: str, records: Callable[[], list[Any]]
) -> None:
    name = aws.function()
    configure(aws, name, queue, MaximumEventAgeInSeconds=60)
    aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    aws.runtime.handler = lambda event: gate.wait()
    send(aws, name, "first", "second")
    assert gate.entered.wait(60)
    aws.cloud._scheduler._skip_to(aws.now() + 61)
    gate.open()
    aws.settle()
    assert [call.event for call in aws.runtime.calls] == ["first"]
    (record,) = records()
    assert record["requestPayload"] == "second"
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responseContext" not in record


def test_settings_that_change_hold_for_the_events_that_wait(
    aws: Aws, queue: str, records: Callable[[], list[Any]]
) -> None:
    aws.runtime.handler = fail
    name = aws.function()
    send(aws, name, 1)
    aws.quiesce()
    configure(aws, name, queue, MaximumRetryAttempts=1)
    aws.settle()
    assert len(aws.runtime.calls) == 2
    assert len(records()) == 1


def test_a_retry_without_concurrency_ends_the_event(
    aws: Aws, queue: str, records: Callable[[], list[Any]]
) -> None:
    aws.runtime.handler = fail
    name = aws.function()
    configure(aws, name, queue)
    send(aws, name, 1)
    aws.quiesce()
    aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    aws.settle()
    (record,) = records()
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_a_function_that_was_made_anew_does_not_get_the_events_of_the_old_one(aws: Aws) -> None:
    aws.runtime.handler = fail
    name = aws.function()
    send(aws, name, 1)
    aws.quiesce()
    aws.lambda_.delete_function(FunctionName=name)
    aws.function(FunctionName=name)
    aws.settle()
    assert len(aws.runtime.calls) == 1


def test_a_runtime_that_breaks_holds_up_no_other_event(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = aws.function()
    aws.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
    invoke = type(aws.runtime.environments[0]).invoke

    def break_once(environment: Any, request: InvocationRequest) -> InvocationOutcome:
        if request.payload == b'"first"':
            raise RuntimeError("broken")
        return invoke(environment, request)

    monkeypatch.setattr(type(aws.runtime.environments[0]), "invoke", break_once)
    send(aws, name, "first", "second", "third")
    with pytest.raises(RuntimeError, match="broken"):
        aws.settle()
    aws.settle()
    assert [call.event for call in aws.runtime.calls] == ["second", "third"]


def test_a_dead_letter_of_an_event_that_nobody_tried_has_only_the_request_id() -> None:
    assert dead_letter_attributes("id", EVENT_AGE_EXCEEDED, None) == {
        "RequestID": {"DataType": "String", "StringValue": "id"}
    }


def test_an_empty_error_message_is_no_attribute(aws: Aws, queue: str) -> None:
    def silent(event: Any) -> Any:
        raise ValueError

    aws.runtime.handler = silent
    name = aws.function(DeadLetterConfig={"TargetArn": queue})
    send(aws, name, 1)
    aws.settle()
    (letter,) = aws.cloud.browse_queue(queue)
    assert sorted(letter["MessageAttributes"]) == ["ErrorCode", "RequestID"]
