from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from slstest import Bucket, ConfigurationError, Environment, Function
from slstest.errors import SlstestError
from slstest.functions import notification
from slstest.functions.notification import BucketNotification, delete_notification

ASKED = "function 'counter'.triggered_by(bucket 'uploads')"
UNKNOWN_YET = "Unable to validate the following destination configurations"


@pytest.fixture
def function(world: Environment, folder: Any) -> Function:
    return world.function(folder, "counter")


@pytest.fixture
def bucket(world: Environment) -> Bucket:
    return world.bucket("uploads")


def configured(world: Environment, bucket: Bucket) -> list[dict[str, Any]]:
    answer = world.client("s3").get_bucket_notification_configuration(Bucket=bucket.name)
    return list(answer.get("LambdaFunctionConfigurations", []))


def statements(world: Environment, function: Function) -> list[dict[str, Any]]:
    client = world.client("lambda")
    try:
        policy = client.get_policy(FunctionName=function.name)["Policy"]
    except client.exceptions.ResourceNotFoundException:
        return []
    return list(json.loads(policy)["Statement"])


def test_a_bucket_may_invoke_the_function_and_notifies_it(
    world: Environment, function: Function, bucket: Bucket
) -> None:
    made = function.triggered_by(bucket)
    (configuration,) = configured(world, bucket)
    assert configuration == {
        "Id": made.id,
        "LambdaFunctionArn": function.arn,
        "Events": ["s3:ObjectCreated:*"],
    }
    (statement,) = statements(world, function)
    assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
    assert statement["Action"] == "lambda:InvokeFunction"
    assert statement["Condition"] == {
        "ArnLike": {"AWS:SourceArn": bucket.arn},
        "StringEquals": {"AWS:SourceAccount": "123456789012"},
    }


def test_settings_are_those_of_aws_and_prefix_and_suffix(
    world: Environment, function: Function, bucket: Bucket
) -> None:
    made = function.triggered_by(
        bucket, events=["s3:ObjectRemoved:Delete"], prefix="a/", suffix=".jpg", id="mine"
    )
    (configuration,) = configured(world, bucket)
    assert made.id == configuration["Id"] == "mine"
    assert configuration["Events"] == ["s3:ObjectRemoved:Delete"]
    rules = configuration["Filter"]["Key"]["FilterRules"]
    assert {rule["Name"].lower(): rule["Value"] for rule in rules} == {
        "prefix": "a/",
        "suffix": ".jpg",
    }


def test_a_filter_can_be_given_as_aws_has_it(
    world: Environment, function: Function, bucket: Bucket
) -> None:
    rules = [{"Name": "suffix", "Value": ".jpg"}]
    function.triggered_by(bucket, events="s3:ObjectAcl:Put", filter={"Key": {"FilterRules": rules}})
    (configuration,) = configured(world, bucket)
    assert configuration["Filter"]["Key"]["FilterRules"] == rules
    assert configuration["Events"] == ["s3:ObjectAcl:Put"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"prefx": "a"}, "has no setting 'prefx'. Did you mean prefix"),
        ({"lambda_function_arn": "a"}, "has no setting 'lambda_function_arn'"),
        ({"events": 5}, r'events= is a list such as \["s3:ObjectCreated:\*"\], not 5'),
        ({"events": ["s3:ObjectCreated:*"], "id": 5}, "Invalid type for parameter"),
        ({"prefix": "a", "filter": {}}, "give prefix= and suffix=, or filter=, not both"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    function: Function, bucket: Bucket, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        function.triggered_by(bucket, **settings)
    assert str(raised.value).startswith(f"{ASKED}: ")


def test_a_refusal_leaves_no_permission(
    world: Environment, function: Function, bucket: Bucket, cloud: Any
) -> None:
    cloud.answer("PutBucketNotificationConfiguration", (400, "InvalidArgument", "overlap"))
    with pytest.raises(ConfigurationError, match="was refused: InvalidArgument: overlap"):
        function.triggered_by(bucket)
    assert statements(world, function) == []
    cloud.calls.clear()
    world.close()
    assert "RemovePermission" not in cloud.calls


def test_s3_is_asked_again_until_it_knows_of_the_permission(
    world: Environment, function: Function, bucket: Bucket, cloud: Any
) -> None:
    client = world.client("s3")
    failures = [True, True]

    def answer(model: Any, **_: Any) -> Any:
        if not failures:
            return None
        failures.pop()
        error = {
            "Code": "InvalidArgument",
            "Message": UNKNOWN_YET,
            "ArgumentName1": f"{function.arn}, null",
        }
        http = type("Answer", (), {"status_code": 400})()
        return http, {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}

    client.meta.events.register("before-call.s3.PutBucketNotificationConfiguration", answer)
    function.triggered_by(bucket)
    client.meta.events.unregister("before-call.s3.PutBucketNotificationConfiguration", answer)
    assert failures == []
    assert len(configured(world, bucket)) == 1


def test_a_bucket_that_is_still_being_changed_is_waited_for(
    world: Environment, cloud: Any, function: Function, bucket: Bucket
) -> None:
    aborted = (409, "OperationAborted", "A conflicting conditional operation is in progress")
    cloud.answer("PutBucketNotificationConfiguration", aborted, aborted)
    made = function.triggered_by(bucket)
    assert [each["Id"] for each in configured(world, bucket)] == [made.id]
    cloud.answer("PutBucketNotificationConfiguration", aborted, aborted)
    made.delete()
    assert configured(world, bucket) == []
    assert statements(world, function) == []


def test_another_destination_that_is_not_valid_is_not_waited_for(
    function: Function, bucket: Bucket, cloud: Any
) -> None:
    cloud.answer("PutBucketNotificationConfiguration", (400, "InvalidArgument", UNKNOWN_YET))
    with pytest.raises(ConfigurationError, match=UNKNOWN_YET):
        function.triggered_by(bucket)
    assert cloud.calls.count("PutBucketNotificationConfiguration") == 1


def test_a_permission_that_never_arrives_is_told(
    world: Environment,
    function: Function,
    bucket: Bucket,
    cloud: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(notification, "_PROPAGATION", 0.0)
    cloud.answer(
        "PutBucketNotificationConfiguration",
        (400, "InvalidArgument", UNKNOWN_YET),
    )
    monkeypatch.setattr(notification, "_is_not_known_yet", lambda *_: True)
    with pytest.raises(SlstestError, match=r"in vain for .* S3 to be allowed to notify"):
        function.triggered_by(bucket)


def test_what_the_bucket_notifies_already_stays(
    world: Environment, function: Function, bucket: Bucket
) -> None:
    queue = {
        "Id": "queue",
        "QueueArn": f"arn:aws:sqs:{world._cloud.region}:123456789012:q",
        "Events": ["s3:ObjectRemoved:*"],
    }
    world.client("s3").put_bucket_notification_configuration(
        Bucket=bucket.name, NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    first = function.triggered_by(bucket, prefix="a/")
    second = function.triggered_by(bucket, prefix="b/")
    assert [each["Id"] for each in configured(world, bucket)] == [first.id, second.id]
    first.delete()
    assert [each["Id"] for each in configured(world, bucket)] == [second.id]
    assert len(statements(world, function)) == 1
    answer = world.client("s3").get_bucket_notification_configuration(Bucket=bucket.name)
    assert answer["QueueConfigurations"] == [queue]


# S3 tells the configuration of a bucket as it is, or as it was a moment ago.
GET, PUT = "GetBucketNotificationConfiguration", "PutBucketNotificationConfiguration"


def stale(*there: dict[str, Any]) -> Callable[[Any], None]:
    """An answer that tells what was there before."""
    return lambda answer: answer.update(LambdaFunctionConfigurations=[dict(one) for one in there])


def ids(world: Environment, bucket: Bucket) -> list[str]:
    return sorted(each["Id"] for each in configured(world, bucket))


def test_a_notification_is_there_before_the_test_goes_on(
    function: Function, bucket: Bucket, cloud: Any
) -> None:
    cloud.calls.clear()
    cloud.edit(GET, stale(), stale(), stale())
    function.triggered_by(bucket)
    assert cloud.calls == ["AddPermission", GET, PUT, GET, GET, GET]


def test_what_s3_does_not_tell_yet_stays(
    world: Environment, function: Function, bucket: Bucket, cloud: Any
) -> None:
    first = function.triggered_by(bucket, prefix="a/", id="first")
    cloud.edit(GET, stale())
    second = function.triggered_by(bucket, prefix="b/", id="second")
    assert ids(world, bucket) == ["first", "second"]
    (filtered,) = [each for each in configured(world, bucket) if each["Id"] == first.id]
    assert filtered["Filter"]["Key"]["FilterRules"][0]["Value"] == "a/"

    cloud.edit(GET, stale())
    third = function.triggered_by(bucket, prefix="c/", id="third")
    assert ids(world, bucket) == ["first", "second", "third"]
    cloud.edit(GET, stale())
    second.delete()
    assert ids(world, bucket) == ["first", "third"]
    cloud.edit(GET, stale())
    third.delete()
    assert ids(world, bucket) == ["first"]


def test_what_s3_still_tells_does_not_come_back(
    world: Environment, function: Function, bucket: Bucket, cloud: Any
) -> None:
    first = function.triggered_by(bucket, prefix="a/", id="first")
    second = function.triggered_by(bucket, prefix="b/", id="second")
    before = configured(world, bucket)
    cloud.calls.clear()
    cloud.edit(GET, stale(*before), stale(*before))
    first.delete()
    assert cloud.calls[:4] == [GET, PUT, GET, GET]
    assert ids(world, bucket) == ["second"]
    cloud.edit(GET, stale(*before))
    function.triggered_by(bucket, prefix="c/", id="third")
    assert ids(world, bucket) == ["second", "third"]
    cloud.edit(GET, stale(*before))
    second.delete()
    assert ids(world, bucket) == ["third"]
    function.triggered_by(bucket, prefix="a/", id="first")
    assert ids(world, bucket) == ["first", "third"]


def test_a_cloud_that_creates_at_once_is_asked_once_what_is_there(
    function: Function, bucket: Bucket, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "creates_at_once", True)
    cloud.calls.clear()
    made = function.triggered_by(bucket)
    assert cloud.calls == ["AddPermission", GET, PUT]
    cloud.calls.clear()
    made.delete()
    assert cloud.calls == [GET, PUT, "RemovePermission"]


def test_a_deleted_notification_is_gone_and_needs_no_teardown(
    world: Environment, function: Function, bucket: Bucket, cloud: Any
) -> None:
    made = function.triggered_by(bucket)
    made.delete()
    made.delete()
    assert configured(world, bucket) == []
    assert statements(world, function) == []
    cloud.calls.clear()
    world.close()
    assert "RemovePermission" not in cloud.calls


@pytest.mark.parametrize("gone", ["bucket", "function"])
def test_deleting_does_not_mind_what_is_gone(
    world: Environment, function: Function, bucket: Bucket, gone: str
) -> None:
    made = function.triggered_by(bucket)
    if gone == "bucket":
        world.client("s3").delete_bucket(Bucket=bucket.name)
    else:
        world.client("lambda").delete_function(FunctionName=function.name)
    made.delete()
    if gone == "bucket":
        assert statements(world, function) == []
    else:
        assert configured(world, bucket) == []


def test_what_a_killed_run_left_is_deleted_by_its_entry(
    world: Environment, function: Function, bucket: Bucket
) -> None:
    made: BucketNotification = function.triggered_by(bucket)
    entries = [entry for entry in world._scope.entries if entry.kind == notification.KIND]
    assert [entry.detail["id"] for entry in entries] == [made.id]
    delete_notification(world._cloud, entries[0])
    assert configured(world, bucket) == []
    assert statements(world, function) == []
