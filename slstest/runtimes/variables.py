"""The environment variables that a function sees.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path

from slstest.runtimes.base import EnvironmentSpec

RESERVED_NAMES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_MAX_CONCURRENCY",
        "AWS_LAMBDA_METADATA_API",
        "AWS_LAMBDA_METADATA_TOKEN",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)
"""The names that AWS lets nobody set in a function's configuration."""

HOST_NAMES = (
    "PATH",  # programs that the function starts
    "LD_LIBRARY_PATH",  # shared libraries of this very Python, where it is not a system one
    "DYLD_LIBRARY_PATH",
    "SYSTEMROOT",  # sockets on Windows
    "TERM",  # the debugger at the terminal
    "COLUMNS",
    "LINES",
    "PYTHONBREAKPOINT",
)
"""All that a function sees of the variables of the test's own process."""


@functools.cache
def _runtime_dir() -> str:
    spec = importlib.util.find_spec("awslambdaric")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("awslambdaric is not installed: pip install awslambdaric")
    return str(Path(spec.origin).parent)


def reserved_variables(
    spec: EnvironmentSpec,
    task_root: Path,
    *,
    runtime_api: str | None = None,
    runtime_dir: str | None = None,
) -> dict[str, str]:
    """What Lambda sets and the function's configuration cannot change.

    ``runtime_api`` is host and port of the Runtime API, where there is one; ``runtime_dir``
    is by default the folder of ``awslambdaric``. ``_X_AMZN_TRACE_ID`` is missing: it changes
    with each invocation.
    """
    variables = {
        "_HANDLER": spec.handler,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_size),
        "AWS_LAMBDA_FUNCTION_NAME": spec.function_name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": spec.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": spec.log_stream,
        "AWS_REGION": spec.region,
        "LAMBDA_RUNTIME_DIR": _runtime_dir() if runtime_dir is None else runtime_dir,
        "LAMBDA_TASK_ROOT": str(task_root),
    }
    if runtime_api is not None:
        variables["AWS_LAMBDA_RUNTIME_API"] = runtime_api
    return variables


def function_variables(
    spec: EnvironmentSpec,
    task_root: Path,
    *,
    runtime_api: str | None = None,
    runtime_dir: str | None = None,
    host: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The whole environment of the function.

    Weakest first: what Lambda sets by default, :data:`HOST_NAMES` from ``host``, the
    function's own variables, the way to the cloud, the reserved variables. The host's AWS
    configuration files are out of reach, as they would be on AWS.
    """
    return {
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PWD": str(task_root),
        **{name: host[name] for name in HOST_NAMES if name in host},
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **spec.variables,
        **spec.aws_variables,
        **reserved_variables(spec, task_root, runtime_api=runtime_api, runtime_dir=runtime_dir),
    }
