"""AWS's native module ``runtime_client`` in Python, for systems that it is not built for.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import http.client
import os
from typing import Any

_INVOCATION = "/2018-06-01/runtime/invocation"


class PortableClient:
    """Speaks to the Runtime API over one connection that stays open."""

    def __init__(self) -> None:
        self._connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
        self._user_agent = ""

    def initialize_client(self, user_agent: str) -> None:
        self._user_agent = user_agent

    def next(self) -> tuple[bytes, dict[str, Any]]:
        """Wait for the next event; returns it with the headers that awslambdaric reads."""
        body, response = self._request("GET", "next", 200)
        headers: dict[str, Any] = {
            # http.client takes headers for Latin-1; a client context is UTF-8.
            name: value.encode("latin-1").decode()
            for name, value in response.getheaders()
        }
        headers["Lambda-Runtime-Deadline-Ms"] = int(headers["Lambda-Runtime-Deadline-Ms"])
        return body, headers

    def post_invocation_result(
        self, invoke_id: str, result: bytes, content_type: str, invocation_id: str | None = None
    ) -> None:
        headers = {"Content-Type": content_type}
        if invocation_id is not None:
            headers["Lambda-Runtime-Invocation-Id"] = invocation_id
        self._request("POST", f"{invoke_id}/response", 202, result, headers)

    def post_error(
        self, invoke_id: str, error: str, xray_fault: str, invocation_id: str | None = None
    ) -> None:
        headers = {
            "Content-Type": "application/json",
            "Lambda-Runtime-Function-Error-Type": "Unhandled",
            "Lambda-Runtime-Function-XRay-Error-Cause": xray_fault,
        }
        if invocation_id is not None:
            headers["Lambda-Runtime-Invocation-Id"] = invocation_id
        self._request("POST", f"{invoke_id}/error", 202, error.encode(), headers)

    def close(self) -> None:
        self._connection.close()

    def _request(
        self,
        method: str,
        path: str,
        expected: int,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> tuple[bytes, http.client.HTTPResponse]:
        encoded = {name: value.encode() for name, value in (headers or {}).items()}
        encoded["User-Agent"] = self._user_agent.encode()
        self._connection.request(method, f"{_INVOCATION}/{path}", body, encoded)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != expected:
            raise RuntimeError(f"the Runtime API answered {response.status} to {path}: {answer!r}")
        return answer, response
