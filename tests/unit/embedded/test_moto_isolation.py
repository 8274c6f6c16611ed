"""A project's own tests may use moto in the same process."""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws
from moto.core.config import default_user_config
from moto.s3.models import S3Backend, s3_backends

from slstest.clouds.embedded import EmbeddedCloud
from slstest.embedded.moto_backend import ACCOUNT_ID
from slstest.embedded.s3_notifications.changes import recording
from slstest.embedded.s3_notifications.state import S3State

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws


MODULES = ("core.utils", "kinesis.models", "s3.models")
"""Some that tell the time."""


def deliver(aws: Aws) -> list[list[str]]:
    stream = aws.stream()
    aws.map(stream, aws.function())
    aws.put(stream, "a", "b")
    aws.settle()
    return aws.batches()[-1:]


@mock_aws
def a_test_with_moto() -> list[str]:
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="somebody-elses")
    return [bucket["Name"] for bucket in client.list_buckets()["Buckets"]]


def test_tests_with_moto_and_with_the_cloud_may_follow_one_another(aws: Aws) -> None:
    assert deliver(aws) == [["a", "b"]]
    aws.clean()
    for _ in range(2):
        assert a_test_with_moto() == ["somebody-elses"]
        assert deliver(aws) == [["a", "b"]]
        aws.clean()


def test_the_cloud_works_while_moto_is_active(aws: Aws) -> None:
    with mock_aws():
        assert deliver(aws) == [["a", "b"]]
        assert a_test_with_moto() == ["somebody-elses"]


def test_a_client_of_moto_s_does_not_reach_the_cloud(aws: Aws) -> None:
    with mock_aws():
        client = boto3.client("lambda", region_name="us-east-1")
        name = aws.function()
        assert client.list_functions()["Functions"] == []
        assert len(aws.lambda_.list_functions()["Functions"]) == 1
        aws.lambda_.delete_function(FunctionName=name)


def modified(s3: Any) -> float:
    """When an object that is put now was."""
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    moment: float = s3.head_object(Bucket="bucket", Key="k")["LastModified"].timestamp()
    s3.delete_object(Bucket="bucket", Key="k")
    s3.delete_bucket(Bucket="bucket")
    return moment


def test_the_cloud_s_time_is_not_moto_s(aws: Aws) -> None:
    aws.advance(86_400)
    with mock_aws():
        motos = modified(boto3.client("s3", region_name="us-east-1"))
    assert abs(motos - time.time()) < 3600
    assert abs(modified(aws.cloud.client("s3")) - time.time() - 86_400) < 3600


def test_a_closed_cloud_leaves_moto_as_it_was(aws: Aws) -> None:
    modules: list[Any] = [importlib.import_module(f"moto.{name}") for name in MODULES]

    def look() -> list[Any]:
        return [dict(default_user_config), *(module.utcnow for module in modules)]

    before = look()
    cloud = EmbeddedCloud(lambda _: aws.runtime)
    cloud.client("s3").create_bucket(Bucket="left-behind")
    assert all(now is not then for now, then in zip(look(), before, strict=True))
    assert "left-behind" in s3_backends[ACCOUNT_ID]["aws"].buckets
    cloud.close()
    assert look() == before
    assert "left-behind" not in s3_backends[ACCOUNT_ID]["aws"].buckets


def test_topics_of_a_project_s_own_moto_stay_moto_s(aws: Aws) -> None:
    """They deliver at once, and ask no queue's policy."""
    aws.cloud.client("sns").create_topic(Name="the-cloud-s")
    with mock_aws():
        sns, sqs = (boto3.client(name, region_name="us-east-1") for name in ("sns", "sqs"))
        queue = sqs.create_queue(QueueName="q")["QueueUrl"]
        topic = sns.create_topic(Name="t")["TopicArn"]
        assert [each["TopicArn"] for each in sns.list_topics()["Topics"]] == [topic]
        endpoint = "arn:aws:sqs:us-east-1:123456789012:q"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
        sns.publish(TopicArn=topic, Message="hello")
        assert len(sqs.receive_message(QueueUrl=queue)["Messages"]) == 1


def test_buckets_that_are_there_before_the_cloud_stay_and_are_heard_of(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_backends, "backend", S3Backend)
    monkeypatch.setattr(s3_backends[ACCOUNT_ID], "backend", S3Backend)
    there = S3Backend("aws", ACCOUNT_ID)
    monkeypatch.setitem(s3_backends[ACCOUNT_ID], "aws", there)
    there.create_bucket("before", "us-east-1")
    state = S3State()
    with recording() as changes:
        there.put_object("before", "key", b"")
    state.close()
    with recording() as nothing:
        there.put_object("before", "key", b"")
    there.delete_object("before", "key")
    there.delete_bucket("before")
    assert [(each.bucket.name, each.key) for each in changes] == [("before", "key")]
    assert nothing == []


@mock_aws
def test_buckets_of_a_project_s_own_moto_are_as_moto_has_them(aws: Aws) -> None:
    """It deletes what was there when versioning was suspended, and it notifies."""
    s3, sqs = (boto3.client(name, region_name="us-east-1") for name in ("s3", "sqs"))
    queue = sqs.create_queue(QueueName="of-moto")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    s3.create_bucket(Bucket="of-moto")
    s3.put_bucket_notification_configuration(
        Bucket="of-moto",
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn["QueueArn"], "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    for status in ("Enabled", "Suspended"):
        s3.put_bucket_versioning(Bucket="of-moto", VersioningConfiguration={"Status": status})
        s3.put_object(Bucket="of-moto", Key="key", Body=b"")
    assert len(s3.list_object_versions(Bucket="of-moto")["Versions"]) == 1
    s3.delete_object(Bucket="of-moto", Key="missing")
    assert "DeleteMarkers" not in s3.list_object_versions(Bucket="of-moto")
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert len(received) == 3
