"""What a remote cloud's log tells of invocations."""

from __future__ import annotations

import io
import json
import math
import os
import sys
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout, suppress
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest import mock

import boto3
import pytest
from awslambdaric.lambda_runtime_exception import FaultException
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller

from slstest.errors import SlstestError
from slstest.functions.recorded import InvocationLog
from slstest.functions.recorder import HANDLER, MODULE, recorder_source, with_recorder
from slstest.runtimes.limits import MAX_RESPONSE_SIZE, response_too_large

MARSHALLER = "awslambdaric.lambda_runtime_marshaller"


class Logs:
    """CloudWatch Logs with one function's log streams, in pages of three events."""

    def __init__(self, **streams: Sequence[str]) -> None:
        self.events = [
            {"logStreamName": name, "timestamp": number, "message": f"{line}\n"}
            for name, lines in streams.items()
            for number, line in enumerate(lines)
        ]

    def filter_log_events(self, logGroupName: str, nextToken: str = "0") -> dict[str, Any]:
        assert logGroupName == "/aws/lambda/f"
        return self.page(nextToken)

    def page(self, nextToken: str) -> dict[str, Any]:
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


def recorded(
    event: Any, own: Any, limit: int = 1000, *, request_id: str = "r1", function: str = "f"
) -> list[str]:
    """The lines that the recorder writes for one invocation of the handler ``own``."""
    module: dict[str, Any] = {}
    own_module = {"own_module": SimpleNamespace(handler=own)}
    output = io.StringIO()
    with mock.patch.dict(sys.modules, own_module), mock.patch.dict(os.environ):
        exec(recorder_source("own_module.handler", limit), module)
        context = SimpleNamespace(aws_request_id=request_id, function_name=function)
        with redirect_stdout(output), suppress(ZeroDivisionError):
            module["handler"](event, context)
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


@pytest.mark.parametrize(
    ("status", "error_type", "message"),
    [
        ("timeout", "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
        ("error\tError Type: Runtime.OutOfMemory", "Runtime.OutOfMemory", "Runtime.OutOfMemory"),
    ],
)
def test_an_invocation_that_did_not_end_by_itself_is_told_by_its_report_alone(
    status: str, error_type: str, message: str
) -> None:
    """As Lambda does since 2025: only the report tells of a timeout."""
    report = (
        f"REPORT RequestId: r1\tDuration: 3000.00 ms\tInit Duration: 67.49 ms\tStatus: {status}"
    )
    (invocation,) = read(
        one=["START RequestId: r1 Version: $LATEST", "END RequestId: r1", report]
    ).finished
    assert invocation.error == {
        "errorType": error_type,
        "errorMessage": f"RequestId: r1 Error: {message}",
    }


def test_what_has_begun_and_not_ended_is_running() -> None:
    told = read(one=[*lines("r1"), "START RequestId: r2 Version: $LATEST"], two=list(lines("r3")))
    assert [each.request_id for each in told.finished] == ["r1", "r3"]
    assert told.running == ["r2"]


def invoked(*invocations: tuple[Any, str]) -> Any:
    """What is told of invocations, each an event and a request id, in one environment."""
    return read(
        one=[
            line
            for event, request_id in invocations
            for line in lines(
                request_id, *recorded(event, lambda e, c: None, request_id=request_id)
            )
        ]
    ).finished


def test_the_same_request_again_is_the_next_attempt() -> None:
    told = invoked(({"n": 1}, "r1"), ({"n": 1}, "r2"), ({"n": 1}, "r1"))
    assert [each.attempt for each in told] == [1, 1, 2]
    assert [each.cold_start for each in told] == [True, False, False]


def test_a_request_that_never_reached_the_handler_is_counted_too() -> None:
    told = read(one=[*lines("r1", "no such module"), *lines("r1", "no such module")]).finished
    assert [each.attempt for each in told] == [1, 2]


@pytest.mark.parametrize("source", ["aws:kinesis", "aws:dynamodb"])
def test_the_same_batch_of_a_stream_again_is_the_next_attempt(source: str) -> None:
    batch, other = ({"Records": [{"eventSource": source, "eventID": n}]} for n in (1, 2))
    told = invoked((batch, "r1"), (batch, "r2"), (other, "r3"), (batch, "r4"))
    assert [each.attempt for each in told] == [1, 2, 1, 3]


@pytest.mark.parametrize("event", [{"Records": []}, {"Records": "none"}, {"Records": [1]}, [1]])
def test_an_event_that_looks_like_that_of_a_stream_is_none(event: Any) -> None:
    assert [each.attempt for each in invoked((event, "r1"), (event, "r2"))] == [1, 1]


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


class Page(NamedTuple):
    name: str
    clicks: Decimal


RESPONSES = [
    ("ü\u2028", "ü\u2028"),
    ({"count": Decimal("2"), "share": Decimal("0.5")}, {"count": 2, "share": 0.5}),
    ([(1, 2), {3: True}], [[1, 2], {"3": True}]),
    (Page("a", Decimal(2)), {"name": "a", "clicks": 2}),
    (b'{"ready": "made"}', {"ready": "made"}),
    (b"text", "text"),
]


@pytest.mark.parametrize(("given", "answered"), RESPONSES)
def test_a_response_is_recorded_as_lambda_answers_it(given: Any, answered: Any) -> None:
    (invocation,) = read(one=list(lines("r1", *recorded({}, lambda e, c: given)))).finished
    assert (invocation.response, invocation.error) == (answered, None)


def test_half_a_character_is_recorded_where_lambda_escapes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_EXECUTION_ENV", "AWS_Lambda_python3.13")
    (invocation,) = read(one=list(lines("r1", *recorded({}, lambda e, c: "ü\ud83d")))).finished
    assert invocation.response == "ü\ud83d"


def test_a_number_that_is_none_is_recorded() -> None:
    (invocation,) = read(one=list(lines("r1", *recorded({}, lambda e, c: Decimal("NaN"))))).finished
    assert math.isnan(invocation.response)


CIRCLE: list[Any] = []
CIRCLE.append(CIRCLE)

UNSPEAKABLE = [
    (datetime(2024, 1, 1), "Object of type datetime is not JSON serializable"),
    ({"pages": {1}}, "Object of type set is not JSON serializable"),
    ({(1, 2): 3}, "keys must be str, int, float, bool or None, not tuple"),
    (CIRCLE, "Circular reference detected"),
]


@pytest.mark.parametrize("by_aws", [True, False])
@pytest.mark.parametrize(("response", "problem"), UNSPEAKABLE)
def test_a_response_that_cannot_be_serialised_is_an_error(
    response: Any, problem: str, by_aws: bool
) -> None:
    """On AWS's runtime, and on others, which have no marshaller of AWS's."""
    other = {} if by_aws else {MARSHALLER: None}
    with mock.patch.dict(sys.modules, other):
        told = recorded({}, lambda e, c: response)
    (invocation,) = read(one=list(lines("r1", *told))).finished
    assert invocation.response is None
    assert invocation.error == {
        "errorType": "Runtime.MarshalError",
        "errorMessage": f"Unable to marshal response: {problem}",
    }


def test_the_error_of_a_response_is_that_of_the_runtime() -> None:
    for response, problem in UNSPEAKABLE:
        with pytest.raises(FaultException) as raised:
            LambdaMarshaller().marshal_response(response)
        assert raised.value.exception_type == "Runtime.MarshalError"
        assert raised.value.msg == f"Unable to marshal response: {problem}"


def test_what_a_runtime_without_a_marshaller_answers_is_json() -> None:
    with mock.patch.dict(sys.modules, {MARSHALLER: None}):
        plain = recorded({}, lambda e, c: {"pages": [1, "ü"]})
        decimal = recorded({}, lambda e, c: Decimal(2))
    told = read(one=[*lines("r1", *plain), *lines("r1", *decimal)]).finished
    assert told[0].response == {"pages": [1, "ü"]}
    assert told[1].error["errorType"] == "Runtime.MarshalError"


def test_a_response_over_the_limit_is_an_error() -> None:
    text = "x" * (MAX_RESPONSE_SIZE - 2)
    fits, not_any_more = (
        recorded({}, lambda e, c, each=each: each, limit=200_000) for each in (text, text + "x")
    )
    told = read(one=[*lines("r1", *fits), *lines("r1", *not_any_more)]).finished
    assert (told[0].response, told[0].error) == (text, None)
    assert (told[1].response, told[1].error) == (None, response_too_large())


def test_what_has_lost_a_part_is_told() -> None:
    event, *rest = recorded({"n": "x" * 100}, lambda e, c: None, limit=80)
    with pytest.raises(SlstestError, match="has lost a part of the event of the invocation r1"):
        read(one=list(lines("r1", event, *rest[1:])))


def test_the_log_is_read_again_when_it_is_too_old_or_has_expired() -> None:
    logs = Logs(one=list(lines("r1")))
    log = InvocationLog(lambda: logs, "f")
    told = log.read(max_age=60)
    assert log.read(max_age=60) is told
    assert log.read() is not told
    logs.events.clear()
    assert log.read(max_age=60).finished
    log.expire()
    assert not log.read(max_age=60).finished


class Groups:
    """CloudWatch Logs with log groups, each with streams of lines."""

    def __init__(self, groups: dict[str, dict[str, list[str]]]) -> None:
        self._groups = {group: Logs(**streams) for group, streams in groups.items()}
        client = boto3.client("logs", region_name="us-east-1")
        self.missing = client.exceptions.ResourceNotFoundException(
            {"Error": {"Code": "ResourceNotFoundException"}}, "FilterLogEvents"
        )

    def filter_log_events(self, logGroupName: str, nextToken: str = "0") -> dict[str, Any]:
        if logGroupName not in self._groups:
            raise self.missing
        return self._groups[logGroupName].page(nextToken)


MINE = "/mine/x"


def told_of(groups: dict[str, dict[str, list[str]]]) -> Any:
    logs = Groups(groups)
    log = InvocationLog(lambda: logs, "f")
    log.also_in(MINE)
    log.also_in(MINE)
    return log.read()


def invocation(request_id: str, function: str) -> list[str]:
    told = recorded({}, lambda e, c: 1, request_id=request_id, function=function)
    return list(lines(request_id, *told))


def test_in_a_group_of_many_only_its_own_invocations_are_the_function_s() -> None:
    """By the name of the log stream, as AWS gives it, and else by what the recorder wrote."""
    streams = {
        "2026/01/01/f[$LATEST][1]": list(lines("r1", "no such module")),
        "2026/01/01/other[$LATEST][2]": list(lines("r2", "no such module")),
        "2026/01/01/[$LATEST]3": [*invocation("r3", "other"), *invocation("r4", "f")],
        "2026/01/01/[$LATEST]4": invocation("r5", "other")[:2],
    }
    told = told_of({MINE: streams})
    assert sorted(each.request_id for each in told.finished) == ["r1", "r4"]
    assert told.running == []


def test_a_cloud_that_does_not_follow_the_setting_is_read_as_well() -> None:
    told = told_of({"/aws/lambda/f": {"2026/01/01/[$LATEST]1": invocation("r1", "f")}})
    assert [each.request_id for each in told.finished] == ["r1"]
