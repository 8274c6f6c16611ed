"""The faults that a test has injected, and where they strike."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.operations import operation_of
from slstest.fault import Fault, Kind

Handle = Callable[[AwsRequest], AwsResponse]


class InjectedFaults:
    """Asked at each place where something could go wrong."""

    def __init__(self, service_model: Callable[[str], Any]) -> None:
        """``service_model`` gives botocore's model of a service, by boto3's name for it."""
        self._service_model = service_model
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._closed = threading.Event()

    def inject(self, fault: Fault) -> None:
        with self._lock:
            self._faults = [*self._faults, fault]

    def clear(self) -> None:
        with self._lock:
            self._faults = []

    def close(self) -> None:
        """Hold up no call any longer."""
        self._closed.set()

    def strikes(self, kind: Kind, target: str) -> bool:
        """Whether this goes wrong now, for a function or a queue of this name."""
        if not self._faults:
            return False
        return self._strike(lambda fault: (fault.kind, fault.target) == (kind, target)) is not None

    def answer(self, request: AwsRequest, handle: Handle) -> AwsResponse:
        """Answer a request with what ``handle`` makes of it, unless it is a function's call
        that is to fail or to take longer."""
        fault = self._struck_call(request) if self._faults else None
        if fault is not None and fault.kind == "fail":
            return request.error(fault.status, fault.code, fault.message)
        if fault is not None:
            self._closed.wait(fault.seconds)
        return handle(request)

    # -- inside -------------------------------------------------------------------------

    def _struck_call(self, request: AwsRequest) -> Fault | None:
        # The credentials of a function carry its name.
        caller = request.session_token

        def concerns(fault: Fault) -> bool:
            if fault.target != caller or not fault.operation:
                return False
            service, _, operation = fault.operation.partition(":")
            model = self._service_model(service)
            return (
                request.service == (model.signing_name or model.endpoint_prefix)
                and operation_of(model, request) == operation
            )

        return self._strike(concerns)

    def _strike(self, concerns: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for fault in self._faults:
                if fault.over or not concerns(fault):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.struck += 1
                return fault
        return None
