"""The functions that exist: their configuration, their states, their finished invocations."""

from __future__ import annotations

import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from slstest.embedded.lambda_service.code import Package
from slstest.embedded.lambda_service.errors import (
    LambdaApiError,
    conflict,
    invalid_parameter,
    not_found,
)
from slstest.embedded.lambda_service.event_invoke_config import EventInvokeConfig
from slstest.invocation import Invocation

_REFERENCE = re.compile(
    r"(?:arn:(?P<partition>[\w-]+):lambda:)?"
    r"(?:(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[\w.-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[\w-]+))?"
)


@dataclass
class Function:
    """One function and its unpublished version, ``$LATEST``."""

    name: str
    arn: str
    package: Package
    settings: dict[str, Any]
    """The configuration as GetFunctionConfiguration gives it, defaults filled in."""
    tags: dict[str, str]
    last_modified: float
    revision_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    """A new one for every change of the function, its policy included."""
    generation: int = 0
    """Counts the changes that environments cannot outlive: of code and configuration."""
    policy: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The statements of its resource-based policy, by their ids."""
    event_invoke_config: EventInvokeConfig | None = None
    reserved_concurrency: int | None = None
    invocations: list[Invocation] = field(default_factory=list)
    deleted: bool = False

    @property
    def variables(self) -> dict[str, str]:
        environment: dict[str, Any] = self.settings.get("Environment", {})
        return dict(environment.get("Variables", {}))

    @property
    def dead_letter_queue(self) -> str:
        """The ARN of a queue or topic; "" where there is none."""
        config: dict[str, str] = self.settings.get("DeadLetterConfig", {})
        return config.get("TargetArn", "")

    def changed(self, now: float) -> None:
        """Its code or its configuration is another one."""
        self.last_modified = now
        self.generation += 1
        self.revise()

    def revise(self) -> None:
        self.revision_id = str(uuid.uuid4())

    def check_revision(self, revision_id: str | None) -> None:
        """Refuse a request that was made for another revision than the latest."""
        if revision_id and revision_id != self.revision_id:
            raise LambdaApiError(
                "PreconditionFailedException",
                "The Revision Id provided does not match the latest Revision Id. Call the "
                "GetFunction/GetAlias API to retrieve the latest Revision Id",
                412,
                Type="User",
            )

    def configuration(self, *, state: str = "Active", update: str = "Successful") -> dict[str, Any]:
        """FunctionConfiguration, in the state that the caller is to see.

        https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html: a new function
        is answered as Pending and an update as InProgress, even though both are over here
        before the next request can look. Each of these passing states has a revision of its
        own, which the function has left when it is the caller's turn again.
        """
        moment = datetime.fromtimestamp(self.last_modified, timezone.utc)
        document: dict[str, Any] = {
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            **self.settings,
            "CodeSize": self.package.size,
            "CodeSha256": self.package.sha256,
            "LastModified": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000",
            "Version": "$LATEST",
            "RevisionId": self.revision_id,
            "State": state,
            "LastUpdateStatus": update,
        }
        if state == "Pending":
            document["StateReason"] = "The function is being created."
            document["StateReasonCode"] = "Creating"
            del document["LastUpdateStatus"]
            document["RevisionId"] = str(uuid.uuid4())
        if update == "InProgress":
            document["LastUpdateStatusReason"] = "The function is being created."
            document["LastUpdateStatusReasonCode"] = "Creating"
            document["RevisionId"] = str(uuid.uuid4())
        return document


class FunctionStore:
    """The functions of one account and region, by name."""

    def __init__(self, partition: str, region: str, account_id: str) -> None:
        self._partition = partition
        self._region = region
        self._account_id = account_id
        self._prefix = f"arn:{partition}:lambda:{region}:{account_id}:function:"
        self._functions: dict[str, Function] = {}
        self._lock = threading.Lock()

    def arn(self, name: str) -> str:
        return self._prefix + name

    def check_region(self, region: str) -> None:
        """Refuse a request for a region other than the one that has the functions."""
        if region != self._region:
            raise LambdaApiError(
                "NotImplementedException",
                f"the embedded cloud has Lambda in {self._region} only, and this request is for "
                f"{region}: make the client for {self._region} (region_name, --region, "
                f"AWS_DEFAULT_REGION), or start the cloud in {region}",
                501,
            )

    def name_of(self, reference: str) -> tuple[str, str | None]:
        """Name and qualifier of a function named by name, partial ARN or ARN."""
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise not_found(f"Function not found: {self.arn(reference)}")
        if found["partition"] not in (None, self._partition):
            raise not_found(f"Function not found: {reference}")
        if found["region"] not in (None, self._region):
            raise not_found(
                f"Functions from '{found['region']}' are not reachable in this region "
                f"('{self._region}')"
            )
        if found["account"] not in (None, self._account_id):
            raise LambdaApiError(
                "AccessDeniedException",
                f"the function is of account {found['account']}, this cloud's account is "
                f"{self._account_id}",
                403,
            )
        return found["name"], found["qualifier"]

    def named(self, reference: str, qualifier: str | None) -> tuple[str, str | None]:
        """Name and qualifier of a function that a request names, the qualifier within the
        name or beside it."""
        name, own_qualifier = self.name_of(reference)
        if qualifier and own_qualifier and qualifier != own_qualifier:
            raise invalid_parameter(
                "The derived qualifier from the function name does not match the specified "
                "qualifier."
            )
        return name, qualifier or own_qualifier

    def add(self, function: Function) -> None:
        with self._lock:
            if function.name in self._functions:
                raise conflict(f"Function already exist: {function.name}")
            self._functions[function.name] = function

    def get(self, reference: str, qualifier: str | None = None) -> Function:
        """The function that a request names. Raises ResourceNotFoundException."""
        name, qualifier = self.named(reference, qualifier)
        function = self._functions.get(name)
        if function is None or qualifier not in (None, "$LATEST"):
            suffix = f":{qualifier}" if qualifier else ""
            raise not_found(f"Function not found: {self.arn(name)}{suffix}")
        return function

    def find(self, name: str) -> Function | None:
        return self._functions.get(name)

    def remove(self, function: Function) -> None:
        with self._lock:
            function.deleted = True
            self._functions.pop(function.name, None)

    def all(self) -> list[Function]:
        with self._lock:
            return sorted(self._functions.values(), key=lambda function: function.name)
