"""Whom a bucket can notify.

A further kind of destination is a class with these methods, an entry of ``_ARNS`` in
:mod:`slstest.embedded.s3_notifications.configuration`, and one of ``_KINDS`` in
:mod:`slstest.embedded.s3_notifications.document`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, Protocol

from slstest.embedded.lambda_service.functions import Function
from slstest.embedded.resource_policies import Access, allows
from slstest.embedded.s3_notifications.changes import BucketFacts
from slstest.embedded.sqs.requests import Refused

SERVICE = "s3.amazonaws.com"


class Destination(Protocol):
    """One kind of destination."""

    is_tested: bool
    """Whether S3 sends a test message when it is configured."""

    def named(self, arn: str) -> str:
        """What an error calls it."""

    def objection(self, arn: str, bucket: BucketFacts) -> str | None:
        """Why the bucket cannot notify it, in S3's words; None where it can. Raises
        :class:`slstest.embedded.resource_policies.UnreadablePolicy`."""

    def deliver(self, arn: str, message: str, trace_header: str | None) -> None:
        """Hand a message over. Raises :class:`Undeliverable`.

        ``trace_header`` is that of the request behind the message, if it had one.
        """


class Undeliverable(Exception):
    """A destination did not take a message; the text says why."""


class Queues(Protocol):
    """The cloud's queues."""

    def policy(self, queue_arn: str) -> str | None:
        """The queue's policy as JSON, empty without one; None where there is no such queue."""

    def send(self, queue_arn: str, body: str, *, trace_header: str | None = None) -> None:
        """Send a message. Raises :class:`slstest.embedded.sqs.requests.Refused`."""


class FunctionDestination:
    """Functions: invoked asynchronously, where their policies let S3.

    https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html
    """

    is_tested = False

    def __init__(
        self,
        find: Callable[[str], Function | None],
        allow: Callable[[str, Access], bool],
        enqueue: Callable[[Function, bytes, str], None],
    ) -> None:
        """``find`` finds a function by its name; ``allow`` tells whether the policy of the
        function with this ARN allows an access."""
        self._find = find
        self._allow = allow
        self._enqueue = enqueue

    def named(self, arn: str) -> str:
        return f"{arn}, null"

    def objection(self, arn: str, bucket: BucketFacts) -> str | None:
        if self._allow(arn, _access("lambda:InvokeFunction", arn, bucket)):
            return None
        return f"Not authorized to invoke function [{arn}]"

    def deliver(self, arn: str, message: str, trace_header: str | None) -> None:
        function = self._find(arn.split(":")[6])
        if function is None:
            raise Undeliverable("there is no such function")
        self._enqueue(function, message.encode(), str(uuid.uuid4()))


class QueueDestination:
    """Queues: sent a message, where their policies let S3.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """

    is_tested = True

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def named(self, arn: str) -> str:
        return arn

    def objection(self, arn: str, bucket: BucketFacts) -> str | None:
        policy = self._queues.policy(arn)
        if policy is None:
            return "The destination queue does not exist"
        if allows(policy, _access("sqs:SendMessage", arn, bucket)):
            return None
        return (
            "Permissions on the destination queue do not allow S3 to publish notifications from "
            "this bucket"
        )

    def deliver(self, arn: str, message: str, trace_header: str | None) -> None:
        try:
            self._queues.send(arn, message, trace_header=trace_header)
        except Refused as error:
            raise Undeliverable(f"{error.code}: {error.message}") from error


class TopicDestination:
    """Topics: published to through the SNS API, where their policies let S3.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
    """

    is_tested = True

    def __init__(self, client: Callable[[str], Any]) -> None:
        """``client`` gives the boto3 client of a service."""
        self._client = client

    def named(self, arn: str) -> str:
        return arn

    def objection(self, arn: str, bucket: BucketFacts) -> str | None:
        sns = self._client("sns")
        try:
            attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        except sns.exceptions.NotFoundException:
            return "The destination topic does not exist"
        if allows(attributes.get("Policy", ""), _access("sns:Publish", arn, bucket)):
            return None
        return (
            "Permissions on the destination topic do not allow S3 to publish notifications from "
            "this bucket"
        )

    def deliver(self, arn: str, message: str, trace_header: str | None) -> None:
        from botocore.exceptions import ClientError

        try:
            self._client("sns").publish(
                TopicArn=arn, Message=message, Subject="Amazon S3 Notification"
            )
        except ClientError as error:
            raise Undeliverable(str(error)) from error


def _access(action: str, arn: str, bucket: BucketFacts) -> Access:
    context = {"aws:SourceArn": bucket.arn, "aws:SourceAccount": bucket.account_id}
    return Access(SERVICE, action, arn, context)
