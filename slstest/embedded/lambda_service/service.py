"""The Lambda API: one method for each operation that the embedded cloud has.

https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from slstest.embedded.constraints import broken_constraints
from slstest.embedded.destinations import Destinations
from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.lambda_service import settings as function_settings
from slstest.embedded.lambda_service.code import CodeStore, Package
from slstest.embedded.lambda_service.concurrency import (
    Concurrency,
    ConcurrencyService,
    reservation,
    too_many_requests,
)
from slstest.embedded.lambda_service.environments import EnvironmentPool
from slstest.embedded.lambda_service.errors import (
    LambdaApiError,
    invalid_parameter,
    not_found,
    validation_error,
)
from slstest.embedded.lambda_service.event_invoke_service import EventInvokeConfigService
from slstest.embedded.lambda_service.event_queue import EventQueue
from slstest.embedded.lambda_service.functions import Function, FunctionStore
from slstest.embedded.lambda_service.invocation import Invoker
from slstest.embedded.lambda_service.mappings import MappingService
from slstest.embedded.lambda_service.policy import FunctionPolicies
from slstest.embedded.lambda_service.protocol import Protocol
from slstest.embedded.lambda_service.requests import (
    check_payload,
    check_request_size,
    check_zip_size,
    client_context,
)
from slstest.embedded.lambda_service.tags import TagService
from slstest.embedded.lambda_service.unbuilt import refuse_unbuilt
from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.pagination import InvalidMarker, page
from slstest.errors import UnsupportedRuntime

if TYPE_CHECKING:
    from botocore.model import ServiceModel

Parameters = Mapping[str, Any]
Result = dict[str, Any]

_TAIL = 4096
"""Bytes of the log that LogType=Tail answers with."""


class LambdaService:
    """Answers Lambda's requests."""

    def __init__(
        self,
        model: ServiceModel,
        store: FunctionStore,
        code: CodeStore,
        pool: EnvironmentPool,
        invoker: Invoker,
        mappings: MappingService,
        policies: FunctionPolicies,
        now: Callable[[], float],
        fetch_object: Callable[[Parameters], bytes],
        code_url: Callable[[Function], str],
        events: EventQueue,
        destinations: Destinations,
        concurrency: Concurrency,
    ) -> None:
        self._protocol = Protocol(model)
        runtimes: Any = model.shape_for("Runtime")
        self._known_runtimes: list[str] = runtimes.enum
        self._store = store
        self._code = code
        self._pool = pool
        self._invoker = invoker
        self._mappings = mappings
        self._now = now
        self._fetch_object = fetch_object
        self._code_url = code_url
        self._events = events
        self._destinations = destinations
        self._operations: dict[str, Callable[[Parameters], Result]] = {
            "CreateFunction": self.create_function,
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_function_configuration,
            "ListFunctions": self.list_functions,
            "UpdateFunctionCode": self.update_function_code,
            "UpdateFunctionConfiguration": self.update_function_configuration,
            "DeleteFunction": self.delete_function,
            "CreateEventSourceMapping": mappings.create,
            "GetEventSourceMapping": mappings.get,
            "ListEventSourceMappings": mappings.list_page,
            "UpdateEventSourceMapping": mappings.update,
            "DeleteEventSourceMapping": mappings.delete,
            **EventInvokeConfigService(store, now, destinations.check).operations,
            **ConcurrencyService(store, concurrency).operations,
            **policies.operations,
            **TagService(store, mappings.tags).operations,
        }

    def handle(self, request: AwsRequest) -> AwsResponse:
        """Answer one request."""
        request_id = str(uuid.uuid4())
        try:
            self._store.check_region(request.region)
            operation, labels = self._protocol.match(request)
            content = request.content()
            check_request_size(operation.name, len(content))
            params = self._protocol.decode(operation, labels, request, content)
            refuse_unbuilt(operation.name, params)
            if problems := broken_constraints(operation, params, skip=frozenset({"Runtime"})):
                raise validation_error(problems)
            if operation.name == "Invoke":
                result = self.invoke(params, request_id)
            elif operation.name in self._operations:
                result = self._operations[operation.name](params)
            else:
                raise LambdaApiError(
                    "NotImplementedException",
                    f"the embedded cloud does not have the Lambda operation {operation.name} yet",
                    501,
                )
            return self._protocol.encode(operation, result, request_id)
        except LambdaApiError as error:
            return self._protocol.encode_error(error, request_id)
        except InvalidMarker as error:
            return self._protocol.encode_error(invalid_parameter(str(error)), request_id)

    def download(self, function_name: str) -> AwsResponse:
        """The package of a function, as the URL that GetFunction gives answers."""
        function = self._store.find(function_name)
        if function is None:
            return self._protocol.encode_error(
                not_found(f"Function not found: {self._store.arn(function_name)}"),
                str(uuid.uuid4()),
            )
        return AwsResponse(200, {"Content-Type": "application/zip"}, function.package.content)

    # -- functions ----------------------------------------------------------------------

    def create_function(self, params: Parameters) -> Result:
        name, _ = self._store.name_of(params["FunctionName"])
        if len(name) > 64:
            raise invalid_parameter(
                f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy "
                "constraint: Member must have length less than or equal to 64"
            )
        function_settings.check_runtime(params.get("Runtime"), self._known_runtimes)
        if not params.get("Handler"):
            raise invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with "
                "deployment packages."
            )
        settings = function_settings.defaults()
        settings["LoggingConfig"] = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
        function_settings.apply("CreateFunction", settings, params)
        function = Function(
            name=name,
            arn=self._store.arn(name),
            package=self._package(params["Code"]),
            settings=settings,
            tags=dict(params.get("Tags", {})),
            last_modified=self._now(),
        )
        self._check_runnable(function)
        self._check_dead_letter_queue(params)
        self._store.add(function)
        self._pool.start_ahead(function)
        return function.configuration(state="Pending")

    def get_function(self, params: Parameters) -> Result:
        function = self._function(params)
        result: Result = {
            "Configuration": function.configuration(),
            "Code": {"RepositoryType": "S3", "Location": self._code_url(function)},
        }
        if function.tags:
            result["Tags"] = function.tags
        if function.reserved_concurrency is not None:
            result["Concurrency"] = reservation(function)
        return result

    def get_function_configuration(self, params: Parameters) -> Result:
        return self._function(params).configuration()

    def list_functions(self, params: Parameters) -> Result:
        functions, marker = page(
            self._store.all(), params.get("Marker"), min(params.get("MaxItems", 50), 50)
        )
        result: Result = {"Functions": [function.configuration() for function in functions]}
        for document in result["Functions"]:
            for state in ("State", "LastUpdateStatus"):
                document.pop(state, None)
        return result | ({"NextMarker": marker} if marker else {})

    def update_function_code(self, params: Parameters) -> Result:
        function = self._function(params)
        function.check_revision(params.get("RevisionId"))
        package = self._package(params)
        if params.get("DryRun"):
            return function.configuration()
        if "Architectures" in params:
            function.settings["Architectures"] = params["Architectures"]
        function.package = package
        self._restart(function)
        return function.configuration(update="InProgress")

    def update_function_configuration(self, params: Parameters) -> Result:
        function = self._function(params)
        function.check_revision(params.get("RevisionId"))
        if "Runtime" in params:
            function_settings.check_runtime(params["Runtime"], self._known_runtimes)
        settings = dict(function.settings)
        function_settings.apply("UpdateFunctionConfiguration", settings, params)
        self._check_runnable(replace(function, settings=settings))
        self._check_dead_letter_queue(params)
        function.settings = settings
        self._restart(function)
        return function.configuration(update="InProgress")

    def delete_function(self, params: Parameters) -> Result:
        function = self._function(params)
        if params.get("Qualifier"):
            raise invalid_parameter(
                "$LATEST version cannot be deleted without deleting the function."
            )
        self._store.remove(function)
        self._pool.drop(function, running=True)
        return {"StatusCode": 204}

    # -- invocation ---------------------------------------------------------------------

    def invoke(self, params: Parameters, request_id: str) -> Result:
        kind = params.get("InvocationType", "RequestResponse")
        function = self._function(params)
        payload = params.get("Payload") or b"{}"
        check_payload(kind, payload)
        context = client_context(params.get("ClientContext"))
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: "Lambda passes the
            # ClientContext object to your function for synchronous invocations only."
            self._events.enqueue(function, payload, request_id)
            return {"StatusCode": 202}
        try:
            outcome = self._invoker.invoke(
                function, payload, client_context=context, request_id=request_id
            )
        except Throttled as throttled:
            raise too_many_requests(throttled) from throttled
        result: Result = {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "Payload": outcome.payload,
        }
        if outcome.function_error:
            result["FunctionError"] = outcome.function_error
        if params.get("LogType") == "Tail":
            log = "\n".join(outcome.log_lines).encode() + b"\n"
            result["LogResult"] = base64.b64encode(log[-_TAIL:]).decode()
        return result

    # -- inside -------------------------------------------------------------------------

    def _function(self, params: Parameters) -> Function:
        return self._store.get(params["FunctionName"], params.get("Qualifier"))

    def _package(self, source: Parameters) -> Package:
        if "ZipFile" in source:
            check_zip_size(len(source["ZipFile"]))
            return self._code.accept(source["ZipFile"])
        if "S3Bucket" not in source or "S3Key" not in source:
            raise invalid_parameter("Please provide a source for function code.")
        try:
            return self._code.accept(self._fetch_object(source))
        except ClientError as error:
            cause = error.response["Error"]
            raise invalid_parameter(
                f"Error occurred while GetObject. S3 Error Code: {cause['Code']}. "
                f"S3 Error Message: {cause['Message']}"
            ) from error

    def _check_runnable(self, function: Function) -> None:
        try:
            self._pool.check(function)
        except UnsupportedRuntime as error:
            raise invalid_parameter(str(error)) from error

    def _check_dead_letter_queue(self, params: Parameters) -> None:
        target_arn = params.get("DeadLetterConfig", {}).get("TargetArn")
        if not target_arn:
            return
        try:
            self._destinations.check(target_arn)
        except LambdaApiError as error:
            raise invalid_parameter(
                f"Invalid dead letter queue ARN: {target_arn} does not exist"
            ) from error

    def _restart(self, function: Function) -> None:
        function.changed(self._now())
        self._pool.drop(function, running=False)
        self._pool.start_ahead(function)
