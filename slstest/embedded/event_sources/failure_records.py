"""What Lambda tells a mapping's on-failure destination of records that it gives up.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and
https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html. The pages show a batch
whose retries are used up. Of the other cases they say nothing; there Lambda sends no
``responseContext`` for records that have grown too old, and a ``functionError`` of null where
the function has reported the failure itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from slstest.embedded.destinations import iso_time, object_key, service_of
from slstest.embedded.event_sources.records import StreamRecord

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
TOO_OLD = "RecordAgeExceeded"

_VERSION = "$LATEST"


@dataclass(frozen=True)
class Discarded:
    """Records that are given up."""

    records: Sequence[StreamRecord]
    condition: str
    request_id: str
    """Of the last invocation with them; one that no invocation has had if there was none."""
    invocations: int
    event: bytes
    """What the function got, or would have got."""
    function_error: str | None = None


class Destinations(Protocol):
    """Where documents are sent: see :class:`slstest.embedded.destinations.Destinations`."""

    def send(
        self, arn: str, document: Mapping[str, Any], *, object_key: str | None = None
    ) -> None: ...


@dataclass(frozen=True)
class Origin:
    """Where records were read, and for whom."""

    mapping_uuid: str
    function_arn: str
    stream_arn: str
    shard_id: str
    batch_info: str
    """The name of the field that describes a batch: ``KinesisBatchInfo``, ..."""


def send_failure_record(
    destinations: Destinations, destination: str, discarded: Discarded, origin: Origin, now: float
) -> None:
    """Send the record of a discarded batch; a bucket gets the event as well."""
    document = failure_record(discarded, origin, now)
    if service_of(destination) != "s3":
        destinations.send(destination, document)
        return
    document["payload"] = discarded.event.decode()
    prefix = f"aws/lambda/{origin.mapping_uuid}/{origin.shard_id}"
    destinations.send(destination, document, object_key=object_key(prefix, now))


def failure_record(discarded: Discarded, origin: Origin, now: float) -> dict[str, Any]:
    first, last = discarded.records[0], discarded.records[-1]
    document: dict[str, Any] = {
        "requestContext": {
            "requestId": discarded.request_id,
            "functionArn": origin.function_arn,
            "condition": discarded.condition,
            "approximateInvokeCount": max(1, discarded.invocations),
        }
    }
    if discarded.condition == RETRIES_EXHAUSTED:
        document["responseContext"] = {
            "statusCode": 200,
            "executedVersion": _VERSION,
            "functionError": discarded.function_error,
        }
    document["version"] = "1.0"
    document["timestamp"] = iso_time(now)
    document[origin.batch_info] = {
        "shardId": origin.shard_id,
        "startSequenceNumber": first.sequence_number,
        "endSequenceNumber": last.sequence_number,
        "approximateArrivalOfFirstRecord": _instant(first.arrived),
        "approximateArrivalOfLastRecord": _instant(last.arrived),
        "batchSize": len(discarded.records),
        "streamArn": origin.stream_arn,
    }
    return document


def _instant(moment: float) -> str:
    """A moment with milliseconds, if it has any."""
    at = datetime.fromtimestamp(round(moment, 3), timezone.utc)
    milliseconds = f".{at.microsecond // 1000:03}" if at.microsecond else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{milliseconds}Z"
