"""S3 event notifications: configures them, and delivers what the requests of the cloud cause.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
"""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from slstest.embedded.messages import AwsRequest, AwsResponse
from slstest.embedded.resource_policies import UnreadablePolicy
from slstest.embedded.s3_notifications import document
from slstest.embedded.s3_notifications.changes import BucketFacts, Change, recording
from slstest.embedded.s3_notifications.configuration import Rule, check_rule, check_together
from slstest.embedded.s3_notifications.delivery import Deliveries, Delivery
from slstest.embedded.s3_notifications.destinations import SERVICE, Destination
from slstest.embedded.s3_notifications.errors import Refused, not_built
from slstest.embedded.s3_notifications.records import (
    Cause,
    Sequencers,
    event_message,
    owner_id,
    trial_message,
)
from slstest.embedded.scheduler import Scheduler
from slstest.embedded.undelivered import UndeliveredNotes

if TYPE_CHECKING:
    from slstest.embedded.s3_notifications.state import S3State

_HERE = "127.0.0.1"
"""Where all requests come from."""

_POSTED_CREDENTIAL = re.compile(
    rb'name="(?:x-amz-credential|AWSAccessKeyId)"\r\n\r\n([^/\r\n]+)', re.IGNORECASE
)
"""Who signed the policy of a form."""


class State(Protocol):
    """Answers requests."""

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse: ...


class S3Notifications:
    """Answers the requests for notification configurations itself, and hears what all others
    make of objects.
    """

    def __init__(
        self,
        state: State,
        buckets: S3State,
        scheduler: Scheduler,
        destinations: Mapping[str, Destination],
        undelivered: UndeliveredNotes,
    ) -> None:
        """``destinations`` has the kinds of destinations by the names of
        :attr:`slstest.embedded.s3_notifications.configuration.Rule.kind`."""
        self._state = state
        self._buckets = buckets
        self._scheduler = scheduler
        self._destinations = destinations
        self._deliveries = Deliveries(scheduler, destinations, undelivered)
        self._sequencers = Sequencers()

    def handle(self, request: AwsRequest, *, at: float | None = None) -> AwsResponse:
        with recording() as changes:
            answer = self._configuration(request) or self._state.handle(request, at=at)
        if request.service == "s3":
            answer = _identified(answer)
        if changes and answer.status < 400:
            self._notify(changes, request, answer)
        return answer

    # -- configuring --------------------------------------------------------------------

    def _configuration(self, request: AwsRequest) -> AwsResponse | None:
        """The answer to a request for a notification configuration; None to every other, and
        where there is no such bucket."""
        if request.service != "s3" or "notification" not in request.query:
            return None
        bucket = self._buckets.facts(unquote(request.path).strip("/"))
        if bucket is None or request.method not in ("GET", "PUT"):
            return None
        if request.method == "GET":
            content = document.write(self._buckets.rules(bucket.name))
            return AwsResponse(200, {"Content-Type": "application/xml"}, content)
        try:
            self._configure(bucket, request)
        except Refused as refused:
            return refused.answer()
        except UnreadablePolicy as error:
            return not_built(
                f"cannot tell whether S3 may notify a destination: {error}", "write it without"
            ).answer()
        return AwsResponse(200, {}, b"")

    def _configure(self, bucket: BucketFacts, request: AwsRequest) -> None:
        rules = document.read(request.content())
        for rule in rules:
            check_rule(rule, bucket.region)
        check_together(rules)
        if request.header("x-amz-skip-destination-validation").lower() != "true":
            self._validate(bucket, rules, request)
        self._buckets.configure(bucket.name, rules)

    def _validate(self, bucket: BucketFacts, rules: tuple[Rule, ...], request: AwsRequest) -> None:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html:
        S3 verifies that it may notify each destination, and sends queues and topics a test
        notification.
        """
        once = {rule.arn: self._destinations[rule.kind] for rule in rules}
        objections = {
            destination.named(arn): objection
            for arn, destination in once.items()
            if (objection := destination.objection(arn, bucket)) is not None
        }
        if objections:
            details = {}
            for number, (name, objection) in enumerate(objections.items(), start=1):
                details[f"ArgumentName{number}"] = name
                details[f"ArgumentValue{number}"] = objection
            raise Refused(
                "InvalidArgument",
                "Unable to validate the following destination configurations",
                details,
            )
        cause = _cause(request, {})
        for arn, destination in once.items():
            if destination.is_tested:
                message = trial_message(bucket, cause, self._scheduler.now())
                destination.deliver(arn, message, None)

    # -- notifying ----------------------------------------------------------------------

    def _notify(self, changes: list[Change], request: AwsRequest, answer: AwsResponse) -> None:
        now = self._scheduler.now()
        trace_header = request.header("X-Amzn-Trace-Id") or None
        deliveries = []
        for change in changes:
            rules = self._buckets.rules(change.bucket.name)
            matching = [rule for rule in rules if rule.matches(change.event, change.key)]
            if not matching:
                continue
            cause = _own_cause(change) if change.by_s3 else _cause(request, answer.headers)
            sequencer = self._sequencers.next(now)
            for rule in matching:
                message = event_message(change, rule.id, sequencer, cause, now)
                trace = None if change.by_s3 else trace_header
                deliveries.append(Delivery(rule, change.bucket, change.event, message, trace))
        self._deliveries.post(deliveries)


def _cause(request: AwsRequest, answered: Mapping[str, str]) -> Cause:
    return Cause(
        principal_id=_principal_id(request),
        source_ip_address=_HERE,
        request_id=answered.get("x-amz-request-id") or _request_id(),
        host_id=answered.get("x-amz-id-2") or _host_id(),
    )


def _own_cause(change: Change) -> Cause:
    """What S3 does on its own it does for the bucket's owner."""
    return Cause(f"AmazonCustomer:{owner_id(change.bucket)}", SERVICE, _request_id(), _host_id())


def _principal_id(request: AwsRequest) -> str:
    """Who sent a request. There are no IAM users here, so the access key's id stands for one."""
    access_key = request.access_key
    if not access_key and request.method == "POST":
        posted = _POSTED_CREDENTIAL.search(request.content())
        access_key = posted[1].decode("latin-1") if posted else ""
    return f"AWS:{access_key}" if access_key else "Anonymous"


def _identified(answer: AwsResponse) -> AwsResponse:
    """An answer with the ids by which S3 would find its request, in the place of moto's."""
    kept = {k: v for k, v in answer.headers.items() if k.lower() != "x-amzn-requestid"}
    ids = {"x-amz-request-id": _request_id(), "x-amz-id-2": _host_id()}
    return replace(answer, headers={**kept, **ids})


def _request_id() -> str:
    return secrets.token_hex(8).upper()


def _host_id() -> str:
    return base64.b64encode(secrets.token_bytes(56)).decode()
