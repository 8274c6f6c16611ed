"""Resharding: https://docs.aws.amazon.com/streams/latest/dev/kinesis-using-sdk-java-resharding.html"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from tests.unit.embedded.kinesis.conftest import World

HOUR, DAY = 3600, 24 * 3600
HASH_KEYS = 2**128
HALF = 2**127


def split(world: World, stream: str, shard: int, hash_key: int = HALF) -> None:
    world.api.split_shard(
        StreamName=stream, ShardToSplit=f"shardId-{shard:012d}", NewStartingHashKey=str(hash_key)
    )


def merge(world: World, stream: str, shard: int, adjacent: int) -> None:
    world.api.merge_shards(
        StreamName=stream,
        ShardToMerge=f"shardId-{shard:012d}",
        AdjacentShardToMerge=f"shardId-{adjacent:012d}",
    )


def resize(world: World, stream: str, count: int) -> dict[str, Any]:
    answer: dict[str, Any] = world.api.update_shard_count(
        StreamName=stream, TargetShardCount=count, ScalingType="UNIFORM_SCALING"
    )
    return answer


def number(shard: dict[str, Any]) -> int:
    return int(shard["ShardId"].partition("-")[2])


def numbers(shards: list[dict[str, Any]]) -> list[int]:
    return [number(shard) for shard in shards]


def hash_keys(shard: dict[str, Any]) -> tuple[int, int]:
    keys = shard["HashKeyRange"]
    return int(keys["StartingHashKey"]), int(keys["EndingHashKey"])


def is_open(shard: dict[str, Any]) -> bool:
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def beginning(shard: dict[str, Any]) -> int:
    return int(shard["SequenceNumberRange"]["StartingSequenceNumber"])


# -- split, merge, scale ------------------------------------------------------------------------


def test_the_shards_of_a_new_stream_share_the_hash_keys(world: World) -> None:
    shards = world.shards(world.stream(3))
    third = HASH_KEYS // 3
    assert [hash_keys(shard) for shard in shards] == [
        (0, third - 1),
        (third, 2 * third - 1),
        (2 * third, HASH_KEYS - 1),
    ]
    assert numbers(shards) == [0, 1, 2]
    assert all(is_open(shard) and "ParentShardId" not in shard for shard in shards)


def test_a_split_closes_a_shard_and_opens_two(world: World) -> None:
    stream = world.stream()
    split(world, stream, 0, 100)
    parent, low, high = world.shards(stream)
    assert [is_open(shard) for shard in (parent, low, high)] == [False, True, True]
    assert (hash_keys(low), hash_keys(high)) == ((0, 99), (100, HASH_KEYS - 1))
    for child in (low, high):
        assert child["ParentShardId"] == parent["ShardId"]
        assert "AdjacentParentShardId" not in child
    assert world.told == [(world.arn(stream), None)]


def test_a_merge_closes_two_shards_and_opens_one(world: World) -> None:
    stream = world.stream(2)
    merge(world, stream, 0, 1)
    low, high, child = world.shards(stream)
    assert [is_open(shard) for shard in (low, high, child)] == [False, False, True]
    assert hash_keys(child) == (0, HASH_KEYS - 1)
    assert (child["ParentShardId"], child["AdjacentParentShardId"]) == (
        low["ShardId"],
        high["ShardId"],
    )
    assert world.told == [(world.arn(stream), None)]


def test_records_stay_in_the_shard_that_they_were_put_into(world: World) -> None:
    stream = world.stream()
    world.put(stream, "before")
    split(world, stream, 0)
    world.put(stream, "after")
    assert world.data(stream, 0) == ["before"]
    assert sorted(world.data(stream, 1) + world.data(stream, 2)) == ["after"]


def test_sequence_numbers_of_children_are_greater_than_those_of_their_parents(
    world: World,
) -> None:
    stream = world.stream()
    for _ in range(3):
        world.put(stream, "a")
        shard = next(each for each in world.shards(stream) if is_open(each))
        first, last = hash_keys(shard)
        split(world, stream, number(shard), (first + last) // 2)
    shards = {shard["ShardId"]: shard for shard in world.shards(stream)}
    for shard in shards.values():
        if "ParentShardId" in shard:
            parent = shards[shard["ParentShardId"]]["SequenceNumberRange"]
            assert beginning(shard) > int(parent["EndingSequenceNumber"])


def test_every_sequence_number_of_a_closed_shard_is_up_to_its_ending_one(world: World) -> None:
    stream = world.stream()
    (record,) = world.put(stream, "a")
    split(world, stream, 0)
    (parent, *_) = world.shards(stream)
    ending = parent["SequenceNumberRange"]["EndingSequenceNumber"]
    assert int(record["SequenceNumber"]) < int(ending)
    assert len(ending) == 56


@pytest.mark.parametrize(
    ("hash_key", "shard"),
    [(0, 0), (1, 0), (HALF - 1, 0), (HALF + 1, 1), (HASH_KEYS - 1, 1), (10**38, 1)],
)
def test_a_shard_is_split_inside(world: World, hash_key: int, shard: int) -> None:
    stream = world.stream(2)
    with pytest.raises(ClientError) as error:
        split(world, stream, shard, hash_key)
    first, last = [(0, HALF - 1), (HALF, HASH_KEYS - 1)][shard]
    assert world.refused(error) == (
        "InvalidArgumentException",
        f"NewStartingHashKey {hash_key} used in SplitShard() on shard shardId-{shard:012d} in "
        f"stream {stream} under account 123456789012 is not both greater than one plus the shard's "
        f"StartingHashKey {first} and less than the shard's EndingHashKey {last}.",
    )


@pytest.mark.parametrize("pair", [(0, 2), (1, 0), (0, 0)])
def test_only_shards_that_follow_one_another_are_merged(
    world: World, pair: tuple[int, int]
) -> None:
    stream = world.stream(3)
    with pytest.raises(ClientError) as error:
        merge(world, stream, *pair)
    assert world.refused(error) == (
        "InvalidArgumentException",
        f"Shards shardId-{pair[0]:012d} and shardId-{pair[1]:012d} in stream {stream} under "
        "account 123456789012 are not an adjacent pair of shards eligible for merging",
    )


def test_a_closed_shard_is_neither_split_nor_merged(world: World) -> None:
    stream = world.stream(2)
    merge(world, stream, 0, 1)
    said = "Shard shardId-000000000000 in stream .* has already been merged or split"
    with pytest.raises(ClientError, match=said):
        split(world, stream, 0, 100)
    with pytest.raises(ClientError, match=said):
        merge(world, stream, 0, 1)


def test_a_shard_that_does_not_exist_is_neither_split_nor_merged(world: World) -> None:
    stream = world.stream()
    said = "Could not find shard shardId-000000000007 in stream .* under account 123456789012."
    with pytest.raises(ClientError, match=said):
        split(world, stream, 7)
    with pytest.raises(ClientError, match=said):
        merge(world, stream, 0, 7)


@pytest.mark.parametrize(
    ("before", "after"), [(1, 2), (2, 4), (4, 2), (2, 3), (3, 2), (4, 6), (6, 4), (5, 8), (7, 4)]
)
def test_scaling_leaves_shards_of_one_size(world: World, before: int, after: int) -> None:
    stream = world.stream(before)
    answer = resize(world, stream, after)
    assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (before, after)
    shards = [hash_keys(shard) for shard in world.shards(stream) if is_open(shard)]
    assert sorted(shards) == sorted(hash_keys(shard) for shard in world.shards(world.stream(after)))
    summary = world.api.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == after


def test_scaling_to_the_number_that_there_is_changes_no_shard(world: World) -> None:
    stream = world.stream(3)
    before = world.shards(stream)
    resize(world, stream, 3)
    assert world.shards(stream) == before


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (9, "UpdateShardCount cannot scale up over double your current open shard count."),
        (1, "UpdateShardCount cannot scale down below half your current open shard count."),
        (
            10_001,
            "Target shard count or number of open shards cannot be greater than 10000.",
        ),
    ],
)
def test_a_stream_is_at_most_doubled_or_halved(world: World, count: int, said: str) -> None:
    stream = world.stream(4)
    with pytest.raises(ClientError) as error:
        resize(world, stream, count)
    assert world.refused(error) == (
        "LimitExceededException",
        f"{said} Current open shard count: 4, Target shard count: {count}",
    )


def test_the_shards_of_a_stream_on_demand_are_left_to_aws(world: World) -> None:
    stream = world.stream(StreamModeDetails={"StreamMode": "ON_DEMAND"})
    for change in (
        lambda: split(world, stream, 0),
        lambda: merge(world, stream, 0, 1),
        lambda: resize(world, stream, 8),
    ):
        with pytest.raises(ClientError) as error:
            change()
        assert world.refused(error) == (
            "ValidationException",
            f"Request is invalid. Stream {stream} under account 123456789012 is in On-Demand mode.",
        )


# -- reading to the end of a shard --------------------------------------------------------------


def test_the_end_of_a_closed_shard_has_no_iterator_and_names_the_children(world: World) -> None:
    stream = world.stream()
    world.put(stream, *"abc")
    split(world, stream, 0, 100)
    page = world.read(world.iterator(stream), limit=2)
    assert "ChildShards" not in page
    page = world.read(page["NextShardIterator"])
    assert world.data_of(page) == ["c"]
    assert "NextShardIterator" not in page
    assert page["MillisBehindLatest"] == 0
    assert page["ChildShards"] == [
        {
            "ShardId": f"shardId-{child:012d}",
            "ParentShards": ["shardId-000000000000"],
            "HashKeyRange": {"StartingHashKey": first, "EndingHashKey": last},
        }
        for child, first, last in ((1, "0", "99"), (2, "100", str(HASH_KEYS - 1)))
    ]


def test_the_child_of_merged_shards_names_both(world: World) -> None:
    stream = world.stream(2)
    merge(world, stream, 0, 1)
    for shard in (0, 1):
        (child,) = world.read(world.iterator(stream, shard))["ChildShards"]
        assert child["ParentShards"] == ["shardId-000000000000", "shardId-000000000001"]


def test_an_iterator_at_the_end_of_an_open_shard_ends_once_the_shard_is_closed(
    world: World,
) -> None:
    stream = world.stream()
    iterator = world.read(world.iterator(stream))["NextShardIterator"]
    split(world, stream, 0)
    page = world.read(iterator)
    assert page["Records"] == []
    assert "NextShardIterator" not in page
    assert len(page["ChildShards"]) == 2


def test_nothing_is_after_the_ending_sequence_number(world: World) -> None:
    stream = world.stream()
    split(world, stream, 0)
    (parent, *_) = world.shards(stream)
    with pytest.raises(ClientError) as error:
        world.iterator(
            stream,
            kind="AFTER_SEQUENCE_NUMBER",
            StartingSequenceNumber=parent["SequenceNumberRange"]["EndingSequenceNumber"],
        )
    assert world.refused(error) == (
        "InvalidArgumentException",
        "Invalid SequenceNumber for ShardIteratorType AFTER_SEQUENCE_NUMBER, SequenceNumber has "
        "reached max possible value for the shard.",
    )


def test_a_closed_shard_stays_until_the_retention_period_is_over(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    world.advance(HOUR)
    split(world, stream, 0)
    iterator = world.iterator(stream)
    world.advance(DAY - HOUR)
    assert world.data(stream) == []
    world.advance(HOUR - 1)
    assert numbers(world.shards(stream)) == [0, 1, 2]
    world.advance(1)
    (low, _) = shards = world.shards(stream)
    assert numbers(shards) == [1, 2]
    assert low["ParentShardId"] == "shardId-000000000000"
    with pytest.raises(ClientError, match=r"Shard shardId-0+ in stream .* not exist"):
        world.iterator(stream)
    with pytest.raises(ClientError, match="ExpiredIteratorException"):
        world.read(iterator)


# -- listing ------------------------------------------------------------------------------------


def test_shards_are_listed_page_by_page(world: World) -> None:
    stream = world.stream(5)
    page = world.api.list_shards(StreamName=stream, MaxResults=2)
    found = [numbers(page["Shards"])]
    while "NextToken" in page:
        page = world.api.list_shards(NextToken=page["NextToken"], MaxResults=2)
        found.append(numbers(page["Shards"]))
    assert found == [[0, 1], [2, 3], [4]]


def test_a_page_has_a_thousand_shards(world: World) -> None:
    stream = world.stream(1001)
    page = world.api.list_shards(StreamName=stream, MaxResults=10_000)
    assert len(page["Shards"]) == 1000
    page = world.api.list_shards(NextToken=page["NextToken"])
    assert (numbers(page["Shards"]), "NextToken" in page) == ([1000], False)


def test_a_token_is_good_for_five_minutes(world: World) -> None:
    token = world.api.list_shards(StreamName=world.stream(2), MaxResults=1)["NextToken"]
    world.advance(300)
    world.api.list_shards(NextToken=token)
    world.advance(1)
    with pytest.raises(ClientError, match="ExpiredNextTokenException"):
        world.api.list_shards(NextToken=token)


def test_a_token_keeps_the_filter(world: World) -> None:
    stream = world.stream(2)
    resize(world, stream, 4)
    page = world.api.list_shards(StreamName=stream, MaxResults=1, ShardFilter={"Type": "AT_LATEST"})
    following = world.api.list_shards(NextToken=page["NextToken"])
    assert numbers(page["Shards"] + following["Shards"]) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"StreamName": "s"}, "NextToken and StreamName cannot be provided together."),
        (
            {"ExclusiveStartShardId": "shardId-0"},
            "NextToken and ExclusiveStartShardId cannot be provided together.",
        ),
    ],
)
def test_a_token_comes_alone(world: World, params: dict[str, Any], said: str) -> None:
    token = world.api.list_shards(StreamName=world.stream(2), MaxResults=1)["NextToken"]
    with pytest.raises(ClientError) as error:
        world.api.list_shards(NextToken=token, **params)
    assert world.refused(error) == ("InvalidArgumentException", said)


@pytest.mark.parametrize("token", ["x", "AAAA", "\u00e9"])
def test_what_is_no_token_is_refused(world: World, token: str) -> None:
    with pytest.raises(ClientError, match="NextToken is invalid"):
        world.api.list_shards(NextToken=token)


def test_shards_are_those_of_a_stream_or_of_a_token(world: World) -> None:
    with pytest.raises(ClientError) as error:
        world.api.list_shards()
    assert world.refused(error) == (
        "InvalidArgumentException",
        "Either NextToken or StreamName should be provided.",
    )


def test_listing_begins_after_a_shard(world: World) -> None:
    stream = world.stream(4)
    assert numbers(world.shards(stream, ExclusiveStartShardId="shardId-000000000001")) == [2, 3]
    after = {"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000002"}
    assert numbers(world.shards(stream, ShardFilter=after)) == [3]


def test_a_creation_timestamp_tells_streams_of_one_name_apart(world: World) -> None:
    stream = world.stream()
    description = world.api.describe_stream_summary(StreamName=stream)
    created = description["StreamDescriptionSummary"]["StreamCreationTimestamp"]
    assert len(world.shards(stream, StreamCreationTimestamp=created)) == 1
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        world.shards(stream, StreamCreationTimestamp=created.timestamp() - 10)


def test_a_filter_chooses_shards_by_when_they_were_open(world: World) -> None:
    """Shard 0 is split into 1 and 2 after an hour, these are merged into 3 after another."""
    stream = world.stream()
    began = world.scheduler.now()
    world.advance(HOUR)
    split(world, stream, 0)
    world.advance(HOUR)
    merge(world, stream, 1, 2)
    world.advance(HOUR)

    def found(kind: str, hours: float | None = None) -> list[int]:
        at = {} if hours is None else {"Timestamp": began + hours * HOUR}
        return numbers(world.shards(stream, ShardFilter={"Type": kind, **at}))

    assert found("AT_LATEST") == [3]
    assert found("AT_TRIM_HORIZON") == [0]
    assert found("FROM_TRIM_HORIZON") == [0, 1, 2, 3]
    assert found("AT_TIMESTAMP", 0.5) == [0]
    assert found("AT_TIMESTAMP", 1.5) == [1, 2]
    assert found("AT_TIMESTAMP", 2.5) == [3]
    assert found("FROM_TIMESTAMP", 0.5) == [0, 1, 2, 3]
    assert found("FROM_TIMESTAMP", 1.5) == [1, 2, 3]
    assert found("FROM_TIMESTAMP", 2.5) == [3]
    world.advance(22.5 * HOUR)
    assert found("AT_TRIM_HORIZON") == [1, 2]
    assert found("FROM_TRIM_HORIZON") == [1, 2, 3]
    assert found("FROM_TIMESTAMP", 0.5) == [1, 2, 3]


@pytest.mark.parametrize(
    "chosen",
    [
        {"Type": "AFTER_SHARD_ID"},
        {"Type": "AT_TIMESTAMP"},
        {"Type": "AT_LATEST", "Timestamp": 1},
        {"Type": "FROM_TIMESTAMP", "Timestamp": 1, "ShardId": "shardId-0"},
    ],
)
def test_a_filter_has_what_its_type_asks_for(world: World, chosen: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match=r"InvalidArgumentException.*ShardFilter type is"):
        world.shards(world.stream(), ShardFilter=chosen)


# -- whatever happens ---------------------------------------------------------------------------

PUT = st.tuples(st.just("put"), st.integers(0, HASH_KEYS - 1))
SPLIT = st.tuples(st.just("split"), st.floats(0, 1, exclude_max=True))
MERGE = st.tuples(st.just("merge"), st.floats(0, 1, exclude_max=True))
RESIZE = st.tuples(st.just("resize"), st.floats(0.5, 2))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    shard_count=st.integers(1, 4), steps=st.lists(st.one_of(PUT, SPLIT, MERGE, RESIZE), max_size=20)
)
def test_whatever_happens_to_shards_each_record_is_read_once_and_in_order_of_its_hash_key(
    world: World, shard_count: int, steps: list[tuple[str, Any]]
) -> None:
    stream = world.stream(shard_count)
    put: list[tuple[str, int]] = []
    for step, value in steps:
        shards = sorted(filter(is_open, world.shards(stream)), key=hash_keys)
        if step == "put":
            put.append((str(len(put)), value))
            world.api.put_record(
                StreamName=stream, Data=put[-1][0], PartitionKey="k", ExplicitHashKey=str(value)
            )
        elif step == "split":
            shard = shards[int(value * len(shards))]
            first, last = hash_keys(shard)
            split(world, stream, number(shard), (first + last) // 2)
        elif step == "merge" and len(shards) > 1:
            at = int(value * (len(shards) - 1))
            merge(world, stream, number(shards[at]), number(shards[at + 1]))
        elif step == "resize":
            count = max(1, round(value * len(shards)))
            resize(world, stream, min(max(count, -(-len(shards) // 2)), 2 * len(shards)))

    shards = world.shards(stream)
    ranges = sorted(hash_keys(shard) for shard in shards if is_open(shard))
    assert ranges[0][0] == 0
    assert ranges[-1][1] == HASH_KEYS - 1
    assert all(one[1] + 1 == other[0] for one, other in itertools.pairwise(ranges))
    read = [each for shard in shards for each in world.data(stream, number(shard))]
    assert sorted(read, key=int) == [data for data, _ in put]
    for value in {value for _, value in put}:
        of_key = [data for data, key in put if key == value]
        assert [data for data in read if data in of_key] == of_key
