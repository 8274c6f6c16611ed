"""The operations on how functions are invoked asynchronously.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.destinations import (
    ON_FAILURE_OF_EVENTS,
    ON_SUCCESS_OF_EVENTS,
    service_of,
    supports,
)
from slstest.embedded.lambda_service.errors import invalid_parameter, not_found
from slstest.embedded.lambda_service.event_invoke_config import EventInvokeConfig, destinations_of
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.pagination import page

Parameters = Mapping[str, Any]


class EventInvokeConfigService:
    """Answers them. Versions and aliases, which have settings of their own, do not exist yet."""

    def __init__(
        self,
        store: FunctionStore,
        now: Callable[[], float],
        check_destination: Callable[[str], None],
    ) -> None:
        """``check_destination`` raises Lambda's error for an ARN that leads nowhere."""
        self._store = store
        self._now = now
        self._check_destination = check_destination
        self.operations: Mapping[str, Callable[[Parameters], dict[str, Any]]] = {
            "PutFunctionEventInvokeConfig": self.put,
            "UpdateFunctionEventInvokeConfig": self.update,
            "GetFunctionEventInvokeConfig": self.get,
            "ListFunctionEventInvokeConfigs": self.list_page,
            "DeleteFunctionEventInvokeConfig": self.delete,
        }

    def put(self, params: Parameters) -> dict[str, Any]:
        _check_something_is_set(params)
        return self._set(self._function(params), EventInvokeConfig(), params)

    def update(self, params: Parameters) -> dict[str, Any]:
        _check_something_is_set(params)
        function = self._function(params)
        return self._set(function, self._configured(params)[1], params)

    def get(self, params: Parameters) -> dict[str, Any]:
        function, config = self._configured(params)
        return config.document(function.arn)

    def list_page(self, params: Parameters) -> dict[str, Any]:
        function = self._function(params)
        config = function.event_invoke_config
        configs = [] if config is None else [config.document(function.arn)]
        shown, marker = page(configs, params.get("Marker"), params.get("MaxItems", 50))
        result: dict[str, Any] = {"FunctionEventInvokeConfigs": shown}
        return result | ({"NextMarker": marker} if marker else {})

    def delete(self, params: Parameters) -> dict[str, Any]:
        function, _ = self._configured(params)
        function.event_invoke_config = None
        return {}

    # -- inside -------------------------------------------------------------------------

    def _find(self, params: Parameters) -> tuple[Function | None, str]:
        """The function, or None, and the ARN that the request means."""
        name, qualifier = self._store.named(params["FunctionName"], params.get("Qualifier"))
        qualifier = qualifier or "$LATEST"
        function = self._store.find(name) if qualifier == "$LATEST" else None
        return function, f"{self._store.arn(name)}:{qualifier}"

    def _function(self, params: Parameters) -> Function:
        function, _ = self._find(params)
        if function is None:
            raise not_found("The function doesn't exist.")
        return function

    def _configured(self, params: Parameters) -> tuple[Function, EventInvokeConfig]:
        function, arn = self._find(params)
        if function is None or function.event_invoke_config is None:
            raise not_found(f"The function {arn} doesn't have an EventInvokeConfig")
        return function, function.event_invoke_config

    def _set(
        self, function: Function, current: EventInvokeConfig, params: Parameters
    ) -> dict[str, Any]:
        if "DestinationConfig" in params:
            self._check_destinations(function, params["DestinationConfig"])
        config = current.with_parameters(params, self._now())
        function.event_invoke_config = config
        return config.document(function.arn)

    def _check_destinations(self, function: Function, destinations: Parameters) -> None:
        on_success, on_failure = destinations_of(destinations)
        supported = (not on_success or supports(ON_SUCCESS_OF_EVENTS, on_success)) and (
            not on_failure or supports(ON_FAILURE_OF_EVENTS, on_failure)
        )
        if not supported:
            success = f"OnSuccess(destination={on_success})" if on_success else "null"
            failure = f"OnFailure(destination={on_failure})" if on_failure else "null"
            raise invalid_parameter(
                "The provided destination config DestinationConfig("
                f"onSuccess={success}, onFailure={failure}) is invalid."
            )
        for arn in filter(None, (on_success, on_failure)):
            if service_of(arn) == "lambda" and arn.split(":")[6] == function.name:
                raise invalid_parameter(
                    "You can't specify the function as a destination for itself."
                )
            self._check_destination(arn)


def _check_something_is_set(params: Parameters) -> None:
    settings = {"MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"}
    if not settings.intersection(params):
        raise invalid_parameter(
            "You must specify at least one of error handling or destination setting."
        )
