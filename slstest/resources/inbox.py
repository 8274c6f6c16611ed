"""Queues of the harness's own, to which a service sends what it has to tell of a resource."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slstest.calls import ask
from slstest.ledger import Entry
from slstest.resources.queue import Queue, wait_until_known
from slstest.scope import Scope


@dataclass(frozen=True)
class Inbox:
    """A queue that only the harness reads."""

    entry: Entry
    arn: str
    url: str


def open_inbox(
    scope: Scope,
    label: str,
    service: str,
    source_arn: str,
    *,
    asked: str,
    attributes: Mapping[str, str] | None = None,
) -> Inbox:
    """Create a queue to which a service may send for one resource; FIFO where that is."""
    fifo = source_arn.endswith(".fifo")
    name = scope.names.throwaway(label) + (".fifo" if fifo else "")
    cloud = scope.cloud
    client = cloud.client("sqs")
    arn = f"arn:{client.meta.partition}:sqs:{cloud.region}:{cloud.account_id}:{name}"
    statement = sending_statement(source_arn, arn, service)
    if service == "s3":
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html:
        # the ARN of a bucket does not tell whose it is.
        statement["Condition"]["StringEquals"] = {"aws:SourceAccount": cloud.account_id}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    request: dict[str, Any] = {
        "QueueName": name,
        "Attributes": {"Policy": json.dumps(policy), **(attributes or {})},
    }
    if tags := scope.tags():
        request["tags"] = tags
    with scope.creating(Queue.kind, name) as entry:
        url = ask(client, "create_queue", request, asked=asked)["QueueUrl"]
    wait_until_known(scope, url, asked=asked)
    return Inbox(entry, arn, url)


def sending_statement(source_arn: str, queue_arn: str, service: str) -> dict[str, Any]:
    """The statement of a queue's policy by which a service may send to it for a resource:
    https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""
    return {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue_arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source_arn}},
    }
