"""Registered consumers: https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.kinesis.conftest import World


def register(world: World, stream: str, name: str = "c", **params: Any) -> dict[str, Any]:
    answer = world.api.register_stream_consumer(
        StreamARN=world.arn(stream), ConsumerName=name, **params
    )
    consumer: dict[str, Any] = answer["Consumer"]
    return consumer


def test_a_consumer_has_an_arn_with_the_moment_of_its_creation(world: World) -> None:
    stream = world.stream()
    consumer = register(world, stream)
    created = int(world.scheduler.now())
    assert consumer.pop("ConsumerCreationTimestamp").timestamp() == created
    assert consumer == {
        "ConsumerName": "c",
        "ConsumerARN": f"{world.arn(stream)}/consumer/c:{created}",
        "ConsumerStatus": "CREATING",
    }


def test_a_consumer_is_named_by_its_arn_or_by_its_stream_and_name(world: World) -> None:
    stream = world.stream()
    arn = register(world, stream)["ConsumerARN"]
    named = {"StreamARN": world.arn(stream), "ConsumerName": "c"}
    for names in ({"ConsumerARN": arn}, named, {**named, "ConsumerARN": arn}):
        described = world.api.describe_stream_consumer(**names)["ConsumerDescription"]
        assert described["ConsumerARN"] == arn
        assert described["ConsumerStatus"] == "ACTIVE"
        assert described["StreamARN"] == world.arn(stream)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({}, "Either ConsumerARN or both StreamARN and ConsumerName are needed."),
        (
            {"ConsumerName": "c"},
            "Either ConsumerARN or both StreamARN and ConsumerName are needed.",
        ),
        ({"ConsumerARN": "{}/consumer/c:1"}, "Consumer {}/consumer/c:1, account {} not found."),
        ({"ConsumerARN": "{}/consumer/d:1"}, "Consumer {}/consumer/d:1, account {} not found."),
        ({"StreamARN": "{}", "ConsumerName": "d"}, "Consumer d, account {} not found."),
    ],
    ids=["nothing", "name alone", "other moment", "other name", "unknown"],
)
def test_a_consumer_that_does_not_exist_is_refused(
    world: World, names: dict[str, str], said: str
) -> None:
    arn = world.arn(world.stream())
    register(world, arn.rpartition("/")[2])
    account = "123456789012"
    for operation in (world.api.describe_stream_consumer, world.api.deregister_stream_consumer):
        with pytest.raises(ClientError) as error:
            operation(**{name: value.format(arn) for name, value in names.items()})
        message = said.replace("account {}", f"account {account}").format(arn)
        assert world.refused(error)[1] == message


def test_names_that_do_not_agree_are_refused(world: World) -> None:
    stream, other = world.stream(), world.stream()
    arn = register(world, stream)["ConsumerARN"]
    with pytest.raises(ClientError, match="does not agree"):
        world.api.describe_stream_consumer(ConsumerARN=arn, StreamARN=world.arn(other))


def test_a_name_is_taken_once_for_a_stream(world: World) -> None:
    stream = world.stream()
    register(world, stream)
    register(world, world.stream())
    with pytest.raises(ClientError) as error:
        register(world, stream)
    assert world.refused(error) == (
        "ResourceInUseException",
        f"Consumer c under stream {stream} already exists for account 123456789012.",
    )


def test_a_stream_has_20_consumers(world: World) -> None:
    stream = world.stream()
    for number in range(20):
        register(world, stream, f"c{number}")
    with pytest.raises(ClientError, match="LimitExceededException"):
        register(world, stream)
    summary = world.api.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["ConsumerCount"] == 20


def test_consumers_are_listed_page_by_page(world: World) -> None:
    stream = world.stream()
    for name in "cab":
        register(world, stream, name)
    arn = {"StreamARN": world.arn(stream)}
    first = world.api.list_stream_consumers(**arn, MaxResults=2)
    assert [each["ConsumerName"] for each in first["Consumers"]] == ["a", "b"]
    assert {each["ConsumerStatus"] for each in first["Consumers"]} == {"ACTIVE"}
    rest = world.api.list_stream_consumers(**arn, NextToken=first["NextToken"])
    assert [each["ConsumerName"] for each in rest["Consumers"]] == ["c"]
    assert "NextToken" not in rest


def test_a_token_is_of_one_stream_and_comes_without_its_creation(world: World) -> None:
    stream, other = world.stream(), world.stream()
    register(world, stream, "a")
    register(world, stream, "b")
    token = world.api.list_stream_consumers(StreamARN=world.arn(stream), MaxResults=1)["NextToken"]
    with pytest.raises(ClientError, match="NextToken is invalid"):
        world.api.list_stream_consumers(StreamARN=world.arn(other), NextToken=token)
    with pytest.raises(ClientError, match="cannot be provided together"):
        world.api.list_stream_consumers(
            StreamARN=world.arn(stream), NextToken=token, StreamCreationTimestamp=1
        )
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        world.api.list_stream_consumers(StreamARN=world.arn(stream), StreamCreationTimestamp=1)


def test_a_consumer_that_is_registered_again_has_another_arn(world: World) -> None:
    stream = world.stream()
    first = register(world, stream)["ConsumerARN"]
    world.api.deregister_stream_consumer(ConsumerARN=first)
    assert world.gone == [first]
    second = register(world, stream)["ConsumerARN"]
    assert second != first
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        world.api.describe_stream_consumer(ConsumerARN=first)


def test_a_stream_with_consumers_is_deleted_only_by_force(world: World) -> None:
    stream = world.stream()
    arn = register(world, stream)["ConsumerARN"]
    with pytest.raises(ClientError) as error:
        world.api.delete_stream(StreamName=stream)
    assert world.refused(error) == (
        "ResourceInUseException",
        f"DeleteStream can't delete 123456789012:{stream} because there are consumers associated "
        f"with this data stream. To delete {stream} anyway, set the EnforceConsumerDeletion "
        "parameter to true to force the deletion of all the consumers that are associated with it.",
    )
    world.api.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)
    assert world.gone == [arn, world.arn(stream)]


def test_a_consumer_has_tags_and_a_policy_of_its_own(world: World) -> None:
    stream = world.stream(Tags={"of": "stream"})
    arn = {"ResourceARN": register(world, stream, Tags={"of": "consumer"})["ConsumerARN"]}
    world.api.tag_resource(**arn, Tags={"more": "1"})
    listed = world.api.list_tags_for_resource(**arn)["Tags"]
    assert listed == [{"Key": "more", "Value": "1"}, {"Key": "of", "Value": "consumer"}]
    policy = '{"Statement": [{"Effect": "Allow"}]}'
    world.api.put_resource_policy(**arn, Policy=policy)
    assert world.api.get_resource_policy(**arn)["Policy"] == policy
    of_stream = world.api.get_resource_policy(ResourceARN=world.arn(stream))["Policy"]
    assert of_stream == "{}"
