"""What a function that reports batch item failures says of its batch.

For queues, https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting;
for streams, https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
and https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html.
The three agree on which responses are a complete success (an empty or null response, an empty
or null ``batchItemFailures``), and which are a complete failure (an ``itemIdentifier`` that is
empty, null, under another key, or of no record of the batch).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence


def failed_messages(response: bytes, message_ids: Collection[str]) -> frozenset[str]:
    """The ids of the messages that failed: none of them, some, or all."""
    reported = _reported(response, message_ids)
    return frozenset(message_ids if reported is None else reported)


def first_failure(response: bytes, sequence_numbers: Sequence[str]) -> int | None:
    """Where in the batch of a stream the first record stands that failed; None if none did.

    The record with the lowest sequence number of those reported is the checkpoint from which
    the batch is tried again; a complete failure begins with its first record.
    """
    reported = _reported(response, sequence_numbers)
    if reported is None:
        return 0
    failed = [number for number, each in enumerate(sequence_numbers) if each in reported]
    return failed[0] if failed else None


def _reported(response: bytes, identifiers: Collection[str]) -> set[str] | None:
    """The identifiers that a response reports; None for a complete failure."""
    try:
        document = json.loads(response) if response else None
    except ValueError:
        return None
    if not document:
        return set()
    if not isinstance(document, dict):
        return None
    failures = document.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return None
    reported = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in identifiers:
            return None
        reported.add(identifier)
    return reported
