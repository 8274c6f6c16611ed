"""Streams that CloudFormation makes: moto answers it, and the streams are ours all the same.

moto reads templates only with packages that slstest does not ask for, so what it calls for a
stream of a template is called here, while a request to CloudFormation is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import pytest
from moto import mock_aws
from moto.kinesis.models import Stream, kinesis_backends

from slstest.embedded.kinesis.errors import KinesisError
from slstest.embedded.kinesis.templates import StreamTemplates
from slstest.embedded.messages import AwsRequest, AwsResponse

if TYPE_CHECKING:
    from tests.unit.embedded.kinesis.conftest import World

T = TypeVar("T")

PLACE = ("123456789012", "us-east-1")
Answering = Callable[[Callable[[], T]], T]


class Moto:
    """Does what a test says in answer to a request."""

    def __init__(self) -> None:
        self.answer: Callable[[], object] = lambda: None

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        try:
            self.answer()
        except KinesisError as error:
            return request.error(501, "InternalFailure", str(error))
        return AwsResponse(200, {}, b"")


@pytest.fixture
def answering(world: World) -> Answering[Any]:
    """Does something while a request to CloudFormation is answered."""
    moto = Moto()
    templates = StreamTemplates(moto, world.service.perform)

    def do(something: Callable[[], T]) -> T:
        done: list[T] = []
        moto.answer = lambda: done.append(something())
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = templates.handle(
            AwsRequest("POST", "http://h/", form, b"", "cloudformation", "us-east-1", "AKIA", "")
        )
        assert answer.status == 200, answer.body.decode()
        return done[0]

    return do


def create(**properties: Any) -> Stream:
    return Stream.create_from_cloudformation_json("clicks", {"Properties": properties}, *PLACE)


def described(world: World) -> tuple[int, int, dict[str, str]]:
    """The number of shards, the retention period and the tags."""
    answer = world.api.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
    tags = world.api.list_tags_for_stream(StreamName="clicks")["Tags"]
    shown = {tag["Key"]: tag["Value"] for tag in tags}
    return answer["OpenShardCount"], answer["RetentionPeriodHours"], shown


def test_a_template_makes_changes_and_deletes_a_stream(
    world: World, answering: Answering[Any]
) -> None:
    tags = [{"Key": "team", "Value": "web"}]
    stream = answering(lambda: create(ShardCount=2, RetentionPeriodHours=48, Tags=tags))
    assert stream.arn == world.arn("clicks")
    assert stream.physical_resource_id == "clicks"
    assert described(world) == (2, 48, {"team": "web"})

    tags = [{"Key": "stage", "Value": "test"}]
    properties = {"ShardCount": 4, "RetentionPeriodHours": 24, "Tags": tags}
    changed = {"Properties": properties}
    answering(lambda: Stream.update_from_cloudformation_json(stream, "clicks", changed, *PLACE))
    assert described(world) == (4, 24, {"stage": "test"})

    answering(lambda: Stream.delete_from_cloudformation_json("clicks", changed, *PLACE))
    assert world.api.list_streams()["StreamNames"] == []


def test_what_kinesis_refuses_a_template_is_refused(
    world: World, answering: Answering[Any]
) -> None:
    answering(create)
    with pytest.raises(AssertionError) as error:
        answering(create)
    assert "<Code>ValidationError</Code>" in str(error.value)
    message = "Stream clicks under account 123456789012 already exists."
    assert f"<Message>ResourceInUseException: {message}</Message>" in str(error.value)


def test_streams_of_a_project_s_own_tests_with_moto_stay_apart(
    world: World, answering: Answering[Any]
) -> None:
    backend = kinesis_backends.backend
    with mock_aws():
        motos = boto3.client("kinesis", region_name="us-east-1")
        motos.create_stream(StreamName="clicks", ShardCount=3)
        answering(lambda: create(ShardCount=2))
        assert described(world)[0] == 2
        summary = motos.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]
        assert summary["OpenShardCount"] == 3
        motos.delete_stream(StreamName="clicks")
    assert kinesis_backends.backend is backend
