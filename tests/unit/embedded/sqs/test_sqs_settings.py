"""Settings of a queue's mapping: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-parameters.html"""

from __future__ import annotations

import json
from typing import Any

import pytest

from slstest.embedded.event_sources.sqs_settings import (
    QueueSettings,
    check_visibility_timeout,
    queue_settings,
)
from slstest.embedded.lambda_service.errors import LambdaApiError

PATTERN = {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["good"]}})}]}


def changed(current: QueueSettings | None = None, /, **params: Any) -> QueueSettings:
    return queue_settings(current or QueueSettings(), params, fifo=False)


def refused(fifo: bool = False, **params: Any) -> tuple[str, str]:
    with pytest.raises(LambdaApiError) as raised:
        queue_settings(QueueSettings(), params, fifo=fifo)
    return raised.value.code, raised.value.message


def test_defaults_are_those_of_aws() -> None:
    assert changed().document() == {
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
    }


def test_what_is_set_is_shown() -> None:
    settings = changed(
        BatchSize=50,
        MaximumBatchingWindowInSeconds=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria=PATTERN,
        ScalingConfig={"MaximumConcurrency": 7},
    )
    assert settings.document() == {
        "BatchSize": 50,
        "MaximumBatchingWindowInSeconds": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": PATTERN,
        "ScalingConfig": {"MaximumConcurrency": 7},
    }


def test_what_an_update_does_not_name_stays() -> None:
    before = changed(
        BatchSize=5,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria=PATTERN,
        ScalingConfig={"MaximumConcurrency": 7},
    )
    assert changed(before, BatchSize=6).document() == {**before.document(), "BatchSize": 6}


def test_an_update_takes_filters_responses_and_limits_away() -> None:
    before = changed(
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria=PATTERN,
        ScalingConfig={"MaximumConcurrency": 7},
    )
    after = changed(before, FunctionResponseTypes=[], FilterCriteria={}, ScalingConfig={})
    assert after.document() == QueueSettings().document()


def test_more_than_ten_messages_need_a_batching_window() -> None:
    problem = (
        "InvalidParameterValueException",
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater "
        "than 10",
    )
    assert refused(BatchSize=11) == problem
    assert changed(BatchSize=11, MaximumBatchingWindowInSeconds=1).batch_size == 11
    assert refused(fifo=True, BatchSize=11) == problem


def test_a_fifo_queue_has_no_batching_window() -> None:
    assert refused(fifo=True, MaximumBatchingWindowInSeconds=1) == (
        "InvalidParameterValueException",
        "Batching window is not supported for FIFO queues",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("StartingPosition", "LATEST"),
        ("BisectBatchOnFunctionError", True),
        ("MaximumRetryAttempts", 2),
        ("ParallelizationFactor", 2),
        ("TumblingWindowInSeconds", 30),
    ],
)
def test_settings_of_streams_are_refused(name: str, value: Any) -> None:
    assert refused(**{name: value}) == (
        "InvalidParameterValueException",
        f"{name} is not valid for SQS event sources.",
    )


def test_a_filter_that_is_no_pattern_is_refused() -> None:
    assert refused(FilterCriteria={"Filters": [{"Pattern": "simple string"}]}) == (
        "InvalidParameterValueException",
        "Invalid filter pattern definition.",
    )


def test_the_visibility_timeout_must_not_be_shorter_than_the_functions_timeout() -> None:
    check_visibility_timeout(60, 60)
    with pytest.raises(LambdaApiError) as raised:
        check_visibility_timeout(30, 60)
    assert (raised.value.code, raised.value.message) == (
        "InvalidParameterValueException",
        "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
    )
