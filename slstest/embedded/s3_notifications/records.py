"""The messages that S3 sends.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote_plus

from slstest.embedded.s3_notifications import events
from slstest.embedded.s3_notifications.changes import BucketFacts, Change

EVENT_VERSION = "2.6"
"""Of every type of event. Until version 2.4 the types had versions of their own."""

_WITHOUT_SEQUENCER = frozenset(
    {events.TAGS_PUT, events.TAGS_DELETED, events.ACL_PUT, events.RETENTION_PUT}
)


@dataclass(frozen=True)
class Cause:
    """The request that caused an event."""

    principal_id: str
    source_ip_address: str
    request_id: str
    host_id: str
    """Of the S3 host that answered it."""


class Sequencers:
    """Gives each event a sequencer: of two of the same key the later has the greater one.

    As S3's, one is the time in hexadecimal: the seconds and their fraction.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self, now: float) -> str:
        """The sequencer of an event at a moment (seconds since the epoch)."""
        with self._lock:
            self._last = max(self._last + 1, int(now * 2**32))
            return f"{self._last:018X}"


def event_message(
    change: Change, configuration_id: str, sequencer: str, cause: Cause, now: float
) -> str:
    """The message about one change, for the notification with this id."""
    bucket = change.bucket
    record = {
        "eventVersion": EVENT_VERSION,
        "eventSource": "aws:s3",
        "awsRegion": bucket.region,
        "eventTime": _worded(now),
        "eventName": change.event.removeprefix("s3:"),
        "userIdentity": {"principalId": cause.principal_id},
        "requestParameters": {"sourceIPAddress": cause.source_ip_address},
        "responseElements": {
            "x-amz-request-id": cause.request_id,
            "x-amz-id-2": cause.host_id,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {
                "name": bucket.name,
                "ownerIdentity": {"principalId": owner_id(bucket)},
                "arn": bucket.arn,
            },
            "object": _object(change, sequencer),
        },
        **change.extra,
    }
    return _json({"Records": [record]})


def trial_message(bucket: BucketFacts, cause: Cause, now: float) -> str:
    """What a destination is sent when it is configured.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    return _json(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": _worded(now),
            "Bucket": bucket.name,
            "RequestId": cause.request_id,
            "HostId": cause.host_id,
        }
    )


def owner_id(bucket: BucketFacts) -> str:
    """The customer id of a bucket's owner, as it looks at Amazon."""
    digest = hashlib.sha256(bucket.account_id.encode()).digest()
    return "A" + base64.b32encode(digest).decode()[:13]


def encoded_key(key: str) -> str:
    """A key URL encoded as forms are (``application/x-www-form-urlencoded``), but for slashes:
    ``red flower.jpg`` becomes ``red+flower.jpg``."""
    return quote_plus(key, safe="/*").replace("~", "%7E")


def _object(change: Change, sequencer: str) -> Mapping[str, Any]:
    described = {"key": encoded_key(change.key), **change.details}
    if change.event not in _WITHOUT_SEQUENCER:
        described["sequencer"] = sequencer
    return described


def _worded(now: float) -> str:
    moment = datetime.fromtimestamp(now, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
