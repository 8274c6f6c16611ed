import base64
import json
from collections import Counter
from pathlib import Path

import pytest

from slstest import FunctionError

CLICK_LOG = Path(__file__).parents[1] / "data" / "clicks.jsonl"


def deploy(sls, table):
    return sls.function(
        "sample_functions/click_processor", environment={"CLICKS_TABLE": table.name}
    )


def test_clicks_are_counted(sls):
    clicks = sls.table(key="page")
    stream = sls.stream()
    processor = deploy(sls, clicks)
    processor.triggered_by(stream, batch_size=2)

    stream.put({"page": "/home"}, {"page": "/home"}, {"page": "/cart"})

    clicks.expect_item({"page": "/home", "count": 2})
    clicks.expect_item({"page": "/cart", "count": 1})
    assert [len(i.event["Records"]) for i in processor.invocations] == [2, 1]


@pytest.mark.sls_table("clicks", key="page")
@pytest.mark.sls_function(
    "sample_functions/click_processor", environment={"CLICKS_TABLE": "{clicks.name}"}
)
@pytest.mark.kinesis_event({"page": "/home"}, {"page": "/home"}, batch_size=2)
def test_a_batch_is_counted_in_one_invocation(kinesis_event, sls):
    sls["clicks"].expect_item({"page": "/home", "count": 2})
    assert len(kinesis_event.invocations) == 1


@pytest.mark.sls_table("clicks", key="page")
@pytest.mark.sls_function(
    "sample_functions/click_processor", environment={"CLICKS_TABLE": "{clicks.name}"}
)
@pytest.mark.kinesis_event(shard_count=2)
def test_counts_go_on_from_batch_to_batch(kinesis_event, sls):
    kinesis_event.send({"page": "/home"}, {"page": "/cart"})
    kinesis_event.send({"page": "/home"})

    sls["clicks"].expect_item({"page": "/home", "count": 2})
    sls["clicks"].expect_item({"page": "/cart", "count": 1})
    sls["clicks"].expect_count(2)


def test_a_batch_that_is_delivered_again_counts_once(sls):
    clicks = sls.table(key="page")
    stream = sls.stream()
    processor = deploy(sls, clicks)
    processor.triggered_by(stream)
    stream.put({"page": "/home"}, {"page": "/cart"}, {"page": "/home"})
    clicks.expect_item({"page": "/home", "count": 2})
    (delivered,) = processor.invocations

    processor.invoke(delivered.event)

    clicks.expect_item({"page": "/home", "count": 2})
    clicks.expect_item({"page": "/cart", "count": 1})


def test_a_batch_that_was_counted_in_part_is_completed(sls):
    stream = sls.stream()
    first = deploy(sls, sls.table(key="page"))
    first.triggered_by(stream)
    stream.put({"page": "/home"}, {"page": "/cart"}, {"page": "/home"}, {"page": "/help"})
    sls.settle()
    (delivered,) = first.invocations
    clicks = sls.table(key="page")
    processor = deploy(sls, clicks)
    processor.invoke({"Records": delivered.event["Records"][:2]})

    processor.invoke(delivered.event)

    counts = {item["page"]: item["count"] for item in clicks.items()}
    assert counts == {"/home": 2, "/cart": 1, "/help": 1}


def test_a_failed_batch_comes_again_until_it_succeeds(sls):
    clicks = sls.table(key="page")
    stream = sls.stream()
    processor = deploy(sls, clicks)
    processor.triggered_by(stream, batch_size=2)
    dynamodb = sls.client("dynamodb")
    table = dynamodb.describe_table(TableName=clicks.name)["Table"]
    dynamodb.delete_table(TableName=clicks.name)
    stream.put({"page": "/home"}, {"page": "/cart"}, {"page": "/home"})
    processor.expect_log("ResourceNotFoundException")

    dynamodb.create_table(
        TableName=clicks.name,
        KeySchema=table["KeySchema"],
        AttributeDefinitions=table["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
    )

    clicks.expect_item({"page": "/home", "count": 2})
    clicks.expect_item({"page": "/cart", "count": 1})
    first, second, *_ = processor.invocations
    assert second.event == first.event
    assert (first.attempt, second.attempt) == (1, 2)


def test_a_record_that_is_no_click_holds_up_its_shard(sls):
    clicks = sls.table(key="page")
    stream = sls.stream()
    processor = deploy(sls, clicks)
    processor.triggered_by(stream, batch_size=1)

    stream.put({"page": "/home"}, {"visitor": "v007"}, {"page": "/cart"})
    processor.expect_log("is not a click.*'page'")

    clicks.expect_item({"page": "/home", "count": 1})
    clicks.expect_count(1)
    failed = [i for i in processor.invocations if i.error]
    assert {i.error["errorType"] for i in failed} == {"ValueError"}
    assert len({i.event["Records"][0]["eventID"] for i in failed}) == 1


@pytest.mark.parametrize("data", [b"/home", b"[]", b'{"visitor": "v007"}', b'{"page": 1}'])
def test_what_is_no_click_is_named_in_the_error(sls, data):
    processor = deploy(sls, sls.table(key="page"))
    record = {
        "eventID": "shardId-000000000000:4965",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:123456789012:stream/clicks",
        "kinesis": {"data": base64.b64encode(data).decode(), "sequenceNumber": "4965"},
    }

    with pytest.raises(FunctionError, match="shardId-000000000000:4965 is not a click") as failure:
        processor.invoke({"Records": [record]})

    assert failure.value.payload["errorType"] == "ValueError"


def test_every_click_of_a_night_is_counted(sls):
    """936 clicks; a visitor's clicks keep their order, and both shards have every page."""
    day = [json.loads(line) for line in CLICK_LOG.read_text(encoding="utf-8").splitlines()]
    log = [click for click in day if click["time"] < "2024-02-29T04"]
    clicks = sls.table(key="page")
    stream = sls.stream(shard_count=2)
    processor = deploy(sls, clicks)

    stream.put(*log, partition_key=lambda click: click["visitor"])
    processor.triggered_by(stream, batch_size=300)
    sls.settle()

    counts = {item["page"]: item["count"] for item in clicks.items()}
    assert counts == Counter(click["page"] for click in log)
    assert sum(len(i.event["Records"]) for i in processor.invocations) == len(log)
    processor.expect_no_errors()
