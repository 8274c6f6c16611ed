from __future__ import annotations

from typing import Any

import pytest

from slstest import ConfigurationError
from slstest.casing import attributes, parameters, snake


@pytest.mark.parametrize(
    ("member", "argument"),
    [
        ("BatchSize", "batch_size"),
        ("KMSKeyArn", "kms_key_arn"),
        ("SSESpecification", "sse_specification"),
        ("ACL", "acl"),
        ("DocumentDBEventSourceConfig", "document_db_event_source_config"),
        ("MaxRecordSizeInKiB", "max_record_size_in_kib"),
        ("WarmThroughputMiBps", "warm_throughput_mibps"),
        ("UUID", "uuid"),
    ],
)
def test_aws_names_in_snake_case(member: str, argument: str) -> None:
    assert snake(member) == argument


def test_arguments_become_the_operations_members(cloud: Any) -> None:
    given = {"kms_key_arn": "k", "stream_mode_details": {"StreamMode": "ON_DEMAND"}}
    lambda_, kinesis = cloud.client("lambda"), cloud.client("kinesis")
    assert parameters(lambda_, "CreateFunction", {"kms_key_arn": "k"}, asked="x") == {
        "KMSKeyArn": "k"
    }
    del given["kms_key_arn"]
    assert parameters(kinesis, "CreateStream", given, asked="x") == {
        "StreamModeDetails": {"StreamMode": "ON_DEMAND"}
    }


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("dynamodb", "CreateTable"),
        ("s3", "CreateBucket"),
        ("s3", "PutObject"),
        ("kinesis", "CreateStream"),
        ("lambda", "CreateFunction"),
        ("lambda", "CreateEventSourceMapping"),
    ],
)
def test_every_member_of_an_operation_can_be_said(cloud: Any, service: str, operation: str) -> None:
    client = cloud.client(service)
    members = client.meta.service_model.operation_model(operation).input_shape.members
    given = {snake(member): member for member in members}
    assert parameters(client, operation, given, asked="x") == {m: m for m in members}


def test_an_unknown_argument_is_answered_with_the_nearest(cloud: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parameters(
            cloud.client("lambda"),
            "CreateEventSourceMapping",
            {"bach_size": 2},
            asked="function 'f'.triggered_by(stream 's')",
        )
    assert str(raised.value) == (
        "function 'f'.triggered_by(stream 's'): CreateEventSourceMapping of Lambda has no "
        "parameter 'bach_size'. Did you mean batch_size?"
    )


def test_aws_own_spelling_is_answered_with_snake_case(cloud: Any) -> None:
    with pytest.raises(ConfigurationError, match="Did you mean batch_size"):
        parameters(cloud.client("lambda"), "CreateEventSourceMapping", {"BatchSize": 2}, asked="x")


def test_an_argument_like_no_other_is_answered_with_all(cloud: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"It takes acl, .*create_bucket_configuration, grant_"
    ):
        parameters(
            cloud.client("s3"), "CreateBucket", {"zzz": 1}, asked="x", taken={"bucket": "no"}
        )


def test_the_calls_own_arguments_are_among_the_nearest(cloud: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Did you mean sort_key\?"):
        parameters(
            cloud.client("dynamodb"), "CreateTable", {"sort_kye": "a"}, asked="x", own=["sort_key"]
        )
    with pytest.raises(ConfigurationError, match=r"Did you mean fifo\?"):
        attributes(["DelaySeconds"], {"fifa": 1}, asked="x", what="a queue", own=["fifo"])


def test_what_the_harness_sets_itself_is_refused_with_the_reason(cloud: Any) -> None:
    with pytest.raises(ConfigurationError, match="table_name= cannot be given: it is thrown away"):
        parameters(
            cloud.client("dynamodb"),
            "CreateTable",
            {"table_name": "x"},
            asked="sls.table('x')",
            taken={"table_name": "it is thrown away"},
        )


def test_attributes_become_the_texts_that_aws_takes() -> None:
    given = {"delay_seconds": 5, "fifo": True, "policy": {"a": [1]}, "tags": {"b": "c"}}
    assert attributes(
        ["DelaySeconds", "Fifo", "Policy"], given, asked="x", what="a queue", beside=["tags"]
    ) == (
        {"DelaySeconds": "5", "Fifo": "true", "Policy": '{"a": [1]}'},
        {"tags": {"b": "c"}},
    )


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("delay", "x: a queue has no attribute 'delay'. Did you mean delay_seconds?"),
        ("colour", "x: a queue has no attribute 'colour'. It takes delay_seconds."),
        ("fifo", "x: fifo= cannot be given: write it"),
    ],
)
def test_what_is_no_attribute_is_refused(argument: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        attributes(
            ["DelaySeconds", "Fifo"],
            {argument: 1},
            asked="x",
            what="a queue",
            taken={"fifo": "write it"},
        )
    assert str(raised.value) == problem
