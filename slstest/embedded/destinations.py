"""Where Lambda sends what came of an event: queues, topics, buckets, functions, event buses.

Everything goes through the AWS API of the destination, so that whoever watches it hears of it.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timezone
from typing import Any

from slstest.embedded.lambda_service.errors import LambdaApiError, invalid_parameter
from slstest.embedded.undelivered import UndeliveredNotes

ON_SUCCESS_OF_EVENTS = frozenset({"sqs", "sns", "lambda", "events"})
ON_FAILURE_OF_EVENTS = ON_SUCCESS_OF_EVENTS | {"s3"}
ON_FAILURE_OF_STREAMS = frozenset({"sqs", "sns", "s3"})
DEAD_LETTER_QUEUES = frozenset({"sqs", "sns"})
"""The services whose resources can be the destination of what."""

RECORDS_METRIC = "DestinationDeliveryFailures"
DEAD_LETTERS_METRIC = "DeadLetterErrors"
"""The metrics in which Lambda counts what it could not deliver:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""

_SERVER_ERROR = 500


class Destinations:
    """Sends records to their destinations, and notes what these did not take."""

    def __init__(self, client: Callable[[str], Any], undelivered: UndeliveredNotes) -> None:
        """``client`` gives the boto3 client of a service."""
        self._client = client
        self._undelivered = undelivered

    def check(self, arn: str) -> None:
        """Raise Lambda's error for a destination that does not exist."""
        from botocore.exceptions import ClientError, ParamValidationError

        try:
            found = self._arn_of_existing(arn)
        except (ClientError, ParamValidationError) as error:
            raise _not_there(arn) from error
        if found != arn:
            raise _not_there(arn)

    def send(self, arn: str, document: Mapping[str, Any], *, object_key: str | None = None) -> None:
        """Deliver a record, one that has a ``requestContext`` as Lambda writes it.

        ``object_key`` is its name in a bucket. What the destination does not take is noted,
        nothing is raised.
        """
        content = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        context = document["requestContext"]

        def deliver(service: str, name: str) -> None:
            client = self._client(service)
            if service == "sqs":
                client.send_message(QueueUrl=self._queue_url(arn), MessageBody=content)
            elif service == "sns":
                client.publish(TopicArn=arn, Message=content)
            elif service == "s3":
                client.put_object(Bucket=name, Key=object_key, Body=content.encode())
            elif service == "lambda":
                client.invoke(FunctionName=arn, InvocationType="Event", Payload=content.encode())
            else:
                self._put_event(arn, context, content)

        self._attempt(f"a record ({RECORDS_METRIC})", arn, context["functionArn"], deliver)

    def send_dead_letter(
        self, arn: str, function_arn: str, content: str, attributes: Mapping[str, Any]
    ) -> None:
        """Deliver an event as it was to a dead-letter queue or topic, with message attributes
        (as SendMessage and Publish take them). What is not taken is noted."""

        def deliver(service: str, name: str) -> None:
            client = self._client(service)
            if service == "sqs":
                client.send_message(
                    QueueUrl=self._queue_url(arn),
                    MessageBody=content,
                    MessageAttributes=attributes,
                )
            else:
                client.publish(TopicArn=arn, Message=content, MessageAttributes=attributes)

        self._attempt(f"a dead letter ({DEAD_LETTERS_METRIC})", arn, function_arn, deliver)

    # -- inside -------------------------------------------------------------------------

    def _attempt(
        self,
        what: str,
        arn: str,
        function_arn: str,
        deliver: Callable[[str, str], None],
    ) -> None:
        from botocore.exceptions import ClientError

        try:
            deliver(service_of(arn), _name(arn))
        except _NotTaken as error:
            problem = str(error)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR:
                raise  # the embedded cloud itself has failed, which nobody must overlook
            told = error.response["Error"]
            problem = f"{told['Code']}: {told['Message']}"
        else:
            return
        self._undelivered.note(f"{function_arn}: {arn} did not take {what}: {problem}")

    def _queue_url(self, arn: str) -> str:
        account_id, name = arn.split(":")[4:6]
        answer = self._client("sqs").get_queue_url(
            QueueName=name, QueueOwnerAWSAccountId=account_id
        )
        return str(answer["QueueUrl"])

    def _put_event(self, arn: str, context: Mapping[str, Any], content: str) -> None:
        """AWS's page says of the source that it is ``aws.lambda``; events that were recorded
        have ``lambda``, and PutEvents refuses a source that begins with ``aws.``."""
        result = "Success" if context["condition"] == "Success" else "Failure"
        answer = self._client("events").put_events(
            Entries=[
                {
                    "EventBusName": arn,
                    "Source": "lambda",
                    "DetailType": f"Lambda Function Invocation Result - {result}",
                    "Resources": [arn, context["functionArn"]],
                    "Detail": content,
                }
            ]
        )
        if answer["FailedEntryCount"]:
            (entry,) = answer["Entries"]
            raise _NotTaken(f"{entry['ErrorCode']}: {entry['ErrorMessage']}")

    def _arn_of_existing(self, arn: str) -> str:
        """The ARN of the resource that the parts of ``arn`` lead to. Raises ClientError."""
        service = service_of(arn)
        client = self._client(service)
        if service == "sqs":
            answer = client.get_queue_attributes(
                QueueUrl=self._queue_url(arn), AttributeNames=["QueueArn"]
            )
            return str(answer["Attributes"]["QueueArn"])
        if service == "sns":
            return str(client.get_topic_attributes(TopicArn=arn)["Attributes"]["TopicArn"])
        if service == "s3":
            client.head_bucket(Bucket=_name(arn))
            return arn
        if service == "lambda":
            client.get_function_configuration(FunctionName=arn)
            return arn
        # Its name, not the ARN, which not every emulator knows it by.
        return str(client.describe_event_bus(Name=arn.rpartition("/")[2])["Arn"])


class _NotTaken(Exception):
    """An entry of PutEvents failed."""


def supports(services: Collection[str], arn: str) -> bool:
    """Whether an ARN is one of these services' that can be a destination.

    FIFO queues and topics cannot.
    """
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] not in services:
        return False
    service, resource = parts[2], parts[5]
    if service in ("sqs", "sns"):
        return bool(resource) and ":" not in resource and not resource.endswith(".fifo")
    prefix = {"lambda": "function:", "events": "event-bus/"}.get(service, "")
    return resource.startswith(prefix) and len(resource) > len(prefix)


def service_of(arn: str) -> str:
    return arn.split(":")[2]


def iso_time(moment: float) -> str:
    """A moment (seconds since the epoch) as the records have it."""
    at = datetime.fromtimestamp(moment, timezone.utc)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def object_key(prefix: str, moment: float) -> str:
    """The name of a record in a bucket: below ``prefix``, by day, with a random end."""
    at = datetime.fromtimestamp(moment, timezone.utc)
    return f"{prefix}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"


def _name(arn: str) -> str:
    return arn.split(":", 5)[5]


def _not_there(arn: str) -> LambdaApiError:
    return invalid_parameter(f"The destination ARN {arn} is invalid.")
