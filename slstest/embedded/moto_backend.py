"""moto as the keeper of state: answers the requests of every service but Lambda."""

from __future__ import annotations

import functools
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders

from slstest.embedded.messages import AwsRequest, AwsResponse

ACCOUNT_ID = "123456789012"
"""The account in which moto keeps what callers with unknown credentials create."""

_NO_SERVICE: tuple[int, dict[str, str], str] = (404, {}, "Not yet implemented")
"""What moto answers for a host that it does not know."""

_HOST_OF_SIGNING_NAME = {
    "iotdata": "data-ats.iot",
    "memorydb": "memory-db",
    "mobiletargeting": "pinpoint",
    "sagemaker": "api.sagemaker",
}


@functools.cache
def services() -> dict[str, str]:
    """The services that are answered, by boto3's names, and moto's module of each."""
    import boto3
    from moto.backends import list_of_moto_modules

    modules = {module.replace("_", ""): f"moto.{module}" for module in list_of_moto_modules()}
    names = {name: name.replace("-", "") for name in boto3.Session().get_available_services()}
    names["lambda"] = "awslambda"
    return {name: modules[key] for name, key in sorted(names.items()) if key in modules}


class MotoBackend:
    """Hands requests to moto's own dispatch, without moto's patches of this process.

    ``mock_aws`` is never started: it would patch every HTTP library of the process and the
    environment's credentials. moto is not made for several threads, so requests take turns.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        from moto.core.botocore_stubber import BotocoreStubber
        from moto.core.config import default_user_config

        self._unwrap = _remember_method_names()
        self._lambda_before = default_user_config["lambda"]
        default_user_config["lambda"] = {"use_docker": False}
        self._stubber = BotocoreStubber()
        self._lock = threading.RLock()
        self._time = _MotoTime(now)

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        """Answer one request, at the moment ``at`` of the cloud's time or now."""
        parts = urlsplit(request.url)
        url = urlunsplit(("https", _host(request), parts.path or "/", parts.query, ""))
        try:
            with self._lock, self._time.held(at):
                answer = self._stubber.process_request(_prepared(request, url))
        except ImportError as error:
            return _failed(
                request, "NotImplemented", "lacks a package (pip install 'moto[all]')", error
            )
        except NotImplementedError as error:
            return _failed(request, "NotImplemented", "does not have it", error)
        except Exception as error:
            return _failed(request, "InternalFailure", "failed", error)
        if answer is None or answer == _NO_SERVICE:
            return request.error(
                501,
                "NotImplemented",
                f"the embedded cloud has no service '{request.service}' ({request.described})",
            )
        status, headers, body = answer
        content = body.encode() if isinstance(body, str) else bytes(body or b"")
        return AwsResponse(int(status), {k: str(v) for k, v in headers.items()}, content)

    def close(self) -> None:
        """Forget everything that was kept, and give moto its own time and settings back."""
        from moto.core.base_backend import BackendDict
        from moto.core.config import default_user_config

        with self._lock:
            self._time.release()
            BackendDict.reset()
            default_user_config["lambda"] = self._lambda_before
            self._unwrap()


def account_of(access_key: str) -> str:
    """The account in which moto keeps what the callers with an access key create: another one
    than :data:`ACCOUNT_ID` once they have assumed a role of it."""
    iam = sys.modules.get("moto.iam.models")
    return ACCOUNT_ID if iam is None else str(iam.get_account_id_from(access_key))


def _remember_method_names() -> Callable[[], None]:
    """Have moto list the methods of a service once and not for each request, which is a tenth
    of a request's time. Returns what undoes it."""
    from moto.core import responses

    name = "method_names_from_class"
    listed: Callable[..., list[str]] = getattr(responses, name)
    setattr(responses, name, functools.cache(listed))
    return lambda: setattr(responses, name, listed)


class _MotoTime:
    """Puts the cloud's time in the place of moto's idea of now, for the cloud's requests.

    Most of moto asks ``moto.core.utils.utcnow``, which its modules import by name: each
    module that has been loaded since the last look gets the replacement. Whoever else uses
    moto in this process, from another thread or in between, keeps moto's own.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        from moto.core import utils

        self._now = now
        self._local = threading.local()
        self._modules_seen = 0
        self._original = original = utils.utcnow

        def utcnow() -> datetime:
            moment: Callable[[], float] | None = getattr(self._local, "now", None)
            if moment is None:
                return original()
            return datetime.fromtimestamp(moment(), timezone.utc).replace(tzinfo=None)

        self._replacement = utcnow

    @contextmanager
    def held(self, at: float | None) -> Iterator[None]:
        if len(sys.modules) != self._modules_seen:
            self._replace(self._original, self._replacement)
            self._modules_seen = len(sys.modules)
        self._local.now = self._now if at is None else lambda: at
        try:
            yield
        finally:
            self._local.now = None

    def release(self) -> None:
        self._replace(self._replacement, self._original)

    @staticmethod
    def _replace(old: Any, new: Any) -> None:
        for name, module in list(sys.modules.items()):
            if name.startswith("moto.") and getattr(module, "utcnow", None) is old:
                module.utcnow = new  # type: ignore[attr-defined]


def _prepared(request: AwsRequest, url: str) -> AWSPreparedRequest:
    if request.service == "s3" and request.is_form():
        # An object that is uploaded under the content type of forms, as urllib does by itself:
        # its content must have been read before moto takes it for a form's.
        from moto.core.request import Request

        form = Request.from_primitives(request.method, url, request.headers, request.content())
        form.get_data(cache=True, parse_form_data=False)
        return cast(AWSPreparedRequest, form)
    return AWSPreparedRequest(
        method=request.method,
        url=url,
        headers=cast(HTTPHeaders, request.headers),
        body=request.body,
        stream_output=False,
    )


def _host(request: AwsRequest) -> str:
    """The host that moto knows the service by; most are called as their requests are signed."""
    if request.service == "budgets":
        return "budgets.amazonaws.com"
    name = _HOST_OF_SIGNING_NAME.get(request.service, request.service)
    return f"{name}.{request.region}.amazonaws.com"


def _failed(request: AwsRequest, code: str, how: str, error: Exception) -> AwsResponse:
    """An answer that boto3 does not try again, as it would after a status of 500."""
    message = (
        f"{request.service} {request.described}: moto, which answers this service in the embedded "
        f"cloud, {how}: {error or type(error).__name__}"
    )
    if code != "NotImplemented":
        place = traceback.extract_tb(error.__traceback__)[-1]
        message += f" ({type(error).__name__} at {place.filename}:{place.lineno})"
    return request.error(501, code, message)
