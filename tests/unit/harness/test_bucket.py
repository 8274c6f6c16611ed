from __future__ import annotations

import re
from typing import Any
from unittest.mock import ANY

import pytest

from slstest import ConfigurationError, Environment, ExpectationFailed


def test_a_bucket_is_made_in_the_clouds_region(world: Environment, cloud: Any) -> None:
    bucket = world.bucket("archive")
    assert cloud.calls == ["CreateBucket"]
    assert bucket.arn == f"arn:aws:s3:::{bucket.name}"
    location = world.client("s3").get_bucket_location(Bucket=bucket.name)
    assert location["LocationConstraint"] == "eu-west-1"


def test_in_us_east_1_no_region_is_named(
    world: Environment, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "region", "us-east-1")
    asked: list[Any] = []
    events = cloud.client("s3").meta.events
    events.register(
        "provide-client-params.s3.CreateBucket", lambda params, **_: asked.append(params)
    )
    cloud.answer("CreateBucket", {})
    cloud.answer("ListObjectVersions", (404, "NoSuchBucket", ""))
    world.bucket()
    assert "CreateBucketConfiguration" not in asked[0]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"bucket": "x"}, "bucket= cannot be given: the name is a throwaway one"),
        ({"object_lock": True}, "Did you mean object_lock_enabled_for_bucket"),
        ({"acl": 5}, "Invalid type for parameter ACL"),
    ],
)
def test_what_a_bucket_cannot_be_is_refused(
    world: Environment, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"sls\.bucket\('b'\): .*{problem}"):
        world.bucket("b", **arguments)


def test_data_of_every_shape_is_stored(world: Environment) -> None:
    bucket = world.bucket()
    bucket.put("a.json", {"page": "/home"})
    bucket.put("b.txt", "grün", content_type="text/plain", metadata={"by": "me"})
    bucket.put("c.bin", b"\xff")
    a, b, c = bucket.objects()
    assert [a.key, b.key, c.key] == ["a.json", "b.txt", "c.bin"]
    assert a.json == {"page": "/home"}
    assert (b.text, b.content_type, b.metadata) == ("grün", "text/plain", {"by": "me"})
    assert c.body == b"\xff"


def test_put_takes_only_what_put_object_takes(world: Environment) -> None:
    bucket = world.bucket("b")
    with pytest.raises(ConfigurationError, match=r"b'\.put\('k'\): .*Did you mean content_type"):
        bucket.put("k", "", contenttype="text/plain")
    with pytest.raises(ConfigurationError, match="bucket= cannot be given: it is this bucket"):
        bucket.put("k", "", bucket="other")
    with pytest.raises(ConfigurationError, match="give a dict or a list"):
        bucket.put("k", 5)


def test_a_body_is_read_when_it_is_asked_for(world: Environment, cloud: Any) -> None:
    bucket = world.bucket()
    bucket.put("a", "1")
    cloud.calls.clear()
    (found,) = bucket.objects()
    assert cloud.calls == ["ListObjectsV2"]
    assert (found.body, found.body, found.metadata) == (b"1", b"1", {})
    assert cloud.calls == ["ListObjectsV2", "GetObject"]


def test_objects_are_listed_by_prefix(world: Environment) -> None:
    bucket = world.bucket()
    for key in ("logs/2", "logs/1", "other"):
        bucket.put(key, "")
    assert [found.key for found in bucket.objects("logs/")] == ["logs/1", "logs/2"]


def test_an_object_can_be_got_by_its_key(world: Environment) -> None:
    bucket = world.bucket()
    bucket.put("a", "1")
    found = bucket.get("a")
    assert found is not None
    assert found.text == "1"
    assert bucket.get("b") is None


@pytest.mark.parametrize(
    "expected",
    [
        {},
        {"body": b'{"page": "/home", "n": 2}'},
        {"body": '{"page": "/home", "n": 2}'},
        {"body": {"page": "/home"}},
        {"body": ANY},
        {"json": {"page": "/home"}},
        {"json": {"page": ANY, "n": 2}},
    ],
)
def test_an_object_is_expected_by_its_content(world: Environment, expected: dict[str, Any]) -> None:
    bucket = world.bucket()
    bucket.put("a.json", {"page": "/home", "n": 2})
    assert bucket.expect_object("a.json", **expected).key == "a.json"


def test_one_call_finds_an_object_by_its_key(world: Environment, cloud: Any) -> None:
    bucket = world.bucket()
    bucket.put("a", "1")
    cloud.calls.clear()
    assert bucket.expect_object("a", body="1").body == b"1"
    assert cloud.calls == ["GetObject"]


def test_an_object_is_expected_by_a_pattern_of_its_key(world: Environment) -> None:
    bucket = world.bucket()
    for key in ("a/1.json", "a/2.json", "b/2.txt"):
        bucket.put(key, [key])
    found = bucket.expect_object(re.compile(r"\.json$"), json=["a/2.json"])
    assert found.key == "a/2.json"


def test_an_object_is_waited_for(world: Environment, cloud: Any) -> None:
    bucket = world.bucket()
    cloud.between_looks.extend([lambda: bucket.put("a", "1"), lambda: bucket.put("a", "2")])
    assert bucket.expect_object("a", body="2").text == "2"


def test_a_missing_object_is_explained_by_the_keys_there_are(world: Environment) -> None:
    bucket = world.bucket("archive")
    with pytest.raises(ExpectationFailed, match=r"has no object 'x'\nIt is empty\."):
        bucket.expect_object("x")
    bucket.put("clicks/2024.json", "[]")
    bucket.put("other", "")
    with pytest.raises(ExpectationFailed) as raised:
        bucket.expect_object("clicks/2025.json", json=[1])
    assert str(raised.value) == (
        "bucket 'archive' has no object 'clicks/2025.json' with\n  [1]\n"
        "Its keys are: clicks/2024.json, other.\n"
        "The nearest is 'clicks/2024.json'.\n"
        "Nothing is under way any more that could change this."
    )


def test_a_wrong_content_is_explained_by_what_differs(world: Environment) -> None:
    bucket = world.bucket("archive")
    bucket.put("a.json", {"page": "/home", "n": 1})
    with pytest.raises(ExpectationFailed) as raised:
        bucket.expect_object("a.json", json={"page": "/home", "n": 2})
    assert str(raised.value).startswith(
        "bucket 'archive' has no object 'a.json' with\n  {'page': '/home', 'n': 2}\n"
        "The only body under this key is\n  {'page': '/home', 'n': 1}\n"
        "    n is 1, expected 2\n"
    )


def test_what_is_no_json_is_explained_and_no_error(world: Environment) -> None:
    bucket = world.bucket()
    bucket.put("a", "text")
    with pytest.raises(ExpectationFailed, match="is 'text', expected 'text!'"):
        bucket.expect_object("a", json="text!")


def test_body_and_json_exclude_each_other(world: Environment) -> None:
    with pytest.raises(ConfigurationError, match="give body= or json=, not both"):
        world.bucket().expect_object("a", body="1", json=1)


def test_json_null_can_be_expected(world: Environment) -> None:
    bucket = world.bucket()
    bucket.put("a", "null")
    bucket.put("b", "1")
    assert bucket.expect_object(re.compile("."), json=None).key == "a"


def test_no_object_is_expected_only_after_settling(world: Environment, cloud: Any) -> None:
    bucket = world.bucket("b")
    bucket.expect_no_object("a")
    bucket.expect_no_object(re.compile("a"), timeout=9)
    cloud.between_looks.append(lambda: bucket.put("a/1", {"n": 1}))
    with pytest.raises(ExpectationFailed) as raised:
        bucket.expect_no_object(re.compile("^a/"))
    assert str(raised.value) == (
        "bucket 'b' was to have no object whose key has '^a/' but has 'a/1' with\n  {'n': 1}"
    )
    assert cloud.settled == [3.0, 9, 3.0]


def test_objects_are_counted(world: Environment, cloud: Any) -> None:
    bucket = world.bucket("b")
    bucket.expect_count(0)
    cloud.between_looks.append(lambda: bucket.put("a", ""))
    bucket.expect_count(1)
    with pytest.raises(ExpectationFailed, match="was to have 2 objects but has 1: a"):
        bucket.expect_count(2)
    with pytest.raises(ExpectationFailed, match="was to be empty but has 1: a"):
        bucket.expect_count(0)


def test_a_bucket_is_emptied_of_every_version_and_deleted(world: Environment, cloud: Any) -> None:
    bucket = world.bucket()
    s3 = world.client("s3")
    s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    for n in range(3):
        bucket.put("a", str(n))
    s3.delete_object(Bucket=bucket.name, Key="a")
    world.close()
    assert bucket.name not in [found["Name"] for found in s3.list_buckets()["Buckets"]]


def test_more_objects_than_a_page_holds_are_deleted(world: Environment, cloud: Any) -> None:
    bucket = world.bucket()
    for n in range(5):
        bucket.put(str(n), "")
    real = cloud.client("s3").list_object_versions
    keys = [version["Key"] for version in real(Bucket=bucket.name)["Versions"]]
    page = {
        "Versions": [{"Key": key, "VersionId": "null"} for key in keys[:2]],
        "IsTruncated": True,
    }
    cloud.answer("ListObjectVersions", page)
    world.close()
    names = [found["Name"] for found in world.client("s3").list_buckets()["Buckets"]]
    assert bucket.name not in names
