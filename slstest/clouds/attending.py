"""Requests to services elsewhere with which the functions on this machine have to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from slstest.embedded.function_host import FunctionHost
from slstest.errors import ConfigurationError

if TYPE_CHECKING:
    import boto3

_ELSEWHERE = "use --sls-runtime cloud"
_PUSHES = {
    "s3": ("PutBucketNotificationConfiguration", "say function.triggered_by(bucket)"),
    "sns": ("Subscribe", "say function.triggered_by(topic) or topic.subscribe(function)"),
    "events": ("PutTargets", _ELSEWHERE),
    "scheduler": ("CreateSchedule", _ELSEWHERE),
    "logs": ("PutSubscriptionFilter", _ELSEWHERE),
}
"""The operations by which a service is told to push to a function, which it could not find, and
what works instead."""

_FUNCTION_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d+:function:([\w-]+)")


class Attendance:
    """Hears of requests before they are sent."""

    def __init__(self, cloud: str, host: FunctionHost, check_publish: Callable[..., None]) -> None:
        """``cloud`` is the name of the cloud, ``host`` has the functions, and ``check_publish``
        is told of what is published to topics."""
        self._cloud = cloud
        self._host = host
        self._check_publish = check_publish

    def attend(self, session: boto3.Session) -> None:
        """Hear of the requests of all clients that are made of a session from now on."""
        checks: dict[str, Callable[..., None]] = {
            f"provide-client-params.{service}.{operation}": self._refuse_push
            for service, (operation, _) in _PUSHES.items()
        }
        for operation in ("Publish", "PublishBatch"):
            checks[f"provide-client-params.sns.{operation}"] = self._check_publish
        checks["before-call.logs"] = self._write_logs
        checks["before-parameter-build.logs.DeleteLogGroup"] = self._write_log
        for event, check in checks.items():
            session.events.register(event, check)

    def _refuse_push(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        for name in _FUNCTION_ARN.findall(str(params)):
            if self._host.store.find(name) is not None:
                instead = _PUSHES[model.service_model.service_name][1]
                raise ConfigurationError(
                    f"{model.name}: the function {name} runs on this machine, where the cloud "
                    f"{self._cloud!r} cannot push to it; {instead}, or run the test on the "
                    "embedded cloud"
                )

    def _write_logs(self, model: Any, **_: Any) -> None:
        # Who deletes a log group needs no other.
        if self._host.logs.writing() is None and model.name != "DeleteLogGroup":
            self._host.logs.flush()

    def _write_log(self, params: Mapping[str, Any], **_: Any) -> None:
        self._host.logs.flush(params.get("logGroupName"))
