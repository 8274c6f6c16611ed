from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest

from slstest import ConfigurationError, Environment, ExpectationFailed, SlstestError
from slstest.resources.records import Record

MIB = 1024 * 1024


def throttled(code: str = "ProvisionedThroughputExceededException") -> dict[str, str]:
    return {"ErrorCode": code, "ErrorMessage": "Rate exceeded"}


def test_a_stream_has_one_shard_unless_more_are_asked_for(world: Environment) -> None:
    def shards(stream: Any) -> int:
        answer = world.client("kinesis").describe_stream_summary(StreamName=stream.name)
        return int(answer["StreamDescriptionSummary"]["OpenShardCount"])

    assert shards(world.stream()) == 1
    assert shards(world.stream(shard_count=4)) == 4
    assert shards(world.stream(stream_mode_details={"StreamMode": "ON_DEMAND"})) > 1


def test_a_stream_is_waited_for_until_it_is_active(world: Environment, cloud: Any) -> None:
    def creating(answer: Any) -> None:
        answer["StreamDescriptionSummary"]["StreamStatus"] = "CREATING"

    cloud.edit("DescribeStreamSummary", creating, creating)
    world.stream()
    assert cloud.calls == ["CreateStream", *["DescribeStreamSummary"] * 3]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"stream_name": "x"}, "stream_name= cannot be given"),
        ({"shards": 2}, "CreateStream of Kinesis has no parameter 'shards'"),
        ({"shard_count": "2"}, "Invalid type for parameter ShardCount"),
    ],
)
def test_what_a_stream_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"sls\.stream\('s'\): .*{problem}"):
        world.stream("s", **arguments)


def test_records_are_read_back_as_they_were_put(world: Environment) -> None:
    stream = world.stream()
    put = stream.put({"page": "/home"}, "grün", b"\xff")
    records = stream.records()
    assert [record.data for record in records] == [{"page": "/home"}, "grün", b"\xff"]
    assert [record.raw for record in records] == [b'{"page": "/home"}', "grün".encode(), b"\xff"]
    assert [(r.sequence_number, r.shard_id) for r in records] == [
        (r.sequence_number, r.shard_id) for r in put
    ]
    assert all(record.arrived for record in records)


def test_records_spread_over_the_shards_the_same_way_each_time(world: Environment) -> None:
    def shards(stream: Any) -> list[str]:
        stream.put(*["same"] * 20)
        return [record.shard_id for record in stream.put(*["same"] * 20)]

    first, second = shards(world.stream(shard_count=4)), shards(world.stream(shard_count=4))
    assert first == second
    assert len(set(first)) == 4


def test_a_partition_key_is_one_for_all_or_made_from_the_data(world: Environment) -> None:
    stream = world.stream()
    stream.put("a", "b", partition_key="k")
    stream.put({"page": "/home"}, partition_key=lambda data: data["page"])
    assert [record.partition_key for record in stream.records()] == ["k", "k", "/home"]


@pytest.mark.parametrize("key", ["", "k" * 257, 5, lambda data: data["n"]])
def test_a_partition_key_that_cannot_be_is_refused(world: Environment, key: Any) -> None:
    stream = world.stream("s")
    with pytest.raises(
        ConfigurationError, match=r"s'\.put, record 1 of 2: a partition key is a str of 1 to 256"
    ):
        stream.put({"n": 1}, {"n": 2}, partition_key=key)
    assert stream.records() == []


def test_as_few_requests_as_the_limits_allow(world: Environment, cloud: Any) -> None:
    stream = world.stream()
    cloud.calls.clear()
    assert len(stream.put(*({"n": n} for n in range(1001)))) == 1001
    assert cloud.calls == ["PutRecords"] * 3
    cloud.calls.clear()
    stream.put(*[b"x" * (MIB - 10)] * 6)
    assert cloud.calls == ["PutRecords"] * 2
    stream.put()
    assert cloud.calls == ["PutRecords"] * 2


def test_a_record_over_the_limit_is_refused_before_anything_is_sent(
    world: Environment, cloud: Any
) -> None:
    stream = world.stream("s")
    with pytest.raises(ConfigurationError) as raised:
        stream.put("fits", b"x" * MIB, "fits")
    assert str(raised.value) == (
        "stream 's'.put, record 2 of 3: it has 1,048,577 bytes with its partition key, but the "
        "stream takes 1,048,576. Nothing was sent. Make it smaller, or create the stream with "
        "max_record_size_in_kib= (10240 at most)."
    )
    assert "PutRecords" not in cloud.calls


def test_the_limit_is_that_of_the_stream(world: Environment, cloud: Any) -> None:
    def larger(answer: Any) -> None:
        answer["StreamDescriptionSummary"]["MaxRecordSizeInKiB"] = 2048

    stream = world.stream()
    cloud.edit("DescribeStreamSummary", larger)  # somebody has raised it since
    cloud.answer("PutRecords", {"Records": [{"SequenceNumber": "1", "ShardId": "s"}]})
    (record,) = stream.put(b"x" * MIB)
    assert record.shard_id == "s"


def test_throttled_records_are_sent_again_and_those_only(world: Environment, cloud: Any) -> None:
    stream = world.stream()
    done = {"SequenceNumber": "7", "ShardId": "shardId-000000000000"}
    cloud.answer(
        "PutRecords",
        {"FailedRecordCount": 2, "Records": [throttled(), done, throttled("InternalFailure")]},
    )
    records = stream.put("a", "b", "c")
    assert [record.data for record in records] == ["a", "b", "c"]
    assert records[1].sequence_number == "7"
    assert [record.data for record in stream.records()] == ["a", "c"]


def test_a_record_that_is_not_taken_for_good_is_an_error(world: Environment, cloud: Any) -> None:
    cloud.answer("PutRecords", {"FailedRecordCount": 1, "Records": [throttled("KMSDisabled")]})
    with pytest.raises(SlstestError, match="1 of 1 records were not taken: KMSDisabled: Rate"):
        world.stream().put("a")


def test_a_stream_that_stays_throttled_is_given_up(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("slstest.resources.records.time.monotonic", lambda: float(next(now)))
    monkeypatch.setattr("slstest.resources.records.time.sleep", lambda _: None)
    cloud.answer("PutRecords", *[{"FailedRecordCount": 1, "Records": [throttled()]}] * 9)
    with pytest.raises(SlstestError, match="1 of 1 records were not taken: Provisioned"):
        world.stream().put("a")


@pytest.mark.parametrize("expected", [{"page": "/home"}, {"page": ANY, "n": 2}, "text", b"\xff"])
def test_a_record_is_expected_by_its_data(world: Environment, expected: Any) -> None:
    stream = world.stream(shard_count=2)
    stream.put({"page": "/home", "n": 2}, "text", b"\xff")
    found = stream.expect_record(expected)
    assert isinstance(found, Record)
    assert found.partition_key in ("1", "2", "3")


def test_a_record_is_waited_for_and_only_what_is_new_is_read(
    world: Environment, cloud: Any
) -> None:
    stream = world.stream()
    cloud.between_looks.extend([lambda: stream.put({"n": 1}), lambda: stream.put({"n": 2})])
    cloud.calls.clear()
    assert stream.expect_record({"n": 2}).data == {"n": 2}
    assert cloud.calls.count("GetShardIterator") == 1
    assert cloud.calls.count("GetRecords") == 3


def test_an_expired_iterator_is_renewed_without_reading_twice(
    world: Environment, cloud: Any
) -> None:
    stream = world.stream()
    stream.put({"n": 1})

    def expire() -> None:
        stream.put({"n": 2})
        cloud.answer("GetRecords", (400, "ExpiredIteratorException", "Iterator expired"))

    cloud.between_looks.append(expire)
    stream.expect_record({"n": 2})
    with pytest.raises(ExpectationFailed, match="nearest of 2 records"):
        stream.expect_record({"n": 3})


def test_a_missing_record_is_explained_by_the_nearest(world: Environment) -> None:
    stream = world.stream("clicks")
    with pytest.raises(ExpectationFailed, match="There is no record at all"):
        stream.expect_record({"n": 1})
    stream.put({"page": "/home", "n": 1}, {"page": "/cart"})
    with pytest.raises(ExpectationFailed) as raised:
        stream.expect_record({"page": "/home", "n": 2})
    assert str(raised.value) == (
        "stream 'clicks' has no record like\n  {'page': '/home', 'n': 2}\n"
        "The nearest of 2 records is\n  {'page': '/home', 'n': 1}\n    n is 1, expected 2\n"
        "Nothing is under way any more that could change this."
    )


def test_no_record_is_expected_only_after_settling(world: Environment, cloud: Any) -> None:
    stream = world.stream("s")
    stream.expect_no_record({"n": 1})
    cloud.between_looks.append(lambda: stream.put({"n": 1}))
    with pytest.raises(ExpectationFailed, match=r"was to have no record like\n  \{'n': 1\}\nbut"):
        stream.expect_no_record({"n": 1})
    assert cloud.settled == [3.0, 3.0]


# -- shards and consumers -----------------------------------------------------------------------


def test_a_reshard_is_waited_for_until_the_stream_is_active(world: Environment, cloud: Any) -> None:
    def updating(answer: Any) -> None:
        answer["StreamDescriptionSummary"]["StreamStatus"] = "UPDATING"

    stream = world.stream(shard_count=2)
    cloud.calls.clear()
    cloud.edit("DescribeStreamSummary", updating, updating)
    stream.update_shard_count(4)
    assert cloud.calls == ["UpdateShardCount", *["DescribeStreamSummary"] * 3]
    summary = world.client("kinesis").describe_stream_summary(StreamName=stream.name)
    assert summary["StreamDescriptionSummary"]["OpenShardCount"] == 4


def test_a_reshard_that_the_cloud_refuses_is_told(world: Environment, cloud: Any) -> None:
    stream = world.stream("clicks")
    cloud.answer("UpdateShardCount", (400, "LimitExceededException", "too many"))
    with pytest.raises(ConfigurationError) as raised:
        stream.update_shard_count(9)
    assert str(raised.value) == (
        "stream 'clicks'.update_shard_count(9): UpdateShardCount was refused: "
        "LimitExceededException: too many"
    )


def test_a_consumer_is_waited_for_until_it_is_active(world: Environment, cloud: Any) -> None:
    def creating(answer: Any) -> None:
        answer["ConsumerDescription"]["ConsumerStatus"] = "CREATING"

    stream = world.stream("clicks")
    cloud.calls.clear()
    cloud.edit("DescribeStreamConsumer", creating)
    consumer = stream.register_consumer("billing")
    assert cloud.calls == ["RegisterStreamConsumer", *["DescribeStreamConsumer"] * 2]
    assert (consumer.name, str(consumer)) == ("billing", "stream consumer 'billing'")
    assert consumer.arn.startswith(f"{stream.arn}/consumer/billing")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"stream_arn": "x"}, "stream_arn= cannot be given"),
        ({"consumer_name": "x"}, "consumer_name= cannot be given"),
        ({"name": "a b", "color": "red"}, "has no parameter 'color'"),
    ],
)
def test_what_a_consumer_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    stream = world.stream("clicks")
    with pytest.raises(ConfigurationError, match=problem) as raised:
        stream.register_consumer(**arguments)
    assert str(raised.value).startswith("stream 'clicks'.register_consumer(")


def test_a_consumer_is_deleted_before_its_stream(world: Environment, cloud: Any) -> None:
    stream = world.stream()
    consumer = stream.register_consumer()
    cloud.answer("DeregisterStreamConsumer", (400, "ResourceInUseException", "busy"))
    cloud.calls.clear()
    world.close()
    assert cloud.calls == [*["DeregisterStreamConsumer"] * 2, "DeleteStream"]
    kinesis = cloud.client("kinesis")
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_consumer(ConsumerARN=consumer.arn)


def test_a_consumer_that_is_gone_is_no_trouble(world: Environment, cloud: Any) -> None:
    world.stream().register_consumer()
    gone = (400, "ResourceNotFoundException", "not there")
    cloud.answer("DeregisterStreamConsumer", gone)
    world.close()
