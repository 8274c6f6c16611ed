"""What a function run by a remote cloud tells of its invocations.

A cloud that runs a function shows its log and nothing else. So the package gets one module
more, which is the handler, calls the function's own, and writes into the log what that got
and gave. ``recorded.py`` reads it. What the handler gave is written as AWS's runtime answers it,
or as the error that this makes of it.
"""

from __future__ import annotations

import io
import zipfile

from slstest.runtimes.limits import MAX_RESPONSE_SIZE, response_too_large

MODULE = "_slstest_recorder"
HANDLER = f"{MODULE}.handler"
MARK = "SLSTEST"
"""What every line of the recorder begins with."""

_SOURCE = '''\
"""Tells the log what the handler gets and gives."""

import importlib
import json
import os
import sys

try:
    from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
except ImportError:
    LambdaMarshaller = None  # not AWS's runtime; what others know is plain JSON

os.environ["_HANDLER"] = {handler!r}
_MODULE, _, _NAME = {handler!r}.rpartition(".")
_own = getattr(importlib.import_module(_MODULE.replace("/", ".")), _NAME)


def _tell(context, what, value):
    text = json.dumps(value)
    parts = [text[at : at + {limit}] for at in range(0, len(text), {limit})]
    told = (context.aws_request_id, context.function_name, what)
    for number, part in enumerate(parts, 1):
        head = "{mark} %s %s %s %d/%d " % (*told, number, len(parts))
        sys.stdout.write(head + part + "\\n")
    sys.stdout.flush()


def _outcome(response):
    try:
        if LambdaMarshaller is None:
            return "response", json.loads(json.dumps(response))
        answer, _ = LambdaMarshaller().marshal_response(response)
    except Exception as error:
        message = "Unable to marshal response: %s" % error
        message = getattr(error, "msg", message)
        return "error", {{"errorType": "Runtime.MarshalError", "errorMessage": message}}
    if not isinstance(answer, bytes):
        answer = answer.encode("utf-8", "surrogatepass")
    if len(answer) > {response_limit}:
        return "error", {too_large!r}
    try:
        return "response", json.loads(answer)
    except ValueError:
        return "response", answer.decode("utf-8", "backslashreplace")


def handler(event, context):
    _tell(context, "event", event)
    try:
        response = _own(event, context)
    except Exception as error:
        document = {{"errorType": type(error).__name__, "errorMessage": str(error)}}
        _tell(context, "error", document)
        raise
    _tell(context, *_outcome(response))
    return response  # where it cannot be marshalled, that is for the runtime to find out
'''

_LINE_LIMIT = 200_000
"""Characters; CloudWatch Logs takes events of 256 KB:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""


def with_recorder(content: bytes, handler: str) -> bytes:
    """The package of a Python function with the recorder in front of its handler."""
    packed = io.BytesIO(content)
    with zipfile.ZipFile(packed, "a", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo(f"{MODULE}.py", (1980, 1, 1, 0, 0, 0))
        member.external_attr = 0o644 << 16
        archive.writestr(member, recorder_source(handler))
    return packed.getvalue()


def recorder_source(handler: str, line_limit: int = _LINE_LIMIT) -> str:
    """The module that is put in front of a handler."""
    return _SOURCE.format(
        handler=handler,
        limit=line_limit,
        mark=MARK,
        response_limit=MAX_RESPONSE_SIZE,
        too_large=response_too_large(),
    )
