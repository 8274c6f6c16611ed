from __future__ import annotations

import base64
import json
from typing import Any

from slstest import Invocation
from slstest.report.text import error_text, invocations_text, logs_text, undelivered_text

ERROR = {
    "errorType": "KeyError",
    "errorMessage": "'page'",
    "stackTrace": ['  File "/var/task/app.py", line 5, in handler\n    event["page"]\n'],
}


def invocation(event: Any = None, **settings: Any) -> Invocation:
    return Invocation(
        **{"request_id": "r", "event": event, "response": None, "error": None, **settings}
    )


def kinesis_event(*data: Any) -> dict[str, Any]:
    encoded = [base64.b64encode(json.dumps(one).encode()).decode() for one in data]
    return {"Records": [{"kinesis": {"data": one, "partitionKey": "1"}} for one in encoded]}


def test_an_invocation_is_told_with_event_and_response() -> None:
    told = invocations_text(
        {"f": [invocation({"a": 1}, response=[2], duration=12.34, cold_start=True)]}
    )
    assert told == (
        "f: 1 invocation\n"
        "  #1 ok (12.3 ms, cold start)\n"
        '     event:    {"a": 1}\n'
        "     response: [2]"
    )


def test_a_failure_is_told_with_error_and_place() -> None:
    told = invocations_text({"f": [invocation({}, error=ERROR, duration=1, attempt=2)]})
    assert told == (
        "f: 1 invocation, 1 failed\n"
        "  #1 failed (1.0 ms, attempt 2)\n"
        "     event:    {}\n"
        "     error:    KeyError: 'page'\n"
        '               File "/var/task/app.py", line 5, in handler\n'
        '               event["page"]'
    )


def test_failures_alike_in_a_row_are_one_line() -> None:
    told = invocations_text(
        {"f": [invocation(1), *[invocation(n, error=ERROR) for n in range(34)], invocation(2)]}
    )
    assert "f: 36 invocations, 34 failed" in told
    assert "#2 failed x 34 (" in told
    assert "#36 ok" in told
    assert told.count("KeyError") == 1


def test_of_many_invocations_the_first_and_the_latest_are_told() -> None:
    told = invocations_text({"f": [invocation(n) for n in range(100)]}, rows=8)
    numbers = [line.split()[0] for line in told.splitlines() if line.startswith("  #")]
    assert numbers == ["#1", "#2", "#3", "#96", "#97", "#98", "#99", "#100"]
    assert "  ... 92 more" in told


def test_functions_that_were_never_invoked_say_so() -> None:
    assert invocations_text({"f": [], "g": []}) == "f: never invoked\ng: never invoked"
    assert invocations_text({}) == ""


def test_of_stream_records_the_data_is_told() -> None:
    told = invocations_text({"f": [invocation(kinesis_event({"page": "/home"}, "text"))]})
    assert 'event:    2 records: {"page": "/home"}, "text"' in told
    assert "partitionKey" not in told


def test_events_that_only_look_like_stream_records_are_told_whole() -> None:
    event = {"Records": [{"kinesis": {"data": "?"}}]}
    assert f"event:    {json.dumps(event)}" in invocations_text({"f": [invocation(event)]})


def test_long_events_are_shortened() -> None:
    told = invocations_text({"f": [invocation({"a": "x" * 5000})]})
    (line,) = [line for line in told.splitlines() if "event:" in line]
    assert len(line) < 330
    assert " ... " in line


def test_logs_are_told_by_function_the_latest_lines() -> None:
    first = invocation(logs=["START", "one\ntwo", "END"])
    told = logs_text({"f": [first], "g": [], "h": [invocation(logs=["h1"])]}, lines=3)
    assert told == "log of f (the last 3 of 4 lines):\n  one\n  two\n  END\nlog of h:\n  h1"
    assert logs_text({"g": [invocation()]}) == ""


def test_an_error_document_is_one_line_whatever_it_holds() -> None:
    assert error_text(ERROR) == "KeyError: 'page'"
    assert error_text({"errorMessage": "Task timed out after 1.00 seconds"}) == (
        "Task timed out after 1.00 seconds"
    )
    assert error_text({"errorType": "Runtime.ExitError"}) == "Runtime.ExitError"
    assert error_text({"message": "x"}) == '{"message": "x"}'


def test_what_did_not_arrive_is_told() -> None:
    assert undelivered_text([]) == ""
    assert undelivered_text(["a", "b", "c"], rows=2) == "not delivered:\n  a\n  b\n  and 1 more"
