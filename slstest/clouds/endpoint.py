"""An AWS-compatible endpoint at a URL: its clients, and whether it answers at all."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from slstest.clouds.connection import Health
from slstest.clouds.sessions import LAMBDA_READ_TIMEOUT, MADE_UP, secluded_session
from slstest.clouds.silence import AttendedSession, Presence
from slstest.clouds.urls import checked_url
from slstest.errors import ConfigurationError, NothingAnswers, SlstestError
from slstest.waiting import Pace

if TYPE_CHECKING:
    import boto3

HEALTH_PATH = "/_localstack/health"
"""LocalStack's, which MiniStack, Floci and ``slstest serve`` answer as well."""

_CONNECT_TIMEOUT = 2.0
_READ_TIMEOUT = 60.0
"""Seconds; for all but Lambda. What takes longer is asked for again."""
_ATTEMPTS = 3
_HEALTH_TIMEOUT = 5.0
_ACCOUNT_WITHOUT_STS = "000000000000"
"""LocalStack's, where its setting SERVICES leaves out the service that would tell."""


class Endpoint:
    """The clients of one endpoint.

    Its credentials are those that emulators take, never the user's: whatever the URL is, no
    real account can be reached.
    """

    needs_roles = False
    pace = Pace()
    quiet = 2.0
    quiet_here = 0.0
    quiet_pushes = 1.0
    slow_start: float | None = None
    user_id = ""
    owner = ""

    def __init__(self, url: str, region: str) -> None:
        """Raises :class:`slstest.errors.ConfigurationError` for what is no endpoint's URL."""
        self.url = checked_url(url)
        self.region = region
        self._clients: dict[str, Any] = {}
        self._examined: tuple[str, Health] | None = None
        self._lock = threading.Lock()
        self._presence = Presence(self._probe)
        self.session = self.session_with({})

    def client(self, service: str) -> Any:
        """The shared client of a service, made on first use."""
        with self._lock:
            if service not in self._clients:
                timeout = LAMBDA_READ_TIMEOUT if service == "lambda" else _READ_TIMEOUT
                self._clients[service] = self._make(service, _ATTEMPTS, timeout)
            return self._clients[service]

    def own_client(self, service: str, attempts: int, timeout: float) -> Any:
        """A client that is not shared, asks at most so many times, and waits so many seconds for
        an answer."""
        with self._lock:
            return self._make(service, attempts, timeout)

    def session_with(self, elsewhere: Mapping[str, str]) -> boto3.Session:
        """A session whose clients reach the endpoint, but for these services, which are at
        these URLs."""
        session = secluded_session(self.url, elsewhere, region_name=self.region, **MADE_UP)
        session.events.register("before-send", self._refuse_silence)
        return session

    def examine(self) -> tuple[str, Health]:
        """The account id of its callers and what it tells of itself; asked for once.

        Raises :class:`slstest.errors.ConfigurationError` where nothing answers, or what does
        is no AWS cloud.
        """
        if self._examined is None:
            self._examined = self._ask()
        return self._examined

    def variables(self, function_name: str, role_arn: str) -> Mapping[str, str]:
        """Those of a function here, whose credentials carry its name."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_SESSION_TOKEN": function_name,
            "AWS_ENDPOINT_URL": self.url,
        }

    def close(self) -> None:
        """Nothing was started."""

    # -- inside -------------------------------------------------------------------------

    def _ask(self) -> tuple[str, Health]:
        from botocore.exceptions import BotoCoreError, ClientError
        from botocore.parsers import ResponseParserError

        health = self._health()
        if health.services and "sts" not in health.services:
            return _ACCOUNT_WITHOUT_STS, health
        try:
            account = str(self.client("sts").get_caller_identity()["Account"])
        except SlstestError as error:
            raise ConfigurationError(str(error)) from error
        except (BotoCoreError, ClientError, ResponseParserError, KeyError) as error:
            raise ConfigurationError(
                f"{self.url} answers, but not as an AWS cloud does (GetCallerIdentity: {error}). "
                "Give the URL of LocalStack, MiniStack, moto's server or slstest serve."
            ) from error
        return account, health

    def _make(self, service: str, attempts: int, timeout: float) -> Any:
        from botocore.config import Config

        make: Callable[..., Any] = self.session.client
        client = make(
            service,
            config=Config(
                connect_timeout=_CONNECT_TIMEOUT,
                read_timeout=timeout,
                retries={"mode": "standard", "total_max_attempts": attempts},
                s3={"addressing_style": "path"},
            ),
        )
        client.meta.events.register("response-received", self._tell_of_silence)
        # There is no public way to be there while a client waits.
        sender = client._endpoint
        sender.http_session = AttendedSession(sender.http_session, self._answers, self._gone)
        return client

    def _refuse_silence(self, request: Any, **_: Any) -> None:
        """End a call to an endpoint that was found silent before it is waited for."""
        host, asked = urlsplit(self.url).netloc, urlsplit(request.url).netloc
        # S3's clients name the bucket in the host.
        if (asked == host or asked.endswith(f".{host}")) and self._presence.is_silent():
            raise self._gone()

    def _tell_of_silence(self, exception: Exception | None = None, **_: Any) -> None:
        """End the call with a clear message where the endpoint is gone; a passing trouble is
        left to botocore's retries."""
        if exception is None or isinstance(exception, SlstestError) or self._answers():
            return
        raise self._gone(f" ({exception})") from exception

    def _gone(self, how: str = "") -> SlstestError:
        return SlstestError(
            f"the endpoint {self.url} does not answer any more{how}. {self._why_silent()}"
        )

    def _why_silent(self) -> str:
        return "Is it still running?"

    def _answers(self) -> bool:
        return self._presence.answers()

    def _probe(self, timeout: float) -> bool:
        try:
            urllib.request.urlopen(self.url + HEALTH_PATH, timeout=timeout).close()
        except urllib.error.HTTPError:
            return True
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return True

    def _health(self) -> Health:
        try:
            with urllib.request.urlopen(self.url + HEALTH_PATH, timeout=_HEALTH_TIMEOUT) as answer:
                told = json.load(answer)
        except urllib.error.HTTPError:
            return Health()
        except ValueError:
            return Health()
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise NothingAnswers(
                f"nothing answers at {self.url}: {reason}. Start the cloud there, or give the "
                "URL of one that runs."
            ) from error
        except http.client.HTTPException as error:
            raise ConfigurationError(
                f"what listens at {self.url} does not speak HTTP: {error!r}. Give the URL "
                "of LocalStack, MiniStack, moto's server or slstest serve."
            ) from error
        if not isinstance(told, dict) or not isinstance(told.get("services"), dict):
            return Health()
        usable = {name for name, state in told["services"].items() if state not in _UNUSABLE}
        return Health(str(told.get("edition", "")), str(told.get("version", "")), frozenset(usable))


_UNUSABLE = ("disabled", "error", "unavailable")
