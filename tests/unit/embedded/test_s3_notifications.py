"""Event notifications in the embedded cloud, with callables in the place of functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws, Gate

CREATED = "s3:ObjectCreated:*"
ACCOUNT = "123456789012"


@dataclass
class Buckets:
    """S3 and queues of the shared cloud, emptied after each test."""

    aws: Aws

    def __post_init__(self) -> None:
        self.s3 = self.aws.cloud.client("s3")
        self.sqs = self.aws.cloud.client("sqs")
        self._buckets: list[str] = []
        self._queues: list[str] = []

    def bucket(self, name: str | None = None) -> str:
        name = name or self.aws.name("bucket")
        self.s3.create_bucket(Bucket=name)
        self._buckets.append(name)
        return name

    def queue(self, statement: Any = None, **attributes: str) -> str:
        """Create a queue that S3 may send to, and return its name."""
        name = self.aws.name("queue")
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": "*",
        }
        policy = json.dumps({"Statement": [{**allow, **(statement or {})}]})
        attributes = {"Policy": policy, **attributes}
        self._queues.append(
            self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        )
        return name

    def messages(self, queue: str) -> list[Any]:
        """The bodies of a queue's messages, without S3's test event."""
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
        bodies = [json.loads(each["Body"]) for each in self.aws.cloud.browse_queue(arn)]
        return [body for body in bodies if "Records" in body]

    def permit(self, function: str) -> None:
        self.aws.lambda_.add_permission(
            FunctionName=function,
            StatementId="s3",
            Action="lambda:InvokeFunction",
            Principal="s3.amazonaws.com",
        )

    def to_function(self, function: str, *events: str, **more: Any) -> dict[str, Any]:
        arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function}"
        rule = {"LambdaFunctionArn": arn, "Events": [*events] or [CREATED], **more}
        return {"LambdaFunctionConfigurations": [rule]}

    def to_queue(self, queue: str, *events: str, **more: Any) -> dict[str, Any]:
        arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}"
        rule = {"QueueArn": arn, "Events": [*events] or [CREATED], **more}
        return {"QueueConfigurations": [rule]}

    def notify(self, bucket: str, configuration: Any, **more: Any) -> None:
        self.s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=configuration, **more
        )

    def put(self, bucket: str, key: str, body: bytes = b"", **more: Any) -> None:
        self.s3.put_object(Bucket=bucket, Key=key, Body=body, **more)

    def version(self, bucket: str, status: str) -> None:
        self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def versions(self, bucket: str) -> list[str]:
        listed = self.s3.list_object_versions(Bucket=bucket)
        return [each["VersionId"] for each in listed.get("Versions", ())]

    def clean(self) -> None:
        for bucket in self._buckets:
            try:
                listed = self.s3.list_object_versions(Bucket=bucket)
            except self.s3.exceptions.NoSuchBucket:
                continue
            self.notify(bucket, {})
            for each in (*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())):
                self.s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
            self.s3.delete_bucket(Bucket=bucket)
        for queue in self._queues:
            self.sqs.delete_queue(QueueUrl=queue)


@pytest.fixture
def s3(aws: Aws) -> Iterator[Buckets]:
    buckets = Buckets(aws)
    yield buckets
    aws.quiesce()
    buckets.clean()


def keys(aws: Aws) -> list[str]:
    return [call.event["Records"][0]["s3"]["object"]["key"] for call in aws.runtime.calls]


def function(s3: Buckets) -> str:
    name = s3.aws.function()
    s3.permit(name)
    return name


# -- refused ----------------------------------------------------------------------------


def test_a_destination_that_is_not_built_is_refused(s3: Buckets) -> None:
    bucket = s3.bucket()
    with pytest.raises(ClientError) as error:
        s3.notify(bucket, {"EventBridgeConfiguration": {}}, SkipDestinationValidation=True)
    status, code, message = s3.aws.refused(error)
    assert (status, code) == (501, "NotImplemented")
    assert message == (
        "the embedded cloud does not send S3 event notifications to EventBridge yet; notify a "
        "function, a queue or a topic, or run the test on a cloud that does"
    )


def test_an_event_that_would_never_come_is_refused(s3: Buckets) -> None:
    bucket, target = s3.bucket(), function(s3)
    with pytest.raises(
        ClientError, match="does not replicate objects, so s3:Replication:"
    ) as error:
        s3.notify(bucket, s3.to_function(target, CREATED, "s3:Replication:*"))
    assert s3.aws.refused(error)[:2] == (501, "NotImplemented")


def test_a_policy_that_cannot_be_judged_is_refused(s3: Buckets) -> None:
    bucket = s3.bucket()
    queue = s3.queue({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
    with pytest.raises(ClientError, match="cannot judge the condition operator 'IpAddress'"):
        s3.notify(bucket, s3.to_queue(queue))


def test_what_is_not_delivered_is_noted(s3: Buckets, aws: Aws) -> None:
    bucket, queue, target = s3.bucket(), s3.queue(), function(s3)

    def below(prefix: str) -> Any:
        return {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}

    s3.notify(
        bucket,
        {
            **s3.to_queue(queue, Filter=below("queue/")),
            **s3.to_function(target, Filter=below("function/")),
        },
    )
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sqs:${a}"}]}
    s3.sqs.set_queue_attributes(
        QueueUrl=s3.sqs.get_queue_url(QueueName=queue)["QueueUrl"],
        Attributes={"Policy": json.dumps(policy)},
    )
    aws.lambda_.remove_permission(FunctionName=target, StatementId="s3")
    s3.put(bucket, "queue/a")
    s3.put(bucket, "queue/b")
    s3.put(bucket, "function/a")
    aws.settle()
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{target}"
    assert aws.cloud.undelivered() == (
        f"bucket {bucket} could not notify arn:aws:sqs:us-east-1:{ACCOUNT}:{queue} of "
        "s3:ObjectCreated:Put: the embedded cloud cannot judge the policy variable in 'sqs:${a}' "
        "yet (2 times)",
        f"bucket {bucket} could not notify {arn} of s3:ObjectCreated:Put: Not authorized to "
        f"invoke function [{arn}]",
    )


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("annotation&annotationName=a", "does not have object annotations"),
        ("renameObject", "does not rename objects"),
        ("encryption", "does not change the encryption of an object"),
        ("acl", "does not take an ACL as a document yet; name a canned one"),
    ],
)
def test_what_moto_would_take_for_a_new_object_is_refused(
    s3: Buckets, aws: Aws, query: str, what: str
) -> None:
    bucket = s3.bucket()
    s3.put(bucket, "key", b"content")

    def ask(request: Any, **_: Any) -> None:
        request.url += f"?{query}"

    s3.s3.meta.events.register("before-sign.s3.PutObject", ask)
    try:
        with pytest.raises(ClientError, match=what) as error:
            s3.put(bucket, "key", b"other")
    finally:
        s3.s3.meta.events.unregister("before-sign.s3.PutObject", ask)
    assert aws.refused(error)[:2] == (501, "NotImplemented")
    assert s3.s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"


# -- state ------------------------------------------------------------------------------


def test_another_bucket_of_the_same_name_notifies_of_nothing(s3: Buckets, aws: Aws) -> None:
    bucket = s3.bucket()
    s3.notify(bucket, s3.to_function(function(s3)))
    s3.s3.delete_bucket(Bucket=bucket)
    s3.bucket(bucket)
    s3.put(bucket, "key")
    aws.settle()
    assert aws.runtime.calls == []
    found = s3.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert list(found) == ["ResponseMetadata"]


def test_a_refused_configuration_leaves_the_one_before(s3: Buckets, aws: Aws) -> None:
    bucket, target = s3.bucket(), function(s3)
    s3.notify(bucket, s3.to_function(target))
    with pytest.raises(ClientError, match="Unable to validate the following"):
        s3.notify(bucket, s3.to_queue("missing"))
    s3.put(bucket, "key")
    aws.settle()
    assert keys(aws) == ["key"]


def test_moto_delivers_nothing_itself(s3: Buckets, aws: Aws) -> None:
    from moto.s3.models import s3_backends

    bucket, queue = s3.bucket(), s3.queue()
    s3.notify(bucket, s3.to_queue(queue))
    s3.put(bucket, "key")
    aws.settle()
    assert len(s3.messages(queue)) == 1
    kept = s3_backends[ACCOUNT]["aws"].get_bucket(bucket)
    assert kept.notification_configuration is None


def test_the_deprecated_operations_read_and_write_the_same(s3: Buckets) -> None:
    bucket, target = s3.bucket(), function(s3)
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{target}"
    deprecated = {"Id": "old", "Events": [CREATED], "CloudFunction": arn}
    s3.s3.put_bucket_notification(
        Bucket=bucket, NotificationConfiguration={"CloudFunctionConfiguration": deprecated}
    )
    found = s3.s3.get_bucket_notification_configuration(Bucket=bucket)
    assert found["LambdaFunctionConfigurations"] == [
        {"Id": "old", "LambdaFunctionArn": arn, "Events": [CREATED]}
    ]


# -- delivery ---------------------------------------------------------------------------


def test_events_are_handed_over_in_their_order(s3: Buckets, aws: Aws) -> None:
    bucket, queue = s3.bucket(), s3.queue()
    s3.notify(bucket, s3.to_queue(queue))
    for number in range(50):
        s3.put(bucket, f"{number:02d}")
    aws.settle()
    found = [body["Records"][0]["s3"]["object"]["key"] for body in s3.messages(queue)]
    assert found == [f"{number:02d}" for number in range(50)]


def test_the_producer_does_not_wait_for_the_function(s3: Buckets, aws: Aws, gate: Gate) -> None:
    bucket = s3.bucket()
    s3.notify(bucket, s3.to_function(function(s3)))
    aws.runtime.handler = lambda event: gate.wait()
    s3.put(bucket, "key")
    assert gate.entered.wait(60)
    gate.open()
    aws.settle()
    assert keys(aws) == ["key"]


def test_a_message_that_is_too_long_for_the_queue_is_lost(s3: Buckets, aws: Aws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html:
    "Amazon SQS rejects the notification and doesn't deliver the event"."""
    bucket, queue = s3.bucket(), s3.queue(MaximumMessageSize="1024")
    s3.notify(bucket, s3.to_queue(queue))
    s3.put(bucket, "short")
    s3.put(bucket, "long" * 200)
    aws.settle()
    (body,) = s3.messages(queue)
    assert body["Records"][0]["s3"]["object"]["key"] == "short"
    (note,) = aws.cloud.undelivered()
    assert "Message must be shorter than 1024 bytes" in note


def test_a_topic_that_does_not_take_a_message_is_noted(s3: Buckets, aws: Aws) -> None:
    sns, bucket = aws.cloud.client("sns"), s3.bucket()
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    topic = sns.create_topic(Name=aws.name("topic"), Attributes={"Policy": json.dumps(policy)})
    arn = topic["TopicArn"]
    s3.notify(bucket, {"TopicConfigurations": [{"TopicArn": arn, "Events": [CREATED]}]})

    def refuse(**_: Any) -> Any:
        error = {"Code": "KMSDisabled", "Message": "the key is disabled"}
        http = type("Answer", (), {"status_code": 400})()
        return http, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}

    sns.meta.events.register("before-call.sns.Publish", refuse)
    s3.put(bucket, "key")
    aws.settle()
    sns.meta.events.unregister("before-call.sns.Publish", refuse)
    sns.delete_topic(TopicArn=arn)
    s3.put(bucket, "key")
    aws.settle()
    refused, gone = aws.cloud.undelivered()
    assert "(KMSDisabled) when calling the Publish operation: the key is disabled" in refused
    assert gone.endswith("s3:ObjectCreated:Put: The destination topic does not exist")


def test_what_another_service_writes_is_told_of(s3: Buckets, aws: Aws) -> None:
    bucket = s3.bucket()
    s3.notify(bucket, s3.to_function(function(s3)))
    firehose = aws.cloud.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="to-s3",
        S3DestinationConfiguration={
            "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/firehose",
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "Prefix": "in/",
        },
    )
    firehose.put_record(DeliveryStreamName="to-s3", Record={"Data": b"content"})
    aws.settle()
    (key,) = keys(aws)
    assert key.startswith("in/")
    firehose.delete_delivery_stream(DeliveryStreamName="to-s3")


def test_an_unsigned_request_is_nobodys(s3: Buckets, aws: Aws) -> None:
    bucket = s3.bucket()
    s3.notify(bucket, s3.to_function(function(s3)))
    make: Callable[..., Any] = aws.cloud.session().client
    anonymous = make(
        "s3", endpoint_url=aws.cloud.endpoint_url, config=Config(signature_version=UNSIGNED)
    )
    anonymous.put_object(Bucket=bucket, Key="key", Body=b"")
    anonymous.close()
    aws.settle()
    (call,) = aws.runtime.calls
    assert call.event["Records"][0]["userIdentity"] == {"principalId": "Anonymous"}


def test_every_answer_of_s3_has_the_ids_of_its_request(s3: Buckets) -> None:
    bucket = s3.bucket()
    answers = [s3.s3.head_bucket(Bucket=bucket), s3.s3.put_object(Bucket=bucket, Key="key")]
    ids = [answer["ResponseMetadata"] for answer in answers]
    assert len({each["RequestId"] for each in ids}) == 2
    assert all(each["HTTPHeaders"]["x-amz-id-2"] == each["HostId"] for each in ids)


def test_a_permission_leaves_the_environments_as_they_are(s3: Buckets, aws: Aws) -> None:
    target = aws.function()
    aws.lambda_.invoke(FunctionName=target, Payload=b"{}")
    s3.permit(target)
    aws.lambda_.invoke(FunctionName=target, Payload=b"{}")
    aws.lambda_.remove_permission(FunctionName=target, StatementId="s3")
    aws.lambda_.invoke(FunctionName=target, Payload=b"{}")
    assert len(aws.runtime.environments) == 1
    aws.lambda_.update_function_configuration(FunctionName=target, MemorySize=256)
    aws.lambda_.invoke(FunctionName=target, Payload=b"{}")
    assert len(aws.runtime.environments) == 2


def test_a_permission_during_an_invocation_leaves_its_environment_warm(
    s3: Buckets, aws: Aws, gate: Gate
) -> None:
    target = aws.function()
    aws.runtime.handler = lambda event: gate.wait()
    aws.lambda_.invoke(FunctionName=target, InvocationType="Event", Payload=b"{}")
    assert gate.entered.wait(60)
    s3.permit(target)
    gate.open()
    aws.settle()
    aws.lambda_.invoke(FunctionName=target, Payload=b"{}")
    assert len(aws.runtime.environments) == 1


# -- versions ---------------------------------------------------------------------------


def test_a_bucket_whose_versioning_is_suspended_keeps_its_versions(s3: Buckets, aws: Aws) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/VersionSuspendedBehavior.html"""
    bucket, target = s3.bucket(), function(s3)
    s3.version(bucket, "Enabled")
    first = s3.s3.put_object(Bucket=bucket, Key="key", Body=b"first")["VersionId"]
    s3.version(bucket, "Suspended")
    s3.notify(bucket, s3.to_function(target, CREATED, "s3:ObjectRemoved:*"))
    for body in (b"second", b"third!!"):
        s3.put(bucket, "key", body)
    with pytest.raises(ClientError, match="InvalidStorageClass"):
        s3.put(bucket, "key", StorageClass="WARM")
    assert sorted(s3.versions(bucket)) == sorted([first, "null"])
    assert s3.s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"third!!"
    hidden = s3.s3.delete_object(Bucket=bucket, Key="key")
    assert (hidden["DeleteMarker"], hidden["VersionId"]) == (True, "null")
    assert s3.versions(bucket) == [first]
    with pytest.raises(ClientError, match="NoSuchKey"):
        s3.s3.get_object(Bucket=bucket, Key="key")
    s3.s3.delete_object(Bucket=bucket, Key="key", VersionId="null")
    assert s3.s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"first"
    s3.s3.delete_object(Bucket=bucket, Key="key", VersionId=first)
    s3.s3.delete_object(Bucket=bucket, Key="key", VersionId=first)
    assert s3.versions(bucket) == []
    aws.settle()
    told = [call.event["Records"][0] for call in aws.runtime.calls]
    told.sort(key=lambda record: record["s3"]["object"]["sequencer"])
    assert [(each["eventName"], each["s3"]["object"].get("versionId")) for each in told] == [
        ("ObjectCreated:Put", None),
        ("ObjectCreated:Put", None),
        ("ObjectRemoved:DeleteMarkerCreated", None),
        ("ObjectRemoved:Delete", None),
        ("ObjectRemoved:Delete", first),
    ]


def test_a_delete_marker_can_be_the_only_version(s3: Buckets) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html"""
    bucket = s3.bucket()
    s3.version(bucket, "Enabled")
    made = [s3.s3.delete_object(Bucket=bucket, Key="missing")["VersionId"] for _ in range(2)]
    listed = s3.s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]
    assert sorted(each["VersionId"] for each in listed) == sorted(made)
    for version in made:
        s3.s3.delete_object(Bucket=bucket, Key="missing", VersionId=version)
    assert "DeleteMarkers" not in s3.s3.list_object_versions(Bucket=bucket)
