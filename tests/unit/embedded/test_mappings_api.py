"""Event source mappings through boto3:
https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

ARN = "arn:aws:lambda:us-east-1:123456789012:"
QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:no-such-queue"
FUNCTION_ARN = f"{ARN}function:f"


def test_a_new_mapping_is_answered_with_every_setting(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    created = aws.lambda_.create_event_source_mapping(
        EventSourceArn=aws.arn(stream), FunctionName=function, StartingPosition="LATEST"
    )
    assert created.pop("ResponseMetadata")["HTTPStatusCode"] == 202
    modified = created.pop("LastModified")
    assert abs(modified.timestamp() - aws.now()) < 60
    assert created == {
        "UUID": created["UUID"],
        "EventSourceMappingArn": f"{ARN}event-source-mapping:{created['UUID']}",
        "EventSourceArn": aws.arn(stream),
        "FunctionArn": f"{ARN}function:{function}",
        "StartingPosition": "LATEST",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "DestinationConfig": {"OnFailure": {}},
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "TumblingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "LastProcessingResult": "No records processed",
        "State": "Creating",
        "StateTransitionReason": "User action",
    }


def test_every_setting_of_a_stream_s_mapping_is_shown_as_it_was_given(aws: Aws) -> None:
    queues = aws.cloud.client("sqs")
    url = queues.create_queue(QueueName="given-up")["QueueUrl"]
    settings = {
        "BatchSize": 7,
        "MaximumBatchingWindowInSeconds": 5,
        "ParallelizationFactor": 10,
        "DestinationConfig": {
            "OnFailure": {"Destination": "arn:aws:sqs:us-east-1:123456789012:given-up"}
        },
        "MaximumRecordAgeInSeconds": 60,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": 0,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "FilterCriteria": {"Filters": [{"Pattern": '{"data": {"n": [1]}}'}]},
    }
    mapping = aws.map(aws.stream(), aws.function(), **settings)
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert {name: shown[name] for name in settings} == settings
    assert shown["TumblingWindowInSeconds"] == 0
    changes = {
        "ParallelizationFactor": 1,
        "TumblingWindowInSeconds": 900,
        "DestinationConfig": {"OnFailure": {"Destination": ""}},
        "FilterCriteria": {},
        "FunctionResponseTypes": [],
        "BisectBatchOnFunctionError": False,
    }
    aws.lambda_.update_event_source_mapping(UUID=mapping, **changes)
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert shown["TumblingWindowInSeconds"] == 900
    assert shown["DestinationConfig"] == {"OnFailure": {}}
    assert "FilterCriteria" not in shown
    assert shown["FunctionResponseTypes"] == []
    assert (shown["MaximumRetryAttempts"], shown["BatchSize"]) == (0, 7)
    queues.delete_queue(QueueUrl=url)


def test_a_change_that_does_not_agree_with_the_other_settings_is_refused(aws: Aws) -> None:
    mapping = aws.map(aws.stream(), aws.function(), TumblingWindowInSeconds=60)
    with pytest.raises(ClientError, match="Parallelization factor must be equal to 1 when"):
        aws.lambda_.update_event_source_mapping(UUID=mapping, ParallelizationFactor=2)
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert (shown["ParallelizationFactor"], shown["TumblingWindowInSeconds"]) == (1, 60)


def test_a_mapping_is_enabled_when_it_is_looked_at(aws: Aws) -> None:
    mapping = aws.map(aws.stream(), aws.function(), BatchSize=7, MaximumRetryAttempts=2)
    found = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert (found["State"], found["BatchSize"]) == ("Enabled", 7)
    assert found["MaximumRetryAttempts"] == 2


def test_a_mapping_can_begin_disabled(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), Enabled=False)
    aws.put(stream, "a")
    aws.settle()
    assert aws.lambda_.get_event_source_mapping(UUID=mapping)["State"] == "Disabled"
    assert aws.runtime.calls == []


def test_the_result_of_processing_is_shown(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), MaximumRetryAttempts=0)
    aws.put(stream, "a")
    aws.settle()
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert shown["LastProcessingResult"] == "OK"

    def fail(event: Any) -> None:
        raise ValueError

    aws.runtime.handler = fail
    aws.put(stream, "b")
    aws.settle()
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert shown["LastProcessingResult"] == "PROBLEM: Function call failed"


def test_mappings_are_listed_by_source_and_by_function(aws: Aws) -> None:
    first, second = aws.stream(), aws.stream()
    one, other = aws.function(), aws.function()
    mappings = [aws.map(first, one), aws.map(first, other), aws.map(second, other)]

    def listed(**params: Any) -> list[str]:
        pages = aws.lambda_.get_paginator("list_event_source_mappings").paginate(**params)
        return [each["UUID"] for page in pages for each in page["EventSourceMappings"]]

    assert listed(PaginationConfig={"PageSize": 2}) == mappings
    assert listed(EventSourceArn=aws.arn(first)) == mappings[:2]
    assert listed(FunctionName=other) == mappings[1:]
    assert listed(FunctionName=f"{ARN}function:{one}") == mappings[:1]
    assert listed(EventSourceArn=aws.arn(second), FunctionName=one) == []


def test_changes_pass_through_the_states_that_aws_answers(aws: Aws) -> None:
    mapping = aws.map(aws.stream(), aws.function())
    update = aws.lambda_.update_event_source_mapping
    changed = update(UUID=mapping, BatchSize=5)
    assert (changed["State"], changed["BatchSize"]) == ("Updating", 5)
    assert changed["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert update(UUID=mapping, Enabled=False)["State"] == "Disabling"
    assert aws.lambda_.get_event_source_mapping(UUID=mapping)["State"] == "Disabled"
    assert update(UUID=mapping, Enabled=True)["State"] == "Enabling"
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)
    assert (shown["State"], shown["BatchSize"]) == ("Enabled", 5)


def test_a_deleted_mapping_is_gone(aws: Aws) -> None:
    mapping = aws.map(aws.stream(), aws.function())
    deleted = aws.lambda_.delete_event_source_mapping(UUID=mapping)
    assert (deleted["State"], deleted["ResponseMetadata"]["HTTPStatusCode"]) == ("Deleting", 202)
    for call in (aws.lambda_.get_event_source_mapping, aws.lambda_.update_event_source_mapping):
        with pytest.raises(aws.lambda_.exceptions.ResourceNotFoundException) as error:
            call(UUID=mapping)
        assert aws.refused(error) == (
            404,
            "ResourceNotFoundException",
            "The resource you requested does not exist.",
        )


def test_a_stream_is_mapped_to_a_function_once(aws: Aws) -> None:
    stream, function = aws.stream(), aws.function()
    first = aws.map(stream, function)
    with pytest.raises(aws.lambda_.exceptions.ResourceConflictException) as error:
        aws.map(stream, function)
    assert aws.refused(error) == (
        409,
        "ResourceConflictException",
        f'The event source arn (" {aws.arn(stream)} ") and function (" {function} ") provided '
        f"mapping already exists. Please update or delete the existing mapping with UUID {first}",
    )


def test_a_mapping_cannot_be_moved_onto_another(aws: Aws) -> None:
    stream, one, other = aws.stream(), aws.function(), aws.function()
    aws.map(stream, one)
    second = aws.map(stream, other)
    with pytest.raises(aws.lambda_.exceptions.ResourceConflictException):
        aws.lambda_.update_event_source_mapping(UUID=second, FunctionName=one)


def test_a_mapping_can_be_moved_to_another_function(aws: Aws) -> None:
    stream, one, other = aws.stream(), aws.function(), aws.function()
    mapping = aws.map(stream, one)
    aws.put(stream, "a")
    aws.settle()
    moved = aws.lambda_.update_event_source_mapping(UUID=mapping, FunctionName=other)
    assert moved["FunctionArn"] == f"{ARN}function:{other}"
    aws.put(stream, "b")
    aws.settle()
    assert [call.spec.function_name for call in aws.runtime.calls] == [one, other]
    assert aws.batches() == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        (
            {"EventSourceArn": "arn:aws:kinesis:us-east-1:123456789012:stream/none"},
            "InvalidParameterValueException",
            "Stream not found: arn:aws:kinesis:us-east-1:123456789012:stream/none",
        ),
        (
            {"EventSourceArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks"},
            "InvalidParameterValueException",
            "Stream not found: arn:aws:kinesis:eu-west-1:123456789012:stream/clicks",
        ),
        (
            {"EventSourceArn": None},
            "InvalidParameterValueException",
            "Unrecognized event source.",
        ),
        (
            {"FunctionName": "nobody"},
            "InvalidParameterValueException",
            "Function does not exist",
        ),
        (
            {"StartingPosition": None},
            "InvalidParameterValueException",
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy "
            "constraint: Member must not be null.",
        ),
        (
            {"StartingPositionTimestamp": 1_700_000_000},
            "InvalidParameterValueException",
            "Timestamp only valid with StartingPosition AT_TIMESTAMP",
        ),
        (
            {"BatchSize": 10_001},
            "ValidationException",
            "1 validation error detected: Value '10001' at 'batchSize' failed to satisfy "
            "constraint: Member must have value less than or equal to 10000",
        ),
        (
            {"MaximumBatchingWindowInSeconds": 301},
            "ValidationException",
            "1 validation error detected: Value '301' at 'maximumBatchingWindowInSeconds' failed "
            "to satisfy constraint: Member must have value less than or equal to 300",
        ),
        (
            {"MaximumRetryAttempts": 10_001, "MaximumRecordAgeInSeconds": 604_801},
            "ValidationException",
            "2 validation errors detected: Value '10001' at 'maximumRetryAttempts' failed to "
            "satisfy constraint: Member must have value less than or equal to 10000; Value "
            "'604801' at 'maximumRecordAgeInSeconds' failed to satisfy constraint: Member must "
            "have value less than or equal to 604800",
        ),
        (
            {"MaximumRecordAgeInSeconds": 59},
            "InvalidParameterValueException",
            "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 "
            "(inclusive)",
        ),
        (
            {"MaximumRecordAgeInSeconds": 0},
            "InvalidParameterValueException",
            "MaximumRecordAgeInSeconds must be either -1 (forever) or between 60 and 604800 "
            "(inclusive)",
        ),
        (
            {"ParallelizationFactor": 2, "TumblingWindowInSeconds": 30},
            "InvalidParameterValueException",
            "Parallelization factor must be equal to 1 when tumbling window period is configured",
        ),
        (
            {"DestinationConfig": {"OnSuccess": {"Destination": QUEUE_ARN}}},
            "InvalidParameterValueException",
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {}}},
            "InvalidParameterValueException",
            "The Destination field is required for an OnFailure configuration.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": QUEUE_ARN}}},
            "InvalidParameterValueException",
            f"The destination ARN {QUEUE_ARN} is invalid.",
        ),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": FUNCTION_ARN}}},
            "InvalidParameterValueException",
            f"The destination ARN {FUNCTION_ARN} is invalid.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": '{"data": ["plain text"]}'}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
            "InvalidParameterValueException",
            "Invalid filter pattern definition.",
        ),
        (
            {"ScalingConfig": {"MaximumConcurrency": 2}},
            "InvalidParameterValueException",
            "Unsupported 'scalingConfig' parameter for given event source mapping type.",
        ),
        (
            {"ParallelizationFactor": 11, "TumblingWindowInSeconds": 901},
            "ValidationException",
            "2 validation errors detected: Value '11' at 'parallelizationFactor' failed to satisfy "
            "constraint: Member must have value less than or equal to 10; Value '901' at "
            "'tumblingWindowInSeconds' failed to satisfy constraint: Member must have value less "
            "than or equal to 900",
        ),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(
    aws: Aws, params: dict[str, Any], code: str, message: str
) -> None:
    request = {
        "EventSourceArn": aws.arn(aws.stream()),
        "FunctionName": aws.function(),
        "StartingPosition": "TRIM_HORIZON",
        **params,
    }
    with pytest.raises(ClientError) as error:
        aws.lambda_.create_event_source_mapping(
            **{name: value for name, value in request.items() if value is not None}
        )
    assert aws.refused(error) == (400, code, message)
    assert aws.lambda_.list_event_source_mappings()["EventSourceMappings"] == []


def test_an_unknown_starting_position_is_refused(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.map(aws.stream(), aws.function(), StartingPosition="MIDDLE")
    status, code, message = aws.refused(error)
    assert (status, code) == (400, "ValidationException")
    assert "Value 'MIDDLE' at 'startingPosition' failed to satisfy constraint" in message


def test_a_timestamp_needs_to_be_given(aws: Aws) -> None:
    with pytest.raises(ClientError, match="StartingPositionTimestamp must be provided"):
        aws.map(aws.stream(), aws.function(), StartingPosition="AT_TIMESTAMP")


def test_a_timestamp_is_not_in_the_future(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.map(
            aws.stream(),
            aws.function(),
            StartingPosition="AT_TIMESTAMP",
            StartingPositionTimestamp=aws.now() + 60,
        )
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "StartingPositionTimestamp cannot be in the future",
    )


def test_reading_can_begin_at_a_moment(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "before")
    aws.advance(100)
    moment = aws.now()
    aws.advance(100)
    aws.put(stream, "after", "long after")
    mapping = aws.map(
        stream, aws.function(), StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=moment
    )
    aws.settle()
    assert aws.batches() == [["after", "long after"]]
    shown = aws.lambda_.get_event_source_mapping(UUID=mapping)["StartingPositionTimestamp"]
    assert shown == datetime.fromtimestamp(moment, timezone.utc).replace(
        microsecond=shown.microsecond
    )


def test_reading_from_the_latest_record_leaves_out_what_was_put_before(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "before")
    aws.map(stream, aws.function(), StartingPosition="LATEST")
    aws.put(stream, "after")
    aws.settle()
    assert aws.batches() == [["after"]]


def test_what_was_put_before_stays_left_out_when_nothing_comes_for_long(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "in the same second")
    aws.advance(0.01)
    aws.map(stream, aws.function(), StartingPosition="LATEST")
    aws.advance(3600)
    aws.put(stream, "after")
    aws.settle()
    assert aws.batches() == [["after"]]


def test_a_disabled_mapping_finds_the_latest_record_when_it_is_enabled(aws: Aws) -> None:
    stream = aws.stream()
    mapping = aws.map(stream, aws.function(), StartingPosition="LATEST", Enabled=False)
    aws.put(stream, "before")
    aws.lambda_.update_event_source_mapping(UUID=mapping, Enabled=True)
    aws.put(stream, "after")
    aws.settle()
    assert aws.batches() == [["after"]]


def test_reading_from_the_horizon_begins_with_what_is_there(aws: Aws) -> None:
    stream = aws.stream()
    aws.put(stream, "a", "b")
    aws.map(stream, aws.function())
    aws.put(stream, "c")
    aws.settle()
    assert [data for batch in aws.batches() for data in batch] == ["a", "b", "c"]
