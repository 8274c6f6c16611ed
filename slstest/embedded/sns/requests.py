"""What can be published, and why Amazon SNS refuses the rest.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and
https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_MAXIMUM_SIZE = 262_144
"""Bytes of a message with its attributes."""

_BATCH_ENTRIES = 10
_SUBJECT_LENGTH = 100
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NAME_LENGTH = 256
_TOKEN = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_ARN_ELEMENTS = 6


class Refused(Exception):
    """A request that SNS answers with an error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def invalid(reason: str) -> Refused:
    """The error of most parameters that cannot be."""
    return Refused("InvalidParameter", f"Invalid parameter: {reason}")


@dataclass(frozen=True)
class Published:
    """What a request, or one entry of a batch, publishes."""

    message: str
    subject: str | None = None
    structure: str | None = None
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """As the API takes them: ``DataType`` with ``StringValue`` or ``BinaryValue`` (bytes)."""
    group_id: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None

    @property
    def size(self) -> int:
        """Bytes that count against the limits."""
        size = len(self.message.encode())
        for name, attribute in self.attributes.items():
            content = attribute.get("BinaryValue") or attribute.get("StringValue", "").encode()
            size += len(name.encode()) + len(attribute["DataType"].encode()) + len(content)
        return size


def check_arn(arn: str | None, parameter: str) -> None:
    """Refuse what is no ARN."""
    elements = (arn or "").split(":")
    if len(elements) < _ARN_ELEMENTS:
        raise invalid(
            f"{parameter} Reason: An ARN must have at least {_ARN_ELEMENTS} elements, "
            f"not {len(elements)}"
        )


def check_published(published: Published) -> None:
    """Refuse a message that no topic takes."""
    if not published.message:
        raise invalid("Empty message")
    subject = published.subject
    if subject is not None and (
        not 0 < len(subject) <= _SUBJECT_LENGTH or _CONTROL.search(subject)
    ):
        raise invalid("Subject")
    for name, attribute in published.attributes.items():
        _check_attribute_name(name)
        _check_attribute(name, attribute)
    for parameter, token in (
        ("MessageGroupId", published.group_id),
        ("MessageDeduplicationId", published.deduplication_id),
    ):
        if token is not None and not _TOKEN.fullmatch(token):
            raise invalid(
                f"{parameter} Reason: The {parameter} can only include alphanumeric and "
                "punctuation characters. 1 to 128 in length."
            )
    if published.structure is not None:
        if published.structure != "json":
            raise invalid("MessageStructure")
        by_protocol(published)


def check_for_topic(
    published: Published, *, fifo: bool, content_based_deduplication: bool, maximum_size: int
) -> None:
    """Refuse a message that this kind of topic does not take."""
    if published.size > maximum_size:
        raise invalid("Message too long")
    if not fifo:
        if published.deduplication_id is not None:
            raise invalid(
                "MessageDeduplicationId Reason: The request includes MessageDeduplicationId "
                "parameter that is not valid for this topic type"
            )
        return
    if published.group_id is None:
        raise invalid("The MessageGroupId parameter is required for FIFO topics")
    if published.deduplication_id is None and not content_based_deduplication:
        raise invalid(
            "The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )


def check_batch(ids: Sequence[str], published: Sequence[Published], *, maximum_size: int) -> None:
    """Refuse a batch that breaks a rule as a whole."""
    if not ids:
        raise Refused("EmptyBatchRequest", "The batch request doesn't contain any entries.")
    if len(ids) > _BATCH_ENTRIES:
        raise Refused(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        )
    if not all(map(_BATCH_ID.fullmatch, ids)):
        raise Refused(
            "InvalidBatchEntryId",
            "The Id of a batch entry in a batch request doesn't abide by the specification.",
        )
    if len(set(ids)) < len(ids):
        raise Refused(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        )
    if sum(each.size for each in published) > maximum_size:
        raise Refused(
            "BatchRequestTooLong",
            "The length of all the batch messages put together is more than the limit.",
        )


def by_protocol(published: Published) -> dict[str, str]:
    """The texts of a message with the structure ``json``, by the protocol that each is for."""
    try:
        texts = json.loads(published.message)
    except ValueError as error:
        raise invalid("Message Structure - JSON message body failed to parse") from error
    if not isinstance(texts, dict) or not isinstance(texts.get("default"), str):
        raise invalid("Message Structure - No default entry in JSON message body")
    return {protocol: text for protocol, text in texts.items() if isinstance(text, str)}


def _check_attribute_name(name: str) -> None:
    if len(name.encode()) > _NAME_LENGTH:
        raise _wrong_value(
            f"Length of message attribute name must be less than {_NAME_LENGTH} bytes."
        )
    for character in name:
        if not re.fullmatch(r"[A-Za-z0-9_.-]", character):
            raise _wrong_value(
                f"Invalid non-alphanumeric character '#x{ord(character):X}' was found in the "
                "message attribute name. Can only include alphanumeric characters, hyphens, "
                "underscores, or dots."
            )
    for edge, where in ((name[:1], "starting"), (name[-1:], "ending")):
        if edge == ".":
            raise _wrong_value(
                f"Invalid message attribute name {where} with character '.' was found."
            )
    if ".." in name:
        raise _wrong_value("Message attribute name can not have successive '.' character.")


def _check_attribute(name: str, attribute: Mapping[str, Any]) -> None:
    kind = attribute.get("DataType") or ""
    base = kind.partition(".")[0]
    if base not in ("Binary", "Number", "String"):
        raise _wrong_value(
            f"The message attribute '{name}' has an invalid message attribute type, the set of "
            "supported type prefixes is Binary, Number, and String."
        )
    wanted, other = "StringValue", "BinaryValue"
    if base == "Binary":
        wanted, other = other, wanted
    if attribute.get(other):
        raise _wrong_value(
            f"The message attribute '{name}' with type '{kind}' must use field "
            f"'{wanted.removesuffix('Value')}'."
        )
    if not attribute.get(wanted):
        raise _wrong_value(
            f"The message attribute '{name}' must contain non-empty message attribute value for "
            f"message attribute type '{kind}'."
        )
    if base == "Number":
        try:
            float(attribute["StringValue"])
        except ValueError as error:
            raise _wrong_value(
                f"Could not cast message attribute '{name}' value to number."
            ) from error


def _wrong_value(message: str) -> Refused:
    return Refused("ParameterValueInvalid", message)
