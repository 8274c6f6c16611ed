"""Destinations: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from slstest.embedded.destinations import (
    DEAD_LETTER_QUEUES,
    ON_FAILURE_OF_EVENTS,
    ON_FAILURE_OF_STREAMS,
    ON_SUCCESS_OF_EVENTS,
    Destinations,
    iso_time,
    object_key,
    supports,
)
from slstest.embedded.lambda_service.errors import LambdaApiError
from slstest.embedded.undelivered import UndeliveredNotes

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:watched:$LATEST"

RECORD = {
    "version": "1.0",
    "requestContext": {"functionArn": FUNCTION, "condition": "RetriesExhausted"},
    "requestPayload": {"city": "Bålsta"},
}

Make = Callable[["Aws", str], str]


def make_queue(aws: Aws, name: str) -> str:
    url = aws.cloud.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    answer = aws.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def make_topic(aws: Aws, name: str) -> str:
    return str(aws.cloud.client("sns").create_topic(Name=name)["TopicArn"])


def make_bucket(aws: Aws, name: str) -> str:
    aws.cloud.client("s3").create_bucket(Bucket=name)
    return f"arn:aws:s3:::{name}"


def make_function(aws: Aws, name: str) -> str:
    aws.function(FunctionName=name)
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"


def make_bus(aws: Aws, name: str) -> str:
    return str(aws.cloud.client("events").create_event_bus(Name=name)["EventBusArn"])


MAKE: dict[str, Make] = {
    "sqs": make_queue,
    "sns": make_topic,
    "s3": make_bucket,
    "lambda": make_function,
    "events": make_bus,
}


@pytest.fixture
def undelivered() -> UndeliveredNotes:
    return UndeliveredNotes()


@pytest.fixture
def destinations(aws: Aws, undelivered: UndeliveredNotes) -> Destinations:
    return Destinations(aws.cloud.client, undelivered)


@pytest.fixture
def make(aws: Aws) -> Iterator[Callable[[str], str]]:
    """Makes a destination of a service and returns its ARN."""
    made: list[tuple[str, str]] = []

    def make(service: str) -> str:
        name = aws.name("destination")
        arn = MAKE[service](aws, name)
        made.append((service, arn))
        return arn

    yield make
    for service, arn in made:
        client, name = aws.cloud.client(service), re.split("[:/]", arn)[-1]
        if service == "sqs":
            client.delete_queue(QueueUrl=client.get_queue_url(QueueName=name)["QueueUrl"])
        elif service == "sns":
            client.delete_topic(TopicArn=arn)
        elif service == "s3":
            for each in client.list_objects_v2(Bucket=name).get("Contents", ()):
                client.delete_object(Bucket=name, Key=each["Key"])
            client.delete_bucket(Bucket=name)
        elif service == "events":
            client.delete_event_bus(Name=name)


@pytest.mark.parametrize("service", MAKE)
def test_a_destination_that_exists_passes(
    destinations: Destinations, make: Callable[[str], str], service: str
) -> None:
    destinations.check(make(service))


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:us-east-1:123456789012:missing",
        "arn:aws:sns:us-east-1:123456789012:missing",
        "arn:aws:s3:::missing",
        "arn:aws:s3:::no_bucket/with/a/prefix",
        "arn:aws:lambda:us-east-1:123456789012:function:missing",
        "arn:aws:events:us-east-1:123456789012:event-bus/missing",
        "arn:aws:events:us-west-2:123456789012:event-bus/default",
    ],
)
def test_one_that_does_not_exist_is_invalid(destinations: Destinations, arn: str) -> None:
    with pytest.raises(LambdaApiError) as raised:
        destinations.check(arn)
    assert raised.value.code == "InvalidParameterValueException"
    assert raised.value.message == f"The destination ARN {arn} is invalid."


def test_a_queue_of_another_region_is_not_this_ones(
    destinations: Destinations, make: Callable[[str], str]
) -> None:
    with pytest.raises(LambdaApiError):
        destinations.check(make("sqs").replace("us-east-1", "us-west-2"))


@pytest.mark.parametrize(
    ("services", "kinds"),
    [
        (ON_SUCCESS_OF_EVENTS, {"sqs", "sns", "lambda", "events"}),
        (ON_FAILURE_OF_EVENTS, {"sqs", "sns", "lambda", "events", "s3"}),
        (ON_FAILURE_OF_STREAMS, {"sqs", "sns", "s3"}),
        (DEAD_LETTER_QUEUES, {"sqs", "sns"}),
    ],
)
def test_each_use_has_its_kinds_of_destination(services: frozenset[str], kinds: set[str]) -> None:
    arns = {
        "sqs": "arn:aws:sqs:us-east-1:123456789012:queue",
        "sns": "arn:aws:sns:us-east-1:123456789012:topic",
        "s3": "arn:aws:s3:::bucket",
        "lambda": "arn:aws:lambda:us-east-1:123456789012:function:name",
        "events": "arn:aws:events:us-east-1:123456789012:event-bus/default",
        "iam": "arn:aws:iam::123456789012:role/name",
    }
    assert {kind for kind, arn in arns.items() if supports(services, arn)} == kinds


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sqs:us-east-1:123456789012:queue.fifo",
        "arn:aws:sns:us-east-1:123456789012:topic.fifo",
        "arn:aws:sns:us-east-1:123456789012:topic:0e0e0e0e-subscription",
        "arn:aws:lambda:us-east-1:123456789012:layer:name",
        "arn:aws:events:us-east-1:123456789012:rule/name",
        "arn:aws:s3:::",
        "arn:aws:sqs:us-east-1",
        "kafka://topic",
    ],
)
def test_what_is_no_destination_is_not_supported(arn: str) -> None:
    assert not supports(ON_FAILURE_OF_EVENTS, arn)


def test_a_queue_gets_the_record_as_its_message(
    aws: Aws,
    destinations: Destinations,
    undelivered: UndeliveredNotes,
    make: Callable[[str], str],
) -> None:
    arn = make("sqs")
    destinations.send(arn, RECORD)
    (message,) = aws.cloud.browse_queue(arn)
    assert json.loads(message["Body"]) == RECORD
    assert undelivered.notes() == ()


def test_a_bucket_gets_the_record_as_an_object(
    aws: Aws, destinations: Destinations, make: Callable[[str], str]
) -> None:
    arn = make("s3")
    destinations.send(arn, RECORD, object_key="aws/lambda/async/watched/record")
    bucket = arn.rpartition(":")[2]
    found = aws.cloud.client("s3").get_object(Bucket=bucket, Key="aws/lambda/async/watched/record")
    assert json.loads(found["Body"].read()) == RECORD


def test_a_function_gets_the_record_as_its_event(
    aws: Aws, destinations: Destinations, make: Callable[[str], str]
) -> None:
    destinations.send(make("lambda"), RECORD)
    aws.settle()
    assert [call.event for call in aws.runtime.calls] == [RECORD]


def test_a_topic_gets_the_record_as_its_message(
    aws: Aws, destinations: Destinations, make: Callable[[str], str]
) -> None:
    topic, queue = make("sns"), make("sqs")
    sqs = aws.cloud.client("sqs")
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": queue}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})}
    )
    aws.cloud.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue,
        Attributes={"RawMessageDelivery": "true"},
    )
    destinations.send(topic, RECORD)
    aws.quiesce()
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"]) == RECORD


@pytest.mark.parametrize(
    ("condition", "result"),
    [("Success", "Success"), ("RetriesExhausted", "Failure"), ("EventAgeExceeded", "Failure")],
)
def test_an_event_bus_gets_the_record_as_the_detail_of_an_event(
    aws: Aws,
    destinations: Destinations,
    make: Callable[[str], str],
    condition: str,
    result: str,
) -> None:
    events, bus, watcher = aws.cloud.client("events"), make("events"), make("sqs")
    rule = {"EventBusName": bus.rpartition("/")[2], "Rule": "all"}
    events.put_rule(Name="all", EventBusName=bus, EventPattern='{"account": ["123456789012"]}')
    events.put_targets(**rule, Targets=[{"Id": "watcher", "Arn": watcher}])
    context = {"functionArn": FUNCTION, "condition": condition}
    destinations.send(bus, {"requestContext": context})
    (message,) = aws.cloud.browse_queue(watcher)
    events.remove_targets(**rule, Ids=["watcher"])
    event = json.loads(message["Body"])
    assert event["source"] == "lambda"
    assert event["detail-type"] == f"Lambda Function Invocation Result - {result}"
    assert event["resources"] == [bus, FUNCTION]
    assert event["detail"] == {"requestContext": context}


@pytest.mark.parametrize(
    ("arn", "error"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:gone", "AWS.SimpleQueueService.NonExistentQueue: "),
        ("arn:aws:sns:us-east-1:123456789012:gone", "NotFound: "),
        ("arn:aws:s3:::gone", "NoSuchBucket: "),
        ("arn:aws:lambda:us-east-1:123456789012:function:gone", "ResourceNotFoundException: "),
        ("arn:aws:events:us-east-1:123456789012:event-bus/gone", "ResourceNotFoundException: "),
    ],
)
def test_what_is_not_taken_is_dropped_and_told(
    destinations: Destinations, undelivered: UndeliveredNotes, arn: str, error: str
) -> None:
    destinations.send(arn, RECORD, object_key="key")
    (lost,) = undelivered.notes()
    told = f"{FUNCTION}: {arn} did not take a record (DestinationDeliveryFailures): {error}"
    assert lost.startswith(told)


def test_a_record_that_is_larger_than_a_message_is_dropped(
    aws: Aws,
    destinations: Destinations,
    undelivered: UndeliveredNotes,
    make: Callable[[str], str],
) -> None:
    arn = make("sqs")
    destinations.send(arn, {**RECORD, "requestPayload": "x" * 1_048_576})
    assert aws.cloud.browse_queue(arn) == []
    assert len(undelivered.notes()) == 1


def test_a_dead_letter_is_the_event_as_it_was_with_attributes(
    aws: Aws, destinations: Destinations, make: Callable[[str], str]
) -> None:
    arn = make("sqs")
    code = {"DataType": "Number", "StringValue": "200"}
    destinations.send_dead_letter(arn, FUNCTION, '{"page" : 1}', {"ErrorCode": code})
    sqs = aws.cloud.client("sqs")
    (received,) = sqs.receive_message(
        QueueUrl=sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"],
        MessageAttributeNames=["All"],
    )["Messages"]
    assert received["Body"] == '{"page" : 1}'
    assert received["MessageAttributes"] == {"ErrorCode": code}


def test_a_dead_letter_that_is_not_taken_is_told_as_one(
    destinations: Destinations, undelivered: UndeliveredNotes
) -> None:
    arn = "arn:aws:sns:us-east-1:123456789012:gone"
    destinations.send_dead_letter(arn, FUNCTION, "{}", {})
    (lost,) = undelivered.notes()
    told = f"{FUNCTION}: {arn} did not take a dead letter (DeadLetterErrors): NotFound: "
    assert lost.startswith(told)


def test_a_record_in_a_bucket_is_named_by_day_and_at_random() -> None:
    first, second = (object_key("aws/lambda/async/watched", 1573755365.5) for _ in range(2))
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    day = "aws/lambda/async/watched/2019/11/14/2019-11-14T18.16.05-"
    assert re.fullmatch(re.escape(day) + uuid, first)
    assert first != second


def test_moments_are_told_in_milliseconds() -> None:
    assert iso_time(1573755365.568) == "2019-11-14T18:16:05.568Z"


def test_what_was_not_taken_is_told_to_failed_tests(aws: Aws) -> None:
    aws.cloud._host._destinations.send("arn:aws:sns:us-east-1:123456789012:gone", RECORD)
    assert aws.cloud.undelivered() == (
        f"{FUNCTION}: arn:aws:sns:us-east-1:123456789012:gone did not take a record "
        "(DestinationDeliveryFailures): NotFound: Topic does not exist",
    )
