"""S3 event notifications: https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html

The rules of a function's events: https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest
from contract_columns.columns import Column

from slstest import Bucket, ConfigurationError, Environment, Function

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"

EVERYTHING = [
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
    "s3:ObjectTagging:*",
    "s3:ObjectAcl:Put",
    "s3:ObjectRestore:*",
]


@pytest.fixture
def bucket(sls: Environment) -> Bucket:
    return sls.bucket("uploads")


@pytest.fixture
def versioned(sls: Environment) -> Bucket:
    """A bucket that keeps the versions of its objects."""
    bucket = sls.bucket("versions")
    sls.client("s3").put_bucket_versioning(
        Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
    )
    return bucket


@pytest.fixture
def with_acls(sls: Environment) -> Bucket:
    """A bucket whose objects may have ACLs, also public ones:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html"""
    bucket = sls.bucket("acls", object_ownership="ObjectWriter")
    sls.client("s3").delete_public_access_block(Bucket=bucket.name)
    return bucket


@pytest.fixture
def function(deploy: Deploy) -> Function:
    return deploy(QUIET)


def records(function: Function) -> list[dict[str, Any]]:
    """The records of all events that a function got; S3 sends one in each."""
    function.expect_no_errors()  # waits for all that is under way
    events = [invocation.event for invocation in function.invocations]
    assert [list(event) for event in events] == [["Records"]] * len(events)
    assert [len(event["Records"]) for event in events] == [1] * len(events)
    return [event["Records"][0] for event in events]


def told(function: Function) -> list[tuple[str, str]]:
    """The names and keys of all events that a function got, in the order of their causes."""
    return [
        (record["eventName"], record["s3"]["object"]["key"])
        for record in sorted(records(function), key=lambda each: each["eventTime"])
    ]


def objects(function: Function) -> list[dict[str, Any]]:
    """What all events say of objects, without what changes from one to the next."""
    return [
        {name: value for name, value in record["s3"]["object"].items() if name != "sequencer"}
        for record in records(function)
    ]


def account(sls: Environment) -> str:
    return str(sls.client("sts").get_caller_identity()["Account"])


def permission(sls: Environment, bucket: Bucket, action: str) -> dict[str, Any]:
    """A policy that lets S3 do something for the bucket."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": action,
        "Resource": "*",
        "Condition": {
            "ArnLike": {"aws:SourceArn": bucket.arn},
            "StringEquals": {"aws:SourceAccount": account(sls)},
        },
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def permitted_queue(sls: Environment, bucket: Bucket, **attributes: Any) -> Any:
    """A queue to which S3 may send for the bucket."""
    return sls.queue(policy=permission(sls, bucket, "sqs:SendMessage"), **attributes)


def notify_queue(sls: Environment, bucket: Bucket, queue: Any, **more: Any) -> None:
    rule = {"QueueArn": queue.arn, "Events": ["s3:ObjectCreated:*"], **more}
    configure(sls, bucket, QueueConfigurations=[rule])


def configure(sls: Environment, bucket: Bucket, **configuration: Any) -> None:
    sls.client("s3").put_bucket_notification_configuration(
        Bucket=bucket.name, NotificationConfiguration=configuration
    )


def configured(sls: Environment, bucket: Bucket) -> dict[str, Any]:
    found = sls.client("s3").get_bucket_notification_configuration(Bucket=bucket.name)
    return {name: value for name, value in found.items() if name != "ResponseMetadata"}


# -- the record -------------------------------------------------------------------------


def test_a_record_has_every_field(sls: Environment, function: Function, bucket: Bucket) -> None:
    notification = function.triggered_by(bucket)
    answer = sls.client("s3").put_object(Bucket=bucket.name, Key="a/b.txt", Body=b"content")
    (record,) = records(function)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("eventTime"))
    assert re.fullmatch(r"AWS:\w+", record["userIdentity"].pop("principalId"))
    assert re.fullmatch(r"[0-9.]+", record["requestParameters"].pop("sourceIPAddress"))
    described = record["s3"]
    assert re.fullmatch(r"[0-9A-F]{18}", described["object"].pop("sequencer"))
    assert re.fullmatch(r"A[0-9A-Z]{13}", described["bucket"]["ownerIdentity"].pop("principalId"))
    assert record == {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "awsRegion": sls.client("s3").meta.region_name,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {},
        "requestParameters": {},
        "responseElements": {
            "x-amz-request-id": answer["ResponseMetadata"]["RequestId"],
            "x-amz-id-2": answer["ResponseMetadata"]["HostId"],
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": notification.id,
            "bucket": {"name": bucket.name, "ownerIdentity": {}, "arn": bucket.arn},
            "object": {
                "key": "a/b.txt",
                "size": 7,
                "eTag": answer["ETag"].strip('"'),
            },
        },
    }


@pytest.mark.parametrize(
    ("key", "encoded"),
    [
        ("red flower.jpg", "red+flower.jpg"),
        ("a/b+c", "a/b%2Bc"),
        ("a@b", "a%40b"),
        ("é.txt", "%C3%A9.txt"),
        ("dt=2024/(1).txt", "dt%3D2024/%281%29.txt"),
        ("a-b_c.d*~", "a-b_c.d*%7E"),
    ],
)
def test_a_key_is_encoded_as_forms_are(
    function: Function, bucket: Bucket, key: str, encoded: str
) -> None:
    function.triggered_by(bucket)
    bucket.put(key, "")
    (described,) = objects(function)
    assert described["key"] == encoded
    assert unquote_plus(described["key"]) == key


def test_of_two_events_of_a_key_the_later_has_the_greater_sequencer(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket, events=["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])
    for number in range(3):
        bucket.put("key", str(number) * number)
    sls.client("s3").delete_object(Bucket=bucket.name, Key="key")
    found = [record["s3"]["object"] for record in records(function)]
    by_sequencer = sorted(found, key=lambda each: int(each["sequencer"], 16))
    assert [each.get("size") for each in by_sequencer] == [0, 1, 2, None]
    assert len({each["sequencer"] for each in found}) == 4


@pytest.mark.needs_clock
def test_the_event_has_the_time_of_the_cloud(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket)
    bucket.put("before", "")
    sls.clock.advance(hours=24)
    bucket.put("after", "")
    before, after = (record["eventTime"] for record in records(function))
    assert before[:10] < after[:10]


# -- what causes events -----------------------------------------------------------------


def test_a_new_object_causes_one_event_with_all_that_comes_with_it(
    function: Function, with_acls: Bucket
) -> None:
    function.triggered_by(with_acls, events=EVERYTHING)
    with_acls.put("key", "content", tagging="team=web", acl="public-read")
    assert told(function) == [("ObjectCreated:Put", "key")]


def test_a_presigned_upload_is_a_put(sls: Environment, function: Function, bucket: Bucket) -> None:
    function.triggered_by(bucket)
    url = sls.client("s3").generate_presigned_url(
        "put_object", Params={"Bucket": bucket.name, "Key": "key"}
    )
    with urllib.request.urlopen(urllib.request.Request(url, b"content", method="PUT")) as answer:
        request_id = answer.headers["x-amz-request-id"]
    (record,) = records(function)
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["object"]["size"] == 7
    assert record["userIdentity"]["principalId"].startswith("AWS:")
    assert record["responseElements"]["x-amz-request-id"] == request_id


def test_a_form_that_is_posted_is_a_post(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket)
    form = sls.client("s3").generate_presigned_post(bucket.name, "a b.txt")
    fields = {**form["fields"], "file": "content"}
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    urllib.request.urlopen(
        urllib.request.Request(
            form["url"],
            ("".join(parts) + "--edge--\r\n").encode(),
            {"Content-Type": "multipart/form-data; boundary=edge"},
        )
    ).close()
    (record,) = records(function)
    assert record["eventName"] == "ObjectCreated:Post"
    assert record["s3"]["object"]["key"] == "a+b.txt"
    assert record["s3"]["object"]["size"] == 7
    assert record["userIdentity"]["principalId"].startswith("AWS:")


def test_a_copy_is_told_of_where_it_is(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    source = sls.bucket("source")
    source.put("from", "content", tagging="team=web")
    function.triggered_by(bucket, events=EVERYTHING)
    function.triggered_by(source, events=EVERYTHING)
    sls.client("s3").copy_object(
        Bucket=bucket.name, Key="to", CopySource={"Bucket": source.name, "Key": "from"}
    )
    assert told(function) == [("ObjectCreated:Copy", "to")]
    assert objects(function) == [
        {
            "key": "to",
            "size": 7,
            "eTag": "9a0364b9e99bb480dd25e1f0284c8555",
            "hasObjectAnnotation": False,
        }
    ]


def test_a_multipart_upload_is_told_of_when_it_is_complete(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket, events=EVERYTHING)
    s3, upload = sls.client("s3"), {"Bucket": bucket.name, "Key": "key"}
    upload["UploadId"] = s3.create_multipart_upload(**upload, Tagging="team=web")["UploadId"]
    parts = []
    for number, content in ((1, b"a" * 5 * 1024 * 1024), (2, b"b")):
        part = s3.upload_part(**upload, PartNumber=number, Body=content)
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    sls.settle()
    assert function.invocations == []
    answer = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert told(function) == [("ObjectCreated:CompleteMultipartUpload", "key")]
    assert objects(function) == [
        {"key": "key", "size": 5 * 1024 * 1024 + 1, "eTag": answer["ETag"].strip('"')}
    ]


def test_an_upload_that_is_given_up_causes_nothing(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket, events=EVERYTHING)
    s3, upload = sls.client("s3"), {"Bucket": bucket.name, "Key": "key"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    s3.upload_part(**upload, PartNumber=1, Body=b"content")
    s3.abort_multipart_upload(**upload)
    sls.settle()
    assert function.invocations == []


def test_a_deletion_tells_the_key_only(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    bucket.put("a b", "content")
    function.triggered_by(bucket, events=EVERYTHING)
    sls.client("s3").delete_object(Bucket=bucket.name, Key="a b")
    assert told(function) == [("ObjectRemoved:Delete", "a+b")]
    assert objects(function) == [{"key": "a+b"}]


def test_each_of_many_deletions_is_an_event_also_where_there_was_no_object(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    bucket.put("there", "content")
    function.triggered_by(bucket, events=["s3:ObjectRemoved:*"])
    keys = [{"Key": "there"}, {"Key": "missing"}]
    answer = sls.client("s3").delete_objects(Bucket=bucket.name, Delete={"Objects": keys})
    assert sorted(told(function)) == [
        ("ObjectRemoved:Delete", "missing"),
        ("ObjectRemoved:Delete", "there"),
    ]
    ids = {record["responseElements"]["x-amz-request-id"] for record in records(function)}
    assert ids == {answer["ResponseMetadata"]["RequestId"]}


def test_objects_with_versions_are_told_of_with_their_version(
    sls: Environment, function: Function, versioned: Bucket
) -> None:
    function.triggered_by(versioned, events=["s3:ObjectCreated:*"])
    put = sls.client("s3").put_object
    made = [put(Bucket=versioned.name, Key="key", Body=body)["VersionId"] for body in (b"", b"x")]
    assert {(each["size"], each["versionId"]) for each in objects(function)} == {
        (0, made[0]),
        (1, made[1]),
    }


@pytest.mark.parametrize("there", [True, False])
def test_a_deletion_without_a_version_creates_a_delete_marker(
    sls: Environment, function: Function, versioned: Bucket, there: bool
) -> None:
    if there:
        versioned.put("key", "content")
    function.triggered_by(versioned, events=["s3:ObjectRemoved:*"])
    marker = sls.client("s3").delete_object(Bucket=versioned.name, Key="key")
    assert told(function) == [("ObjectRemoved:DeleteMarkerCreated", "key")]
    assert marker["DeleteMarker"]
    assert objects(function) == [
        {
            "key": "key",
            "eTag": "d41d8cd98f00b204e9800998ecf8427e",
            "versionId": marker["VersionId"],
        }
    ]


def test_the_deletion_of_a_version_is_a_deletion(
    sls: Environment, function: Function, versioned: Bucket
) -> None:
    s3 = sls.client("s3")
    made = s3.put_object(Bucket=versioned.name, Key="key")["VersionId"]
    marker = s3.delete_object(Bucket=versioned.name, Key="key")["VersionId"]
    function.triggered_by(versioned, events=["s3:ObjectRemoved:*"])
    for version in (made, marker):
        s3.delete_object(Bucket=versioned.name, Key="key", VersionId=version)
    assert told(function) == [("ObjectRemoved:Delete", "key")] * 2
    assert {each["versionId"] for each in objects(function)} == {made, marker}


def test_the_tags_of_an_object_are_put_and_deleted(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    bucket.put("key", "content")
    function.triggered_by(bucket, events=["s3:ObjectTagging:*"])
    s3, of = sls.client("s3"), {"Bucket": bucket.name, "Key": "key"}
    s3.put_object_tagging(**of, Tagging={"TagSet": [{"Key": "team", "Value": "web"}]})
    s3.delete_object_tagging(**of)
    assert sorted(told(function)) == [("ObjectTagging:Delete", "key"), ("ObjectTagging:Put", "key")]
    found = [record["s3"]["object"] for record in records(function)]
    assert found == [{"key": "key", "eTag": "9a0364b9e99bb480dd25e1f0284c8555"}] * 2


def test_an_acl_is_told_of_where_it_changes(
    sls: Environment, function: Function, with_acls: Bucket
) -> None:
    with_acls.put("key", "content")
    function.triggered_by(with_acls, events=["s3:ObjectAcl:Put"])
    for acl in ("private", "public-read", "public-read", "private"):
        sls.client("s3").put_object_acl(Bucket=with_acls.name, Key="key", ACL=acl)
    assert told(function) == [("ObjectAcl:Put", "key")] * 2
    found = [record["s3"]["object"] for record in records(function)]
    assert found == [{"key": "key", "eTag": "9a0364b9e99bb480dd25e1f0284c8555"}] * 2


def test_a_retention_that_is_put_is_told_of(sls: Environment, function: Function) -> None:
    bucket = sls.bucket("locked", object_lock_enabled_for_bucket=True)
    bucket.put("key", "content", checksum_algorithm="SHA256")
    function.triggered_by(bucket, events=["s3:ObjectRetention:Put"])
    sls.client("s3").put_object_retention(
        Bucket=bucket.name,
        Key="key",
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": "2040-01-02T03:04:05Z"},
    )
    (record,) = records(function)
    assert record["eventName"] == "ObjectRetention:Put"
    assert record["s3"]["object"]["size"] == 7
    assert record["objectRetentionEventData"] == {
        "mode": "GOVERNANCE",
        "retainUntilDate": "2040-01-02T03:04:05.000Z",
    }


def test_a_restored_object_is_told_of_when_it_begins_and_when_it_is_there(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    bucket.put("key", "content", storage_class="GLACIER")
    function.triggered_by(bucket, events=["s3:ObjectRestore:*"])
    sls.client("s3").restore_object(Bucket=bucket.name, Key="key", RestoreRequest={"Days": 1})
    begun, completed = sorted(records(function), key=lambda each: "glacierEventData" in each)
    assert begun["eventName"] == "ObjectRestore:Post"
    assert begun["userIdentity"]["principalId"].startswith("AWS:")
    assert completed["eventName"] == "ObjectRestore:Completed"
    owner = completed["s3"]["bucket"]["ownerIdentity"]["principalId"]
    assert completed["userIdentity"]["principalId"] == f"AmazonCustomer:{owner}"
    restored = completed["glacierEventData"]["restoreEventData"]
    assert restored.pop("lifecycleRestorationExpiryTime").endswith("Z")
    assert restored == {"lifecycleRestoreStorageClass": "GLACIER"}
    assert [each["size"] for each in objects(function)] == [7, 7]


def test_what_fails_causes_nothing(sls: Environment, function: Function, bucket: Bucket) -> None:
    bucket.put("key", "content")
    function.triggered_by(bucket, events=EVERYTHING)
    s3 = sls.client("s3")
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket=bucket.name, Key="key", IfNoneMatch="*")
    wrong = {"TagSet": [{"Key": "aws:team", "Value": "web"}]}
    with pytest.raises(s3.exceptions.ClientError, match="InvalidTag"):
        s3.put_object_tagging(Bucket=bucket.name, Key="key", Tagging=wrong)
    with pytest.raises(s3.exceptions.ClientError, match="InvalidTag"):
        s3.put_object(Bucket=bucket.name, Key="new", Tagging="aws:team=web")
    sls.settle()
    assert function.invocations == []


def test_a_function_may_cause_further_events(
    sls: Environment, deploy: Deploy, bucket: Bucket, function: Function
) -> None:
    code = """
        import boto3
        def handler(event, context):
            s3 = event["Records"][0]["s3"]
            boto3.client("s3").put_object(
                Bucket=s3["bucket"]["name"], Key="out/" + s3["object"]["key"], Body=b"x" * 3
            )
        """
    deploy(code, timeout=10).triggered_by(bucket, prefix="in/")
    function.triggered_by(bucket, prefix="out/")
    bucket.put("in/key", "content")
    sls.settle()
    assert told(function) == [("ObjectCreated:Put", "out/in/key")]


# -- who is told of what ----------------------------------------------------------------


def test_only_the_types_that_were_asked_for_are_told_of(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket, events=["s3:ObjectCreated:Copy", "s3:ObjectRemoved:*"])
    bucket.put("key", "content")
    s3 = sls.client("s3")
    s3.copy_object(Bucket=bucket.name, Key="copy", CopySource={"Bucket": bucket.name, "Key": "key"})
    s3.delete_object(Bucket=bucket.name, Key="key")
    assert sorted(told(function)) == [
        ("ObjectCreated:Copy", "copy"),
        ("ObjectRemoved:Delete", "key"),
    ]


def test_prefix_and_suffix_must_both_match(function: Function, bucket: Bucket) -> None:
    function.triggered_by(bucket, prefix="in/", suffix=".jpg")
    for key in ("in/a.jpg", "in/a.png", "out/a.jpg", "a.jpg/in/", "in/b/c.jpg", "In/a.jpg"):
        bucket.put(key, "")
    assert sorted(key for _, key in told(function)) == ["in/a.jpg", "in/b/c.jpg"]


def test_special_characters_of_a_filter_are_url_encoded(
    deploy: Deploy, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket, prefix="dt%3D2024/a+", suffix="%c3%a9")
    verbatim = deploy(QUIET)
    verbatim.triggered_by(bucket, prefix="dt=2025/")
    bucket.put("dt=2024/a é", "")
    bucket.put("dt=2025/", "")
    function.expect_invoked(times=1)
    assert verbatim.invocations == []


def test_an_event_reaches_each_destination_whose_filter_it_passes(
    sls: Environment, deploy: Deploy, bucket: Bucket
) -> None:
    pictures, texts = deploy(QUIET), deploy(QUIET)
    pictures.triggered_by(bucket, suffix=".jpg")
    texts.triggered_by(bucket, suffix=".txt")
    for key in ("a.jpg", "b.txt", "c.md"):
        bucket.put(key, "")
    sls.settle()
    assert told(pictures) == [("ObjectCreated:Put", "a.jpg")]
    assert told(texts) == [("ObjectCreated:Put", "b.txt")]


def test_a_function_is_sent_no_test_event(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket)
    sls.settle()
    assert function.invocations == []


@pytest.mark.needs_clock
def test_a_function_is_invoked_asynchronously_and_retried(
    sls: Environment, deploy: Deploy, bucket: Bucket
) -> None:
    function = deploy("def handler(event, context): raise ValueError('no')")
    function.triggered_by(bucket)
    bucket.put("key", "content")
    sls.settle()
    assert [each.attempt for each in function.invocations] == [1, 2, 3]
    assert len({each.event["Records"][0]["eventTime"] for each in function.invocations}) == 1


def test_a_notification_that_is_deleted_notifies_no_more(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    notification = function.triggered_by(bucket)
    notification.delete()
    bucket.put("key", "content")
    sls.settle()
    assert function.invocations == []
    assert configured(sls, bucket) == {}


# -- queues -----------------------------------------------------------------------------


def test_a_queue_is_sent_a_test_event_when_it_is_configured(
    sls: Environment, bucket: Bucket
) -> None:
    queue = permitted_queue(sls, bucket)
    notify_queue(sls, bucket, queue)
    body = queue.expect_message({}).body
    assert len(queue.messages()) == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body.pop("Time"))
    assert body.pop("RequestId")
    assert body.pop("HostId")
    assert body == {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": bucket.name}


def test_a_queue_gets_events_as_messages(sls: Environment, bucket: Bucket) -> None:
    queue = permitted_queue(sls, bucket)
    notify_queue(sls, bucket, queue, Id="mine")
    bucket.put("a b", "content")
    sls.settle()
    _, message = queue.messages()
    (record,) = message.body["Records"]
    assert record["s3"]["configurationId"] == "mine"
    assert record["s3"]["object"]["key"] == "a+b"


def test_a_message_wakes_who_reads_the_queue(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    queue = permitted_queue(sls, bucket)
    function.triggered_by(queue, batch_size=1)
    notify_queue(sls, bucket, queue)
    bucket.put("key", "content")
    queue.expect_empty()
    bodies = [json.loads(each.event["Records"][0]["body"]) for each in function.invocations]
    assert sorted(body.get("Event", "an event") for body in bodies) == ["an event", "s3:TestEvent"]


def test_a_message_has_the_trace_header_of_the_request(sls: Environment, bucket: Bucket) -> None:
    queue = permitted_queue(sls, bucket)
    notify_queue(sls, bucket, queue)
    header = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1"
    s3 = sls.client("s3")

    def add_header(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    s3.meta.events.register_first("before-sign.s3.PutObject", add_header)
    try:
        bucket.put("key", "content")
    finally:
        s3.meta.events.unregister("before-sign.s3.PutObject", add_header)
    queue.expect_message({"Records": [{"eventName": "ObjectCreated:Put"}]})
    found = [message.attributes.get("AWSTraceHeader") for message in queue.messages()]
    assert found == [None, header]


# -- topics -----------------------------------------------------------------------------


def test_a_topic_gets_a_test_event_and_events_with_a_subject(
    sls: Environment, bucket: Bucket
) -> None:
    topic = sls.topic(policy=permission(sls, bucket, "sns:Publish"))
    rule = {"TopicArn": topic.arn, "Events": ["s3:ObjectCreated:*"]}
    configure(sls, bucket, TopicConfigurations=[rule])
    bucket.put("a b", "content")
    sls.settle()
    trial, notification = topic.messages()
    assert trial.body["Event"] == "s3:TestEvent"
    (record,) = notification.body["Records"]
    assert record["s3"]["object"]["key"] == "a+b"
    assert trial.subject == notification.subject == "Amazon S3 Notification"
    (found,) = configured(sls, bucket)["TopicConfigurations"]
    assert found.pop("Id") == record["s3"]["configurationId"]
    assert found == rule


def test_events_reach_many_by_way_of_a_topic(
    sls: Environment, deploy: Deploy, bucket: Bucket
) -> None:
    topic = sls.topic(policy=permission(sls, bucket, "sns:Publish"))
    functions = [deploy(QUIET), deploy(QUIET)]
    for function in functions:
        queue = sls.queue()
        topic.subscribe(queue, raw_message_delivery=True)
        function.triggered_by(queue, batch_size=1)
    configure(
        sls,
        bucket,
        TopicConfigurations=[{"TopicArn": topic.arn, "Events": ["s3:ObjectRemoved:*"]}],
    )
    sls.client("s3").delete_object(Bucket=bucket.name, Key="key")
    sls.settle()
    for function in functions:
        bodies = [each.event["Records"][0]["body"] for each in function.invocations]
        (event,) = [body for body in map(json.loads, bodies) if "Records" in body]
        assert event["Records"][0]["eventName"] == "ObjectRemoved:Delete"


@pytest.mark.parametrize("there", [True, False])
def test_a_topic_must_be_there_and_its_policy_permit_it(
    sls: Environment, bucket: Bucket, column: Column, there: bool
) -> None:
    topic = sls.topic()
    arn = topic.arn if there else f"{topic.arn}-2"
    with pytest.raises(sls.client("s3").exceptions.ClientError) as raised:
        configure(
            sls,
            bucket,
            TopicConfigurations=[{"TopicArn": arn, "Events": ["s3:ObjectCreated:*"]}],
        )
    error: Any = raised.value.response["Error"]
    assert error["Code"] == "InvalidArgument"
    if not column.ours:
        return
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert error["ArgumentName1"] == arn
    assert error["ArgumentValue1"] == (
        "Permissions on the destination topic do not allow S3 to publish notifications from this "
        "bucket"
        if there
        else "The destination topic does not exist"
    )


# -- permissions ------------------------------------------------------------------------


@pytest.mark.needs_known_function
def test_a_function_whose_policy_does_not_permit_it_cannot_be_notified(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    lambda_, s3 = sls.client("lambda"), sls.client("s3")
    lambda_.add_permission(
        FunctionName=function.name,
        StatementId="another",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=f"{bucket.arn}-2",
    )
    rule = {"LambdaFunctionArn": function.arn, "Events": ["s3:ObjectCreated:*"]}
    with pytest.raises(s3.exceptions.ClientError) as raised:
        configure(sls, bucket, LambdaFunctionConfigurations=[rule])
    error: Any = raised.value.response["Error"]
    assert error == {
        "Code": "InvalidArgument",
        "Message": "Unable to validate the following destination configurations",
        "ArgumentName1": f"{function.arn}, null",
        "ArgumentValue1": f"Not authorized to invoke function [{function.arn}]",
    }
    assert configured(sls, bucket) == {}


@pytest.mark.parametrize("there", [True, False])
def test_a_queue_must_be_there_and_its_policy_permit_it(
    sls: Environment, bucket: Bucket, column: Column, there: bool
) -> None:
    queue = sls.queue()
    arn = queue.arn if there else f"{queue.arn}-2"
    with pytest.raises(sls.client("s3").exceptions.ClientError) as raised:
        configure(
            sls,
            bucket,
            QueueConfigurations=[{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}],
        )
    error: Any = raised.value.response["Error"]
    assert error["Code"] == "InvalidArgument"
    if not column.ours:
        return
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert error["ArgumentName1"] == arn
    assert error["ArgumentValue1"] == (
        "Permissions on the destination queue do not allow S3 to publish notifications from this "
        "bucket"
        if there
        else "The destination queue does not exist"
    )


def test_every_destination_that_is_not_valid_is_named(sls: Environment, bucket: Bucket) -> None:
    queue = sls.queue()
    arns = [f"{queue.arn}-2", queue.arn]
    with pytest.raises(sls.client("s3").exceptions.ClientError) as raised:
        configure(
            sls,
            bucket,
            QueueConfigurations=[
                {"QueueArn": arns[0], "Events": ["s3:ObjectCreated:*"]},
                {"QueueArn": arns[1], "Events": ["s3:ObjectRemoved:*"]},
            ],
        )
    error: Any = raised.value.response["Error"]
    assert [error["ArgumentName1"], error["ArgumentName2"]] == arns
    assert queue.messages() == []


@pytest.mark.needs_known_function
def test_validation_can_be_skipped_and_the_permission_can_come_later(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    queue = sls.queue()
    sls.client("s3").put_bucket_notification_configuration(
        Bucket=bucket.name,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": function.arn, "Events": ["s3:ObjectCreated:*"]}
            ],
            "QueueConfigurations": [{"QueueArn": queue.arn, "Events": ["s3:ObjectRemoved:*"]}],
        },
        SkipDestinationValidation=True,
    )
    bucket.put("too early", "content")
    sls.settle()
    assert function.invocations == []
    assert queue.messages() == []
    sls.client("lambda").add_permission(
        FunctionName=function.name,
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn=bucket.arn,
        SourceAccount=account(sls),
    )
    bucket.put("in time", "content")
    assert told(function) == [("ObjectCreated:Put", "in+time")]


def test_a_permission_that_is_taken_back_ends_the_delivery(
    sls: Environment, function: Function, bucket: Bucket, column: Column
) -> None:
    queue = permitted_queue(sls, bucket)
    notify_queue(sls, bucket, queue, Events=["s3:ObjectRemoved:*"])
    function.triggered_by(bucket)
    bucket.put("key", "content")
    function.expect_invoked(times=1)
    sls.client("lambda").remove_permission(
        FunctionName=function.name, StatementId=statement_id(sls, function)
    )
    sls.client("sqs").set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": ""})
    bucket.put("key", "content")
    sls.client("s3").delete_object(Bucket=bucket.name, Key="key")
    sls.settle()
    assert len(function.invocations) == 1
    assert {message.body.get("Event") for message in queue.messages()} == {"s3:TestEvent"}
    if column.ours:
        assert all(f"bucket {bucket.name} could not notify" in note for note in sls.undelivered())
        assert len(sls.undelivered()) == 2


def statement_id(sls: Environment, function: Function) -> str:
    policy = sls.client("lambda").get_policy(FunctionName=function.name)["Policy"]
    (statement,) = json.loads(policy)["Statement"]
    return str(statement["Sid"])


def test_a_destination_that_is_gone_loses_its_events_only(
    sls: Environment, deploy: Deploy, function: Function, bucket: Bucket
) -> None:
    gone = deploy(QUIET)
    gone.triggered_by(bucket, prefix="gone/")
    function.triggered_by(bucket, prefix="here/")
    sls.client("lambda").delete_function(FunctionName=gone.name)
    bucket.put("gone/key", "content")
    bucket.put("here/key", "content")
    assert told(function) == [("ObjectCreated:Put", "here/key")]


# -- the configuration ------------------------------------------------------------------


def test_a_configuration_is_answered_as_it_was_put(sls: Environment, bucket: Bucket) -> None:
    queue = permitted_queue(sls, bucket)
    rules = [{"Name": "SUFFIX", "Value": ".txt"}, {"Name": "prefix", "Value": "in/"}]
    first = {
        "QueueArn": queue.arn,
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    second = {"Id": "mine", "QueueArn": queue.arn, "Events": ["s3:ObjectTagging:*"]}
    configure(sls, bucket, QueueConfigurations=[first, second])
    found = configured(sls, bucket)["QueueConfigurations"]
    assert found[0].pop("Id")
    filters = [{"Name": "Suffix", "Value": ".txt"}, {"Name": "Prefix", "Value": "in/"}]
    assert found == [{**first, "Filter": {"Key": {"FilterRules": filters}}}, second]


def test_a_configuration_replaces_the_one_before(sls: Environment, bucket: Bucket) -> None:
    queue = permitted_queue(sls, bucket)
    notify_queue(sls, bucket, queue, Id="first")
    notify_queue(sls, bucket, queue, Id="second")
    assert [each["Id"] for each in configured(sls, bucket)["QueueConfigurations"]] == ["second"]
    configure(sls, bucket)
    assert configured(sls, bucket) == {}


def test_a_bucket_that_does_not_exist_has_no_configuration(sls: Environment) -> None:
    s3 = sls.client("s3")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        s3.get_bucket_notification_configuration(Bucket="missing-bucket")
    with pytest.raises(s3.exceptions.ClientError, match="NoSuchBucket"):
        s3.put_bucket_notification_configuration(
            Bucket="missing-bucket", NotificationConfiguration={}
        )


AMBIGUOUS = (
    "InvalidArgument: Configuration is ambiguously defined. Cannot have overlapping suffixes in "
    "two rules if the prefixes are overlapping for the same event type."
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"prefix": "images"}, {"prefix": "images/small"}),
        ({"suffix": ".jpg"}, {"suffix": "pg"}),
        ({"prefix": "a/"}, {"suffix": ".jpg"}),
        ({"prefix": "a/", "suffix": "g"}, {"prefix": "a/b", "suffix": ".jpg"}),
        ({"prefix": "a+b"}, {"prefix": "a%20b/"}),
        ({"prefix": "a", "events": ["s3:ObjectCreated:Put"]}, {}),
        ({}, {"suffix": "a", "events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"]}),
    ],
)
def test_filters_that_overlap_for_a_type_are_refused(
    deploy: Deploy, bucket: Bucket, first: dict[str, Any], second: dict[str, Any]
) -> None:
    deploy(QUIET).triggered_by(bucket, **first)
    with pytest.raises(ConfigurationError) as raised:
        deploy(QUIET).triggered_by(bucket, **second)
    assert AMBIGUOUS in str(raised.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"prefix": "a/"}, {"prefix": "b/"}),
        ({"suffix": ".jpg"}, {"suffix": ".png"}),
        ({"prefix": "a/", "suffix": ".jpg"}, {"prefix": "a/b/", "suffix": ".png"}),
        ({"events": ["s3:ObjectCreated:Put"]}, {"events": ["s3:ObjectCreated:Copy"]}),
        ({}, {"events": ["s3:ObjectRemoved:*"]}),
    ],
)
def test_filters_that_do_not_overlap_are_taken(
    sls: Environment,
    function: Function,
    bucket: Bucket,
    first: dict[str, Any],
    second: dict[str, Any],
) -> None:
    function.triggered_by(bucket, **first)
    function.triggered_by(bucket, **second)
    assert sum(map(len, configured(sls, bucket).values())) == 2


def test_two_destinations_cannot_share_a_type_without_filters(
    deploy: Deploy, bucket: Bucket
) -> None:
    deploy(QUIET).triggered_by(bucket)
    with pytest.raises(ConfigurationError) as raised:
        deploy(QUIET).triggered_by(bucket, events=["s3:ObjectCreated:Put"])
    assert (
        "InvalidArgument: Configurations overlap. Configurations on the same bucket cannot share "
        "a common event type."
    ) in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"events": ["s3:ObjectCreated:Upload"]},
            "InvalidArgument: The event is not supported for notifications",
        ),
        ({"events": ["s3:*"]}, "InvalidArgument: The event is not supported for notifications"),
        ({"events": []}, "MalformedXML: "),
        (
            {"filter": {"Key": {"FilterRules": [{"Name": "infix", "Value": "a"}]}}},
            "InvalidArgument: filter rule name must be either prefix or suffix",
        ),
        (
            {"prefix": "a" * 1025},
            "InvalidArgument: Size of filter rule value cannot exceed 1024 bytes",
        ),
        ({"id": "a" * 256}, "InvalidArgument: ID length exceeded allowed limit of 255"),
    ],
)
def test_a_notification_that_cannot_be_is_refused(
    function: Function, bucket: Bucket, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        function.triggered_by(bucket, **settings)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        ("queue", "The ARN could not be parsed"),
        ("arn:aws:sns:{region}:{account}:topic", "The ARN failed to satisfy constraint"),
        ("arn:aws:sqs:{region}:{account}:q.fifo", "FIFO SQS queues are not supported."),
        (
            "arn:aws:sqs:ap-south-1:{account}:queue",
            "The notification destination service region is not valid for the bucket location "
            "constraint",
        ),
    ],
)
def test_an_arn_that_cannot_be_a_destination_is_refused_even_unvalidated(
    sls: Environment, bucket: Bucket, column: Column, arn: str, problem: str
) -> None:
    s3 = sls.client("s3")
    arn = arn.format(region=s3.meta.region_name, account=account(sls))
    with pytest.raises(s3.exceptions.ClientError) as raised:
        s3.put_bucket_notification_configuration(
            Bucket=bucket.name,
            NotificationConfiguration={
                "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
            },
            SkipDestinationValidation=True,
        )
    error: Any = raised.value.response["Error"]
    assert error["Code"] == "InvalidArgument"
    if not column.ours:
        return
    assert problem in error["Message"]
    assert (error["ArgumentName"], error["ArgumentValue"]) == ("Queue", arn)


def test_an_id_is_that_of_one_notification(
    sls: Environment, function: Function, bucket: Bucket
) -> None:
    function.triggered_by(bucket, id="mine")
    with pytest.raises(ConfigurationError, match="Same ID used for multiple configurations"):
        function.triggered_by(bucket, id="mine", events=["s3:ObjectRemoved:*"])
    assert sum(map(len, configured(sls, bucket).values())) == 1
