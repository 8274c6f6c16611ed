"""Requests that Amazon SQS refuses, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_BATCH_ENTRIES = 10
_BATCH_BYTES = 1_048_576
_MESSAGE_ATTRIBUTES = 10
_LONGEST_VISIBILITY_TIMEOUT = 43_200

_NOT_ALLOWED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NOT_THIS_TYPE = "The request include parameter that is not valid for this queue type"


class Refused(Exception):
    """A request that SQS answers with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_message(
    body: str,
    attributes: Mapping[str, Any],
    *,
    maximum_size: int,
    delay_seconds: int | None,
    deduplication_id: str | None,
    group_id: str | None,
    fifo: bool,
    content_based_deduplication: bool,
) -> None:
    """Refuse a message that the queue does not take.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    if not body:
        raise _missing("MessageBody")
    if _NOT_ALLOWED.search(body):
        raise Refused(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to "
            "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )
    if len(attributes) > _MESSAGE_ATTRIBUTES:
        raise _invalid(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum "
            f"[{_MESSAGE_ATTRIBUTES}]."
        )
    if _size(body, attributes) > maximum_size:
        raise _invalid(
            "One or more parameters are invalid. Reason: Message must be shorter than "
            f"{maximum_size} bytes."
        )
    if delay_seconds is not None and not 0 <= delay_seconds <= 900:
        raise _invalid_value("DelaySeconds", delay_seconds, "DelaySeconds must be >= 0 and <= 900.")
    if not fifo:
        if deduplication_id is not None:
            raise _invalid_value("MessageDeduplicationId", deduplication_id, _NOT_THIS_TYPE)
        return
    if delay_seconds:
        raise _invalid_value("DelaySeconds", delay_seconds, f"{_NOT_THIS_TYPE}.")
    if group_id is None:
        raise _missing("MessageGroupId")
    if deduplication_id is None and not content_based_deduplication:
        raise _invalid(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )


def check_batch(entries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a batch of messages that breaks a rule as a whole.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
    """
    check_ids(entries)
    size = sum(_size(entry["MessageBody"], entry["MessageAttributes"]) for entry in entries)
    if size > _BATCH_BYTES:
        raise Refused(
            "AWS.SimpleQueueService.BatchRequestTooLong",
            f"Batch requests cannot be longer than {_BATCH_BYTES} bytes. You have sent {size} "
            "bytes.",
        )


def check_ids(entries: Sequence[Mapping[str, Any]]) -> None:
    """Refuse entries of a batch that cannot be told apart, or are too many."""
    ids = [entry["Id"] for entry in entries]
    if len(ids) > _BATCH_ENTRIES:
        raise Refused(
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            f"Maximum number of entries per request are {_BATCH_ENTRIES}. You have sent "
            f"{len(ids)}.",
        )
    if any(not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", each) for each in ids):
        raise Refused(
            "AWS.SimpleQueueService.InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        )
    for each in ids:
        if ids.count(each) > 1:
            raise Refused("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", f"Id {each} repeated.")


def visibility_timeout_of(entry: Mapping[str, Any]) -> int:
    """The VisibilityTimeout of an entry of ChangeMessageVisibilityBatch, in seconds."""
    timeout = int(entry.get("VisibilityTimeout", -1))
    if not 0 <= timeout <= _LONGEST_VISIBILITY_TIMEOUT:
        raise _invalid_value(
            "VisibilityTimeout",
            timeout,
            f"Must be >= 0 and <= {_LONGEST_VISIBILITY_TIMEOUT}, if provided.",
        )
    return timeout


def _size(body: str, attributes: Mapping[str, Any]) -> int:
    size = len(body.encode())
    for name, value in attributes.items():
        content = value.get("StringValue") or value.get("BinaryValue") or b""
        parts = (name, value.get("DataType", ""), content)
        size += sum(len(part.encode() if isinstance(part, str) else part) for part in parts)
    return size


def _missing(parameter: str) -> Refused:
    return Refused("MissingParameter", f"The request must contain the parameter {parameter}.")


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterValue", message)


def _invalid_value(parameter: str, value: object, reason: str) -> Refused:
    return _invalid(f"Value {value} for parameter {parameter} is invalid. Reason: {reason}")
