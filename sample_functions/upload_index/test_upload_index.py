import hashlib

import pytest

from slstest import FunctionError

UPLOADS_AND_DELETIONS = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]


@pytest.fixture
def sequencers(sls):
    """What tells which of two changes of an object is the later one."""
    if sls.cloud == "localstack":
        pytest.skip("LocalStack gives every change of an object the same sequencer")


def deploy(sls, table):
    return sls.function("sample_functions/upload_index", environment={"INDEX_TABLE": table.name})


def test_an_upload_is_indexed(sls):
    index = sls.table(key="key")
    uploads = sls.bucket()
    deploy(sls, index).triggered_by(uploads, prefix="in/")

    uploads.put("in/red flower.jpg", b"123")
    uploads.put("out/blue flower.jpg", b"123")

    index.expect_item({"key": "in/red flower.jpg", "size": 3})
    index.expect_count(1)


@pytest.mark.sls_table("index", key="key")
@pytest.mark.sls_function(
    "sample_functions/upload_index", environment={"INDEX_TABLE": "{index.name}"}
)
@pytest.mark.s3_event("report.csv", body="a,b\n1,2\n", suffix=".csv")
def test_the_index_has_size_and_etag(s3_event, sls):
    item = sls["index"].expect_item({"key": "report.csv", "size": 8})
    assert item["etag"] == hashlib.md5(b"a,b\n1,2\n").hexdigest()
    assert s3_event.send("report.txt", "not a table") == []


@pytest.mark.usefixtures("sequencers")
@pytest.mark.sls_table("index", key="key")
@pytest.mark.sls_function(
    "sample_functions/upload_index", environment={"INDEX_TABLE": "{index.name}"}
)
@pytest.mark.s3_event("a.txt", body="old", events=UPLOADS_AND_DELETIONS)
def test_the_index_follows_an_object(s3_event, sls):
    s3_event.send("a.txt", "newer")
    sls["index"].expect_item({"key": "a.txt", "size": 5})

    sls.client("s3").delete_object(Bucket=s3_event.bucket.name, Key="a.txt")
    sls["index"].expect_item({"key": "a.txt", "deleted": True})


@pytest.mark.usefixtures("sequencers")
@pytest.mark.sls_redelivery
def test_an_event_that_comes_again_changes_nothing(sls):
    index = sls.table(key="key")
    uploads = sls.bucket()
    deploy(sls, index).triggered_by(uploads, events=UPLOADS_AND_DELETIONS)

    uploads.put("a.txt", "content")
    uploads.put("b.txt", "content")
    sls.client("s3").delete_object(Bucket=uploads.name, Key="b.txt")

    index.expect_item({"key": "b.txt", "deleted": True})


@pytest.mark.usefixtures("sequencers")
def test_an_event_that_comes_late_does_not_undo_a_later_one(sls):
    index = sls.table(key="key")
    uploads = sls.bucket()
    indexer = deploy(sls, index)
    indexer.triggered_by(uploads)
    uploads.put("a.txt", "old")
    uploads.put("a.txt", "newer")
    index.expect_item({"key": "a.txt", "size": 5})

    older = min(indexer.invocations, key=lambda each: sequencer(each.event))
    indexer.invoke(older.event)

    index.expect_item({"key": "a.txt", "size": 5})


def test_an_index_that_cannot_be_written_is_tried_again(sls):
    index = sls.table(key="key")
    uploads = sls.bucket()
    indexer = deploy(sls, index)
    indexer.triggered_by(uploads)
    sls.faults.fail(indexer, "dynamodb:PutItem", "AccessDeniedException")

    uploads.put("a.txt", "content")

    index.expect_item({"key": "a.txt", "size": 7})
    assert [invocation.attempt for invocation in indexer.invocations] == [1, 2]


def test_what_is_no_s3_event_is_refused(sls):
    index = sls.table(key="key")

    with pytest.raises(FunctionError, match="KeyError"):
        deploy(sls, index).invoke({"Event": "s3:TestEvent"})


def sequencer(event):
    (record,) = event["Records"]
    return record["s3"]["object"]["sequencer"]
