"""Functions under test."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, overload

from slstest.calls import ask, troubles
from slstest.casing import parameters
from slstest.errors import ConfigurationError, FunctionError
from slstest.expect import expect, expect_not
from slstest.functions.mapping import EventSourceMapping
from slstest.functions.permissions import sending_to_all
from slstest.functions.role import Role, ask_as
from slstest.invocation import Invocation
from slstest.matching import show
from slstest.report.text import error_text, stack_text
from slstest.resources.base import Resource
from slstest.scope import Scope
from slstest.shapes import decode, encode_json

if TYPE_CHECKING:
    from slstest.functions.notification import BucketNotification
    from slstest.resources.bucket import Bucket
    from slstest.resources.subscription import Subscription
    from slstest.resources.topic import Topic

_NAMED = {"function_name": "it is this function's"}

_TOO_LARGE = (
    "Lambda takes 6 MB in a synchronous and 1 MB in an asynchronous invocation; put the data "
    "where the function can read it, and send where that is."
)
_INVOKE_CURES = {
    "TooLargeException": _TOO_LARGE,
    "Request must be smaller": _TOO_LARGE,
    "TooManyRequestsException": "As many invocations are running as its concurrency allows.",
}


class Function(Resource):
    """A deployed function."""

    kind = "function"

    def __init__(
        self, scope: Scope, label: str, name: str, arn: str, role: Role | None = None
    ) -> None:
        super().__init__(scope, label, name, arn)
        self.role = role
        """The role that was made for it; None where it needs none, or has one of yours."""

    def invoke(
        self,
        payload: Any = None,
        *,
        qualifier: str | None = None,
        client_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Invoke it, wait for its end, and return its response decoded.

        ``payload`` goes as JSON, except bytes, which go as they are; None sends nothing, which
        Lambda makes ``{}``. ``client_context`` becomes ``context.client_context``.

        Raises :class:`slstest.errors.FunctionError` where the function failed, and
        :class:`slstest.errors.ConfigurationError` where Lambda refuses the request.
        https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
        """
        request = {"InvocationType": "RequestResponse", "LogType": "Tail"}
        if qualifier is not None:
            request["Qualifier"] = qualifier
        if client_context is not None:
            context = encode_json(client_context, f"{self}.invoke: client_context")
            request["ClientContext"] = base64.b64encode(context).decode()
        answer = self._invoke(payload, request, "invoke")
        raw = answer["Payload"].read()
        if "FunctionError" in answer:
            raise self._error(decode(raw), answer)
        return decode(raw) if raw else None

    def invoke_async(self, payload: Any = None) -> str:
        """Queue an invocation and return its request id at once.

        Raises :class:`slstest.errors.ConfigurationError` where Lambda refuses the request.
        """
        answer = self._invoke(payload, {"InvocationType": "Event"}, "invoke_async")
        return str(answer["ResponseMetadata"]["RequestId"])

    def configure_async(self, **settings: Any) -> None:
        """Say how Lambda handles events that invoke it asynchronously.

        Takes the parameters of PutFunctionEventInvokeConfig in snake case:
        ``maximum_retry_attempts=`` (0 to 2), ``maximum_event_age_in_seconds=`` (60 to 21600)
        and ``destination_config={"OnFailure": {"Destination": queue.arn}, "OnSuccess": ...}``.
        What is not given returns to Lambda's default. A dead-letter queue is a parameter of
        the function: ``sls.function(..., dead_letter_config={"TargetArn": queue.arn})``.

        Raises :class:`slstest.errors.ConfigurationError` where Lambda refuses it.
        https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
        """
        asked = f"{self}.configure_async"
        self._configure("PutFunctionEventInvokeConfig", settings, asked)

    def reserve_concurrency(self, reserved_concurrent_executions: int | None) -> None:
        """Reserve so many concurrent invocations for it, which it cannot exceed either; 0
        throttles all, and None gives the reservation up.

        Raises :class:`slstest.errors.ConfigurationError` where Lambda refuses it.
        https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
        """
        asked = f"{self}.reserve_concurrency({reserved_concurrent_executions!r})"
        if reserved_concurrent_executions is None:
            self._configure("DeleteFunctionConcurrency", {}, asked)
        else:
            settings = {"reserved_concurrent_executions": reserved_concurrent_executions}
            self._configure("PutFunctionConcurrency", settings, asked)

    @overload
    def triggered_by(self, source: Bucket, **settings: Any) -> BucketNotification: ...

    @overload
    def triggered_by(self, source: Topic, **settings: Any) -> Subscription: ...

    @overload
    def triggered_by(self, source: Any, **settings: Any) -> EventSourceMapping: ...

    def triggered_by(
        self, source: Any, **settings: Any
    ) -> EventSourceMapping | BucketNotification | Subscription:
        """Let a resource of this environment trigger the function.

        A stream, a queue, or the stream of a table is mapped with CreateEventSourceMapping,
        whose parameters are taken in snake case (``batch_size=``,
        ``maximum_retry_attempts=``, ...); ``starting_position`` of a stream is
        ``"TRIM_HORIZON"`` by default. Returns when the mapping is in effect.

        A bucket is given the permission to invoke the function, and notifies it of ``events=``
        (``["s3:ObjectCreated:*"]`` by default) with keys that begin with ``prefix=`` and end
        with ``suffix=``, both URL encoded as AWS wants them. What the bucket notifies already
        stays.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_LambdaFunctionConfiguration.html

        A topic is given the permission to invoke the function, which is subscribed to it with
        the attributes of a subscription in snake case, such as ``filter_policy=``.
        https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
        """
        map_to = getattr(source, "_map_to", None)
        if map_to is None:
            raise ConfigurationError(
                f"{self}.triggered_by({source!r}): only a stream, a queue, a topic, a bucket or "
                "a table with a stream can trigger a function so far"
            )
        trigger: EventSourceMapping | BucketNotification | Subscription = map_to(self, settings)
        return trigger

    @property
    def invocations(self) -> list[Invocation]:
        """Its finished invocations, oldest first. Waits for those that are running or due."""
        cloud = self._scope.cloud
        cloud.quiesce(self._scope.timeout)
        return list(cloud.invocations(self._name))

    @property
    def logs(self) -> list[str]:
        """The log lines of :attr:`invocations`."""
        return [line for invocation in self.invocations for line in invocation.logs]

    def expect_invoked(
        self, times: int | None = None, timeout: float | None = None
    ) -> list[Invocation]:
        """Wait until it has been invoked, and return the finished invocations.

        With ``times`` it must have been invoked so often exactly: once it has been, everything
        settles, and there must not be one more. ``timeout`` is in seconds; given, the whole of
        it is waited, otherwise no longer than something is under way. Raises
        :class:`slstest.errors.ExpectationFailed`.
        """
        wanted = 1 if times is None else times
        finished: list[Invocation] = []

        def look(is_right: Callable[[int], bool]) -> list[Invocation] | None:
            nonlocal finished
            finished = self._finished()
            return finished if is_right(len(finished)) else None

        def explain() -> str:
            return f"{self} was to be invoked {_times(times)}, but was {_times(len(finished))}."

        if wanted > 0:
            expect(self._scope, lambda: look(lambda count: count >= wanted), explain, timeout)
        if times is not None:
            expect_not(
                self._scope,
                lambda: look(lambda count: count != times),
                lambda found: explain(),
                timeout,
            )
        return finished

    def expect_log(self, pattern: str | re.Pattern[str], timeout: float | None = None) -> str:
        """Wait for a log line in which a regular expression is found, and return the line.

        Raises :class:`slstest.errors.ExpectationFailed`, showing the log.
        """
        try:
            search = re.compile(pattern).search
        except re.error as error:
            raise ConfigurationError(
                f"{self}.expect_log({pattern!r}): not a regular expression: {error}"
            ) from error
        return expect(
            self._scope,
            lambda: next((line for i in self._finished() for line in i.logs if search(line)), None),
            lambda: f"{self} has logged nothing in which {pattern!r} is found.",
            timeout,
        )

    def expect_no_errors(self, timeout: float | None = None) -> None:
        """Settle, then check that no invocation has failed.

        Raises :class:`slstest.errors.ExpectationFailed` with the errors, or
        :class:`slstest.errors.NotSettled`.
        """
        expect_not(
            self._scope,
            lambda: [error_text(i.error) for i in self._finished() if i.error] or None,
            lambda errors: (
                f"{self} was to fail never, but failed {_times(len(errors))}. "
                f"The first error:\n  {errors[0]}"
            ),
            timeout,
        )

    # -- inside -------------------------------------------------------------------------

    def _finished(self) -> list[Invocation]:
        return list(self._scope.cloud.invocations(self._name))

    def _configure(self, operation: str, settings: Mapping[str, Any], asked: str) -> None:
        from botocore import xform_name

        client = self._client("lambda")
        given = parameters(client, operation, settings, asked=asked, taken=_NAMED)
        if self.role is not None:
            self.role.allow(sending_to_all(given), asked=asked)
        request = {"FunctionName": self._name, **given}
        ask_as(self.role, self._scope, xform_name(operation), request, asked=asked)

    def _invoke(self, payload: Any, request: dict[str, Any], method: str) -> dict[str, Any]:
        asked = f"{self}.{method}"
        size = ""
        if payload is not None:
            raw = bytes(payload) if _is_bytes(payload) else encode_json(payload, asked)
            request["Payload"] = raw
            size = f" with a payload of {len(raw):,} bytes"
        return ask(
            self._client("lambda"),
            "invoke",
            {"FunctionName": self._name, **request},
            asked=asked + size,
            cures=_INVOKE_CURES,
        )

    def _error(self, payload: Any, answer: Mapping[str, Any]) -> FunctionError:
        error = payload if isinstance(payload, dict) else {"errorMessage": show(payload)}
        log = "\n".join(self._log_of(answer))
        parts = [f"{self} failed: {error_text(error)}"]
        if stack_text(error) and "Traceback" not in log:
            parts.append(stack_text(error))
        if log:
            parts.append(f"log of this invocation:\n{log}")
        return FunctionError("\n".join(parts), payload)

    def _log_of(self, answer: Mapping[str, Any]) -> list[str]:
        request_id = answer["ResponseMetadata"].get("RequestId")
        try:
            finished = self._finished()
        except troubles():  # the answer has the end of the log
            finished = []
        for invocation in reversed(finished):
            if invocation.request_id == request_id:
                return list(invocation.logs)
        return base64.b64decode(answer.get("LogResult", "")).decode(errors="replace").splitlines()


def _is_bytes(payload: Any) -> bool:
    return isinstance(payload, bytes | bytearray | memoryview)


def _times(count: int | None) -> str:
    return {None: "at least once", 0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")
