"""What the cloud tells of itself, beside the AWS APIs."""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import Any

from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.moto_backend import services

HEALTH = "/_slstest/health"
_LOCALSTACK_HEALTH = "/_localstack/health"


class Status:
    """Answers whether the cloud is there, and what it has."""

    def __init__(self, region: str, account_id: str) -> None:
        self._region = region
        self._account_id = account_id

    def answer(self, request: AwsRequest) -> AwsResponse | None:
        """The answer to a request for one of these pages; None to any other request.

        ``/_slstest/health`` is for whoever knows slstest; ``/_localstack/health`` has what
        LocalStack answers there, for tools that look for it
        (https://docs.localstack.cloud/aws/configuration/networking/internal-endpoints/).
        """
        if not request.path.startswith(("/_slstest/", "/_localstack/")):
            return None
        known = {
            "version": version("slstest"),
            "edition": "slstest",
            "services": {name: _state(name, module) for name, module in services().items()},
        }
        if request.path == HEALTH:
            known = {
                "status": "running",
                "region": self._region,
                "account": self._account_id,
            } | known
        elif request.path != _LOCALSTACK_HEALTH:
            return _json(404, {"message": f"there is no {request.path}; there is {HEALTH}"})
        if request.method not in ("GET", "HEAD"):
            return _json(405, {"message": f"{request.path} can be read (GET, HEAD), nothing else"})
        return _json(200, known)


def _state(name: str, module: str) -> str:
    """In LocalStack's words: ``available`` is what the first request to it makes ``running``."""
    runs = name == "lambda" or f"{module}.responses" in sys.modules
    return "running" if runs else "available"


def _json(status: int, document: dict[str, Any]) -> AwsResponse:
    return AwsResponse(status, {"Content-Type": "application/json"}, json.dumps(document).encode())
