import time

import pytest

from slstest import FunctionError


def deploy(sls, bucket):
    return sls.function("sample_functions/change_log", environment={"LOG_BUCKET": bucket.name})


def history(bucket):
    return [(obj.json["change"], obj.json["before"], obj.json["after"]) for obj in bucket.objects()]


def test_every_change_of_an_item_is_logged(sls):
    orders = sls.table(key="order", stream=True)
    log = sls.bucket()
    deploy(sls, log).triggered_by(orders)

    orders.put({"order": "7", "status": "new"})
    orders.put({"order": "7", "status": "paid", "total": 12.5})
    orders.delete("7")
    sls.settle()

    assert history(log) == [
        ("INSERT", None, {"order": "7", "status": "new"}),
        (
            "MODIFY",
            {"order": "7", "status": "new"},
            {"order": "7", "status": "paid", "total": 12.5},
        ),
        ("REMOVE", {"order": "7", "status": "paid", "total": 12.5}, None),
    ]


@pytest.mark.sls_bucket("log")
@pytest.mark.sls_function("sample_functions/change_log", environment={"LOG_BUCKET": "{log.name}"})
@pytest.mark.dynamodb_event(
    {"shop": "north", "order": 7}, {"shop": "a/b", "order": 8}, key="shop", sort_key=("order", "N")
)
def test_the_key_tells_table_item_and_sequence_number(dynamodb_event, sls):
    records = [r for i in dynamodb_event.invocations for r in i.event["Records"]]
    table = dynamodb_event.table.name
    numbers = [record["dynamodb"]["SequenceNumber"].zfill(40) for record in records]

    assert {obj.key for obj in sls["log"].objects()} == {
        f"{table}/7+north/{numbers[0]}.json",
        f"{table}/8+a%2Fb/{numbers[1]}.json",
    }


@pytest.mark.sls_bucket("log")
@pytest.mark.sls_function("sample_functions/change_log", environment={"LOG_BUCKET": "{log.name}"})
@pytest.mark.dynamodb_event({"id": "1"}, {"id": "2"}, {"id": "1", "n": 2}, batch_size=2)
@pytest.mark.sls_redelivery
def test_a_change_that_is_delivered_again_is_logged_once(dynamodb_event, sls):
    assert len(sls["log"].objects()) == 3


@pytest.mark.sls_bucket("log")
@pytest.mark.sls_function("sample_functions/change_log", environment={"LOG_BUCKET": "{log.name}"})
@pytest.mark.dynamodb_event(
    {
        "id": "1",
        "count": 3,
        "price": 0.1,
        "note": None,
        "tags": {"b", "a"},
        "sizes": {2, 1},
        "picture": b"\xff\x00",
        "lines": [{"article": "ä", "gift": True}],
    }
)
def test_an_image_is_plain_json(dynamodb_event, sls):
    (obj,) = sls["log"].objects()

    assert obj.json["after"] == {
        "id": "1",
        "count": 3,
        "price": 0.1,
        "note": None,
        "tags": ["a", "b"],
        "sizes": [1, 2],
        "picture": "/wA=",
        "lines": [{"article": "ä", "gift": True}],
    }


@pytest.mark.sls_bucket("log")
@pytest.mark.sls_function("sample_functions/change_log", environment={"LOG_BUCKET": "{log.name}"})
@pytest.mark.dynamodb_event
def test_what_dynamodb_deletes_itself_is_logged_as_expired(dynamodb_event, sls):
    sls.client("dynamodb").update_time_to_live(
        TableName=dynamodb_event.table.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    dynamodb_event.send({"id": "1", "expires": int(time.time()) + 3600})

    sls.clock.advance(hours=2)

    assert [change for change, *_ in history(sls["log"])] == ["INSERT", "EXPIRE"]


def test_a_write_that_changes_nothing_is_not_logged(sls):
    orders = sls.table(stream=True)
    log = sls.bucket()
    deploy(sls, log).triggered_by(orders)

    orders.put({"id": "1", "status": "new"})
    orders.put({"id": "1", "status": "new"})

    log.expect_count(1)
    sls.settle()
    assert len(log.objects()) == 1


def test_a_stream_without_both_images_is_refused(sls):
    orders = sls.table(stream="KEYS_ONLY")
    log = sls.bucket()
    logger = deploy(sls, log)
    logger.triggered_by(orders, maximum_retry_attempts=0)

    orders.put({"id": "1"})

    logger.expect_log("the log needs NEW_AND_OLD_IMAGES")
    log.expect_count(0)
    (failed,) = logger.invocations
    with pytest.raises(FunctionError, match=r"ValueError.*has KEYS_ONLY"):
        logger.invoke(failed.event)
