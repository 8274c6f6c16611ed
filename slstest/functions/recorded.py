"""The invocations of a function that a remote cloud runs, read from its log.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from slstest.calls import ask_unless
from slstest.errors import SlstestError
from slstest.functions.recorder import MARK
from slstest.invocation import Invocation

_START = re.compile(r"START RequestId: (\S+)")
_REPORT = re.compile(r"REPORT RequestId: (?P<id>\S+)")
_RECORD = re.compile(
    rf"{MARK} (?P<id>\S+) (?P<function>\S+) (?P<what>event|response|error) \d+/\d+ (?P<part>.*)",
    re.DOTALL,
)
_DURATION = re.compile(r"\tDuration: ([\d.]+) ms")
_TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")
_STATUS_TIMEOUT = "\tStatus: timeout"
_ERROR_TYPE = re.compile(r"\tStatus: error\tError Type: (\S+)")
"""What Lambda says of an end in the REPORT line. Since 2025 a timeout has no line of its own."""
_RECEIPTS = re.compile(r'"ApproximateReceiveCount": ?"(\d+)"')
_EXITED = re.compile(r"(RequestId: \S+ Error: .*)")
_OWNER = re.compile(r"\d+/\d+/\d+/(?P<function>[^\[/]+)\[")
"""Whose a log stream is, in a group that is not the function's own:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"""

_STREAMS = ("aws:kinesis", "aws:dynamodb")
"""The event sources whose batches are tried again with another request id."""


def json_log_unreadable(cloud_name: str) -> str:
    """Why a function's log cannot be JSON, and what to do."""
    return (
        f"what a function did on the cloud {cloud_name!r} is read from its log, which cannot be "
        "JSON for that. Leave LogFormat out of LoggingConfig."
    )


@dataclass(frozen=True)
class Told:
    """What a log tells."""

    finished: list[Invocation]
    """Oldest first."""
    running: list[str]
    """The request ids of those that have begun and not ended."""


@dataclass
class _Open:
    """One invocation as far as its lines have been read."""

    request_id: str
    cold_start: bool
    began: int
    logs: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    duration: float = 0.0
    function: str | None = None
    """The name of the function, where the log tells it."""

    def own(self, pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
        """What a line tells of this very invocation. It does not always begin there: what a
        function writes need not end its line, a traceback that it logs for instance."""
        found = pattern.search(line)
        return found if found and found["id"] == self.request_id else None

    def value(self, what: str) -> Any:
        if what not in self.parts:
            return None
        try:
            return json.loads("".join(self.parts[what]))
        except ValueError as error:
            raise SlstestError(
                f"the log has lost a part of the {what} of the invocation {self.request_id}"
            ) from error

    def trial(self) -> str:
        """What it has in common with the other tries of the same event, and nothing else has.

        An event that invokes asynchronously keeps its request id, the batch of a stream does
        not: https://docs.aws.amazon.com/lambda/latest/operatorguide/log-structure.html
        """
        event = self.value("event")
        records = event.get("Records") if isinstance(event, dict) else None
        first = records[0] if isinstance(records, list) and records else None
        if isinstance(first, dict) and first.get("eventSource") in _STREAMS:
            return "".join(self.parts["event"])
        return self.request_id

    def error(self) -> dict[str, Any] | None:
        if "error" in self.parts:
            document: dict[str, Any] = self.value("error")
            return document
        if "response" in self.parts:
            return None
        text = "\n".join(self.logs)
        told = f"RequestId: {self.request_id} Error: "
        if found := _TIMED_OUT.search(text):
            return {"errorType": "Sandbox.Timedout", "errorMessage": told + found.group()}
        if _STATUS_TIMEOUT in self.logs[-1]:
            told += f"Task timed out after {self.duration / 1000:.2f} seconds"
            return {"errorType": "Sandbox.Timedout", "errorMessage": told}
        of_report = _ERROR_TYPE.search(self.logs[-1])
        kind = of_report.group(1) if of_report else "Runtime.ExitError"
        if found := _EXITED.search(text):
            return {"errorType": kind, "errorMessage": found.group(1)}
        message = told + kind if of_report else "the log has no response and no error"
        return {"errorType": kind, "errorMessage": message}


class InvocationLog:
    """The log of one function."""

    def __init__(self, client: Callable[[], Any], function_name: str) -> None:
        self._client = client
        self._name = function_name
        self._groups = [f"/aws/lambda/{function_name}"]
        self._read_at = 0.0
        self._told: Told | None = None
        """What was told then; None where it may be something else by now."""

    def also_in(self, group: str) -> None:
        """The function is set to log to this group, which others may do as well.

        Its own is still read: what was logged there stays, and LocalStack goes on with it
        whatever the setting is.
        """
        if group not in self._groups:
            self._groups.append(group)
            self.expire()

    def expire(self) -> None:
        """Something was done that the log tells of."""
        self._told = None

    def read(self, max_age: float = 0.0) -> Told:
        """Everything that the log tells now, or told at most ``max_age`` seconds ago.

        AWS lets an account read its logs a few times a second:
        https://repost.aws/knowledge-center/cloudwatch-logs-throttling
        """
        now = time.monotonic()
        if self._told is None or now - self._read_at >= max_age:
            self._told = self._read()
            self._read_at = now
        return self._told

    def _read(self) -> Told:
        finished: list[_Open] = []
        running: list[_Open] = []
        for group in self._groups:
            for lines in self._streams(group).values():
                done, still = _invocations(lines)
                finished += filter(self._is_own, done)
                running += filter(self._is_own, still)
        finished.sort(key=lambda each: each.began)
        return Told(list(_with_attempts(finished)), [each.request_id for each in running])

    def _is_own(self, each: _Open) -> bool:
        return each.function in (None, self._name)

    def _streams(self, group: str) -> dict[str, list[tuple[int, str]]]:
        """Moment and text of each line, by the log stream, which is the environment."""
        streams: dict[str, list[tuple[int, str]]] = {}
        token: dict[str, str] = {}
        while True:
            answer = ask_unless(
                ("ResourceNotFoundException",),
                self._client(),
                "filter_log_events",
                logGroupName=group,
                **token,
            )
            for event in (answer or {}).get("events", ()):
                owner = _OWNER.match(event["logStreamName"])
                if owner is None or owner["function"] == self._name:
                    line = (event["timestamp"], event["message"].rstrip("\n"))
                    streams.setdefault(event["logStreamName"], []).append(line)
            if not answer or not answer.get("nextToken"):
                return streams
            token = {"nextToken": answer["nextToken"]}


def _invocations(lines: list[tuple[int, str]]) -> tuple[list[_Open], list[_Open]]:
    """The invocations of one environment, in order: those that ended, and the one that has
    not."""
    finished: list[_Open] = []
    current: _Open | None = None
    before: list[str] = []
    cold = True
    for moment, line in lines:
        if found := _START.match(line):
            current = _Open(found.group(1), cold, moment, [*before, line])
            before, cold = [], False
        elif current is None:
            before.append(line)
        elif found := current.own(_RECORD, line):
            current.function = found["function"]
            current.parts.setdefault(found["what"], []).append(found["part"])
            if found.start():
                current.logs.append(line[: found.start()])
        else:
            current.logs.append(line)
            if current.own(_REPORT, line):
                if found := _DURATION.search(line):
                    current.duration = float(found.group(1))
                finished.append(current)
                current = None
    return finished, [current] if current else []


def _with_attempts(finished: list[_Open]) -> Iterator[Invocation]:
    """As the harness knows invocations; of a queue's messages the attempt is how often they
    have been received."""
    seen: Counter[str] = Counter()
    for each in finished:
        trial = each.trial()
        seen[trial] += 1
        event = "".join(each.parts.get("event", ()))
        receipts = [int(count) for count in _RECEIPTS.findall(event)]
        yield Invocation(
            request_id=each.request_id,
            event=each.value("event"),
            response=each.value("response"),
            error=each.error(),
            logs=each.logs,
            duration=each.duration,
            cold_start=each.cold_start,
            attempt=max(receipts, default=seen[trial]),
        )
