"""Filters of a Kinesis stream's mapping:
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from slstest import ConfigurationError, Environment, Function

Deploy = Callable[..., Function]
Delivered = Callable[[Function], list[list[Any]]]

QUIET = "def handler(event, context): pass"


def criteria(*patterns: Any) -> dict[str, Any]:
    return {"Filters": [{"Pattern": json.dumps(pattern)} for pattern in patterns]}


def test_only_records_that_match_a_filter_are_delivered(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    stream.put({"kind": "good"}, {"kind": "bad"}, {"kind": "fine"}, partition_key="key")
    function.triggered_by(
        stream,
        filter_criteria=criteria({"data": {"kind": ["good"]}}, {"data": {"kind": ["fine"]}}),
    )
    sls.settle()
    assert delivered(function) == [[{"kind": "good"}, {"kind": "fine"}]]


def test_a_batch_is_filled_with_records_that_match(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    stream.put(*({"n": n, "even": n % 2 == 0} for n in range(8)), partition_key="key")
    function.triggered_by(
        stream, batch_size=2, filter_criteria=criteria({"data": {"even": [True]}})
    )
    sls.settle()
    assert [[each["n"] for each in batch] for batch in delivered(function)] == [[0, 2], [4, 6]]


@pytest.mark.parametrize("data", ["plain text", b"\xff\xfe", '"text"', "5", "{broken"])
def test_data_that_is_no_json_document_does_not_match(
    deploy: Deploy, sls: Environment, delivered: Delivered, data: Any
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    stream.put(data, {"n": 1}, partition_key="key")
    function.triggered_by(stream, filter_criteria=criteria({"data": {"n": [{"exists": True}]}}))
    sls.settle()
    assert delivered(function) == [[{"n": 1}]]


def test_a_pattern_that_says_nothing_of_the_data_looks_at_the_rest_alone(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    stream.put("plain text", b"\xff\xfe", partition_key="a")
    stream.put({"n": 1}, partition_key="b")
    function.triggered_by(stream, filter_criteria=criteria({"partitionKey": ["a"]}))
    sls.settle()
    (invocation,) = function.invocations
    keys = [record["kinesis"]["partitionKey"] for record in invocation.event["Records"]]
    assert keys == ["a", "a"]


@pytest.mark.needs_clock
def test_what_does_not_match_is_over_and_done_with(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    """Neither retried, nor too old, nor delivered when the filter is taken away."""
    stream, dead, function = sls.stream(), sls.queue(), deploy(QUIET)
    mapping = function.triggered_by(
        stream,
        filter_criteria=criteria({"data": {"kind": ["good"]}}),
        maximum_record_age_in_seconds=60,
        destination_config={"OnFailure": {"Destination": dead.arn}},
    )
    stream.put({"kind": "bad"}, partition_key="key")
    sls.clock.advance(seconds=120)
    mapping.update(filter_criteria={})
    stream.put({"kind": "another"}, partition_key="key")
    dead.expect_empty()
    assert delivered(function) == [[{"kind": "another"}]]


def test_a_pattern_for_text_is_refused(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    with pytest.raises(ConfigurationError) as raised:
        function.triggered_by(stream, filter_criteria=criteria({"data": ["plain text"]}))
    refusal = "InvalidParameterValueException: Invalid filter pattern definition."
    assert refusal in str(raised.value)
