"""The invocations and logs of a test's functions as text, for error messages and reports."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from slstest.invocation import Invocation
from slstest.matching import shorten
from slstest.shapes import decode

_VALUE_WIDTH = 300
_ROWS_AT_THE_START = 3

Functions = Mapping[str, Sequence[Invocation]]
"""The invocations of each function, oldest first, by the name that the reader knows."""


def invocations_text(functions: Functions, *, rows: int = 20) -> str:
    """What was invoked with what and how it ended; '' where there is no function.

    Of each function at most ``rows`` lines are told, the first ones and the latest;
    successive invocations that failed alike are one line.
    """
    return "\n".join(
        _function_text(name, invocations, rows) for name, invocations in functions.items()
    )


def logs_text(functions: Functions, *, lines: int = 100) -> str:
    """The latest ``lines`` log lines of each function that logged; '' where none did."""
    parts = []
    for name, invocations in functions.items():
        logged = [line for i in invocations for entry in i.logs for line in entry.splitlines()]
        if logged:
            left_out = len(logged) - lines
            which = f" (the last {lines} of {len(logged)} lines)" if left_out > 0 else ""
            parts.append(f"log of {name}{which}:")
            parts += [f"  {line}" for line in logged[max(0, left_out) :]]
    return "\n".join(parts)


def undelivered_text(notes: Sequence[str], *, rows: int = 20) -> str:
    """What did not arrive, at most ``rows`` of it; '' where everything did."""
    if not notes:
        return ""
    more = [f"  and {len(notes) - rows} more"] if len(notes) > rows else []
    return "\n".join(["not delivered:", *(f"  {note}" for note in notes[:rows]), *more])


def error_text(error: Mapping[str, Any]) -> str:
    """Lambda's error document in one line: the type and the message."""
    kind, message = error.get("errorType"), error.get("errorMessage")
    if kind is None and message is None:
        return shorten(json.dumps(error, default=str), _VALUE_WIDTH)
    return ": ".join(str(part) for part in (kind, message) if part)


def stack_text(error: Mapping[str, Any]) -> str:
    """The stack trace of Lambda's error document; '' where it has none."""
    stack = error.get("stackTrace") or []
    return "".join(str(frame) for frame in stack).rstrip("\n")


def _function_text(name: str, invocations: Sequence[Invocation], rows: int) -> str:
    failed = sum(invocation.error is not None for invocation in invocations)
    count = {0: "never invoked", 1: "1 invocation"}.get(
        len(invocations), f"{len(invocations)} invocations"
    )
    header = f"{name}: {count}" + (f", {failed} failed" if failed else "")
    numbered = enumerate(invocations, 1)
    groups = [list(group) for _, group in itertools.groupby(numbered, key=_alike)]
    told = [_row(group) for group in groups]
    if len(told) > rows:
        skipped = len(told) - rows
        start, end = told[:_ROWS_AT_THE_START], told[_ROWS_AT_THE_START + skipped :]
        between = sum(
            len(group) for group in groups[_ROWS_AT_THE_START : _ROWS_AT_THE_START + skipped]
        )
        told = [*start, f"  ... {between} more", *end]
    return "\n".join([header, *told])


def _alike(numbered: tuple[int, Invocation]) -> object:
    number, invocation = numbered
    return number if invocation.error is None else error_text(invocation.error)


def _row(group: list[tuple[int, Invocation]]) -> str:
    number, invocation = group[0]
    facts = [f"{invocation.duration:.1f} ms"]
    if invocation.cold_start:
        facts.append("cold start")
    if invocation.attempt > 1:
        facts.append(f"attempt {invocation.attempt}")
    verdict = "ok" if invocation.error is None else "failed"
    times = f" x {len(group)}" if len(group) > 1 else ""
    lines = [f"  #{number} {verdict}{times} ({', '.join(facts)})"]
    lines.append(f"     event:    {_brief(invocation.event)}")
    if invocation.error is None:
        lines.append(f"     response: {_brief(invocation.response)}")
    else:
        lines.append(f"     error:    {error_text(invocation.error)}")
        last_frame = stack_text(invocation.error).strip().splitlines()
        lines += [f"               {line.strip()}" for line in last_frame[-2:]]
    return "\n".join(lines)


def _brief(value: Any) -> str:
    """An event or a response in one line; of stream records only the data, decoded."""
    data = _record_data(value)
    if data is not None:
        plural = "record" if len(data) == 1 else "records"
        return shorten(f"{len(data)} {plural}: {', '.join(map(_json, data))}", _VALUE_WIDTH)
    return shorten(_json(value), _VALUE_WIDTH)


def _record_data(event: Any) -> list[Any] | None:
    try:
        return [
            decode(base64.b64decode(record["kinesis"]["data"], validate=True))
            for record in event["Records"]
        ]
    except (KeyError, TypeError, binascii.Error):
        return None


def _json(value: Any) -> str:
    return json.dumps(value, default=repr, ensure_ascii=False)
