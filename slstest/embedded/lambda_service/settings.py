"""CreateFunction and UpdateFunctionConfiguration: which settings stand, and AWS's checks.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from slstest.embedded.destinations import DEAD_LETTER_QUEUES, supports
from slstest.embedded.lambda_service.errors import (
    LambdaApiError,
    invalid_parameter,
    not_built,
    validation_error,
)

ENVIRONMENT_LIMIT = 4096
"""Bytes of all variables together, written as one JSON object:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "LAMBDA_TASK_ROOT",
        "LAMBDA_RUNTIME_DIR",
    }
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""

_KEPT = ("Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize")


def defaults() -> dict[str, Any]:
    """What AWS sets where a request says nothing."""
    return {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
    }


def apply(operation: str, settings: dict[str, Any], params: Mapping[str, Any]) -> None:
    """Check ``params`` and write them into ``settings``. Raises Lambda's errors."""
    _check_limits(params)
    settings.update({name: params[name] for name in _KEPT if name in params})
    if "Architectures" in params:
        settings["Architectures"] = params["Architectures"]
    if "Environment" in params:
        _apply_environment(settings, params["Environment"].get("Variables", {}))
    _apply_dead_letter_queue(settings, params.get("DeadLetterConfig", {}).get("TargetArn"))
    _apply_logging(operation, settings, params.get("LoggingConfig"))


def check_runtime(runtime: str | None, known: list[str]) -> None:
    """An identifier that AWS does not know is refused as AWS refuses it."""
    if runtime is None:
        raise invalid_parameter(
            "Runtime and Handler are mandatory parameters for functions created with "
            "deployment packages."
        )
    if runtime not in known:
        raise invalid_parameter(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy "
            f"enum value set: [{', '.join(known)}] or be a valid ARN"
        )


def _check_limits(params: Mapping[str, Any]) -> None:
    for name, limit in (("Timeout", 900), ("MemorySize", 10240)):
        value = params.get(name)
        if value is not None and value > limit:
            raise validation_error(
                [
                    f"Value '{value}' at '{name[0].lower()}{name[1:]}' failed to satisfy "
                    f"constraint: Member must have value less than or equal to {limit}"
                ]
            )


def _apply_environment(settings: dict[str, Any], variables: dict[str, str]) -> None:
    reserved = sorted(_RESERVED_VARIABLES.intersection(variables))
    if reserved:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode())
    if measured > ENVIRONMENT_LIMIT:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit. Measured size: "
            f"{measured} bytes"
        )
    settings["Environment"] = {"Variables": dict(variables)}


def _apply_dead_letter_queue(settings: dict[str, Any], target_arn: str | None) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq"""
    if target_arn is None:
        return
    if not target_arn:
        settings.pop("DeadLetterConfig", None)
        return
    if not supports(DEAD_LETTER_QUEUES, target_arn):
        raise invalid_parameter(
            f"Invalid dead letter queue ARN: {target_arn} is not that of a standard SQS queue or "
            "a standard SNS topic"
        )
    settings["DeadLetterConfig"] = {"TargetArn": target_arn}


def _apply_logging(
    operation: str, settings: dict[str, Any], logging_config: Mapping[str, Any] | None
) -> None:
    if logging_config is None:
        return
    if logging_config.get("LogFormat", "Text") != "Text":
        raise not_built(operation, "LoggingConfig.LogFormat=JSON")
    if {"ApplicationLogLevel", "SystemLogLevel"} & set(logging_config):
        raise LambdaApiError(
            "InvalidParameterValueException",
            "You must specify your log format as JSON to set log levels.",
            Type="User",
        )
    settings["LoggingConfig"] = {
        "LogFormat": "Text",
        "LogGroup": logging_config.get("LogGroup") or settings["LoggingConfig"]["LogGroup"],
    }
