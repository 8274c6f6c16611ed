"""Reporting batch item failures:
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
and
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from slstest.embedded.event_sources.responses import failed_messages, first_failure

BATCH = ["1", "2", "3"]


def items(*identifiers: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


@pytest.mark.parametrize(
    "response",
    [
        "",
        [],
        None,
        {},
        {"batchItemFailures": []},
        {"batchItemFailures": None},
        {"statusCode": 200},
    ],
)
def test_an_empty_response_is_a_complete_success(response: Any) -> None:
    document = json.dumps(response).encode()
    assert failed_messages(document, BATCH) == frozenset()
    assert first_failure(document, BATCH) is None


def test_no_response_at_all_is_a_complete_success() -> None:
    assert failed_messages(b"", BATCH) == frozenset()
    assert first_failure(b"", BATCH) is None


@pytest.mark.parametrize(
    "response",
    [
        items(""),
        items(None),
        items(123),
        items("no such record"),
        items("2", "no such record"),
        {"batchItemFailures": [{"foo": "2"}]},
        {"batchItemFailures": [{"foo": None}]},
        {"batchItemFailures": ["2"]},
        {"batchItemFailures": "2"},
        {"batchItemFailures": {"itemIdentifier": "2"}},
        "done",
        ["2"],
        7,
    ],
)
def test_a_response_that_makes_no_sense_is_a_complete_failure(response: Any) -> None:
    document = json.dumps(response).encode()
    assert failed_messages(document, BATCH) == frozenset(BATCH)
    assert first_failure(document, BATCH) == 0


def test_a_response_that_is_no_json_is_a_complete_failure() -> None:
    assert failed_messages(b"{", BATCH) == frozenset(BATCH)
    assert first_failure(b"{", BATCH) == 0


def test_the_reported_messages_of_a_queue_fail() -> None:
    assert failed_messages(json.dumps(items("3", "1")).encode(), BATCH) == {"1", "3"}


def test_the_lowest_of_the_reported_records_of_a_stream_is_the_checkpoint() -> None:
    assert first_failure(json.dumps(items("3", "2")).encode(), BATCH) == 1
