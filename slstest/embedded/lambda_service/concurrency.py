"""Concurrency: how many invocations may run at once, of a function and of the account.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.lambda_service.code import UNZIPPED_LIMIT
from slstest.embedded.lambda_service.errors import LambdaApiError, invalid_parameter, not_found
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.lambda_service.requests import ZIP_LIMIT

Parameters = Mapping[str, Any]

ACCOUNT_LIMIT = 1_000
_LEAST_UNRESERVED = 100
"""Concurrent executions of an account, and how many of them cannot be reserved:
https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""

_STORAGE_LIMIT = 80_530_636_800
"""Bytes of all packages: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


class Concurrency:
    """Admits invocations, all of them, and counts those that run."""

    def __init__(self, store: FunctionStore, account_limit: int = ACCOUNT_LIMIT) -> None:
        self._store = store
        self._account_limit = account_limit
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    @contextmanager
    def admitted(self, function: Function) -> Iterator[None]:
        """Let one invocation of a function run in the body.

        Raises :class:`slstest.embedded.event_sources.base.Throttled`, with AWS's reason, where
        the function or the account has no concurrency left. Nobody waits here.
        """
        with self._lock:
            self._check(function)
            self._running[function.name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[function.name] -= 1
                if not self._running[function.name]:
                    del self._running[function.name]

    def unreserved(self) -> int:
        """What functions without a reservation share."""
        reserved = (function.reserved_concurrency or 0 for function in self._store.all())
        return self._account_limit - sum(reserved)

    def _check(self, function: Function) -> None:
        reserved = function.reserved_concurrency
        if reserved is not None:
            if self._running[function.name] >= reserved:
                raise Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
            return
        sharing = sum(
            self._running[each.name]
            for each in self._store.all()
            if each.reserved_concurrency is None
        )
        if sharing >= self.unreserved():
            raise Throttled("ConcurrentInvocationLimitExceeded")


class ConcurrencyService:
    """The operations on reserved concurrency, and GetAccountSettings.

    https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html
    """

    def __init__(self, store: FunctionStore, concurrency: Concurrency) -> None:
        self._store = store
        self._concurrency = concurrency
        self.operations: Mapping[str, Callable[[Parameters], dict[str, Any]]] = {
            "PutFunctionConcurrency": self.put,
            "GetFunctionConcurrency": self.get,
            "DeleteFunctionConcurrency": self.delete,
            "GetAccountSettings": self.account_settings,
        }

    def put(self, params: Parameters) -> dict[str, Any]:
        function = self._function(params)
        wanted: int = params["ReservedConcurrentExecutions"]
        given_back = function.reserved_concurrency or 0
        if wanted > self._concurrency.unreserved() + given_back - _LEAST_UNRESERVED:
            raise invalid_parameter(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                "UnreservedConcurrentExecution below its minimum value of "
                f"[{_LEAST_UNRESERVED}]."
            )
        function.reserved_concurrency = wanted
        return reservation(function)

    def get(self, params: Parameters) -> dict[str, Any]:
        return reservation(self._function(params))

    def delete(self, params: Parameters) -> dict[str, Any]:
        self._function(params).reserved_concurrency = None
        return {}

    def account_settings(self, params: Parameters) -> dict[str, Any]:
        functions = self._store.all()
        return {
            "AccountLimit": {
                "TotalCodeSize": _STORAGE_LIMIT,
                "CodeSizeUnzipped": UNZIPPED_LIMIT,
                "CodeSizeZipped": ZIP_LIMIT,
                "ConcurrentExecutions": ACCOUNT_LIMIT,
                "UnreservedConcurrentExecutions": self._concurrency.unreserved(),
            },
            "AccountUsage": {
                "TotalCodeSize": sum(function.package.size for function in functions),
                "FunctionCount": len(functions),
            },
        }

    def _function(self, params: Parameters) -> Function:
        name, qualifier = self._store.name_of(params["FunctionName"])
        if qualifier is not None:
            raise invalid_parameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do "
                "not support this operation. Please specify either a function name or an "
                "unqualified function ARN."
            )
        function = self._store.find(name)
        if function is None:
            raise not_found(f"Function not found: {self._store.arn(name)}:$LATEST")
        return function


def reservation(function: Function) -> dict[str, Any]:
    """A function's reserved concurrency as the API tells it; {} where it has none."""
    if function.reserved_concurrency is None:
        return {}
    return {"ReservedConcurrentExecutions": function.reserved_concurrency}


def too_many_requests(throttled: Throttled) -> LambdaApiError:
    """The error of a synchronous invocation that was not admitted."""
    return LambdaApiError(
        "TooManyRequestsException", "Rate Exceeded.", 429, Reason=str(throttled), Type="User"
    )
