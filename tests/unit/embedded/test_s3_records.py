"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""

from __future__ import annotations

import json

import pytest

from slstest.embedded.s3_notifications import changes, events
from slstest.embedded.s3_notifications.changes import BucketFacts, Change
from slstest.embedded.s3_notifications.records import (
    Cause,
    Sequencers,
    encoded_key,
    event_message,
    owner_id,
    trial_message,
)

BUCKET = BucketFacts("bucket", "arn:aws:s3:::bucket", "eu-west-1", "123456789012")
CAUSE = Cause("AWS:AKIA", "127.0.0.1", "REQUEST", "host")


def change(event: str = events.CREATED_BY_PUT, key: str = "key") -> Change:
    return Change(event, BUCKET, key, {"size": 1})


def test_a_sequencer_is_the_time_and_never_the_same_or_less() -> None:
    sequencers = Sequencers()
    found = [sequencers.next(moment) for moment in (0x6A6EF6F7, 0x6A6EF6F7 + 0.5, 0, 0x6A6EF6F8)]
    assert found == [
        "006A6EF6F700000000",
        "006A6EF6F780000000",
        "006A6EF6F780000001",
        "006A6EF6F800000000",
    ]


@pytest.mark.parametrize("event", sorted(events.CAUSED))
def test_only_what_creates_deletes_or_restores_has_a_sequencer(event: str) -> None:
    document = json.loads(event_message(change(event), "id", "S", CAUSE, 0.0))
    described = document["Records"][0]["s3"]["object"]
    family = event.split(":")[1]
    assert ("sequencer" in described) is (
        family in ("ObjectCreated", "ObjectRemoved", "ObjectRestore")
    )


def test_the_fields_come_in_the_order_of_s3() -> None:
    message = event_message(change(key="a b"), "id", "S", CAUSE, 1.5)
    assert message == (
        '{"Records":[{"eventVersion":"2.6","eventSource":"aws:s3","awsRegion":"eu-west-1",'
        '"eventTime":"1970-01-01T00:00:01.500Z","eventName":"ObjectCreated:Put",'
        '"userIdentity":{"principalId":"AWS:AKIA"},'
        '"requestParameters":{"sourceIPAddress":"127.0.0.1"},'
        '"responseElements":{"x-amz-request-id":"REQUEST","x-amz-id-2":"host"},'
        '"s3":{"s3SchemaVersion":"1.0","configurationId":"id",'
        f'"bucket":{{"name":"bucket","ownerIdentity":{{"principalId":"{owner_id(BUCKET)}"}},'
        '"arn":"arn:aws:s3:::bucket"},'
        '"object":{"key":"a+b","size":1,"sequencer":"S"}}}]}'
    )


def test_the_test_event_is_of_another_form() -> None:
    assert json.loads(trial_message(BUCKET, CAUSE, 0.0)) == {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "1970-01-01T00:00:00.000Z",
        "Bucket": "bucket",
        "RequestId": "REQUEST",
        "HostId": "host",
    }


def test_a_key_keeps_its_slashes() -> None:
    assert encoded_key("a b/c+d/é~*") == "a+b/c%2Bd/%C3%A9%7E*"


# -- what one request changes -----------------------------------------------------------


def test_what_is_said_last_of_a_new_object_counts() -> None:
    stored = object()
    with changes.recording() as made:
        changes.created(stored, change(events.CREATED_BY_PUT))
        changes.changed(stored, change(events.TAGS_PUT))
        changes.created(stored, change(events.CREATED_BY_COPY))
        changes.changed(object(), change(events.ACL_PUT))
        changes.happened(change(events.DELETED))
    assert [each.event for each in made] == [
        events.CREATED_BY_COPY,
        events.ACL_PUT,
        events.DELETED,
    ]


def test_a_request_within_a_request_has_changes_of_its_own() -> None:
    changes.happened(change(key="before"))
    with changes.recording() as outer:
        changes.happened(change(key="outer"))
        with changes.recording() as inner:
            changes.happened(change(key="inner"))
        changes.happened(change(key="outer again"))
    changes.happened(change(key="after"))
    assert [each.key for each in inner] == ["inner"]
    assert [each.key for each in outer] == ["outer", "outer again"]
