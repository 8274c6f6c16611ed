"""What comes of an invocation: payload, error document and log, as Lambda words them."""

from __future__ import annotations

import json
import re
import sys
import types

import pytest

from .conftest import Lab


def test_the_log_of_a_cold_start_and_of_a_warm_invocation(lab: Lab) -> None:
    function = lab.deploy(
        """
        print("loading")
        def handler(event, context): print("handling", event)
        """
    )

    cold, warm = function.invoke(1), function.invoke(2)

    init_start, loading, start, handling, end, report = cold.log_lines
    assert init_start.startswith("INIT_START Runtime Version: python:3.12")
    assert loading == "loading"
    assert start == "START RequestId: request-1 Version: $LATEST"
    assert handling == "handling 1"
    assert end == "END RequestId: request-1"
    assert re.fullmatch(
        r"REPORT RequestId: request-1\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 256 MB\tMax Memory Used: 0 MB\tInit Duration: [\d.]+ ms\t",
        report,
    )
    assert cold.cold_start
    assert warm.log_lines[1] == "handling 2"
    assert "Init Duration" not in warm.log_lines[-1]
    assert (warm.cold_start, warm.alive, warm.max_memory_used) == (False, True, 0)


def test_output_is_cut_into_lines_and_log_records_are_not(lab: Lab) -> None:
    function = lab.deploy(
        """
        import logging, sys
        logger = logging.getLogger("clicks")

        def handler(event, context):
            print("a", end="")
            print("b\\nc")
            sys.stderr.write("no newline")
            logger.warning("two\\nlines")
            sys.stdout.buffer.write("bytes: ü".encode())
        """
    )

    ab, c, unfinished, record, last = function.printed()

    assert (ab, c, unfinished) == ("ab", "c", "no newline")
    assert re.fullmatch(
        r"\[WARNING\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\trequest-1\ttwo\nlines", record
    )
    assert last == "bytes: ü"


def test_info_is_logged_only_where_the_function_asks_for_it(lab: Lab) -> None:
    function = lab.deploy(
        """
        import logging
        logging.getLogger().setLevel(logging.INFO if __name__ == "app" else 0)
        def handler(event, context): logging.info("hello"); logging.debug("no")
        """
    )
    silent = lab.deploy("import logging\ndef handler(e, c): logging.info('hello')")

    assert [line.split("\t")[-1] for line in function.printed()] == ["hello"]
    assert silent.printed() == []


def test_the_context_is_lambdas(lab: Lab) -> None:
    function = lab.deploy(
        """
        def handler(event, context):
            context.log("through the context")
            return [
                context.aws_request_id, context.function_name, context.memory_limit_in_mb,
                context.log_group_name, context.log_stream_name, context.invoked_function_arn,
                context.client_context.custom, context.get_remaining_time_in_millis(),
            ]
        """,
        function_name="reader",
        timeout=30,
    )

    outcome = function.invoke(
        client_context='{"custom": {"a": 1}}', invoked_function_arn="arn:alias"
    )

    *described, remaining = json.loads(outcome.payload)
    assert described == [
        "request-1",
        "reader",
        "256",
        "/aws/lambda/reader",
        function.spec.log_stream,
        "arn:alias",
        {"a": 1},
    ]
    assert 0 < remaining <= 30_000
    assert "through the context" in outcome.log_lines


def test_an_exception_is_told_with_type_message_request_and_stack(lab: Lab) -> None:
    function = lab.deploy(
        """
        def handler(event, context):
            deeper()

        def deeper():
            raise ValueError("bad click")
        """
    )

    outcome = function.invoke()

    app = function.spec.code / "app.py"
    error = json.loads(outcome.payload)
    assert error == {
        "errorMessage": "bad click",
        "errorType": "ValueError",
        "requestId": "request-1",
        "stackTrace": [
            f'  File "{app}", line 3, in handler\n    deeper()\n',
            f'  File "{app}", line 6, in deeper\n    raise ValueError("bad click")\n',
        ],
    }
    logged = outcome.log_lines[2]
    assert logged.startswith("[ERROR] ValueError: bad click\nTraceback (most recent call last):\n")
    assert "line 6, in deeper" in logged
    assert outcome.alive
    assert "Status" not in outcome.log_lines[-1]


@pytest.mark.parametrize(
    ("files", "handler", "error_type", "message"),
    [
        (
            {"app.py": ""},
            "main.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'main': No module named 'main'",
        ),
        (
            {"app.py": "import missing_library"},
            "app.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'missing_library'",
        ),
        (
            {"app.py": ""},
            "app.main",
            "Runtime.HandlerNotFound",
            "Handler 'main' missing on module 'app'",
        ),
        (
            {"app.py": ""},
            "app",
            "Runtime.MalformedHandlerName",
            "Bad handler 'app': not enough values to unpack (expected 2, got 1)",
        ),
        (
            {"app.py": "def handler(:"},
            "app.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
        ),
        ({"app.py": "1 / 0"}, "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
def test_a_function_that_cannot_be_loaded(
    lab: Lab, files: dict[str, str], handler: str, error_type: str, message: str
) -> None:
    function = lab.deploy(files, handler=handler)

    outcome = function.invoke()

    error = json.loads(outcome.payload)
    assert (error["errorType"], error["errorMessage"]) == (error_type, message)
    assert (outcome.function_error, outcome.alive) == ("Unhandled", False)
    _, warning, logged, init_report, start, end, report = outcome.log_lines
    assert "LAMBDA_WARNING: Unhandled exception" in warning
    assert logged.startswith(f"[ERROR] {error_type}: {message}")
    assert init_report.startswith("INIT_REPORT Init Duration: ")
    logged_type = error_type if error_type.startswith("Runtime.") else "Runtime.Unknown"
    assert init_report.endswith(f"\tPhase: init\tStatus: error\tError Type: {logged_type}")
    assert (start[:5], end[:3]) == ("START", "END")
    assert report.endswith(f"\tStatus: error\tError Type: {logged_type}")
    assert "Init Duration" not in report


def test_an_exception_at_import_is_told_with_its_stack(lab: Lab) -> None:
    function = lab.deploy({"app.py": "import helpers", "helpers.py": "raise KeyError('x')"})

    error = function.failed()

    helpers = function.spec.code / "helpers.py"
    assert error["stackTrace"][-1] == (
        f"  File \"{helpers}\", line 1, in <module>\n    raise KeyError('x')\n"
    )
    assert "awslambdaric" not in str(error["stackTrace"])
    assert "in_process" not in str(error["stackTrace"])


def test_a_result_that_json_cannot_say(lab: Lab) -> None:
    function = lab.deploy("def handler(event, context): return object")

    error = function.failed()

    assert error["errorType"] == "Runtime.MarshalError"
    assert "is not JSON serializable" in error["errorMessage"]
    assert error["requestId"] == "request-1"


@pytest.mark.parametrize(
    ("result", "payload"),
    [
        ("None", b"null"),
        ("{'a': 'ü'}", '{"a": "ü"}'.encode()),
        ("'\\ud800'", b'"\\ud800"'),
        ("__import__('decimal').Decimal('1.50')", b"1.50"),
        ("b'raw'", b"raw"),
    ],
)
def test_a_result_is_marshalled_as_lambda_does(lab: Lab, result: str, payload: bytes) -> None:
    assert lab.deploy(f"def handler(e, c): return {result}").invoke().payload == payload


def test_before_python_3_12_a_result_is_ascii(lab: Lab) -> None:
    function = lab.deploy("def handler(e, c): return 'ü'", runtime="python3.11")

    assert function.invoke().payload == b'"\\u00fc"'


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit()", "Runtime exited without providing a reason"),
        ("exit('gone')", "Runtime exited with error: exit status 1"),
        ("os._exit(4)", "Runtime exited with error: exit status 4"),
        ("os._exit(0)", "Runtime exited without providing a reason"),
        ("in_a_thread(os._exit, 5)", "Runtime exited with error: exit status 5"),
        ("raise Gone", "Runtime exited with error: exit status 1"),
        ("raise BrokenError", "Runtime exited with error: exit status 1"),
    ],
)
@pytest.mark.parametrize("phase", ["init", "invoke"])
def test_the_end_of_its_process_is_the_end_of_the_environment(
    lab: Lab, statement: str, reason: str, phase: str
) -> None:
    function = lab.deploy(
        f"""
        import os, sys, threading, time

        class Gone(BaseException): pass

        class BrokenError(Exception):
            def __str__(self): raise RuntimeError

        def in_a_thread(function, *arguments):
            threading.Thread(target=function, args=arguments).start()
            time.sleep(30)

        def end():
            {statement}

        if {phase == "init"}: end()
        def handler(event, context): end()
        """
    )

    outcome = function.invoke()

    message = f"RequestId: request-1 Error: {reason}"
    assert json.loads(outcome.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": message,
    }
    assert (outcome.function_error, outcome.alive) == ("Unhandled", False)
    assert outcome.log_lines[-3] == f"{message}\nRuntime.ExitError"
    assert outcome.log_lines[-1].endswith("\tStatus: error\tError Type: Runtime.ExitError")


def test_the_message_of_an_exit_is_in_the_log(lab: Lab) -> None:
    function = lab.deploy("import sys\ndef handler(event, context): sys.exit('no table')")

    assert "no table" in function.invoke().log_lines


def test_a_child_process_that_the_function_forks_really_exits(lab: Lab) -> None:
    function = lab.deploy(
        """
        import os
        def handler(event, context):
            child = os.fork()
            if child == 0:
                os._exit(7)
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        """
    )

    assert function.returned() == 7


def test_a_closed_environment_runs_nothing(lab: Lab) -> None:
    function = lab.deploy("raise SystemExit('must not be loaded')")
    function.environment.close()

    outcome = function.invoke()

    assert b"Runtime exited with error: signal: killed" in outcome.payload
    assert [line.split(" ")[0] for line in outcome.log_lines] == [
        "START",
        "RequestId:",
        "END",
        "REPORT",
    ]
    assert not outcome.alive


def test_an_environment_that_has_ended_does_not_run_again(lab: Lab) -> None:
    function = lab.deploy("import sys\ndef handler(event, context): sys.exit(event)")

    function.invoke(3)

    assert b"signal: killed" in function.invoke(4).payload


def test_an_environment_handles_one_invocation_at_a_time(lab: Lab) -> None:
    cloud = types.ModuleType("cloud")
    function = lab.deploy("import cloud\ndef handler(event, context): cloud.invoke()")
    vars(cloud)["invoke"] = function.invoke
    sys.modules["cloud"] = cloud
    try:
        assert "one invocation at a time" in function.failed()["errorMessage"]
    finally:
        del sys.modules["cloud"]
