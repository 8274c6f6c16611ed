"""S3 event notifications: which function a bucket triggers, and at what.

https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from slstest.calls import ask, ask_unless, code_of, told
from slstest.casing import snake
from slstest.clouds.base import Cloud
from slstest.deletion import delete_when_free
from slstest.errors import ConfigurationError
from slstest.functions.own_notifications import LISTS, OwnNotifications
from slstest.ledger import Entry
from slstest.matching import show
from slstest.resources.relay import RelayQueue, open_relay
from slstest.scope import Scope
from slstest.suggesting import did_you_mean
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

KIND = "bucket notification"

DEFAULT_EVENTS = ("s3:ObjectCreated:*",)

_UNVALIDATED = "Unable to validate the following destination configurations"
_CHANGING = "OperationAborted"
"""S3's code where it is still at another change of the bucket:
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
_PROPAGATION = 30.0
"""Seconds after which S3 must have heard of a permission that Lambda was given."""


class NotifyingBucket(Protocol):
    """A bucket that can notify a function."""

    @property
    def name(self) -> str:
        """Its name on the cloud."""

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name."""


class BucketNotification:
    """An event notification from a bucket to a function of one environment."""

    def __init__(
        self,
        scope: Scope,
        entry: Entry,
        own: OwnNotifications,
        id: str,
        asked: str,
        relay: RelayQueue | None,
    ) -> None:
        """``own`` are those of its bucket, this one among them; ``relay`` is the queue that is
        notified in the function's place."""
        self._scope = scope
        self._entry = entry
        self._own = own
        self._id = id
        self._asked = asked
        self._relay = relay

    @property
    def id(self) -> str:
        """Its id in the bucket's notification configuration; an event's ``configurationId``."""
        return self._id

    def delete(self) -> None:
        """Take it out of the bucket's configuration, and the permission out of the function's
        policy. What is gone already is fine."""
        cloud = self._scope.cloud
        self._own.take_out(self._id)
        _delete(cloud, self._entry, None if cloud.creates_at_once else self._own)
        self._scope.ledger.strike(self._entry)
        if self._relay is not None:
            self._relay.delete()

    def __repr__(self) -> str:
        return f"<{KIND} {self._asked} {self._id}>"


def create_notification(
    scope: Scope,
    function: Function,
    bucket: NotifyingBucket,
    own: OwnNotifications,
    settings: Mapping[str, Any],
) -> BucketNotification:
    """Let a bucket invoke a function, and notify it in addition to what the bucket notifies
    already, of which ``own`` are ours."""
    asked = f"{function}.triggered_by({bucket})"
    s3, client = scope.cloud.client("s3"), scope.cloud.client("lambda")
    statement_id = scope.names.throwaway("notification")
    configuration = _configuration(s3, settings, asked)
    configuration = {"Id": statement_id, **configuration}
    permission = {
        "FunctionName": function.name,
        "StatementId": statement_id,
        "Action": "lambda:InvokeFunction",
        "Principal": "s3.amazonaws.com",
        "SourceArn": bucket.arn,
        "SourceAccount": scope.cloud.account_id,
    }
    detail = {
        "bucket": bucket.name,
        "function": function.name,
        "id": configuration["Id"],
        "statement_id": statement_id,
    }
    with scope.creating(KIND, f"{bucket.name} -> {function.name}", **detail) as entry:
        ask(client, "add_permission", permission, asked=asked)
        relay = None
        try:
            relay = open_relay(scope, "s3", bucket.arn, function.arn, asked=asked)
            if relay is None:
                notified = {**configuration, "LambdaFunctionArn": function.arn}
                _add(scope, bucket.name, own, notified, asked)
            else:
                relay.begin()
                _add(scope, bucket.name, own, {**configuration, "QueueArn": relay.arn}, asked)
        except ConfigurationError:
            _remove_permission(client, entry)
            if relay is not None:
                relay.delete()
            raise
    told_as = f"{bucket} -> {function}"
    return BucketNotification(scope, entry, own, configuration["Id"], told_as, relay)


def delete_notification(cloud: Cloud, entry: Entry) -> None:
    """Delete a notification and its permission; what is gone already is fine, and so is where
    it was."""
    _delete(cloud, entry, None)


# -- inside -----------------------------------------------------------------------------


def _configuration(s3: Any, settings: Mapping[str, Any], asked: str) -> dict[str, Any]:
    """The LambdaFunctionConfiguration that the settings mean, but for the function."""
    shape = s3.meta.service_model.shape_for("LambdaFunctionConfiguration")
    members = {snake(name): name for name in shape.members}
    known = sorted({*members, "prefix", "suffix"} - {"lambda_function_arn"})
    for name in settings:
        if name not in known:
            raise ConfigurationError(
                f"{asked}: a bucket's notification has no setting {name!r}."
                f"{did_you_mean(name, known)} It takes {', '.join(known)}."
            )
    rules = [
        {"Name": name, "Value": settings[name]} for name in ("prefix", "suffix") if name in settings
    ]
    if rules and "filter" in settings:
        raise ConfigurationError(f"{asked}: give prefix= and suffix=, or filter=, not both")
    given = {members[name]: value for name, value in settings.items() if name in members}
    events = given.get("Events", DEFAULT_EVENTS)
    given["Events"] = [events] if isinstance(events, str) else events
    if not isinstance(given["Events"], list | tuple):
        raise ConfigurationError(
            f'{asked}: events= is a list such as ["s3:ObjectCreated:*"], not {show(events)}'
        )
    return given | ({"Filter": {"Key": {"FilterRules": rules}}} if rules else {})


def _add(
    scope: Scope, bucket: str, own: OwnNotifications, new: Mapping[str, Any], asked: str
) -> None:
    """Have a bucket send a notification in addition, as soon as S3 knows that it may."""
    from botocore.exceptions import ClientError

    cloud, s3 = scope.cloud, scope.cloud.client("s3")
    member = next(each for each in LISTS if each in new)
    name, arn = LISTS[member], new[member]

    def accepted() -> bool | None:
        found = _found(s3, bucket) or {}
        wanted = found if cloud.creates_at_once else own.corrected(found)
        wanted[name] = [*wanted.get(name, ()), new]
        try:
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=wanted
            )
        except ClientError as error:
            if code_of(error) == _CHANGING or _is_not_known_yet(error, arn):
                return None
            raise
        return True

    with told(asked):
        what = f"{asked}: S3 to be allowed to notify {arn}"
        wait_until(what, accepted, _PROPAGATION, cloud.pace)
        own.add(name, new)
        if not cloud.creates_at_once:
            _wait_until_told(cloud, bucket, own, asked)


def _delete(cloud: Cloud, entry: Entry, own: OwnNotifications | None) -> None:
    """``own`` are those of the bucket without this one, where S3 may tell others."""
    s3, bucket = cloud.client("s3"), entry.detail["bucket"]

    def take_out() -> None:
        found = _found(s3, bucket)
        if found is None:
            return
        wanted = _without(found, entry.detail["id"]) if own is None else own.corrected(found)
        if own is None and wanted == found:
            return
        # Unvalidated: another destination may be gone, which must not keep this one.
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=wanted, SkipDestinationValidation=True
        )

    delete_when_free(cloud, entry, take_out, (_CHANGING,))
    if own is not None:
        _wait_until_told(cloud, bucket, own, str(entry))
    _remove_permission(cloud.client("lambda"), entry)


def _without(found: Mapping[str, Any], id: str) -> dict[str, Any]:
    wanted = dict(found)
    for name in LISTS.values():
        if name in found:
            wanted[name] = [each for each in found[name] if each.get("Id") != id]
    return wanted


def _found(s3: Any, bucket: str) -> dict[str, Any] | None:
    """The configuration of a bucket; None where there is no such bucket."""
    found = ask_unless(
        ("NoSuchBucket",), s3, "get_bucket_notification_configuration", Bucket=bucket
    )
    if found is not None:
        del found["ResponseMetadata"]
    return found


def _wait_until_told(cloud: Cloud, bucket: str, own: OwnNotifications, asked: str) -> None:
    s3 = cloud.client("s3")

    def agree() -> bool | None:
        found = _found(s3, bucket)
        return True if found is None or own.agree(found) else None

    wait_until(f"{asked}: S3 to tell the change", agree, pace=cloud.pace)


def _is_not_known_yet(error: Any, arn: str) -> bool:
    told_of = [str(value) for value in error.response["Error"].values()]
    return code_of(error) == "InvalidArgument" and (
        _UNVALIDATED in told_of and any(arn in value for value in told_of)
    )


def _remove_permission(client: Any, entry: Entry) -> None:
    ask_unless(
        ("ResourceNotFoundException",),
        client,
        "remove_permission",
        FunctionName=entry.detail["function"],
        StatementId=entry.detail["statement_id"],
    )
