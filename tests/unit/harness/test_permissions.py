from __future__ import annotations

from typing import Any

import pytest

from slstest.errors import ConfigurationError
from slstest.functions.permissions import (
    checked_policy,
    logging,
    mentioned,
    reading,
    sending_to_all,
    using,
)

HERE = "eu-west-1:123456789012"
TABLE = f"arn:aws:dynamodb:{HERE}:table/sls-t"
STREAM = f"arn:aws:kinesis:{HERE}:stream/sls-s"
QUEUE = f"arn:aws:sqs:{HERE}:sls-q"
TOPIC = f"arn:aws:sns:{HERE}:sls-n"
BUCKET = "arn:aws:s3:::sls-b"
FUNCTION = f"arn:aws:lambda:{HERE}:function:sls-f"

MANAGES = ("Create", "Update", "Delete", "Put", "Tag", "Purge", "Set", "Add", "Remove")
DATA = ("Item", "Items", "Object", "Message", "Record", "Records", "Tagging", "Version", "Select")


class Resource:
    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.name = arn.rpartition(":")[2].rpartition("/")[2]


@pytest.mark.parametrize("arn", [TABLE, STREAM, QUEUE, TOPIC, BUCKET, FUNCTION])
def test_who_uses_a_resource_may_neither_make_nor_change_nor_delete_it(arn: str) -> None:
    statements = using(arn)
    assert statements
    for statement in statements:
        resources = statement["Resource"]
        resources = [resources] if isinstance(resources, str) else resources
        assert all(each.startswith(arn) for each in resources)
        for action in statement["Action"]:
            name = action.partition(":")[2]
            assert "*" not in action
            assert not name.startswith(MANAGES) or name.endswith(DATA), action


def test_what_a_function_uses_is_what_its_variables_name() -> None:
    table, queue, bucket = Resource(TABLE), Resource(QUEUE), Resource(BUCKET)
    environment = {
        "TABLE": "sls-t",
        "URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/sls-q",
        "OTHER": '["something"]',
    }
    assert mentioned(environment, [table, queue, bucket]) == [*using(TABLE), *using(QUEUE)]
    assert mentioned({"ALL": f'["{BUCKET}"]'}, [table, bucket]) == using(BUCKET)
    assert mentioned({}, [table]) == []


def actions(statements: list[Any], arn: str) -> set[str]:
    return {a for each in statements if each["Resource"] == arn for a in each["Action"]}


def test_a_consumer_that_is_named_is_used_and_its_stream_is_not() -> None:
    stream, consumer = Resource(STREAM), f"{STREAM}/consumer/c:1"
    found = mentioned({"CONSUMER": f"one {consumer}"}, [stream])
    assert actions(found, consumer) == {
        "kinesis:DescribeStreamConsumer",
        "kinesis:SubscribeToShard",
    }
    assert actions(found, STREAM) == {"kinesis:ListShards"}
    both = mentioned({"CONSUMER": consumer, "STREAM": STREAM}, [stream])
    assert "kinesis:PutRecord" in actions(both, STREAM)
    assert "kinesis:SubscribeToShard" in actions(both, consumer)
    assert mentioned({"CONSUMER": consumer.replace("sls-s", "sls-other")}, [stream]) == []


def test_event_sources_are_read_as_aws_documents() -> None:
    of_stream = {
        f"kinesis:{action}"
        for action in (
            "DescribeStream",
            "DescribeStreamSummary",
            "GetRecords",
            "GetShardIterator",
            "ListShards",
        )
    }
    assert actions(reading(STREAM), STREAM) == of_stream
    assert actions(reading(STREAM), "*") == {"kinesis:ListStreams"}
    consumer = f"{STREAM}/consumer/c:1"
    assert actions(reading(consumer), STREAM) == of_stream
    assert "kinesis:SubscribeToShard" in actions(reading(consumer), consumer)
    changes = f"{TABLE}/stream/2026-11-26T07:00:00.000"
    assert actions(reading(changes), changes) == {
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
    }
    assert actions(reading(QUEUE), QUEUE) == {
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    }
    assert reading(TOPIC) == []


def test_destinations_are_sent_to() -> None:
    settings = {
        "DestinationConfig": {
            "OnFailure": {"Destination": QUEUE},
            "OnSuccess": {"Destination": BUCKET},
        },
        "DeadLetterConfig": {"TargetArn": TOPIC},
    }
    found = sending_to_all(settings)
    assert actions(found, QUEUE) == {"sqs:SendMessage"}
    assert actions(found, f"{BUCKET}/*") == {"s3:PutObject"}
    assert actions(found, BUCKET) == {"s3:ListBucket"}
    assert actions(found, TOPIC) == {"sns:Publish"}
    assert sending_to_all({"DestinationConfig": {"OnFailure": {}}}) == []
    assert sending_to_all({"DestinationConfig": {"OnFailure": {"Destination": ""}}}) == []


def test_a_function_writes_its_own_log_only() -> None:
    statement = logging("aws-cn", "cn-north-1", "1" * 12, "/aws/lambda/sls-f")
    assert statement["Resource"] == (
        "arn:aws-cn:logs:cn-north-1:111111111111:log-group:/aws/lambda/sls-f:*"
    )


@pytest.mark.parametrize(
    "policy",
    [{"Effect": "Allow"}, [{"Effect": "Allow", "Action": "s3:*"}], ["s3:GetObject"], "s3:*"],
)
def test_what_is_no_list_of_statements_is_refused(policy: Any) -> None:
    with pytest.raises(ConfigurationError, match="policy="):
        checked_policy(policy, "sls.function('f')")


def test_a_statement_may_say_what_it_is_not_about() -> None:
    statement = {"Effect": "Deny", "NotAction": "s3:*", "NotResource": "*"}
    assert checked_policy([statement], "sls.function('f')") == [statement]
