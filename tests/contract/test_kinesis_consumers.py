"""Registered consumers, with a throughput of their own (enhanced fan-out), as event sources.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from slstest import ConfigurationError, Environment, Function

Deploy = Callable[..., Function]

QUIET = "def handler(event, context): pass"
BROKEN = "def handler(event, context): raise ValueError('broken')"


def data_of(function: Function) -> list[str]:
    return [
        base64.b64decode(record["kinesis"]["data"]).decode()
        for invocation in function.invocations
        for record in invocation.event["Records"]
    ]


def test_a_consumer_triggers_a_function(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream.register_consumer("billing"))
    stream.put("a", "b")
    sls.settle()
    assert data_of(function) == ["a", "b"]


def test_the_mapping_and_the_event_name_the_consumer(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    consumer = stream.register_consumer("billing")
    mapping = function.triggered_by(consumer)
    stream.put("a")
    sls.settle()
    shown = sls.client("lambda").get_event_source_mapping(UUID=mapping.uuid)
    assert shown["EventSourceArn"] == consumer.arn
    (record,) = function.invocations[0].event["Records"]
    assert record["eventSourceARN"] == consumer.arn
    assert consumer.arn.startswith(f"{stream.arn}/consumer/billing:")


def test_a_stream_and_its_consumers_each_get_every_record(deploy: Deploy, sls: Environment) -> None:
    stream = sls.stream()
    functions = [deploy(f"{QUIET}  # {number}") for number in range(3)]
    sources = [stream, stream.register_consumer("one"), stream.register_consumer("other")]
    for function, source in zip(functions, sources, strict=True):
        function.triggered_by(source)
    stream.put("a", "b")
    sls.settle()
    assert [data_of(function) for function in functions] == [["a", "b"]] * 3


def test_a_consumer_follows_the_stream_to_its_new_shards(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream.register_consumer(), batch_size=1)
    stream.put("a", partition_key="key")
    stream.update_shard_count(2)
    stream.put("b", partition_key="key")
    sls.settle()
    assert data_of(function) == ["a", "b"]


def test_a_failure_record_names_the_stream_of_a_consumer(deploy: Deploy, sls: Environment) -> None:
    stream, queue, function = sls.stream(), sls.queue(), deploy(BROKEN)
    function.triggered_by(
        stream.register_consumer(),
        maximum_retry_attempts=0,
        destination_config={"OnFailure": {"Destination": queue.arn}},
    )
    stream.put("a")
    sls.settle()
    (message,) = queue.messages()
    assert message.body["KinesisBatchInfo"]["streamArn"] == stream.arn


def test_a_mapping_whose_consumer_is_gone_is_disabled_and_says_so(
    deploy: Deploy, sls: Environment
) -> None:
    stream, function = sls.stream(), deploy(BROKEN)
    consumer = stream.register_consumer()
    mapping = function.triggered_by(consumer)
    stream.put("a")
    sls.client("kinesis").deregister_stream_consumer(ConsumerARN=consumer.arn)
    sls.settle()
    stream.put("b")
    sls.settle()
    assert "b" not in data_of(function)
    shown = sls.client("lambda").get_event_source_mapping(UUID=mapping.uuid)
    assert shown["State"] == "Disabled"
    assert shown["LastProcessingResult"] == f"PROBLEM: Stream not found: {consumer.arn}"


def test_a_consumer_that_does_not_exist_cannot_be_mapped(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    consumer = stream.register_consumer()
    sls.client("kinesis").deregister_stream_consumer(ConsumerARN=consumer.arn)
    with pytest.raises(ConfigurationError, match=f"Stream not found: {consumer.arn}"):
        function.triggered_by(consumer)


def test_consumers_are_deleted_with_their_environment(deploy: Deploy, sls: Environment) -> None:
    stream = sls.stream()
    stream.register_consumer("one")
    kinesis = sls.client("kinesis")
    assert len(kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]) == 1
    sls.close()
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.describe_stream_summary(StreamName=stream.name)
