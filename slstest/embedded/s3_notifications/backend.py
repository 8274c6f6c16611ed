"""moto's S3, which says what becomes of objects.

moto keeps the objects and answers the requests. Its own notifications are never switched on: it
has no notification configuration to deliver by, as requests for one do not reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

from moto.s3 import urls as moto_urls
from moto.s3.models import FakeAcl, FakeBucket, FakeDeleteMarker, FakeKey, S3Backend

from slstest.embedded.s3_notifications import changes, events
from slstest.embedded.s3_notifications.changes import BucketFacts, Change

_EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e"
"""What S3 says of a delete marker: the MD5 of nothing."""

_MILLISECONDS = "%Y-%m-%dT%H:%M:%S.%f"


class EmbeddedS3Backend(S3Backend):
    """moto's backend of one account and partition."""

    @property
    def _url_module(self) -> Any:
        return moto_urls

    # -- creating -----------------------------------------------------------------------

    def put_object(self, *args: Any, **kwargs: Any) -> FakeKey:
        key = super().put_object(*args, **kwargs)
        posted = kwargs.get("request_method") == "POST"
        self._created(key, events.CREATED_BY_POST if posted else events.CREATED_BY_PUT)
        return key

    def copy_object(
        self, src_key: FakeKey, dest_bucket_name: str, dest_key_name: str, *args: Any, **kwargs: Any
    ) -> None:
        super().copy_object(src_key, dest_bucket_name, dest_key_name, *args, **kwargs)
        key = self.get_bucket(dest_bucket_name).keys[dest_key_name]
        self._created(key, events.CREATED_BY_COPY, hasObjectAnnotation=False)

    def complete_multipart_upload(self, *args: Any, **kwargs: Any) -> FakeKey | None:
        key = super().complete_multipart_upload(*args, **kwargs)
        if key is not None:
            self._created(key, events.CREATED_BY_MULTIPART_UPLOAD)
        return key

    # -- changing -----------------------------------------------------------------------

    def put_object_tagging(self, key: FakeKey, tags: dict[str, str] | None) -> FakeKey:
        tagged = super().put_object_tagging(key, tags)
        self._changed(key, events.TAGS_PUT, _tag(key))
        return tagged

    def delete_object_tagging(
        self, bucket_name: str, key_name: str, version_id: str | None = None
    ) -> None:
        super().delete_object_tagging(bucket_name, key_name, version_id)
        key = self.get_object(bucket_name, key_name, version_id=version_id)
        if key is not None:
            self._changed(key, events.TAGS_DELETED, _tag(key))

    def put_object_acl(
        self, bucket_name: str, key_name: str, acl: FakeAcl | None, *args: Any, **kwargs: Any
    ) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html:
        "An event is not generated when a request results in no change to an object's ACL."
        """
        before = self.get_object(bucket_name, key_name)
        grants = None if before is None else _grants(before.acl)
        super().put_object_acl(bucket_name, key_name, acl, *args, **kwargs)
        if before is not None and grants != _grants(acl):
            self._changed(before, events.ACL_PUT, _tag(before))

    def put_object_retention(
        self,
        bucket_name: str,
        key_name: str,
        version_id: str | None,
        retention: tuple[str | None, str | None],
    ) -> None:
        super().put_object_retention(bucket_name, key_name, version_id, retention)
        key = self.get_object(bucket_name, key_name, version_id=version_id)
        if key is None:
            return
        mode, until = retention
        data = {"mode": mode, "retainUntilDate": _to_the_millisecond(until)}
        extra = {"objectRetentionEventData": data} if mode and until else {}
        self._changed(key, events.RETENTION_PUT, _size_and_tag(key), extra)

    def restore_object(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> bool:
        """moto has a restored copy at once, where S3 takes minutes or hours."""
        restored_before = super().restore_object(bucket_name, key_name, *args, **kwargs)
        key = self.get_object(bucket_name, key_name)
        if key is not None and key.expiry_date is not None and not restored_before:
            self._changed(key, events.RESTORE_BEGUN, _size_and_tag(key))
            expires = datetime.strptime(key.expiry_date, "%a, %d %b %Y %H:%M:%S GMT")
            data = {
                "lifecycleRestorationExpiryTime": _worded(expires),
                "lifecycleRestoreStorageClass": key.storage_class,
            }
            extra = {"glacierEventData": {"restoreEventData": data}}
            self._changed(key, events.RESTORED, _size_and_tag(key), extra, by_s3=True)
        return restored_before

    # -- deleting -----------------------------------------------------------------------

    def delete_object(
        self, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> tuple[bool, dict[str, Any]]:
        """S3 notifies of a deletion also where there was no such object, and creates a delete
        marker for it where the bucket has versions.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/DeleteMarker.html
        """
        bucket = self.get_bucket(bucket_name)
        if not bucket.is_versioned:
            result = super().delete_object(bucket_name, key_name, version_id, bypass)
            self._removed(bucket, key_name, events.DELETED, {})
        elif version_id is not None:
            was_there = self._has_version(bucket, key_name, version_id)
            result = super().delete_object(bucket_name, key_name, version_id, bypass)
            if was_there:
                self._removed(bucket, key_name, events.DELETED, {"versionId": version_id})
        else:
            if key_name in bucket.keys:
                result = super().delete_object(bucket_name, key_name, None, bypass)
            else:
                marker = FakeDeleteMarker(cast(FakeKey, SimpleNamespace(name=key_name)))
                bucket.keys[key_name] = marker
                result = True, {"version-id": marker.version_id, "delete-marker": "true"}
            details = {"eTag": _EMPTY_ETAG, "versionId": result[1]["version-id"]}
            self._removed(bucket, key_name, events.DELETE_MARKER_CREATED, details)
        return result

    # -- inside -------------------------------------------------------------------------

    def _created(self, key: FakeKey, event: str, **details: Any) -> None:
        bucket = self.get_bucket(str(key.bucket_name))
        whole = {**_size_and_tag(key), **_version(bucket, key), **details}
        changes.created(key, Change(event, facts(bucket), key.name, whole))

    def _changed(
        self,
        key: FakeKey,
        event: str,
        details: Mapping[str, Any],
        extra: Mapping[str, Any] | None = None,
        *,
        by_s3: bool = False,
    ) -> None:
        bucket = self.get_bucket(str(key.bucket_name))
        whole = {**details, **_version(bucket, key)}
        change = Change(event, facts(bucket), key.name, whole, extra or {}, by_s3)
        changes.changed(key, change)

    def _removed(
        self, bucket: FakeBucket, key_name: str, event: str, details: Mapping[str, Any]
    ) -> None:
        changes.happened(Change(event, facts(bucket), key_name, details))

    @staticmethod
    def _has_version(bucket: FakeBucket, key_name: str, version_id: str) -> bool:
        versions: list[FakeKey | FakeDeleteMarker] = bucket.keys.getlist(key_name, [])
        return any(str(version.version_id) == version_id for version in versions)


def facts(bucket: FakeBucket) -> BucketFacts:
    return BucketFacts(bucket.name, bucket.arn, bucket.region_name, bucket.account_id)


def _size_and_tag(key: FakeKey) -> dict[str, Any]:
    return {"size": key.size, **_tag(key)}


def _tag(key: FakeKey) -> dict[str, Any]:
    return {"eTag": key.etag.strip('"')}


def _version(bucket: FakeBucket, key: FakeKey) -> dict[str, Any]:
    return {"versionId": key.version_id} if bucket.is_versioned else {}


def _grants(acl: FakeAcl | None) -> list[tuple[Any, Any]]:
    return [] if acl is None else [(each.grantees, each.permissions) for each in acl.grants]


def _to_the_millisecond(moment: str | None) -> str:
    parsed = datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    return _worded(parsed.astimezone(timezone.utc))


def _worded(moment: datetime) -> str:
    return moment.strftime(_MILLISECONDS)[:-3] + "Z"
