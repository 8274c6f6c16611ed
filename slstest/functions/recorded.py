"""The invocations of a function that a remote cloud runs, read from its log.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from slstest.calls import ask_unless
from slstest.functions.recorder import MARK
from slstest.invocation import Invocation

_START = re.compile(r"START RequestId: (\S+)")
_REPORT = re.compile(r"REPORT RequestId: (?P<id>\S+)")
_RECORD = re.compile(
    rf"{MARK} (?P<id>\S+) (?P<what>event|response|error) \d+/\d+ (?P<part>.*)", re.DOTALL
)
_DURATION = re.compile(r"\tDuration: ([\d.]+) ms")
_TIMED_OUT = re.compile(r"Task timed out after [\d.]+ seconds")
_RECEIPTS = re.compile(r'"ApproximateReceiveCount": ?"(\d+)"')
_EXITED = re.compile(r"(RequestId: \S+ Error: .*)")


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

    def own(self, pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
        """What a line tells of this very invocation. It does not always begin there: what a
        function writes need not end its line, a traceback that it logs for instance."""
        found = pattern.search(line)
        return found if found and found["id"] == self.request_id else None

    def value(self, what: str) -> Any:
        return json.loads("".join(self.parts[what])) if what in self.parts else None

    def error(self) -> dict[str, Any] | None:
        if "error" in self.parts:
            document: dict[str, Any] = self.value("error")
            return document
        if "response" in self.parts:
            return None
        text = "\n".join(self.logs)
        if found := _TIMED_OUT.search(text):
            message = f"RequestId: {self.request_id} Error: {found.group()}"
            return {"errorType": "Sandbox.Timedout", "errorMessage": message}
        found = _EXITED.search(text)
        message = found.group(1) if found else "the log has no response and no error"
        return {"errorType": "Runtime.ExitError", "errorMessage": message}


class InvocationLog:
    """The log of one function."""

    def __init__(self, client: Callable[[], Any], function_name: str) -> None:
        self._client = client
        self._group = f"/aws/lambda/{function_name}"

    def read(self) -> Told:
        """Everything that the log tells now."""
        finished: list[_Open] = []
        running: list[_Open] = []
        for lines in self._streams().values():
            done, still = _invocations(lines)
            finished += done
            running += still
        finished.sort(key=lambda each: each.began)
        return Told(list(_with_attempts(finished)), [each.request_id for each in running])

    def _streams(self) -> dict[str, list[tuple[int, str]]]:
        """Moment and text of each line, by the log stream, which is the environment."""
        streams: dict[str, list[tuple[int, str]]] = {}
        token: dict[str, str] = {}
        while True:
            answer = ask_unless(
                ("ResourceNotFoundException",),
                self._client(),
                "filter_log_events",
                logGroupName=self._group,
                **token,
            )
            for event in (answer or {}).get("events", ()):
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
    """As the harness knows invocations; the same event again is the next attempt, and of a
    queue's messages how often they have been received."""
    seen: Counter[str] = Counter()
    for each in finished:
        event = "".join(each.parts.get("event", ()))
        seen[event] += 1
        receipts = [int(count) for count in _RECEIPTS.findall(event)]
        yield Invocation(
            request_id=each.request_id,
            event=each.value("event"),
            response=each.value("response"),
            error=each.error(),
            logs=each.logs,
            duration=each.duration,
            cold_start=each.cold_start,
            attempt=max(receipts, default=seen[event]) if event else 1,
        )
