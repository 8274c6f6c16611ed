"""Faults for a test to inject, because AWS delivers at least once and calls fail.

https://docs.aws.amazon.com/lambda/latest/dg/concepts-event-driven-architectures.html and
https://docs.aws.amazon.com/lambda/latest/dg/invocation-retries.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from slstest.errors import ConfigurationError, Unavailable
from slstest.fault import Fault, FaultyCloud
from slstest.resources.queue import Queue
from slstest.suggesting import did_you_mean

if TYPE_CHECKING:
    from slstest.functions.function import Function
    from slstest.scope import Scope

_SERVER_ERRORS = {
    "InternalError": 500,
    "InternalFailure": 500,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "SlowDown": 503,
}
"""Codes that no operation declares and that are not the caller's fault, with their status:
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


class Faults:
    """Injects faults into one environment.

    Each method returns the fault; its ``struck`` says how often it has happened, for a test
    to see that it did. ``times`` is how often it happens. On a cloud in which it cannot happen
    a method raises :class:`slstest.errors.Unavailable`.
    """

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def deliver_twice(self, function: Function, times: int = 1) -> Fault:
        """Deliver the next batch or asynchronous event again right after the function has
        handled it with success, as if its success had been lost on the way.

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html:
        "event source mappings process each event at least once".
        """
        return self._inject(Fault("deliver twice", function.name, _count("times", times)))

    def deliver_out_of_order(self, queue: Queue) -> Fault:
        """From now on give out the newest messages of a standard queue first.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html
        Raises :class:`slstest.errors.ConfigurationError` for a FIFO queue, which keeps order.
        """
        if queue.fifo:
            raise ConfigurationError(
                f"sls.faults.deliver_out_of_order({queue}): a FIFO queue keeps the order of its "
                "messages; take a standard queue"
            )
        return self._inject(Fault("deliver out of order", queue.name, None))

    def throttle(self, function: Function, times: int = 1) -> Fault:
        """Refuse the next invocations of a function with TooManyRequestsException, as if
        others had used up its concurrency. What delivers to it backs off and tries again.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
        """
        return self._inject(Fault("throttle", function.name, _count("times", times)))

    def kill(self, function: Function, times: int = 1) -> Fault:
        """Kill the execution environment when the handler has done its work and nobody knows
        of it yet: its effects stay, and the invocation fails with ``Runtime.ExitError``."""
        return self._inject(Fault("kill", function.name, _count("times", times)))

    def fail(
        self,
        function: Function,
        operation: str,
        code: str,
        *,
        message: str = "",
        call: int = 1,
        times: int = 1,
    ) -> Fault:
        """Let calls of an AWS operation that the function makes fail with an error code.

        ``operation`` is written ``"dynamodb:PutItem"``. ``call`` says which of the function's
        calls from now on is the first to fail, ``times`` how many calls in a row do. What the
        function's SDK tries again by itself counts as a call of its own: boto3 hides a single
        throttled or failed call from the handler.
        Raises :class:`slstest.errors.ConfigurationError` for an operation that AWS has not.
        """
        asked = f"sls.faults.fail({function}, {operation!r}, {code!r})"
        if not code:
            raise ConfigurationError(f"{asked}: give the error code that AWS would answer with")
        return self._inject(
            Fault(
                "fail",
                function.name,
                _count("times", times),
                operation=operation,
                skip=_count("call", call) - 1,
                status=self._status(self._model(operation, asked), code),
                code=code,
                message=message or "injected by the test",
            )
        )

    def delay(
        self, function: Function, operation: str, seconds: float, *, call: int = 1, times: int = 1
    ) -> Fault:
        """Let calls of an AWS operation that the function makes take ``seconds`` longer.

        The seconds are real ones, as the function's own time is. ``operation``, ``call`` and
        ``times`` are those of :meth:`fail`.
        """
        asked = f"sls.faults.delay({function}, {operation!r}, {seconds!r})"
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
            raise ConfigurationError(f"{asked}: seconds is a number greater than 0")
        self._model(operation, asked)
        return self._inject(
            Fault(
                "delay",
                function.name,
                _count("times", times),
                operation=operation,
                skip=_count("call", call) - 1,
                seconds=seconds,
            )
        )

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        faulty(self._scope).clear_faults()

    # -- inside -------------------------------------------------------------------------

    def _inject(self, fault: Fault) -> Fault:
        faulty(self._scope).inject(fault)
        return fault

    def _model(self, operation: str, asked: str) -> Any:
        """The operation in botocore's model of its service."""
        service, _, name = operation.partition(":")
        session = self._scope.cloud.session()
        services = session.get_available_services()
        if not name or service not in services:
            service, _, name = operation.replace(".", ":", 1).partition(":")
            meant = did_you_mean(service, services if name else (), lambda near: f"{near}:{name}")
            raise ConfigurationError(
                f"{asked}: an operation is written service:Operation as boto3 and AWS name them, "
                f'for example "dynamodb:PutItem".{meant}'
            )
        model = self._scope.cloud.client(service).meta.service_model
        if name not in model.operation_names:
            meant = did_you_mean(name, model.operation_names, lambda near: f"{service}:{near}")
            raise ConfigurationError(f"{asked}: {service} has no operation {name}.{meant}")
        return model.operation_model(name)

    @staticmethod
    def _status(operation: Any, code: str) -> int:
        """The HTTP status with which AWS answers this error."""
        for shape in operation.error_shapes:
            if code in (shape.name, shape.error_code):
                return int(shape.metadata.get("error", {}).get("httpStatusCode", 400))
        return _SERVER_ERRORS.get(code, 400)


def faulty(scope: Scope) -> FaultyCloud:
    """The environment's cloud, in which faults can be injected.

    Raises :class:`slstest.errors.Unavailable` for a cloud in which they cannot.
    """
    cloud = scope.cloud
    if not hasattr(cloud, "inject"):
        raise Unavailable(
            f"faults are injected where functions run on this machine, and those of the cloud "
            f"{cloud.name!r} do not"
        )
    return cast(FaultyCloud, cloud)


def _count(argument: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"sls.faults: {argument} is a whole number from 1 on, not {value!r}"
        )
    return value
