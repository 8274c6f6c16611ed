"""Having LocalStack load a service before it is used.

It loads one at the first request, which takes 0.3 to 3 s, to DynamoDB the longest; several load
at once. Requests that come while Kinesis loads fail: nobody may use it before a request that can
be repeated was answered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from slstest.clouds.endpoint import Endpoint
from slstest.clouds.localstack.container import Say

_READ_ONLY = {
    "apigateway": "get_rest_apis",
    "cloudformation": "list_stacks",
    "cloudwatch": "list_metrics",
    "dynamodb": "list_tables",
    "dynamodbstreams": "list_streams",
    "events": "list_rules",
    "firehose": "list_delivery_streams",
    "iam": "list_roles",
    "kinesis": "list_streams",
    "kms": "list_keys",
    "lambda": "list_functions",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "scheduler": "list_schedules",
    "secretsmanager": "list_secrets",
    "ses": "list_identities",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
    "stepfunctions": "list_state_machines",
    "sts": "get_caller_identity",
}
"""A request to each service that changes nothing."""

_ANY_REGION = "us-east-1"
"""A service is loaded for all of them."""
_AT_ONCE = 8
_TIMEOUT = 60.0
"""Seconds after which a service that is silent, or has internal errors, is left to the tests."""
_AGAIN = 0.2
_NOT_IMPLEMENTED = 501


class _EndpointUntil(Endpoint):
    """An endpoint that counts as gone for those who wait for it, as soon as something is over."""

    def __init__(self, over: threading.Event, url: str) -> None:
        super().__init__(url, _ANY_REGION)
        self._over = over

    def _answers(self) -> bool:
        return not self._over.is_set() and super()._answers()


class Loading:
    """Loads each service once."""

    def __init__(self, url: str, say: Say = lambda _: None) -> None:
        """``say`` is told what could not be loaded: the tests that use it will tell more."""
        self._over = threading.Event()
        self._endpoint = _EndpointUntil(self._over, url)
        self._say = say
        self._begun: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "slstest-load")

    def begin(self, services: Iterable[str]) -> None:
        """Begin with those of these services that are known here and were not begun yet."""
        with self._lock:
            for service in sorted(set(services) & _READ_ONLY.keys(), key=_slowest_first):
                if service not in self._begun and not self._over.is_set():
                    self._begun[service] = self._pool.submit(self._load, service)

    def wait(self, service: str) -> None:
        """Return when a service is loaded, or cannot be."""
        self.begin([service])
        if service in self._begun:
            self._begun[service].result()

    def close(self) -> None:
        """Begin with nothing more, and wait no longer for any service."""
        with self._lock:
            self._over.set()
        self._pool.shutdown()

    def _load(self, service: str) -> None:
        from botocore.exceptions import ClientError

        try:
            self._ask(service)
        except ClientError as error:
            if not _switched_off(error):  # which the health tells those who want to use it
                self._tell(service, error)
        except Exception as error:  # whoever waits goes on, and meets it again
            self._tell(service, error)

    def _ask(self, service: str) -> None:
        """Return when a service has answered a request that changes nothing. Internal errors are
        those of one that is still starting."""
        from botocore.exceptions import ClientError

        client = self._endpoint.own_client(service, attempts=1, timeout=_TIMEOUT)
        request = getattr(client, _READ_ONLY[service])
        deadline = time.monotonic() + _TIMEOUT
        while not self._over.is_set():
            try:
                request()
            except ClientError as error:
                status = error.response["ResponseMetadata"]["HTTPStatusCode"]
                starting = status >= 500 and status != _NOT_IMPLEMENTED
                if not starting or _switched_off(error) or time.monotonic() >= deadline:
                    raise
                self._over.wait(_AGAIN)
            else:
                return

    def _tell(self, service: str, error: Exception) -> None:
        if not self._over.is_set():
            self._say(f"{service} could not be loaded: {error}")


def _switched_off(error: Exception) -> bool:
    """Whether LocalStack has no such service, by its setting SERVICES or its edition."""
    return any(phrase in str(error) for phrase in ("is not enabled", "not included in your"))


def _slowest_first(service: str) -> tuple[bool, str]:
    return service not in ("dynamodb", "kinesis"), service
