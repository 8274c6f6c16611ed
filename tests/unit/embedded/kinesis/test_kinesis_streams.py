"""Streams and their settings: https://docs.aws.amazon.com/streams/latest/dev/working-with-streams.html"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from slstest.embedded.kinesis import streams

if TYPE_CHECKING:
    from tests.unit.embedded.kinesis.conftest import World

ON_DEMAND = {"StreamMode": "ON_DEMAND"}


def summary(world: World, stream: str) -> dict[str, Any]:
    answer = world.api.describe_stream_summary(StreamName=stream)
    description: dict[str, Any] = answer["StreamDescriptionSummary"]
    return description


def tags(world: World, stream: str) -> dict[str, str]:
    listed = world.api.list_tags_for_stream(StreamName=stream)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in listed}


# -- creating, describing, listing, deleting ----------------------------------------------------


def test_a_new_stream_is_active_with_aws_s_defaults(world: World) -> None:
    stream = world.stream(2)
    described = summary(world, stream)
    assert described.pop("StreamCreationTimestamp").timestamp() == int(world.scheduler.now())
    assert described == {
        "StreamName": stream,
        "StreamARN": world.arn(stream),
        "StreamStatus": "ACTIVE",
        "StreamModeDetails": {"StreamMode": "PROVISIONED"},
        "RetentionPeriodHours": 24,
        "EnhancedMonitoring": [{"ShardLevelMetrics": []}],
        "EncryptionType": "NONE",
        "OpenShardCount": 2,
        "ConsumerCount": 0,
        "MaxRecordSizeInKiB": 1024,
    }


def test_a_description_has_the_shards(world: World) -> None:
    stream = world.stream(2)
    described = world.api.describe_stream(StreamName=stream)["StreamDescription"]
    assert described["Shards"] == world.shards(stream)
    assert described["HasMoreShards"] is False
    assert described["StreamARN"] == world.arn(stream)


def test_a_description_has_at_most_100_shards(world: World) -> None:
    stream = world.stream(101)
    first = world.api.describe_stream(StreamName=stream, Limit=10_000)["StreamDescription"]
    assert (len(first["Shards"]), first["HasMoreShards"]) == (100, True)
    after = first["Shards"][-1]["ShardId"]
    rest = world.api.describe_stream(StreamName=stream, ExclusiveStartShardId=after)
    assert len(rest["StreamDescription"]["Shards"]) == 1
    assert rest["StreamDescription"]["HasMoreShards"] is False


def test_a_stream_on_demand_has_four_shards(world: World) -> None:
    stream = world.stream(StreamModeDetails=ON_DEMAND)
    described = summary(world, stream)
    assert described["StreamModeDetails"] == ON_DEMAND
    assert described["OpenShardCount"] == 4
    world.put(stream, "a")


def test_a_stream_without_mode_and_shards_is_on_demand(world: World) -> None:
    world.api.create_stream(StreamName="s")
    assert summary(world, "s")["StreamModeDetails"] == ON_DEMAND


@pytest.mark.parametrize(
    ("params", "said"),
    [
        (
            {"ShardCount": 1, "StreamModeDetails": ON_DEMAND},
            "ShardCount is not expected when StreamMode=ON_DEMAND",
        ),
        (
            {"StreamModeDetails": {"StreamMode": "PROVISIONED"}},
            "ShardCount is required when StreamMode=PROVISIONED",
        ),
        (
            {"ShardCount": 1, "MaxRecordSizeInKiB": 10_241},
            "1 validation error detected: Value '10241' at 'maxRecordSizeInKiB' failed to satisfy "
            "constraint: Member must have value less than or equal to 10240",
        ),
        (
            {"ShardCount": 1, "StreamName": "a b"},
            "1 validation error detected: Value 'a b' at 'streamName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
        ),
    ],
    ids=["shards on demand", "no shards", "record size", "name"],
)
def test_a_stream_that_cannot_be_is_refused(
    world: World, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError) as error:
        world.api.create_stream(**{"StreamName": "s", **params})
    assert world.refused(error) == ("ValidationException", said)
    assert world.api.list_streams()["StreamNames"] == []


def test_a_name_is_taken_once(world: World) -> None:
    stream = world.stream()
    with pytest.raises(ClientError) as error:
        world.api.create_stream(StreamName=stream, ShardCount=1)
    assert world.refused(error) == (
        "ResourceInUseException",
        f"Stream {stream} under account 123456789012 already exists.",
    )


def test_regions_have_streams_of_their_own(world: World) -> None:
    stream = world.stream()
    elsewhere = world.client(region_name="eu-west-1")
    assert elsewhere.list_streams()["StreamNames"] == []
    elsewhere.create_stream(StreamName=stream, ShardCount=1)
    arn = elsewhere.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert arn["StreamARN"] == world.arn(stream).replace("us-east-1", "eu-west-1")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        elsewhere.describe_stream_summary(StreamARN=world.arn(stream))
    elsewhere.delete_stream(StreamName=stream)
    assert world.api.list_streams()["StreamNames"] == [stream]


def test_an_account_has_so_many_shards(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SHARD_LIMIT", 4)
    stream = world.stream(4)
    said = (
        "This request would exceed the shard limit for the account 123456789012 in us-east-1. "
        "Current shard count for the account: 4. Limit: 4. Number of additional shards that would "
        "have resulted from this request: 1. Refer to the AWS Service Limits page "
        "(http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current "
        "limits and how to request higher limits."
    )
    for change in (
        world.stream,
        lambda: world.api.split_shard(
            StreamName=stream, ShardToSplit="shardId-0", NewStartingHashKey="100"
        ),
        lambda: world.api.update_shard_count(
            StreamName=stream, TargetShardCount=5, ScalingType="UNIFORM_SCALING"
        ),
    ):
        with pytest.raises(ClientError) as error:
            change()
        assert world.refused(error) == ("LimitExceededException", said)


def test_an_account_has_50_streams_on_demand(world: World) -> None:
    for _ in range(50):
        world.stream(StreamModeDetails=ON_DEMAND)
    with pytest.raises(ClientError, match="LimitExceededException"):
        world.stream(StreamModeDetails=ON_DEMAND)
    with pytest.raises(ClientError, match="LimitExceededException"):
        world.api.update_stream_mode(
            StreamARN=world.arn(world.stream()), StreamModeDetails=ON_DEMAND
        )
    assert world.api.describe_limits() | {"ResponseMetadata": None} == {
        "ShardLimit": 20_000,
        "OpenShardCount": 201,
        "OnDemandStreamCount": 50,
        "OnDemandStreamCountLimit": 50,
        "ResponseMetadata": None,
    }


def test_streams_are_listed_by_name_page_by_page(world: World) -> None:
    for name in "cab":
        world.api.create_stream(StreamName=name, ShardCount=1)
    first = world.api.list_streams(Limit=2)
    assert (first["StreamNames"], first["HasMoreStreams"]) == (["a", "b"], True)
    assert [each["StreamARN"] for each in first["StreamSummaries"]] == [
        world.arn("a"),
        world.arn("b"),
    ]
    for more in ({"NextToken": first["NextToken"]}, {"ExclusiveStartStreamName": "b"}):
        rest = world.api.list_streams(**more)
        assert (rest["StreamNames"], rest["HasMoreStreams"]) == (["c"], False)
        assert "NextToken" not in rest


def test_a_deleted_stream_is_gone_and_whoever_reads_it_hears_of_it(world: World) -> None:
    stream = world.stream()
    world.api.delete_stream(StreamARN=world.arn(stream))
    assert world.gone == [world.arn(stream)]
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        world.api.describe_stream(StreamName=stream)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        world.api.delete_stream(StreamName=stream)


# -- settings -----------------------------------------------------------------------------------


def test_a_stream_may_change_its_mode_and_keeps_its_shards(world: World) -> None:
    stream = world.stream(3)
    world.api.update_stream_mode(StreamARN=world.arn(stream), StreamModeDetails=ON_DEMAND)
    described = summary(world, stream)
    assert described["StreamModeDetails"] == ON_DEMAND
    assert described["OpenShardCount"] == 3
    shape = world.api.meta.service_model.shape_for("StreamDescriptionSummary")
    if "RecordDistributionStrategy" in shape.members:  # this botocore knows it
        assert described["RecordDistributionStrategy"] == "USER_PARTITION_KEY"
    provisioned = {"StreamMode": "PROVISIONED"}
    world.api.update_stream_mode(StreamARN=world.arn(stream), StreamModeDetails=provisioned)
    world.api.update_shard_count(
        StreamName=stream, TargetShardCount=6, ScalingType="UNIFORM_SCALING"
    )


@pytest.mark.parametrize(
    ("direction", "hours", "said"),
    [
        (
            "increase",
            23,
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) "
            "is too short.",
        ),
        (
            "increase",
            8761,
            "Maximum allowed retention period is 8760 hours. Requested retention period (8761 "
            "hours) is too long.",
        ),
        (
            "increase",
            47,
            "Requested retention period (47 hours) for stream {} can not be shorter than existing "
            "retention period (48 hours). Use DecreaseRetentionPeriod API.",
        ),
        (
            "decrease",
            49,
            "Requested retention period (49 hours) for stream {} can not be longer than existing "
            "retention period (48 hours). Use IncreaseRetentionPeriod API.",
        ),
        (
            "decrease",
            23,
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) "
            "is too short.",
        ),
    ],
)
def test_a_retention_period_that_cannot_be_is_refused(
    world: World, direction: str, hours: int, said: str
) -> None:
    stream = world.stream()
    world.api.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    with pytest.raises(ClientError) as error:
        getattr(world.api, f"{direction}_stream_retention_period")(
            StreamName=stream, RetentionPeriodHours=hours
        )
    assert world.refused(error) == ("InvalidArgumentException", said.format(stream))
    assert summary(world, stream)["RetentionPeriodHours"] == 48


def test_records_say_whether_they_were_encrypted(world: World) -> None:
    stream = world.stream()
    world.put(stream, "plain")
    key = {"StreamName": stream, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    world.api.start_stream_encryption(**key)
    put = world.api.put_record(StreamName=stream, Data=b"secret", PartitionKey="key")
    assert put["EncryptionType"] == "KMS"
    described = summary(world, stream)
    assert (described["EncryptionType"], described["KeyId"]) == ("KMS", "alias/aws/kinesis")
    world.api.stop_stream_encryption(**key)
    world.put(stream, "plain")
    records = world.read(world.iterator(stream))["Records"]
    assert [record.get("EncryptionType") for record in records] == [None, "KMS", None]
    assert "KeyId" not in summary(world, stream)


def test_the_only_encryption_is_kms(world: World) -> None:
    with pytest.raises(ClientError, match="EncryptionType must be KMS"):
        world.api.start_stream_encryption(
            StreamName=world.stream(), EncryptionType="NONE", KeyId="k"
        )


def test_shard_level_metrics_are_enabled_and_disabled(world: World) -> None:
    stream = world.stream()
    asked = {"StreamName": stream, "ShardLevelMetrics": ["OutgoingBytes", "IncomingBytes"]}
    answer = world.api.enable_enhanced_monitoring(**asked)
    assert answer["CurrentShardLevelMetrics"] == []
    assert answer["DesiredShardLevelMetrics"] == ["IncomingBytes", "OutgoingBytes"]
    monitoring = summary(world, stream)["EnhancedMonitoring"]
    assert monitoring == [{"ShardLevelMetrics": ["IncomingBytes", "OutgoingBytes"]}]
    world.api.enable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    answer = world.api.disable_enhanced_monitoring(**asked)
    assert (len(answer["CurrentShardLevelMetrics"]), len(answer["DesiredShardLevelMetrics"])) == (
        7,
        5,
    )
    answer = world.api.disable_enhanced_monitoring(StreamName=stream, ShardLevelMetrics=["ALL"])
    assert answer["DesiredShardLevelMetrics"] == []


# -- tags and policies --------------------------------------------------------------------------


def test_a_stream_is_created_with_tags(world: World) -> None:
    stream = world.stream(Tags={"team": "web"})
    assert tags(world, stream) == {"team": "web"}


def test_tags_are_added_replaced_and_removed(world: World) -> None:
    stream = world.stream(Tags={"team": "web", "stage": "test"})
    world.api.add_tags_to_stream(StreamName=stream, Tags={"team": "shop", "cost": "1"})
    world.api.remove_tags_from_stream(StreamName=stream, TagKeys=["stage", "unknown"])
    assert tags(world, stream) == {"team": "shop", "cost": "1"}
    arn = {"ResourceARN": world.arn(stream)}
    world.api.tag_resource(**arn, Tags={"more": ""})
    world.api.untag_resource(**arn, TagKeys=["cost"])
    listed = world.api.list_tags_for_resource(**arn)["Tags"]
    assert listed == [{"Key": "more", "Value": ""}, {"Key": "team", "Value": "shop"}]


def test_tags_are_listed_page_by_page(world: World) -> None:
    stream = world.stream(Tags={"a": "1", "b": "2", "c": "3"})
    first = world.api.list_tags_for_stream(StreamName=stream, Limit=2)
    assert ([tag["Key"] for tag in first["Tags"]], first["HasMoreTags"]) == (["a", "b"], True)
    rest = world.api.list_tags_for_stream(StreamName=stream, ExclusiveStartTagKey="b")
    assert ([tag["Key"] for tag in rest["Tags"]], rest["HasMoreTags"]) == (["c"], False)


def test_a_stream_has_at_most_50_tags(world: World) -> None:
    stream = world.stream(Tags={str(number): "" for number in range(49)})
    world.api.add_tags_to_stream(StreamName=stream, Tags={"49": ""})
    with pytest.raises(ClientError, match="cannot have more than 50 tags"):
        world.api.add_tags_to_stream(StreamName=stream, Tags={"50": ""})
    world.api.add_tags_to_stream(StreamName=stream, Tags={"49": "again"})


@pytest.mark.parametrize("tag", [{"a%": "1"}, {"a": "1;"}])
def test_tags_have_only_some_characters(world: World, tag: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="Some tags contain invalid characters"):
        world.stream(Tags=tag)


def test_a_policy_is_kept(world: World) -> None:
    stream = world.stream()
    arn = {"ResourceARN": world.arn(stream)}
    assert world.api.get_resource_policy(**arn)["Policy"] == "{}"
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow"}]})
    world.api.put_resource_policy(**arn, Policy=policy)
    assert world.api.get_resource_policy(**arn)["Policy"] == policy
    world.api.delete_resource_policy(**arn)
    assert world.api.get_resource_policy(**arn)["Policy"] == "{}"
    with pytest.raises(ClientError, match="No resource policy found for resource ARN"):
        world.api.delete_resource_policy(**arn)


@pytest.mark.parametrize("policy", ["x", "[]", "{}"])
def test_what_is_no_policy_is_refused(world: World, policy: str) -> None:
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        world.api.put_resource_policy(ResourceARN=world.arn(world.stream()), Policy=policy)
