"""Running functions, and what came of it."""

from __future__ import annotations

import json
import secrets
import uuid
from typing import Any

from slstest.embedded.deliveries import Deliveries, Delivery, acknowledged
from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.faults import InjectedFaults
from slstest.embedded.lambda_service.concurrency import Concurrency
from slstest.embedded.lambda_service.environments import EnvironmentPool
from slstest.embedded.lambda_service.functions import Function
from slstest.embedded.lambda_service.killed import killed_before_acknowledgement
from slstest.embedded.logs import LogBuffer
from slstest.embedded.scheduler import Scheduler
from slstest.fault import Redelivered
from slstest.invocation import Invocation
from slstest.runtimes.base import InvocationOutcome, InvocationRequest


class Invoker:
    """Runs functions and keeps what came of it."""

    def __init__(
        self,
        pool: EnvironmentPool,
        scheduler: Scheduler,
        logs: LogBuffer,
        concurrency: Concurrency,
        faults: InjectedFaults,
        deliveries: Deliveries,
    ) -> None:
        self._pool = pool
        self._scheduler = scheduler
        self._logs = logs
        self._concurrency = concurrency
        self._faults = faults
        self._deliveries = deliveries

    def invoke(
        self,
        function: Function,
        payload: bytes,
        *,
        attempt: int = 1,
        client_context: str | None = None,
        request_id: str | None = None,
    ) -> InvocationOutcome:
        """Run the handler once and wait for its end. Every invocation comes through here.

        Raises :class:`slstest.embedded.event_sources.base.Throttled` where the function, or
        the account, has no concurrency left.
        """
        request = InvocationRequest(
            request_id=request_id or str(uuid.uuid4()),
            payload=payload,
            invoked_function_arn=function.arn,
            trace_id=self._trace_id(),
            client_context=client_context,
        )
        if self._faults.strikes("throttle", function.name):
            raise Throttled("ConcurrentInvocationLimitExceeded")
        with self._concurrency.admitted(function):
            leased = self._pool.lease(function)
            alive = False
            try:
                outcome = leased.environment.invoke(request)
                if outcome.function_error is None and self._faults.strikes("kill", function.name):
                    outcome = killed_before_acknowledgement(outcome, request.request_id)
                alive = outcome.alive
            finally:
                self._pool.give_back(function, leased, alive=alive)
        spec = leased.spec
        self._logs.write(spec.log_group, spec.log_stream, self._scheduler.now(), outcome.log_lines)
        function.invocations.append(_record(request, outcome, attempt))
        return outcome

    def deliver(
        self,
        function: Function,
        payload: bytes,
        *,
        attempt: int = 1,
        partial: bool = False,
        request_id: str | None = None,
    ) -> InvocationOutcome:
        """Invoke with what Lambda delivers at least once: a batch, or an asynchronous event.

        With ``partial`` the function may report which records of the batch have failed.
        """
        outcome = self.invoke(function, payload, attempt=attempt, request_id=request_id)
        failed = outcome.function_error is not None
        if not failed and self._faults.strikes("deliver twice", function.name):
            outcome = self.invoke(function, payload, attempt=attempt, request_id=request_id)
        if outcome.function_error is None:
            done = acknowledged(payload, outcome.payload) if partial else payload
            if done is not None:
                self._deliveries.add(function.name, done, partial=partial)
        return outcome

    def redeliver(self, function: Function, delivery: Delivery) -> Redelivered:
        """Invoke once more with what was delivered with success."""
        try:
            outcome = self.invoke(function, delivery.event)
        except Throttled as throttled:
            return Redelivered(function.name, f"it was throttled: {throttled}")
        error = ""
        if outcome.function_error is not None:
            error = error_text(outcome)
        elif delivery.partial and acknowledged(delivery.event, outcome.payload) != delivery.event:
            error = f"it reported batch item failures: {outcome.payload.decode()}"
        return Redelivered(function.name, error)

    def _trace_id(self) -> str:
        seconds = int(self._scheduler.now())
        return (
            f"Root=1-{seconds:08x}-{secrets.token_hex(12)};Parent={secrets.token_hex(8)};Sampled=0"
        )


def _record(request: InvocationRequest, outcome: InvocationOutcome, attempt: int) -> Invocation:
    document: Any = json.loads(outcome.payload) if outcome.payload else None
    failed = outcome.function_error is not None
    return Invocation(
        request_id=request.request_id,
        event=json.loads(request.payload),
        response=None if failed else document,
        error=document if failed else None,
        logs=list(outcome.log_lines),
        duration=outcome.duration,
        cold_start=outcome.cold_start,
        attempt=attempt,
    )


def error_text(outcome: InvocationOutcome) -> str:
    """Type and message of the error with which an invocation failed."""
    document = json.loads(outcome.payload)
    message = document.get("errorMessage", "") if isinstance(document, dict) else ""
    return f"{error_type(outcome)}: {message}"


def error_type(outcome: InvocationOutcome) -> str:
    """The type of the error with which an invocation failed."""
    document = json.loads(outcome.payload)
    return str(document.get("errorType", "an error")) if isinstance(document, dict) else "an error"
