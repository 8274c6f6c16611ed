"""Functions as the subscribers of topics.

https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html: SNS invokes a function asynchronously,
once for each message. What becomes of the invocation is Lambda's matter.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from slstest.embedded.lambda_service.functions import Function
from slstest.embedded.resource_policies import Access
from slstest.embedded.sns.access import check_allowed, sns_access
from slstest.embedded.sns.delivery import Delivery, Undeliverable
from slstest.embedded.sns.notification import Signs, event


@dataclass(frozen=True)
class Functions:
    """The cloud's functions."""

    find: Callable[[str], Function | None]
    """Finds one by its name."""
    allow: Callable[[str, Access], bool]
    """Whether the policy of the function with this ARN allows an access."""
    enqueue: Callable[[Function, bytes, str], None]
    """Accepts an event with the id of its request."""


class FunctionSender:
    """Invokes functions that let SNS in with notifications."""

    def __init__(
        self, functions: Functions, signer: Signs, endpoint_url: Callable[[], str]
    ) -> None:
        self._functions = functions
        self._signer = signer
        self._endpoint_url = endpoint_url

    def send(self, function_arn: str, delivery: Delivery) -> None:
        """Invoke a function with a notification. Raises :class:`Undeliverable`."""
        notification = delivery.notification
        function = self._functions.find(function_arn.split(":")[6])
        if function is None or function_arn not in (function.arn, f"{function.arn}:$LATEST"):
            raise Undeliverable("there is no such function")
        access = sns_access("lambda:InvokeFunction", function.arn, notification.topic_arn)
        check_allowed("function", access, lambda: self._functions.allow(function.arn, access))
        document = event(notification, self._signer, self._endpoint_url())
        payload = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        self._functions.enqueue(function, payload, str(uuid.uuid4()))
