"""Making LocalStack load services before a test needs them.

The first request to a service takes 0.3 to 3 s, to DynamoDB the longest; several load at once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

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

_AT_ONCE = 8


class Warming:
    """Warms each service once."""

    def __init__(self, url: str, region: str, say: Say) -> None:
        """``say`` is told what could not be warmed: the tests that use it will tell more."""
        self._endpoint = Endpoint(url, region)
        self._say = say
        self._begun: set[str] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_AT_ONCE, "slstest-warm")

    def warm(self, services: Iterable[str]) -> None:
        """Begin with those of these services that are known here and were not warmed yet."""
        with self._lock:
            new = (set(services) & _READ_ONLY.keys()) - self._begun
            self._begun |= new
        for service in sorted(new, key=_slowest_first):
            self._pool.submit(self._call, service)

    def close(self) -> None:
        """Begin with nothing more, and wait for what has begun."""
        self._pool.shutdown(cancel_futures=True)

    def _call(self, service: str) -> None:
        try:
            getattr(self._endpoint.client(service), _READ_ONLY[service])()
        except Exception as error:  # nobody waits for the answer
            self._say(f"{service} could not be warmed: {error}")


def _slowest_first(service: str) -> tuple[bool, str]:
    return service not in ("dynamodb", "kinesis"), service
