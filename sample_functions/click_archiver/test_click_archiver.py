import json
import re

import pytest

from slstest import FunctionError


def deploy(sls, bucket):
    return sls.function(
        "sample_functions/click_archiver", environment={"ARCHIVE_BUCKET": bucket.name}
    )


def lines(obj):
    return [json.loads(line) for line in obj.text.splitlines()]


def test_a_batch_becomes_one_object_of_json_lines(sls):
    archive = sls.bucket()
    stream = sls.stream()
    archiver = deploy(sls, archive)
    archiver.triggered_by(stream, batch_size=2)

    stream.put({"page": "/home"}, {"page": "/café"}, {"page": "/cart"})
    sls.settle()

    objects = [archive.expect_object(i.response["key"]) for i in archiver.invocations]
    assert [lines(obj) for obj in objects] == [
        [{"page": "/home"}, {"page": "/café"}],
        [{"page": "/cart"}],
    ]
    assert len(archive.objects()) == 2


@pytest.mark.sls_bucket("archive")
@pytest.mark.sls_function(
    "sample_functions/click_archiver", environment={"ARCHIVE_BUCKET": "{archive.name}"}
)
@pytest.mark.kinesis_event({"page": "/home"})
def test_the_key_tells_stream_day_shard_and_first_record(kinesis_event, sls):
    (invocation,) = kinesis_event.invocations
    (record,) = invocation.event["Records"]

    sls["archive"].expect_object(invocation.response["key"], body='{"page":"/home"}\n')
    assert re.fullmatch(
        rf"{kinesis_event.stream.name}/\d{{4}}-\d\d-\d\d/"
        rf"shardId-000000000000-{record['kinesis']['sequenceNumber']}\.jsonl",
        invocation.response["key"],
    )


@pytest.mark.sls_bucket("archive")
@pytest.mark.sls_function(
    "sample_functions/click_archiver", environment={"ARCHIVE_BUCKET": "{archive.name}"}
)
@pytest.mark.kinesis_event({"page": "/home"}, {"page": "/cart"})
def test_a_batch_that_is_delivered_again_overwrites_its_object(kinesis_event, sls):
    (delivered,) = kinesis_event.invocations

    kinesis_event.function.invoke(delivered.event)

    (archived,) = sls["archive"].objects()
    assert archived.key == delivered.response["key"]


@pytest.mark.sls_bucket("archive")
@pytest.mark.sls_function(
    "sample_functions/click_archiver", environment={"ARCHIVE_BUCKET": "{archive.name}"}
)
@pytest.mark.kinesis_event(batch_size=1, shard_count=4)
def test_no_click_is_lost_between_the_shards(kinesis_event, sls):
    sent = [{"page": f"/product/{n}"} for n in range(20)]

    kinesis_event.send(*sent)

    archived = [click for obj in sls["archive"].objects() for click in lines(obj)]
    assert sorted(archived, key=sent.index) == sent


def test_a_record_that_is_not_json_is_retried_and_nothing_is_archived(sls):
    archive = sls.bucket()
    stream = sls.stream()
    archiver = deploy(sls, archive)
    archiver.triggered_by(stream)

    stream.put({"page": "/home"}, "no json at all")
    archiver.expect_log("is not JSON")

    assert archive.objects() == []
    with pytest.raises(FunctionError, match=r"ValueError.*is not JSON"):
        archiver.invoke(archiver.invocations[0].event)
