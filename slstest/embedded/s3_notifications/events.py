"""The types of events that a bucket can be asked to notify of.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html#supported-notification-event-types
"""

from __future__ import annotations

from collections.abc import Iterable

from slstest.embedded.s3_notifications.errors import invalid_argument, not_built

CREATED_BY_PUT = "s3:ObjectCreated:Put"
CREATED_BY_POST = "s3:ObjectCreated:Post"
CREATED_BY_COPY = "s3:ObjectCreated:Copy"
CREATED_BY_MULTIPART_UPLOAD = "s3:ObjectCreated:CompleteMultipartUpload"
DELETED = "s3:ObjectRemoved:Delete"
DELETE_MARKER_CREATED = "s3:ObjectRemoved:DeleteMarkerCreated"
TAGS_PUT = "s3:ObjectTagging:Put"
TAGS_DELETED = "s3:ObjectTagging:Delete"
ACL_PUT = "s3:ObjectAcl:Put"
RETENTION_PUT = "s3:ObjectRetention:Put"
RESTORE_BEGUN = "s3:ObjectRestore:Post"
RESTORED = "s3:ObjectRestore:Completed"

CAUSED = frozenset(
    {
        CREATED_BY_PUT,
        CREATED_BY_POST,
        CREATED_BY_COPY,
        CREATED_BY_MULTIPART_UPLOAD,
        DELETED,
        DELETE_MARKER_CREATED,
        TAGS_PUT,
        TAGS_DELETED,
        ACL_PUT,
        RETENTION_PUT,
        RESTORE_BEGUN,
        RESTORED,
    }
)
"""What the embedded S3 can do to an object."""

_NEVER_CAUSED = {
    "s3:ObjectRestore:Delete": "does not let restored copies expire",
    "s3:ObjectAnnotation:Put": "does not have object annotations",
    "s3:ObjectAnnotation:Delete": "does not have object annotations",
    "s3:Replication:OperationFailedReplication": "does not replicate objects",
    "s3:Replication:OperationMissedThreshold": "does not replicate objects",
    "s3:Replication:OperationNotTracked": "does not replicate objects",
    "s3:Replication:OperationReplicatedAfterThreshold": "does not replicate objects",
    "s3:LifecycleExpiration:Delete": "does not carry out lifecycle rules",
    "s3:LifecycleExpiration:DeleteMarkerCreated": "does not carry out lifecycle rules",
    "s3:LifecycleTransition": "does not carry out lifecycle rules",
    "s3:IntelligentTiering": "does not move objects between access tiers",
    "s3:ReducedRedundancyLostObject": "does not lose objects",
}
"""The other types that AWS has, with what the embedded cloud would have to do."""

_WITHOUT_WILDCARD = frozenset({"s3:ObjectAcl", "s3:ObjectRetention"})

_NAMES = frozenset({*CAUSED, *_NEVER_CAUSED})

_WILDCARDS = frozenset(
    f"{family}:*"
    for family in (name.rpartition(":")[0] for name in _NAMES)
    if family.count(":") == 1 and family not in _WITHOUT_WILDCARD
)


def covers(configured: str, event: str) -> bool:
    """Whether a type of a configuration, which may end with ``:*``, is that of an event."""
    return configured == event or (
        configured.endswith(":*") and event.startswith(configured.removesuffix("*"))
    )


def check(configured: str) -> None:
    """Refuse a type that AWS does not have, and one that could never be caused here."""
    if configured not in _NAMES | _WILDCARDS:
        raise invalid_argument("The event is not supported for notifications", "Event", configured)
    if not any(covers(configured, event) for event in CAUSED):
        reason = next(why for event, why in _NEVER_CAUSED.items() if covers(configured, event))
        raise not_built(
            f"{reason}, so {configured} would never come", "leave this type of event out"
        )


def shared(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether an event can be of a type of the one and of a type of the others."""
    return any(covers(a, b) or covers(b, a) for a in some for b in others)
