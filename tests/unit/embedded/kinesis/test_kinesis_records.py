"""Records: https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.kinesis.conftest import World

HOUR, DAY = 3600, 24 * 3600
LAST_HASH_KEY = 2**128 - 1
OF_NO_SHARD = "StartingSequenceNumber 5 used in GetShardIterator on shard shardId-000000000000"


# -- writing ----------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_put(world: World) -> None:
    stream = world.stream()
    put = world.api.put_record(StreamName=stream, Data=b"\x00\xff", PartitionKey="\u00e9")
    page = world.read(world.iterator(stream))
    (record,) = page["Records"]
    moment = record.pop("ApproximateArrivalTimestamp").timestamp()
    assert moment == world.scheduler.now() == 1_700_000_000.25
    assert put["ShardId"] == "shardId-000000000000"
    assert record == {
        "SequenceNumber": put["SequenceNumber"],
        "Data": b"\x00\xff",
        "PartitionKey": "\u00e9",
    }


def test_a_record_may_be_empty(world: World) -> None:
    stream = world.stream()
    world.put(stream, "")
    assert world.data(stream) == [""]


def test_a_record_goes_to_the_shard_of_its_keys_md5_hash(world: World) -> None:
    stream = world.stream(4)
    for shard in world.shards(stream):
        (record,) = world.put(stream, "a", key=world.key_for(shard))
        assert record["ShardId"] == shard["ShardId"]


@pytest.mark.parametrize(
    ("hash_key", "shard"),
    [(0, 0), (2**127 - 1, 0), (2**127, 1), (LAST_HASH_KEY, 1)],
    ids=["first", "last of the first shard", "first of the second shard", "last"],
)
def test_an_explicit_hash_key_overrides_the_partition_key(
    world: World, hash_key: int, shard: int
) -> None:
    stream = world.stream(2)
    put = world.api.put_record(
        StreamName=stream, Data=b"a", PartitionKey="key", ExplicitHashKey=str(hash_key)
    )
    assert put["ShardId"] == f"shardId-{shard:012d}"


def test_an_explicit_hash_key_beyond_all_shards_is_refused(world: World) -> None:
    with pytest.raises(ClientError) as error:
        world.api.put_record(
            StreamName=world.stream(),
            Data=b"a",
            PartitionKey="key",
            ExplicitHashKey=str(LAST_HASH_KEY + 1),
        )
    assert world.refused(error) == (
        "InvalidArgumentException",
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified "
        f"value was {LAST_HASH_KEY + 1}",
    )


def test_put_records_answers_in_the_order_of_the_request(world: World) -> None:
    stream = world.stream(2)
    keys = [world.key_for(shard) for shard in world.shards(stream)]
    order = [keys[1], keys[0], keys[1]]
    answer = world.api.put_records(
        StreamName=stream, Records=[{"Data": b"a", "PartitionKey": key} for key in order]
    )
    assert answer["FailedRecordCount"] == 0
    assert [record["ShardId"][-1] for record in answer["Records"]] == ["1", "0", "1"]


def test_sequence_numbers_grow_within_a_shard(world: World) -> None:
    stream = world.stream()
    numbers = [int(each["SequenceNumber"]) for each in world.put(stream, *"abc")]
    world.advance(10)
    numbers += [int(each["SequenceNumber"]) for each in world.put(stream, "d")]
    assert numbers == sorted(set(numbers))
    assert all(len(str(number)) == 56 for number in numbers)


def test_who_reads_a_stream_hears_of_the_shards_that_were_written_to(world: World) -> None:
    stream = world.stream(2)
    first, _ = world.shards(stream)
    world.put(stream, "a", "b", key=world.key_for(first))
    assert world.told == [(world.arn(stream), frozenset({first["ShardId"]}))]


def test_a_stream_is_named_by_its_arn_as_well(world: World) -> None:
    stream = world.stream()
    world.api.put_record(StreamARN=world.arn(stream), Data=b"a", PartitionKey="key")
    assert world.data(stream) == ["a"]


@pytest.mark.parametrize("named", ["StreamName", "StreamARN"])
def test_nothing_is_put_into_a_stream_that_does_not_exist(world: World, named: str) -> None:
    value = "nowhere" if named == "StreamName" else world.arn("nowhere")
    with pytest.raises(ClientError) as error:
        world.api.put_record(**{named: value}, Data=b"a", PartitionKey="key")
    assert world.refused(error) == (
        "ResourceNotFoundException",
        "Stream nowhere under account 123456789012 not found.",
    )


def test_a_name_and_an_arn_that_do_not_agree_are_refused(world: World) -> None:
    with pytest.raises(ClientError, match="do not name the same stream"):
        world.api.put_record(
            StreamName=world.stream(),
            StreamARN=world.arn(world.stream()),
            Data=b"a",
            PartitionKey="key",
        )


def test_a_stream_must_be_named(world: World) -> None:
    with pytest.raises(ClientError, match="Either StreamName or StreamARN must be provided"):
        world.api.put_record(Data=b"a", PartitionKey="key")


# -- limits of writing --------------------------------------------------------------------------


def test_a_request_takes_500_records(world: World) -> None:
    stream = world.stream()
    assert len(world.put(stream, *map(str, range(500)))) == 500
    with pytest.raises(ClientError) as error:
        world.put(stream, *map(str, range(501)))
    assert world.refused(error) == (
        "ValidationException",
        "1 validation error detected: Value at 'records' failed to satisfy constraint: Member "
        "must have length less than or equal to 500",
    )
    assert len(world.data(stream)) == 500


def test_a_request_takes_ten_mebibytes_partition_keys_included(world: World) -> None:
    stream = world.stream()
    megabyte = {"Data": b"x" * (1024 * 1024 - 3), "PartitionKey": "key"}
    world.api.put_records(StreamName=stream, Records=[megabyte] * 10)
    with pytest.raises(ClientError) as error:
        world.api.put_records(
            StreamName=stream, Records=[*[megabyte] * 10, {"Data": b"", "PartitionKey": "k"}]
        )
    assert world.refused(error) == (
        "InvalidArgumentException",
        "Records size exceeds 10 MB limit",
    )


def test_a_record_has_a_mebibyte_by_default(world: World) -> None:
    stream = world.stream()
    full = {"Data": b"x" * (1024 * 1024 - 3), "PartitionKey": "key"}
    world.api.put_record(StreamName=stream, **full)
    too_large = {**full, "PartitionKey": "key4"}
    with pytest.raises(ClientError) as error:
        world.api.put_records(StreamName=stream, Records=[full, too_large])
    assert world.refused(error) == (
        "ValidationException",
        "1 validation error detected: Value at 'records.2.member.data' failed to satisfy "
        "constraint: Member must have length less than or equal to 1048576",
    )
    with pytest.raises(ClientError, match=r"Value at 'data' failed to satisfy"):
        world.api.put_record(StreamName=stream, **too_large)
    assert len(world.read(world.iterator(stream))["Records"]) == 1


def test_a_stream_may_take_larger_records(world: World) -> None:
    stream = world.stream(MaxRecordSizeInKiB=2048)
    world.api.put_record(StreamName=stream, Data=b"x" * 2 * 1024 * 1000, PartitionKey="key")
    with pytest.raises(ClientError, match="less than or equal to 2097152"):
        world.api.put_record(StreamName=stream, Data=b"x" * 2 * 1024 * 1024, PartitionKey="key")
    world.api.update_max_record_size(StreamARN=world.arn(stream), MaxRecordSizeInKiB=10240)
    world.api.put_record(StreamName=stream, Data=b"x" * (10485760 - 3), PartitionKey="key")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (
            {"PartitionKey": ""},
            "Value '' at 'records.1.member.partitionKey' failed to satisfy constraint: Member must "
            "have length greater than or equal to 1",
        ),
        (
            {"PartitionKey": "k" * 257},
            f"Value '{'k' * 257}' at 'records.1.member.partitionKey' failed to satisfy constraint: "
            "Member must have length less than or equal to 256",
        ),
        (
            {"ExplicitHashKey": "01"},
            "Value '01' at 'records.1.member.explicitHashKey' failed to satisfy constraint: Member "
            r"must satisfy regular expression pattern: 0|([1-9]\d{0,38})",
        ),
        (
            {"Data": b"x" * 10485761},
            "Value at 'records.1.member.data' failed to satisfy constraint: Member must have "
            "length less than or equal to 10485760",
        ),
    ],
    ids=["no key", "long key", "hash key", "data"],
)
def test_a_record_that_cannot_be_is_refused_and_none_is_put(
    world: World, entry: dict[str, Any], problem: str
) -> None:
    client = world.client(config=_as_it_is())
    stream = world.stream()
    good = {"Data": b"a", "PartitionKey": "key"}
    with pytest.raises(ClientError) as error:
        client.put_records(StreamName=stream, Records=[{**good, **entry}, good])
    assert world.refused(error) == (
        "ValidationException",
        f"1 validation error detected: {problem}",
    )
    assert world.data(stream) == []


def test_members_that_are_missing_are_named(world: World) -> None:
    client = world.client(config=_as_it_is())
    with pytest.raises(ClientError) as error:
        client.put_records(StreamName=world.stream(), Records=[{}])
    missing = "failed to satisfy constraint: Member must not be null"
    assert world.refused(error) == (
        "ValidationException",
        "2 validation errors detected: "
        f"Value null at 'records.1.member.partitionKey' {missing}; "
        f"Value null at 'records.1.member.data' {missing}",
    )


@pytest.mark.parametrize("number", ["0", str(2**185), str(2 << 184 | 2 | (2**36 - 1) << 36)])
def test_what_no_record_had_is_no_sequence_number_for_ordering(world: World, number: str) -> None:
    stream = world.stream()
    with pytest.raises(ClientError) as error:
        world.api.put_record(
            StreamName=stream, Data=b"a", PartitionKey="key", SequenceNumberForOrdering=number
        )
    assert world.refused(error) == (
        "InvalidArgumentException",
        f"ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} under "
        "account 123456789012 is invalid.",
    )


def test_the_number_of_an_earlier_record_is_one_for_ordering(world: World) -> None:
    stream = world.stream()
    (first,) = world.put(stream, "a")
    world.api.put_record(
        StreamName=stream,
        Data=b"b",
        PartitionKey="key",
        SequenceNumberForOrdering=first["SequenceNumber"],
    )
    assert world.data(stream) == ["a", "b"]


# -- iterators ----------------------------------------------------------------------------------


def test_trim_horizon_is_before_the_oldest_record(world: World) -> None:
    stream = world.stream()
    world.put(stream, *"ab")
    assert world.data(stream) == ["a", "b"]


def test_latest_is_after_the_newest_record(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    iterator = world.iterator(stream, kind="LATEST")
    assert world.data_of(world.read(iterator)) == []
    world.put(stream, "b")
    assert world.data_of(world.read(iterator)) == ["b"]


def test_latest_of_a_shard_without_records_is_before_the_first_one(world: World) -> None:
    stream = world.stream()
    iterator = world.iterator(stream, kind="LATEST")
    world.put(stream, "a")
    assert world.data_of(world.read(iterator)) == ["a"]


def test_a_sequence_number_is_read_from_or_after(world: World) -> None:
    stream = world.stream()
    number = world.put(stream, *"abc")[1]["SequenceNumber"]
    at = {"StartingSequenceNumber": number}
    assert world.data(stream, kind="AT_SEQUENCE_NUMBER", **at) == ["b", "c"]
    assert world.data(stream, kind="AFTER_SEQUENCE_NUMBER", **at) == ["c"]


def test_the_shards_starting_sequence_number_is_before_its_records(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    number = world.shards(stream)[0]["SequenceNumberRange"]["StartingSequenceNumber"]
    at = {"StartingSequenceNumber": number}
    assert world.data(stream, kind="AT_SEQUENCE_NUMBER", **at) == ["a"]


def test_a_timestamp_is_before_the_first_record_that_came_then_or_later(world: World) -> None:
    stream = world.stream()
    began = world.scheduler.now()
    world.put(stream, "a")
    world.advance(10)
    world.put(stream, "b")
    world.advance(10)
    for seconds, expected in ((-99, ["a", "b"]), (1, ["b"]), (10, ["b"]), (11, [])):
        found = world.data(stream, kind="AT_TIMESTAMP", Timestamp=began + seconds)
        assert found == expected, seconds


def test_a_timestamp_after_the_last_record_is_after_it(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    world.advance(10)
    iterator = world.iterator(stream, kind="AT_TIMESTAMP", Timestamp=world.scheduler.now())
    world.put(stream, "b")
    assert world.data_of(world.read(iterator)) == ["b"]


def test_a_timestamp_is_not_in_the_future(world: World) -> None:
    with pytest.raises(ClientError, match="cannot be greater than the currentTimestampInMillis"):
        world.iterator(world.stream(), kind="AT_TIMESTAMP", Timestamp=world.scheduler.now() + 1000)


@pytest.mark.parametrize(
    ("kind", "at", "said"),
    [
        ("LATEST", {"StartingSequenceNumber": "5"}, "LATEST and also a StartingSequenceNumber"),
        ("TRIM_HORIZON", {"StartingSequenceNumber": "5"}, "TRIM_HORIZON and also a Starting"),
        ("AT_SEQUENCE_NUMBER", {}, "AT_SEQUENCE_NUMBER and no StartingSequenceNumber"),
        ("AFTER_SEQUENCE_NUMBER", {}, "AFTER_SEQUENCE_NUMBER and no StartingSequenceNumber"),
        ("AT_TIMESTAMP", {}, "AT_TIMESTAMP and no Timestamp"),
        ("LATEST", {"Timestamp": 1}, "LATEST and also a Timestamp"),
    ],
)
def test_a_position_is_given_where_the_type_asks_for_one(
    world: World, kind: str, at: dict[str, Any], said: str
) -> None:
    with pytest.raises(ClientError, match=f"InvalidArgumentException.*Request specified {said}"):
        world.iterator(world.stream(), kind=kind, **at)


def test_what_is_no_sequence_number_is_refused(world: World) -> None:
    stream = world.stream()
    with pytest.raises(ClientError) as error:
        world.iterator(stream, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber="5")
    assert world.refused(error) == (
        "InvalidArgumentException",
        f"{OF_NO_SHARD} in stream {stream} under account 123456789012 is invalid.",
    )


def test_a_sequence_number_of_another_shard_is_refused(world: World) -> None:
    stream = world.stream(2)
    second = world.shards(stream)[1]["SequenceNumberRange"]["StartingSequenceNumber"]
    with pytest.raises(ClientError) as error:
        world.iterator(stream, kind="AT_SEQUENCE_NUMBER", StartingSequenceNumber=second)
    assert world.refused(error) == (
        "InvalidArgumentException",
        "Invalid StartingSequenceNumber. It encodes shardId-000000000001, while it was used in a "
        "call to a shard with shardId-000000000000",
    )


def test_a_sequence_number_of_another_stream_is_refused(world: World) -> None:
    (record,) = world.put(world.stream(), "a")
    world.advance(10)
    with pytest.raises(ClientError, match="is invalid because it did not come from this stream"):
        world.iterator(
            world.stream(),
            kind="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=record["SequenceNumber"],
        )


@pytest.mark.parametrize("named", ["shardId-0", "0", "shard-0", "x-000", "shardId-000000000000"])
def test_a_shard_is_named_by_its_number(world: World, named: str) -> None:
    stream = world.stream()
    world.put(stream, "a")
    answer = world.api.get_shard_iterator(
        StreamName=stream, ShardId=named, ShardIteratorType="TRIM_HORIZON"
    )
    assert world.data_of(world.read(answer["ShardIterator"])) == ["a"]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("shardId-5", "Shard shardId-000000000005 in stream {} under account {} does not exist"),
        ("2147483648", "Could not find shard 2147483648 in stream {} under account {}."),
        ("first", "Could not find shard first in stream {} under account {}."),
    ],
)
def test_a_shard_that_does_not_exist_is_refused(world: World, named: str, said: str) -> None:
    stream = world.stream()
    with pytest.raises(ClientError) as error:
        world.api.get_shard_iterator(
            StreamName=stream, ShardId=named, ShardIteratorType="TRIM_HORIZON"
        )
    expected = said.format(stream, "123456789012")
    assert world.refused(error) == ("ResourceNotFoundException", expected)


def test_an_iterator_is_good_for_five_minutes(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    iterator = world.iterator(stream)
    world.advance(300)
    assert world.data_of(world.read(iterator)) == ["a"]
    world.advance(0.001)
    with pytest.raises(ClientError) as error:
        world.read(iterator)
    assert world.refused(error) == (
        "ExpiredIteratorException",
        "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while "
        "right now it is Tue Nov 14 22:18:20 UTC 2023 which is further in the future than the "
        "tolerated delay of 300000 milliseconds.",
    )


@pytest.mark.parametrize("token", ["x", "AAAA", "AAAAAAAAAAEx", "\u00e9"])
def test_what_is_no_iterator_is_refused(world: World, token: str) -> None:
    with pytest.raises(ClientError) as error:
        world.read(token)
    assert world.refused(error) == ("InvalidArgumentException", "Invalid ShardIterator.")


def test_an_iterator_of_a_stream_that_is_gone_finds_no_shard(world: World) -> None:
    stream = world.stream()
    iterator = world.iterator(stream)
    world.api.delete_stream(StreamName=stream)
    with pytest.raises(ClientError) as error:
        world.read(iterator)
    assert world.refused(error) == (
        "ResourceNotFoundException",
        f"Shard shardId-000000000000 in stream {stream} under account 123456789012 does not exist",
    )


def test_an_iterator_reads_a_stream_that_has_come_back(world: World) -> None:
    """As AWS does: an iterator stands for a name and a sequence number."""
    stream = world.stream()
    world.put(stream, "a")
    iterator = world.iterator(stream, kind="LATEST")
    world.api.delete_stream(StreamName=stream)
    world.advance(60)
    world.api.create_stream(StreamName=stream, ShardCount=1)
    world.put(stream, "b")
    assert world.data_of(world.read(iterator)) == ["b"]


def test_an_iterator_is_used_with_its_own_stream(world: World) -> None:
    stream, other = world.stream(), world.stream()
    iterator = world.iterator(stream)
    world.api.get_records(ShardIterator=iterator, StreamARN=world.arn(stream))
    with pytest.raises(ClientError, match=f"not one of the stream {other}"):
        world.api.get_records(ShardIterator=iterator, StreamARN=world.arn(other))


# -- reading ------------------------------------------------------------------------------------


def test_records_are_read_page_by_page(world: World) -> None:
    stream = world.stream()
    world.put(stream, *"abcde")
    iterator, pages, behind = world.iterator(stream), [], []
    for _ in range(4):
        page = world.read(iterator, limit=2)
        pages.append(world.data_of(page))
        behind.append(page["MillisBehindLatest"] > 0)
        iterator = page["NextShardIterator"]
    assert pages == [["a", "b"], ["c", "d"], ["e"], []]
    assert behind == [True, True, False, False]


def test_each_answer_has_another_iterator(world: World) -> None:
    iterator = world.iterator(world.stream())
    iterators = {iterator}
    for _ in range(3):
        iterator = world.read(iterator)["NextShardIterator"]
        iterators.add(iterator)
    assert len(iterators) == 4


def test_millis_behind_latest_is_the_age_of_the_next_record(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    world.advance(2)
    world.put(stream, "b")
    world.advance(3)
    page = world.read(world.iterator(stream), limit=1)
    assert page["MillisBehindLatest"] == 3_000
    page = world.read(page["NextShardIterator"], limit=1)
    assert page["MillisBehindLatest"] == 0


def test_a_page_has_10000_records(world: World) -> None:
    stream = world.stream()
    for _ in range(21):
        world.put(stream, *["a"] * 500)
    page = world.read(world.iterator(stream))
    assert len(page["Records"]) == 10_000
    assert page["MillisBehindLatest"] > 0
    assert len(world.read(page["NextShardIterator"])["Records"]) == 500


def test_a_page_has_ten_mebibytes(world: World) -> None:
    stream = world.stream(MaxRecordSizeInKiB=10240)
    for size in (4, 6, 1, 10):
        data = b"x" * (size * 1024 * 1024 - 3)
        world.api.put_record(StreamName=stream, Data=data, PartitionKey="key")
    iterator, sizes = world.iterator(stream), []
    for _ in range(3):
        page = world.read(iterator)
        sizes.append([round(len(record["Data"]) / 1024 / 1024) for record in page["Records"]])
        iterator = page["NextShardIterator"]
    assert sizes == [[4, 6], [1], [10]]


# -- retention ----------------------------------------------------------------------------------


def test_a_record_expires_after_a_day(world: World) -> None:
    stream = world.stream()
    world.put(stream, "a")
    world.advance(HOUR)
    world.put(stream, "b")
    world.advance(23 * HOUR - 1)
    assert world.data(stream) == ["a", "b"]
    world.advance(1)
    assert world.data(stream) == ["b"]
    world.advance(HOUR)
    assert world.data(stream) == []


def test_an_iterator_before_expired_records_goes_on_with_those_that_are_left(
    world: World,
) -> None:
    stream = world.stream()
    world.put(stream, "a")
    world.advance(DAY - 100)
    world.put(stream, "b")
    iterator = world.iterator(stream)
    world.advance(200)
    assert world.data_of(world.read(iterator)) == ["b"]


def test_a_longer_retention_keeps_what_has_not_expired_and_brings_nothing_back(
    world: World,
) -> None:
    stream = world.stream()
    world.put(stream, "a")
    world.advance(2 * HOUR)
    world.put(stream, "b")
    world.advance(23 * HOUR)
    world.api.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    assert world.data(stream) == ["b"]
    world.advance(24 * HOUR)
    assert world.data(stream) == ["b"]
    world.advance(HOUR)
    assert world.data(stream) == []


def test_a_shorter_retention_holds_at_once(world: World) -> None:
    stream = world.stream()
    world.api.increase_stream_retention_period(StreamName=stream, RetentionPeriodHours=48)
    world.put(stream, "a")
    world.advance(30 * HOUR)
    world.put(stream, "b")
    world.api.decrease_stream_retention_period(StreamName=stream, RetentionPeriodHours=24)
    assert world.data(stream) == ["b"]


def test_sequence_numbers_go_on_after_all_records_have_expired(world: World) -> None:
    stream = world.stream()
    (first,) = world.put(stream, "a")
    world.advance(DAY)
    latest = world.iterator(stream, kind="LATEST")
    (second,) = world.put(stream, "b")
    assert int(second["SequenceNumber"]) > int(first["SequenceNumber"])
    assert world.data_of(world.read(latest)) == ["b"]


def _as_it_is() -> Any:
    from botocore.config import Config

    return Config(parameter_validation=False)
