"""Which parameters do what they say; all others are refused, never ignored.

So a setting that AWS adds is refused as well, until somebody builds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from slstest.embedded.event_sources.sqs_settings import QUEUE_PARAMETERS
from slstest.embedded.event_sources.stream_settings import STREAM_PARAMETERS
from slstest.embedded.lambda_service.errors import not_built

_CODE = frozenset({"ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion"})

_CONFIGURATION = frozenset(
    {
        "FunctionName",
        "Runtime",
        "Role",
        "Handler",
        "Description",
        "Timeout",
        "MemorySize",
        "Environment",
        "LoggingConfig",
        "DeadLetterConfig",
    }
)

_EVENT_INVOKE_CONFIG = frozenset(
    {
        "FunctionName",
        "Qualifier",
        "MaximumRetryAttempts",
        "MaximumEventAgeInSeconds",
        "DestinationConfig",
    }
)

_MAPPING = STREAM_PARAMETERS | QUEUE_PARAMETERS

_PERMISSION = frozenset({"FunctionName", "Qualifier", "StatementId", "RevisionId"})

_PAGE = frozenset({"Marker", "MaxItems"})

BUILT: Mapping[str, frozenset[str]] = {
    "CreateFunction": _CONFIGURATION | {"Architectures", "Code", "Tags"},
    "UpdateFunctionConfiguration": _CONFIGURATION | {"RevisionId"},
    "UpdateFunctionCode": _CODE | {"FunctionName", "Architectures", "DryRun", "RevisionId"},
    "ListFunctions": _PAGE,
    "PutFunctionEventInvokeConfig": _EVENT_INVOKE_CONFIG,
    "UpdateFunctionEventInvokeConfig": _EVENT_INVOKE_CONFIG,
    "ListFunctionEventInvokeConfigs": _PAGE | {"FunctionName"},
    "PutFunctionConcurrency": frozenset({"FunctionName", "ReservedConcurrentExecutions"}),
    "CreateEventSourceMapping": _MAPPING,
    "UpdateEventSourceMapping": _MAPPING,
    "AddPermission": _PERMISSION
    | {"Action", "Principal", "SourceArn", "SourceAccount", "PrincipalOrgID"}
    | {"EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl"},
    "RemovePermission": _PERMISSION,
    "Invoke": frozenset(
        {"FunctionName", "Qualifier", "InvocationType", "LogType", "ClientContext", "Payload"}
    ),
}
"""The parameters that are built, of operations that have others. Of those of event source
mappings some are for one kind of source only, see
:class:`slstest.embedded.event_sources.base.Source`."""

_ASKS_FOR_NOTHING: Mapping[str, Callable[[Any], bool]] = {
    "PackageType": lambda value: value == "Zip",
    "EphemeralStorage": lambda value: value.get("Size") == 512,
    "TracingConfig": lambda value: value.get("Mode") == "PassThrough",
    "SnapStart": lambda value: value.get("ApplyOn") == "None",
}
"""Tests for values that stand anyway, where these are others than empty ones."""


def refuse_unbuilt(operation: str, params: Mapping[str, Any]) -> None:
    """Raise for every parameter that is not built and asks for something."""
    if operation in BUILT:
        refuse_unbuilt_for(operation, params, BUILT[operation])
    if operation == "CreateFunction":
        refuse_unbuilt_for(operation, params.get("Code", {}), _CODE)


def refuse_unbuilt_for(operation: str, params: Mapping[str, Any], built: frozenset[str]) -> None:
    """Raise for every parameter that is not among ``built`` and asks for something."""
    for name, value in params.items():
        if name not in built and not _ASKS_FOR_NOTHING.get(name, _is_empty)(value):
            raise not_built(operation, name)


def _is_empty(value: Any) -> bool:
    return all(map(_is_empty, value.values())) if isinstance(value, Mapping) else not value
