"""moto's S3, which says what becomes of objects.

moto keeps the objects and answers the requests. Its own notifications are never switched on: it
has no notification configuration to deliver by, as requests for one do not reach it. For who
else uses moto in this process it is moto's S3 as it was.
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

    def put_object(self, bucket_name: str, key_name: str, *args: Any, **kwargs: Any) -> FakeKey:
        bucket = self.get_bucket(bucket_name)
        # What moto replaces it throws away; a bucket whose versioning is suspended keeps it.
        is_kept = _is_suspended(bucket) and changes.is_recording()
        kept = dict.pop(bucket.keys, key_name, []) if is_kept else []
        try:
            key = super().put_object(bucket_name, key_name, *args, **kwargs)
        except Exception:
            if kept:
                bucket.keys.setlist(key_name, kept)
            raise
        if kept:
            bucket.keys.setlist(key_name, [*kept, key])
            bucket.keys.setlist(key_name, [*_without_null(kept), key])
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
        if not changes.is_recording():
            return super().delete_object(bucket_name, key_name, version_id, bypass)
        if not bucket.versioning_status:
            result = super().delete_object(bucket_name, key_name, version_id, bypass)
            self._removed(bucket, key_name, events.DELETED)
        elif version_id is None:
            result = self._hide(bucket, key_name)
        else:
            versions = bucket.keys.getlist(key_name, [])
            was_there = any(str(each.version_id) == version_id for each in versions)
            result = self._delete_version(bucket, key_name, version_id, bypass)
            if was_there:
                self._removed(bucket, key_name, events.DELETED, version_id)
        return result

    def _hide(self, bucket: FakeBucket, key_name: str) -> tuple[bool, dict[str, Any]]:
        """Put a delete marker before an object's versions; where versioning is suspended, in
        the place of the one that is called null."""
        named = cast(FakeKey, SimpleNamespace(name=key_name))
        versions = bucket.keys.getlist(key_name, [])
        if _is_suspended(bucket):
            marker: FakeDeleteMarker = _NullDeleteMarker(named)
            bucket.keys.setlist(key_name, [*_without_null(versions), marker])
        else:
            marker = FakeDeleteMarker(versions[-1] if versions else named)
            bucket.keys[key_name] = marker
        self._removed(
            bucket, key_name, events.DELETE_MARKER_CREATED, marker.version_id, eTag=_EMPTY_ETAG
        )
        return True, {"version-id": marker.version_id, "delete-marker": "true"}

    def _delete_version(
        self, bucket: FakeBucket, key_name: str, version_id: str, bypass: bool
    ) -> tuple[bool, dict[str, Any]]:
        if bucket.is_versioned:
            return super().delete_object(bucket.name, key_name, version_id, bypass)
        # Suspended, where moto would delete all of them.
        versions = bucket.keys.getlist(key_name, [])
        left = [each for each in versions if str(each.version_id) != version_id]
        bucket.keys.setlist(key_name, left)
        if not left:
            bucket.keys.pop(key_name)
        return True, {"version-id": version_id}

    # -- inside -------------------------------------------------------------------------

    def _created(self, key: FakeKey, event: str, **details: Any) -> None:
        bucket = self.get_bucket(str(key.bucket_name))
        whole = {**_size_and_tag(key), **_version(key.version_id), **details}
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
        whole = {**details, **_version(key.version_id)}
        change = Change(event, facts(bucket), key.name, whole, extra or {}, by_s3)
        changes.changed(key, change)

    def _removed(
        self,
        bucket: FakeBucket,
        key_name: str,
        event: str,
        version_id: str = "null",
        **details: str,
    ) -> None:
        whole = {**details, **_version(version_id)}
        changes.happened(Change(event, facts(bucket), key_name, whole))


class _NullDeleteMarker(FakeDeleteMarker):
    """The delete marker of a bucket whose versioning is suspended."""

    @property
    def version_id(self) -> str:
        return "null"


def facts(bucket: FakeBucket) -> BucketFacts:
    return BucketFacts(bucket.name, bucket.arn, bucket.region_name, bucket.account_id)


def _size_and_tag(key: FakeKey) -> dict[str, Any]:
    return {"size": key.size, **_tag(key)}


def _tag(key: FakeKey) -> dict[str, Any]:
    return {"eTag": key.etag.strip('"')}


def _version(version_id: str) -> dict[str, Any]:
    """What an event says of a version: nothing of the one that has no id."""
    return {} if version_id == "null" else {"versionId": version_id}


def _is_suspended(bucket: FakeBucket) -> bool:
    return bool(bucket.versioning_status == "Suspended")


def _without_null(versions: list[Any]) -> list[Any]:
    return [each for each in versions if each.version_id != "null"]


def _grants(acl: FakeAcl | None) -> list[tuple[Any, Any]]:
    return [] if acl is None else [(each.grantees, each.permissions) for each in acl.grants]


def _to_the_millisecond(moment: str | None) -> str:
    parsed = datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    return _worded(parsed.astimezone(timezone.utc))


def _worded(moment: datetime) -> str:
    return moment.strftime(_MILLISECONDS)[:-3] + "Z"
