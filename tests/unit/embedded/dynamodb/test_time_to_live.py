"""Time to live: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html and
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/time-to-live-ttl-streams.html"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws
    from tests.unit.embedded.dynamodb.conftest import StreamedTable

YEAR = 365 * 86_400


@pytest.fixture
def expiring(table: StreamedTable) -> StreamedTable:
    table.client.update_time_to_live(
        TableName=table.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    return table


def ids(table: StreamedTable) -> list[str]:
    items = table.client.scan(TableName=table.name)["Items"]
    return sorted(item["id"]["S"] for item in items)


def removals(table: StreamedTable) -> list[tuple[str, Any]]:
    """Who was removed, and by whom."""
    return [
        (record["dynamodb"]["Keys"]["id"]["S"], record.get("userIdentity"))
        for record in table.records()
        if record["eventName"] == "REMOVE"
    ]


SERVICE = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


def test_items_are_deleted_when_the_clock_is_moved_past_their_time(
    aws: Aws, expiring: StreamedTable
) -> None:
    expiring.put("soon", expires=int(aws.now()) + 60)
    expiring.put("later", expires=int(aws.now()) + 3600)
    expiring.put("never")
    aws.advance(120)
    assert ids(expiring) == ["later", "never"]
    aws.advance(3600)
    assert ids(expiring) == ["never"]
    assert removals(expiring) == [("soon", SERVICE), ("later", SERVICE)]


def test_an_item_is_deleted_at_its_own_time(aws: Aws, expiring: StreamedTable) -> None:
    now = int(aws.now())
    expiring.put("b", expires=now + 200)
    expiring.put("a", expires=now + 100)
    aws.advance(300)
    times = [
        (record["dynamodb"]["Keys"]["id"]["S"], record["dynamodb"]["ApproximateCreationDateTime"])
        for record in expiring.records()
        if record["eventName"] == "REMOVE"
    ]
    assert [(item, time.timestamp()) for item, time in times] == [
        ("a", now + 100),
        ("b", now + 200),
    ]


def test_waiting_does_not_wait_for_items_to_expire(aws: Aws, expiring: StreamedTable) -> None:
    start = aws.now()
    expiring.put("1", expires=int(aws.now()) + 60)
    aws.settle()
    assert aws.now() - start < 60
    assert ids(expiring) == ["1"]
    assert aws.cloud._scheduler.pending() == []


@pytest.mark.parametrize("expires", [str, lambda now: -5 * YEAR + now - 60, lambda now: {now}])
def test_what_is_no_time_to_live_is_kept(aws: Aws, expiring: StreamedTable, expires: Any) -> None:
    """A number of seconds, and not more than five years in the past."""
    expiring.put("1", expires=expires(int(aws.now())))
    aws.advance(3600)
    assert ids(expiring) == ["1"]


def test_a_table_without_time_to_live_keeps_its_items(aws: Aws, expiring: StreamedTable) -> None:
    expiring.put("1", expires=int(aws.now()) + 60)
    expiring.client.update_time_to_live(
        TableName=expiring.name,
        TimeToLiveSpecification={"Enabled": False, "AttributeName": "expires"},
    )
    aws.advance(3600)
    assert ids(expiring) == ["1"]


def test_a_delete_by_a_user_has_no_user_identity(aws: Aws, expiring: StreamedTable) -> None:
    expiring.put("1", expires=int(aws.now()) + 60)
    expiring.delete("1")
    aws.advance(3600)
    assert removals(expiring) == [("1", None)]


def test_what_is_written_while_the_clock_moves_expires_as_well(
    aws: Aws, expiring: StreamedTable
) -> None:
    expiring.put("1", expires=int(aws.now()) + 60)

    def renew(event: Any) -> None:
        for record in event["Records"]:
            if record["eventName"] == "REMOVE" and record["dynamodb"]["Keys"]["id"]["S"] == "1":
                expiring.put("2", expires=int(aws.now()) + 60)

    aws.runtime.handler = renew
    aws.lambda_.create_event_source_mapping(
        EventSourceArn=expiring.arn, FunctionName=aws.function(), StartingPosition="TRIM_HORIZON"
    )
    aws.advance(3600)
    assert ids(expiring) == []
    assert removals(expiring) == [("1", SERVICE), ("2", SERVICE)]


def test_an_item_that_was_given_more_time_is_kept(
    aws: Aws, expiring: StreamedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    expiring.put("1", expires=int(aws.now()) + 60)
    later = int(aws.now()) + 7200
    client = aws.cloud.client("dynamodb")

    def renew(**_: Any) -> None:
        client.meta.events.unregister("before-call.dynamodb.DeleteItem", unique_id="renew")
        expiring.put("1", expires=later)

    client.meta.events.register("before-call.dynamodb.DeleteItem", renew, unique_id="renew")
    aws.advance(3600)
    assert ids(expiring) == ["1"]
    assert removals(expiring) == []
