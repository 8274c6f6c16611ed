"""SQS queues as what CreateEventSourceMapping can name.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.event_sources.base import InvokeBatch, Mapped, name_in
from slstest.embedded.event_sources.queue_client import QueueClient
from slstest.embedded.event_sources.sqs import NextReturn, SqsPoller
from slstest.embedded.event_sources.sqs_settings import (
    QUEUE_PARAMETERS,
    QueueSettings,
    check_visibility_timeout,
    queue_settings,
)
from slstest.embedded.lambda_service.errors import LambdaApiError, conflict, invalid_parameter
from slstest.embedded.scheduler import Scheduler


class QueueSource:
    """Makes the pollers of mappings that read queues, and checks what they are made from."""

    service = "sqs"
    parameters = QUEUE_PARAMETERS

    def __init__(
        self,
        client: Callable[[str], Any],
        scheduler: Scheduler,
        next_return: NextReturn | None,
    ) -> None:
        self._client = client
        self._scheduler = scheduler
        self._next_return = next_return

    def settings(
        self, current: QueueSettings | None, params: Mapping[str, Any], queue_arn: str
    ) -> QueueSettings:
        """The settings that a request leaves, of a new mapping or one that has some. Raises
        Lambda's errors."""
        return queue_settings(current or QueueSettings(), params, fifo=queue_arn.endswith(".fifo"))

    def check(self, queue_arn: str, function_timeout: int) -> None:
        """Raise Lambda's errors for a queue that does not exist, or whose messages would come
        back while a function with this timeout still handles them."""
        client = self._client(self.service)
        try:
            visibility_timeout = QueueClient(client, queue_arn).visibility_timeout()
        except client.exceptions.QueueDoesNotExist as error:
            raise invalid_parameter(
                "Error occurred while ReceiveMessage. SQS Error Code: "
                f"{error.response['Error']['Code']}. SQS Error Message: "
                f"{error.response['Error']['Message']}"
            ) from error
        check_visibility_timeout(visibility_timeout, function_timeout)

    def poller(
        self,
        queue_arn: str,
        settings: QueueSettings,
        invoke: InvokeBatch,
        role_arn: Callable[[], str],
        mapped: Mapped,
    ) -> SqsPoller:
        """The poller of a mapping, not enabled yet."""
        return SqsPoller(
            queue_arn,
            settings,
            self._client(self.service),
            self._scheduler,
            invoke=invoke,
            next_return=self._next_return,
            function=lambda: name_in(mapped.function_arn),
        )

    @staticmethod
    def enable(queue_arn: str, poller: Any) -> None:
        """Begin to read."""
        poller.enable()

    @staticmethod
    def duplicate(queue_arn: str, function_name: str, uuid: str) -> LambdaApiError:
        """The error for a second mapping between the same queue and function."""
        return conflict(
            f'An event source mapping with SQS arn (" {queue_arn} ") and function '
            f'(" {function_name} ") already exists. Please update or delete the existing mapping '
            f"with UUID {uuid}"
        )
