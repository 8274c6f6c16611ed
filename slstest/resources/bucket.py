"""S3 buckets."""

from __future__ import annotations

import functools
import json as json_module
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from slstest.calls import ask, ask_unless, told
from slstest.casing import parameters
from slstest.clouds.base import Cloud
from slstest.deletion import delete_when_free
from slstest.errors import ConfigurationError, SlstestError
from slstest.expect import expect, expect_not, nearest_text
from slstest.functions.notification import BucketNotification, create_notification
from slstest.functions.own_notifications import OwnNotifications
from slstest.ledger import Entry
from slstest.matching import listed, matches, matches_data, show
from slstest.resources.base import Resource
from slstest.scope import Scope
from slstest.shapes import decode, encode
from slstest.suggesting import near
from slstest.waiting import wait_until

if TYPE_CHECKING:
    from slstest.functions.function import Function

UNSET: Any = type("Unset", (), {"__repr__": lambda _: "UNSET"})()
"""What an argument is when it was not given, where None means something."""

_GONE = ("NoSuchKey", "404")
_NO_BUCKET = ("NoSuchBucket",)
_CHANGING = "OperationAborted"
"""S3's code where it is still at another change of the bucket, its creation for example:
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
_NOT_YET = (*_NO_BUCKET, _CHANGING)
_BUSY = ("BucketNotEmpty", _CHANGING)
"""Somebody has just written an object, or S3 is still carrying out the last change."""

_TAKEN_BY_CREATE = {
    "bucket": "the name is a throwaway one; give yours as the first argument, "
    "and it is added to it",
}
_TAKEN_BY_PUT = {"bucket": "it is this bucket", "key": "it is the first argument"}


class StoredObject:
    """An object of a bucket; what is in it is read when it is first asked for."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client = client
        self._bucket = bucket
        self.key = key

    @property
    def body(self) -> bytes:
        """The content."""
        return self._read[0]

    @property
    def text(self) -> str:
        """The content as UTF-8."""
        return self.body.decode()

    @property
    def json(self) -> Any:
        """The content decoded from JSON. Raises ``ValueError`` where it is none."""
        return json_module.loads(self.body)

    @property
    def metadata(self) -> dict[str, str]:
        """The user-defined metadata."""
        return dict(self._read[1].get("Metadata", {}))

    @property
    def content_type(self) -> str:
        """The media type, for example ``application/json``."""
        return str(self._read[1].get("ContentType", ""))

    def exists(self) -> bool:
        """Whether the bucket (still) has it."""
        from botocore.exceptions import ClientError

        try:
            return self._read is not None
        except ClientError as error:
            if error.response["Error"].get("Code") in _GONE:
                return False
            raise

    @functools.cached_property
    def _read(self) -> tuple[bytes, Mapping[str, Any]]:
        response = self._client.get_object(Bucket=self._bucket, Key=self.key)
        return response["Body"].read(), response

    def __repr__(self) -> str:
        return f"<object {self.key!r} in {self._bucket}>"


class Bucket(Resource):
    """A throwaway S3 bucket."""

    kind = "bucket"

    def __init__(self, scope: Scope, label: str, name: str, arn: str) -> None:
        super().__init__(scope, label, name, arn)
        self._notifications = OwnNotifications()

    def put(self, key: str, body: Any, **put_object_parameters: Any) -> None:
        """Write an object: a dict or a list as JSON, a str as UTF-8, bytes as they are.

        Takes every parameter of PutObject in snake case, such as ``content_type=``.
        """
        client = self._client("s3")
        asked = f"{self}.put({key!r})"
        given = parameters(
            client, "PutObject", put_object_parameters, asked=asked, taken=_TAKEN_BY_PUT
        )
        request = {"Bucket": self._name, "Key": key, "Body": encode(body, asked), **given}
        ask(client, "put_object", request, asked=asked)

    def get(self, key: str) -> StoredObject | None:
        """The object of a key, None where there is none."""
        found = StoredObject(self._client("s3"), self._name, key)
        return found if found.exists() else None

    def objects(self, prefix: str = "") -> list[StoredObject]:
        """The objects whose keys begin with ``prefix``, in the order of their keys."""
        client = self._client("s3")
        return [StoredObject(client, self._name, key) for key in self._keys(prefix)]

    def contents(self) -> Mapping[str, Any]:
        """The body and the metadata of every object."""
        return {
            f"object {each.key!r}": {"body": decode(each.body), "metadata": each.metadata}
            for each in self.objects()
        }

    def expect_object(
        self,
        key: str | re.Pattern[str],
        *,
        body: Any = UNSET,
        json: Any = UNSET,
        timeout: float | None = None,
    ) -> StoredObject:
        """Wait for an object and return it.

        ``key`` is its key, or a compiled pattern that is found in it. ``body`` is compared
        with the bytes, with the text where it is a str, with the JSON where it is a dict or a
        list; ``json`` always with the JSON, dicts only by the keys given. ``timeout`` is in
        seconds; given, the whole of it is waited, otherwise no longer than something is under
        way. Raises :class:`slstest.errors.ExpectationFailed`, showing what is there.
        """
        if body is not UNSET and json is not UNSET:
            raise ConfigurationError(f"{self}.expect_object: give body= or json=, not both")
        return expect(
            self._scope,
            lambda: self._find(key, body, json),
            lambda: self._explain_missing(key, body, json),
            timeout,
        )

    def expect_no_object(self, key: str | re.Pattern[str], timeout: float | None = None) -> None:
        """Settle, then check that no object has this key, or one that the pattern is found in.

        ``timeout`` is the seconds that settling may take. Raises
        :class:`slstest.errors.ExpectationFailed`, or :class:`slstest.errors.NotSettled`.
        """
        expect_not(
            self._scope,
            lambda: self._find(key, UNSET, UNSET),
            lambda found: (
                f"{self} was to have no object {_wanted(key)} but has {found.key!r} with\n"
                f"  {show(decode(found.body))}"
            ),
            timeout,
        )

    def expect_count(self, count: int, timeout: float | None = None) -> None:
        """Wait until the bucket has exactly ``count`` objects; 0 settles first.

        Raises :class:`slstest.errors.ExpectationFailed` with the keys that are there.
        """
        if count == 0:
            expect_not(
                self._scope,
                lambda: list(self._keys()) or None,
                lambda keys: f"{self} was to be empty but has {len(keys)}: {listed(keys)}",
                timeout,
            )
            return
        expect(
            self._scope,
            lambda: True if sum(1 for _ in self._keys()) == count else None,
            lambda: f"{self} was to have {count} objects but has {_counted(self._keys())}",
            timeout,
        )

    def _map_to(self, function: Function, settings: Mapping[str, Any]) -> BucketNotification:
        return create_notification(self._scope, function, self, self._notifications, settings)

    # -- inside -------------------------------------------------------------------------

    def _keys(self, prefix: str = "") -> Iterator[str]:
        pages = self._client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self._name, Prefix=prefix):
            for listed_object in page.get("Contents", ()):
                yield listed_object["Key"]

    def _find(self, key: str | re.Pattern[str], body: Any, json: Any) -> StoredObject | None:
        for found in self._candidates(key):
            if found.exists() and _fits(found.body, body, json):
                return found
        return None

    def _candidates(self, key: str | re.Pattern[str]) -> list[StoredObject]:
        client = self._client("s3")
        keys = [key] if isinstance(key, str) else filter(key.search, self._keys())
        return [StoredObject(client, self._name, found) for found in keys]

    def _explain_missing(self, key: str | re.Pattern[str], body: Any, json: Any) -> str:
        expected = body if json is UNSET else json
        content = "" if expected is UNSET else f" with\n  {show(expected)}"
        lines = [f"{self} has no object {_wanted(key)}{content}"]
        found = [candidate for candidate in self._candidates(key) if candidate.exists()]
        if found and expected is not UNSET:
            as_bytes = isinstance(expected, bytes | bytearray)
            bodies = [item.body if as_bytes else decode(item.body) for item in found]
            lines.append(nearest_text(expected, bodies, "body under this key"))
            return "\n".join(lines)
        keys = list(self._keys())
        lines.append(f"Its keys are: {listed(keys)}." if keys else "It is empty.")
        if isinstance(key, str) and (nearest := near(key, keys)):
            lines.append(f"The nearest is {nearest[0]!r}.")
        return "\n".join(lines)


def create_bucket(scope: Scope, label: str, settings: Mapping[str, Any]) -> Bucket:
    """Create a bucket in the cloud's region."""
    asked = f"sls.bucket({label!r})"
    client = scope.cloud.client("s3")
    given = parameters(client, "CreateBucket", settings, asked=asked, taken=_TAKEN_BY_CREATE)
    name = scope.names.throwaway(label)
    request = {"Bucket": name, **given}
    configuration = dict(given.get("CreateBucketConfiguration", {}))
    # S3 wants the region named everywhere but in us-east-1, where it must not be.
    if scope.cloud.region != "us-east-1" and "Location" not in configuration:
        configuration.setdefault("LocationConstraint", scope.cloud.region)
    if configuration:
        request["CreateBucketConfiguration"] = configuration
    lock = {"object_lock": "yes"} if given.get("ObjectLockEnabledForBucket") else {}
    with scope.creating(Bucket.kind, name, **lock):
        ask(client, "create_bucket", request, asked=asked)
    if tags := scope.tags():
        own = configuration.get("Tags", ())
        _tag(scope, name, [{"Key": key, "Value": tags[key]} for key in tags] + [*own], asked)
    return Bucket(scope, label, name, f"arn:{client.meta.partition}:s3:::{name}")


def delete_bucket(cloud: Cloud, entry: Entry) -> None:
    """Delete a bucket with every version of every object; one that is gone is fine, and one
    into which somebody still writes is emptied again."""
    client = cloud.client("s3")

    def delete() -> None:
        _empty(client, entry)
        ask_unless(_NO_BUCKET, client, "delete_bucket", Bucket=entry.name)

    delete_when_free(cloud, entry, delete, _BUSY, "empty and free for deletion")


def _empty(client: Any, entry: Entry) -> None:
    left = True
    while left:
        page = ask_unless(_NO_BUCKET, client, "list_object_versions", Bucket=entry.name)
        if page is None:
            return
        versions = [
            {"Key": version["Key"], "VersionId": version["VersionId"]}
            for version in (*page.get("Versions", ()), *page.get("DeleteMarkers", ()))
        ]
        if versions:
            _delete_versions(client, entry, versions)
        left = bool(page.get("IsTruncated"))


def _tag(scope: Scope, name: str, tags: Sequence[Mapping[str, str]], asked: str) -> None:
    """Tag a bucket, as soon as S3 knows it everywhere and has done with its creation."""
    client = scope.cloud.client("s3")
    with told(asked):
        wait_until(
            f"{asked}: S3 to know the bucket",
            lambda: ask_unless(
                _NOT_YET, client, "put_bucket_tagging", Bucket=name, Tagging={"TagSet": tags}
            ),
            pace=scope.cloud.pace,
        )


def _delete_versions(client: Any, entry: Entry, versions: list[dict[str, str]]) -> None:
    is_locked = "object_lock" in entry.detail
    refused = _refused(client, entry, versions, bypass=is_locked)
    if refused and not is_locked:
        # An entry that was made of tags does not say that there are locks.
        keys = {error["Key"] for error in refused}
        again = [version for version in versions if version["Key"] in keys]
        refused = _refused(client, entry, again, bypass=True)
    errors = [f"{each['Key']}: {each['Code']}: {each.get('Message', '')}" for each in refused]
    if errors:
        raise SlstestError(f"S3 does not delete {listed(errors, 3)}")


def _refused(
    client: Any, entry: Entry, versions: list[dict[str, str]], *, bypass: bool
) -> list[dict[str, str]]:
    """What S3 says of the versions that it does not delete; ``bypass`` deletes those under a
    governance lock as well:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html"""
    lifted = {"BypassGovernanceRetention": True} if bypass else {}
    response = client.delete_objects(
        Bucket=entry.name, Delete={"Objects": versions, "Quiet": True}, **lifted
    )
    errors: list[dict[str, str]] = response.get("Errors", [])
    return errors


def _fits(raw: bytes, body: Any, json: Any) -> bool:
    if json is not UNSET:
        try:
            return matches(json, json_module.loads(raw))
        except ValueError:
            return False
    return body is UNSET or matches_data(body, raw)


def _wanted(key: str | re.Pattern[str]) -> str:
    return repr(key) if isinstance(key, str) else f"whose key has {key.pattern!r}"


def _counted(keys: Iterable[str]) -> str:
    there = list(keys)
    return f"{len(there)}: {listed(there)}" if there else "none"
