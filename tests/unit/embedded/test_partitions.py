"""Regions outside the partition ``aws``: every ARN names the partition that the region is in.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.sqs.waiting import LongPolling, QueueWatch

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

ACCOUNT = "123456789012"
PARTITIONS = {
    "cn-north-1": "aws-cn",
    "us-gov-west-1": "aws-us-gov",
}


@pytest.fixture(scope="module", params=PARTITIONS)
def _shared(request: pytest.FixtureRequest, aws_in: Callable[[str], Aws]) -> Iterator[Aws]:
    aws = aws_in(request.param)
    yield aws
    aws.cloud.close()


@pytest.fixture
def aws(_shared: Aws) -> Iterator[Aws]:
    """A cloud in a region of another partition."""
    _shared.runtime.forget()
    _shared.cloud.begin()
    yield _shared
    _shared.clean()


def arn(aws: Aws, service: str, resource: str) -> str:
    region = aws.cloud.region
    return f"arn:{PARTITIONS[region]}:{service}:{region}:{ACCOUNT}:{resource}"


def mapped(aws: Aws, source_arn: str, **params: Any) -> dict[str, Any]:
    """Map a source to a new function; what Lambda answers."""
    answer: dict[str, Any] = aws.lambda_.create_event_source_mapping(
        EventSourceArn=source_arn, FunctionName=aws.function(), **params
    )
    return answer


def records(aws: Aws) -> list[Any]:
    """What the functions got."""
    aws.settle()
    return [record for call in aws.runtime.calls for record in call.event["Records"]]


def permit(aws: Aws, function: str, service: str) -> None:
    aws.lambda_.add_permission(
        FunctionName=function,
        StatementId="sid",
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
    )


def test_a_function_is_known_by_the_arn_of_its_partition_only(aws: Aws) -> None:
    name = aws.function()
    found = aws.lambda_.get_function_configuration(FunctionName=name)["FunctionArn"]
    assert found == arn(aws, "lambda", f"function:{name}")
    assert aws.lambda_.get_function_configuration(FunctionName=found)["FunctionName"] == name
    foreign = found.replace(PARTITIONS[aws.cloud.region], "aws")
    with pytest.raises(ClientError) as error:
        aws.lambda_.get_function_configuration(FunctionName=foreign)
    assert aws.refused(error)[:2] == (404, "ResourceNotFoundException")


def test_an_account_that_may_invoke_is_one_of_the_partition(aws: Aws) -> None:
    answer = aws.lambda_.add_permission(
        FunctionName=aws.function(),
        StatementId="sid",
        Action="lambda:InvokeFunction",
        Principal=ACCOUNT,
    )
    root = f"arn:{PARTITIONS[aws.cloud.region]}:iam::{ACCOUNT}:root"
    assert json.loads(answer["Statement"])["Principal"] == {"AWS": root}


def test_a_stream_and_its_consumer_are_read(aws: Aws) -> None:
    stream = aws.stream()
    described = aws.kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    source = described["StreamARN"]
    assert source == arn(aws, "kinesis", f"stream/{stream}")
    made = aws.kinesis.register_stream_consumer(StreamARN=source, ConsumerName="c")["Consumer"]
    consumer = made["ConsumerARN"]
    answer = mapped(aws, source, StartingPosition="TRIM_HORIZON")
    mapped(aws, consumer, StartingPosition="TRIM_HORIZON")
    prefix = arn(aws, "lambda", "event-source-mapping:")
    assert answer["EventSourceMappingArn"] == prefix + answer["UUID"]
    aws.put(stream, "one")
    assert {each["eventSourceARN"] for each in records(aws)} == {source, consumer}
    with pytest.raises(ClientError, match="Stream not found: arn:aws:kinesis"):
        mapped(aws, source.replace(PARTITIONS[aws.cloud.region], "aws"))
    aws.kinesis.deregister_stream_consumer(ConsumerARN=consumer)


def test_the_stream_of_a_table_is_read(aws: Aws) -> None:
    dynamodb = aws.cloud.client("dynamodb")
    table = dynamodb.create_table(
        TableName=aws.name("table"),
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )["TableDescription"]
    source = table["LatestStreamArn"]
    assert source.startswith(arn(aws, "dynamodb", f"table/{table['TableName']}/stream/"))
    mapped(aws, source, StartingPosition="TRIM_HORIZON")
    dynamodb.put_item(TableName=table["TableName"], Item={"id": {"S": "1"}})
    assert [each["eventSourceARN"] for each in records(aws)] == [source]


def test_a_queue_is_read(aws: Aws) -> None:
    sqs, name = aws.cloud.client("sqs"), aws.name("queue")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    mapped(aws, arn(aws, "sqs", name))
    sqs.send_message(QueueUrl=url, MessageBody="one")
    assert [each["eventSourceARN"] for each in records(aws)] == [arn(aws, "sqs", name)]


def test_a_topic_invokes_functions_and_names_the_subscriber_of_the_partition(aws: Aws) -> None:
    sns, name = aws.cloud.client("sns"), aws.function()
    topic = sns.create_topic(Name=aws.name("topic"))["TopicArn"]
    permit(aws, name, "sns")
    function_arn = arn(aws, "lambda", f"function:{name}")
    made = sns.subscribe(
        TopicArn=topic, Protocol="lambda", Endpoint=function_arn, ReturnSubscriptionArn=True
    )
    sns.publish(TopicArn=topic, Message="one")
    assert [each["Sns"]["TopicArn"] for each in records(aws)] == [topic]
    attributes = sns.get_subscription_attributes(SubscriptionArn=made["SubscriptionArn"])
    root = f"arn:{PARTITIONS[aws.cloud.region]}:iam::{ACCOUNT}:root"
    assert attributes["Attributes"]["SubscriptionPrincipal"] == root


def test_a_bucket_invokes_functions_and_is_named_with_the_partition(aws: Aws) -> None:
    s3, name, bucket = aws.cloud.client("s3"), aws.function(), aws.name("bucket")
    s3.create_bucket(
        Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": aws.cloud.region}
    )
    permit(aws, name, "s3")
    rule = {
        "LambdaFunctionArn": arn(aws, "lambda", f"function:{name}"),
        "Events": ["s3:ObjectCreated:*"],
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"LambdaFunctionConfigurations": [rule]}
    )
    s3.put_object(Bucket=bucket, Key="key", Body=b"one")
    partition = PARTITIONS[aws.cloud.region]
    assert [each["s3"]["bucket"]["arn"] for each in records(aws)] == [
        f"arn:{partition}:s3:::{bucket}"
    ]


@pytest.mark.parametrize("service", ["sqs", "sns", "lambda", "events"])
def test_what_came_of_an_event_is_sent_on(aws: Aws, service: str) -> None:
    sqs, queue = aws.cloud.client("sqs"), aws.name("queue")
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    if service == "sqs":
        destination = arn(aws, "sqs", queue)
    elif service == "sns":
        destination = aws.cloud.client("sns").create_topic(Name=aws.name("topic"))["TopicArn"]
    elif service == "lambda":
        destination = arn(aws, "lambda", f"function:{aws.function()}")
    else:
        destination = arn(aws, "events", "event-bus/default")
    name = aws.function()
    aws.lambda_.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": destination}}
    )
    aws.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    aws.settle()
    assert aws.cloud.undelivered() == ()
    if service == "sqs":
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        told = json.loads(message["Body"])["requestContext"]["functionArn"]
        assert told == arn(aws, "lambda", f"function:{name}:$LATEST")
    if service == "lambda":
        assert len(aws.runtime.calls) == 2


class Queues:
    """Notes the queues that are asked about."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def wait_time(self, queue_arn: str) -> int:
        self.asked.append(queue_arn)
        return 0

    def next_return(self, queue_arn: str) -> float | None:
        return None

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        return AwsResponse(200, {}, b"{}")

    def queue_written(self, queue_arn: str) -> None: ...

    def queue_changed(self, queue_arn: str) -> None: ...


@pytest.mark.parametrize(("region", "partition"), PARTITIONS.items())
def test_who_waits_for_a_message_waits_for_the_queue_of_the_partition(
    region: str, partition: str
) -> None:
    queues, scheduler = Queues(), Scheduler()
    watch = QueueWatch(scheduler, queues)
    polling = LongPolling(queues, queues, watch, scheduler, ACCOUNT, lambda: False)
    body = json.dumps({"QueueUrl": f"http://127.0.0.1:1/{ACCOUNT}/q"})
    polling.handle(
        AwsRequest("POST", "http://127.0.0.1:1/", {}, body, "sqs", region, "AK", "ReceiveMessage")
    )
    assert queues.asked == [f"arn:{partition}:sqs:{region}:{ACCOUNT}:q"]
