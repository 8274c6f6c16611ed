"""Which IAM actions allow an operation.

Most have the operation's name. Those that do not are here as far as tests and their functions
are likely to call them; all are in the Service Authorization Reference:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-iam.html
"""

from __future__ import annotations

from collections.abc import Mapping

_PARTIQL = ("PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate")

OTHER_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "dynamodb": {
        "BatchExecuteStatement": _PARTIQL,
        "ExecuteStatement": _PARTIQL,
        "ExecuteTransaction": _PARTIQL,
        "TransactGetItems": ("GetItem",),
        "TransactWriteItems": ("ConditionCheckItem", "DeleteItem", "PutItem", "UpdateItem"),
    },
    "lambda": {
        "Invoke": ("InvokeFunction",),
        "InvokeWithResponseStream": ("InvokeFunction",),
    },
    "s3": {
        "CompleteMultipartUpload": ("PutObject",),
        "CopyObject": ("GetObject", "PutObject"),
        "CreateMultipartUpload": ("PutObject",),
        "DeleteBucketTagging": ("PutBucketTagging",),
        "DeleteObjects": ("DeleteObject",),
        "GetBucketNotificationConfiguration": ("GetBucketNotification",),
        "GetObjectLockConfiguration": ("GetBucketObjectLockConfiguration",),
        "HeadBucket": ("ListBucket",),
        "HeadObject": ("GetObject",),
        "ListBuckets": ("ListAllMyBuckets",),
        "ListMultipartUploads": ("ListBucketMultipartUploads",),
        "ListObjects": ("ListBucket",),
        "ListObjectsV2": ("ListBucket",),
        "ListObjectVersions": ("ListBucketVersions",),
        "ListParts": ("ListMultipartUploadParts",),
        "PutBucketNotificationConfiguration": ("PutBucketNotification",),
        "PutObjectLockConfiguration": ("PutBucketObjectLockConfiguration",),
        "UploadPart": ("PutObject",),
        "UploadPartCopy": ("GetObject", "PutObject"),
    },
    "sns": {"PublishBatch": ("Publish",)},
    "sqs": {
        "ChangeMessageVisibilityBatch": ("ChangeMessageVisibility",),
        "DeleteMessageBatch": ("DeleteMessage",),
        "SendMessageBatch": ("SendMessage",),
    },
}


def actions_of(service: str, operation: str) -> list[str]:
    """The actions for an operation of a service, by the name with which its requests are
    signed: ``actions_of("s3", "HeadObject")`` is ``["s3:GetObject"]``.

    Of several a request needs those of what it asks for: a transaction that only puts items
    needs ``dynamodb:PutItem``.
    """
    names = OTHER_NAMES.get(service, {}).get(operation, (operation,))
    return [f"{service}:{name}" for name in names]
