"""Integration tests for serverless functions, as easy and as quick as unit tests.

The harness itself; the pytest plugin is in :mod:`slstest.plugins`. Nothing heavy is imported
before it is used, so that a test run without such tests does not pay for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slstest.environment import Environment as Environment
    from slstest.errors import ConfigurationError as ConfigurationError
    from slstest.errors import ExpectationFailed as ExpectationFailed
    from slstest.errors import FunctionError as FunctionError
    from slstest.errors import NotSettled as NotSettled
    from slstest.errors import SlstestError as SlstestError
    from slstest.errors import TeardownError as TeardownError
    from slstest.errors import Unavailable as Unavailable
    from slstest.errors import UnsupportedRuntime as UnsupportedRuntime
    from slstest.functions.function import Function as Function
    from slstest.functions.mapping import EventSourceMapping as EventSourceMapping
    from slstest.functions.notification import BucketNotification as BucketNotification
    from slstest.invocation import Invocation as Invocation
    from slstest.resources.bucket import Bucket as Bucket
    from slstest.resources.queue import Queue as Queue
    from slstest.resources.stream import Stream as Stream
    from slstest.resources.subscription import Subscription as Subscription
    from slstest.resources.table import Table as Table
    from slstest.resources.topic import Topic as Topic

    __version__: str

_HOMES = {
    "Bucket": "slstest.resources.bucket",
    "BucketNotification": "slstest.functions.notification",
    "ConfigurationError": "slstest.errors",
    "Environment": "slstest.environment",
    "EventSourceMapping": "slstest.functions.mapping",
    "ExpectationFailed": "slstest.errors",
    "Function": "slstest.functions.function",
    "FunctionError": "slstest.errors",
    "Invocation": "slstest.invocation",
    "NotSettled": "slstest.errors",
    "Queue": "slstest.resources.queue",
    "SlstestError": "slstest.errors",
    "Stream": "slstest.resources.stream",
    "Subscription": "slstest.resources.subscription",
    "Table": "slstest.resources.table",
    "TeardownError": "slstest.errors",
    "Topic": "slstest.resources.topic",
    "Unavailable": "slstest.errors",
    "UnsupportedRuntime": "slstest.errors",
}

__all__ = [
    "Bucket",
    "BucketNotification",
    "ConfigurationError",
    "Environment",
    "EventSourceMapping",
    "ExpectationFailed",
    "Function",
    "FunctionError",
    "Invocation",
    "NotSettled",
    "Queue",
    "SlstestError",
    "Stream",
    "Subscription",
    "Table",
    "TeardownError",
    "Topic",
    "Unavailable",
    "UnsupportedRuntime",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("slstest")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'slstest' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
