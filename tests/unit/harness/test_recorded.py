"""What a remote cloud's log tells of invocations."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest

from slstest.functions.recorded import InvocationLog
from slstest.functions.recorder import HANDLER, MODULE, recorder_source, with_recorder


class Logs:
    """CloudWatch Logs with one function's log streams, in pages of three events."""

    def __init__(self, **streams: Sequence[str]) -> None:
        self.events = [
            {"logStreamName": name, "timestamp": number, "message": f"{line}\n"}
            for name, lines in streams.items()
            for number, line in enumerate(lines)
        ]

    def filter_log_events(self, logGroupName: str, nextToken: str = "0") -> dict[str, Any]:
        at = int(nextToken)
        answer: dict[str, Any] = {"events": self.events[at : at + 3]}
        return answer | ({"nextToken": str(at + 3)} if at + 3 < len(self.events) else {})


def lines(request_id: str, *told: str, report: str = "") -> Iterator[str]:
    yield f"START RequestId: {request_id} Version: $LATEST"
    yield from told
    yield f"END RequestId: {request_id}"
    yield f"REPORT RequestId: {request_id}\tDuration: 1.50 ms\tBilled Duration: 2 ms{report}"


def read(**streams: Sequence[str]) -> Any:
    logs = Logs(**streams)
    return InvocationLog(lambda: logs, "f").read()


def recorded(event: Any, own: Any, limit: int = 1000) -> list[str]:
    """The lines that the recorder writes for one invocation of the handler ``own``."""
    module: dict[str, Any] = {}
    own_module = {"own_module": SimpleNamespace(handler=own)}
    output = io.StringIO()
    with mock.patch.dict(sys.modules, own_module), mock.patch.dict(os.environ):
        exec(recorder_source("own_module.handler", limit), module)
        with redirect_stdout(output), suppress(ZeroDivisionError):
            module["handler"](event, SimpleNamespace(aws_request_id="r1"))
    return output.getvalue().splitlines()


def test_the_function_finds_its_own_handler_in_its_environment() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    told = recorded({}, lambda event, context: os.environ["_HANDLER"])
    assert json.loads(told[-1].rpartition(" ")[2]) == "own_module.handler"


def test_an_invocation_is_what_the_recorder_wrote() -> None:
    told = read(one=list(lines("r1", *recorded({"n": 1}, lambda e, c: [e["n"], "ä"]), "hello")))
    (invocation,) = told.finished
    assert (invocation.request_id, invocation.event, invocation.response) == (
        "r1",
        {"n": 1},
        [1, "ä"],
    )
    assert (invocation.error, invocation.duration, invocation.cold_start) == (None, 1.5, True)
    assert "hello" in invocation.logs
    assert not any("SLSTEST" in line for line in invocation.logs)
    assert told.running == []


def test_a_long_event_is_put_together_again() -> None:
    event = {"text": "x" * 1000, "umlaut": "ü\n"}
    written = recorded(event, lambda e, c: None, limit=64)
    assert len(written) > 10
    (invocation,) = read(one=list(lines("r1", *written))).finished
    assert invocation.event == event


def test_a_line_that_the_function_did_not_end_goes_on_with_the_recorder_s() -> None:
    event, response = recorded({"n": 1}, lambda e, c: "done")
    report = "REPORT RequestId: r1\tDuration: 1.50 ms"
    (invocation,) = read(
        one=["START RequestId: r1 Version: $LATEST", event, f"oops{response}", f"bye{report}"]
    ).finished
    assert (invocation.event, invocation.response, invocation.error) == ({"n": 1}, "done", None)
    assert invocation.duration == 1.5
    assert invocation.logs[1:] == ["oops", f"bye{report}"]


def test_the_log_of_another_invocation_is_text() -> None:
    """A function that prints what ``LogType=Tail`` gave it."""
    other = [*recorded({"of": "another"}, lambda e, c: 1), "REPORT RequestId: r1\tDuration: 9 ms"]
    told = read(one=list(lines("r2", *other)))
    (invocation,) = told.finished
    assert (invocation.event, invocation.duration) == (None, 1.5)
    assert all(line in invocation.logs for line in other)


def test_an_exception_is_the_error() -> None:
    (invocation,) = read(one=list(lines("r1", *recorded({}, lambda e, c: 1 / 0)))).finished
    assert invocation.error == {
        "errorType": "ZeroDivisionError",
        "errorMessage": "division by zero",
    }


@pytest.mark.parametrize(
    ("line", "error_type", "message"),
    [
        (
            "2026-01-01T00:00:00.000Z r1 Task timed out after 3.00 seconds",
            "Sandbox.Timedout",
            "RequestId: r1 Error: Task timed out after 3.00 seconds",
        ),
        (
            "RequestId: r1 Error: Runtime exited with error: exit status 3",
            "Runtime.ExitError",
            "RequestId: r1 Error: Runtime exited with error: exit status 3",
        ),
        ("nothing", "Runtime.ExitError", "the log has no response and no error"),
    ],
)
def test_an_invocation_that_did_not_end_by_itself_is_told_by_the_log(
    line: str, error_type: str, message: str
) -> None:
    (invocation,) = read(one=list(lines("r1", line))).finished
    assert invocation.error == {"errorType": error_type, "errorMessage": message}


def test_what_has_begun_and_not_ended_is_running() -> None:
    told = read(one=[*lines("r1"), "START RequestId: r2 Version: $LATEST"], two=list(lines("r3")))
    assert [each.request_id for each in told.finished] == ["r1", "r3"]
    assert told.running == ["r2"]


def test_the_same_event_again_is_the_next_attempt() -> None:
    first, again, other = (recorded({"n": n}, lambda e, c: None) for n in (1, 1, 2))
    told = read(one=[*lines("r1", *first), *lines("r1", *again), *lines("r1", *other)])
    assert [each.attempt for each in told.finished] == [1, 2, 1]
    assert [each.cold_start for each in told.finished] == [True, False, False]


def test_the_recorder_is_the_handler_of_the_package(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): pass")
    packed = with_recorder(content.getvalue(), "pkg/app.handler")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert sorted(archive.namelist()) == [f"{MODULE}.py", "app.py"]
        source = archive.read(f"{MODULE}.py").decode()
    assert f"{MODULE}.handler" == HANDLER
    compile(source, f"{MODULE}.py", "exec")
    assert "'pkg/app.handler'" in source


def test_of_a_queue_s_messages_the_attempt_is_how_often_they_were_received() -> None:
    def event(*counts: str) -> Any:
        attributes = [{"ApproximateReceiveCount": count} for count in counts]
        return {"Records": [{"body": "a", "attributes": each} for each in attributes]}

    events = [recorded(event(*counts), lambda e, c: None) for counts in (("1",), ("1", "3"))]
    told = read(one=[line for each in events for line in lines("r1", *each)])
    assert [each.attempt for each in told.finished] == [1, 3]
