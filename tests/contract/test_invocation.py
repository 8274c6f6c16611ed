"""Invocation: https://docs.aws.amazon.com/lambda/latest/dg/lambda-invocation.html and the pages
below it."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from slstest import Environment, ExpectationFailed, Function, FunctionError

Deploy = Callable[..., Function]

ECHO = """
def handler(event, context):
    return event
"""


def test_the_handler_gets_the_payload_and_its_result_comes_back(deploy: Deploy) -> None:
    payload = {"text": "ü", "number": 1.5, "list": [1, None, True]}
    assert deploy(ECHO).invoke(payload) == payload


def test_a_handler_without_a_result_answers_null(deploy: Deploy) -> None:
    assert deploy("def handler(event, context): pass").invoke({}) is None


def test_the_context_tells_about_the_invocation(deploy: Deploy) -> None:
    function = deploy(
        """
        def handler(event, context):
            return {
                "id": context.aws_request_id,
                "name": context.function_name,
                "version": context.function_version,
                "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb,
                "group": context.log_group_name,
                "stream": context.log_stream_name,
                "left": context.get_remaining_time_in_millis(),
            }
        """,
        timeout=10,
        memory_size=256,
    )
    told = function.invoke({})
    invocation = function.invocations[0]
    assert told["id"] == invocation.request_id
    assert told["name"] == function.name
    assert told["version"] == "$LATEST"
    assert told["arn"] == function.arn
    assert told["memory"] == "256"
    assert told["group"] == f"/aws/lambda/{function.name}"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told["stream"])
    assert 0 < told["left"] <= 10_000


def test_the_client_context_reaches_the_handler(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): return context.client_context.custom['answer']")
    assert function.invoke({}, client_context={"custom": {"answer": 42}}) == 42


def test_environment_variables_are_those_of_the_function(deploy: Deploy) -> None:
    function = deploy(
        """
        import os

        AT_IMPORT = os.environ["GREETING"]

        def handler(event, context):
            return [AT_IMPORT, os.environ["GREETING"], os.environ["AWS_LAMBDA_FUNCTION_NAME"],
                    os.environ["_HANDLER"], os.environ["AWS_REGION"]]
        """,
        environment={"GREETING": "hello"},
    )
    assert function.invoke({}) == ["hello", "hello", function.name, "app.handler", "us-east-1"]


def test_the_hosts_environment_variables_do_not_leak_in(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_HOST", "1")
    function = deploy(
        "import os\ndef handler(event, context): return 'SECRET_OF_THE_HOST' in os.environ"
    )
    assert function.invoke({}) is False


def test_functions_see_fake_credentials_only(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREALREALREALREAL")
    monkeypatch.setenv("AWS_PROFILE", "production")
    function = deploy(
        """
        import boto3

        def handler(event, context):
            return boto3.Session().get_credentials().access_key
        """
    )
    assert function.invoke({}) != "AKIAREALREALREALREAL"


def test_two_functions_with_the_same_module_names_stay_apart(deploy: Deploy) -> None:
    code = "import os\nNAME = os.environ['NAME']\ndef handler(event, context): return NAME"
    first = deploy(code, environment={"NAME": "first"})
    second = deploy(code, environment={"NAME": "second"})
    assert [first.invoke({}), second.invoke({}), first.invoke({})] == ["first", "second", "first"]


def test_a_warm_environment_is_reused(deploy: Deploy) -> None:
    function = deploy(
        """
        count = 0

        def handler(event, context):
            global count
            count += 1
            return count
        """
    )
    assert [function.invoke({}) for _ in range(3)] == [1, 2, 3]
    assert [invocation.cold_start for invocation in function.invocations] == [True, False, False]


def test_an_update_starts_fresh_environments(deploy: Deploy, sls: Environment) -> None:
    function = deploy(
        """
        import os
        count = 0

        def handler(event, context):
            global count
            count += 1
            return [count, os.environ.get("NAME")]
        """
    )
    assert function.invoke({}) == [1, None]
    sls.client("lambda").update_function_configuration(
        FunctionName=function.name, Environment={"Variables": {"NAME": "new"}}
    )
    sls.client("lambda").get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.invoke({}) == [1, "new"]


def test_an_exception_is_answered_as_lambda_words_it(deploy: Deploy) -> None:
    function = deploy(
        """
        def handler(event, context):
            raise ValueError("no such page")
        """
    )
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    payload = raised.value.payload
    assert payload["errorType"] == "ValueError"
    assert payload["errorMessage"] == "no such page"
    assert payload["requestId"] == function.invocations[0].request_id
    assert 'raise ValueError("no such page")' in "".join(payload["stackTrace"])
    assert "ValueError" in str(raised.value)
    assert "no such page" in str(raised.value)


def test_an_environment_survives_an_exception(deploy: Deploy) -> None:
    function = deploy(
        """
        count = 0

        def handler(event, context):
            global count
            count += 1
            if event["fail"]:
                raise ValueError
            return count
        """
    )
    with pytest.raises(FunctionError):
        function.invoke({"fail": True})
    assert function.invoke({"fail": False}) == 2


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        ("import nowhere_to_be_found", "app.handler", "Runtime.ImportModuleError", "nowhere"),
        ("def handler(:", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module"),
        ("raise KeyError('TABLE')", "app.handler", "KeyError", "TABLE"),
    ],
    ids=["missing import", "syntax error", "exception at import"],
)
def test_a_function_that_cannot_be_initialised_says_why(
    deploy: Deploy, code: str, handler: str, error_type: str, message: str
) -> None:
    function = deploy(f"{code}\ndef handler(event, context): pass", handler=handler)
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert raised.value.payload["errorType"] == error_type
    assert message in raised.value.payload["errorMessage"]


def test_a_timeout_ends_the_invocation_in_lambdas_words(deploy: Deploy) -> None:
    function = deploy(
        """
        import time

        def handler(event, context):
            time.sleep(60)
        """,
        timeout=1,
    )
    with pytest.raises(FunctionError, match=r"Task timed out after 1\.00 seconds"):
        function.invoke({})


def test_a_busy_loop_times_out_too(deploy: Deploy) -> None:
    function = deploy(
        """
        def handler(event, context):
            while True:
                pass
        """,
        timeout=1,
    )
    with pytest.raises(FunctionError, match=r"Task timed out after 1\.00 seconds"):
        function.invoke({})


def test_an_environment_that_timed_out_is_not_used_again(deploy: Deploy) -> None:
    function = deploy(
        """
        import time
        count = 0

        def handler(event, context):
            global count
            count += 1
            if event["hang"]:
                time.sleep(60)
            return count
        """,
        timeout=1,
    )
    with pytest.raises(FunctionError):
        function.invoke({"hang": True})
    assert function.invoke({"hang": False}) == 1


@pytest.mark.parametrize("leave", ["os._exit(7)", "sys.exit(7)"])
def test_a_handler_that_exits_is_reported_with_its_status(deploy: Deploy, leave: str) -> None:
    function = deploy(
        f"""
        import os, sys

        def handler(event, context):
            {leave}
        """
    )
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert raised.value.payload["errorType"] == "Runtime.ExitError"
    assert "exit status 7" in raised.value.payload["errorMessage"]


def test_a_result_that_json_cannot_say_is_an_error(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): return {1, 2}")
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert raised.value.payload["errorType"] == "Runtime.MarshalError"


def test_a_decimal_is_answered_as_a_number(deploy: Deploy) -> None:
    """boto3 gives DynamoDB's numbers as decimals."""
    function = deploy(
        """
        from decimal import Decimal

        def handler(event, context):
            return {"count": Decimal("2"), "share": Decimal("0.5")}
        """
    )
    assert function.invoke({}) == {"count": 2, "share": 0.5}
    assert function.invocations[0].response == {"count": 2, "share": 0.5}


@pytest.mark.parametrize(
    "result", ["datetime(2024, 1, 1)", "{1, 2}", "{(1, 2): 3}"], ids=["time", "set", "tuple as key"]
)
def test_an_invocation_whose_result_json_cannot_say_has_failed(deploy: Deploy, result: str) -> None:
    function = deploy(
        f"""
        from datetime import datetime

        def handler(event, context):
            return {result}
        """
    )
    with pytest.raises(FunctionError):
        function.invoke({})
    (invocation,) = function.invocations
    assert invocation.response is None
    assert (invocation.error or {})["errorType"] == "Runtime.MarshalError"
    with pytest.raises(ExpectationFailed, match="failed once"):
        function.expect_no_errors()


def test_two_equal_invocations_are_each_a_first_attempt(deploy: Deploy) -> None:
    function = deploy(ECHO)
    assert [function.invoke({"n": 1}), function.invoke({"n": 1})] == [{"n": 1}, {"n": 1}]
    assert [each.attempt for each in function.invocations] == [1, 1]


def test_what_the_function_prints_and_logs_is_between_start_and_end(deploy: Deploy) -> None:
    function = deploy(
        """
        import logging
        logging.getLogger().setLevel(logging.INFO)

        def handler(event, context):
            print("printed")
            logging.info("logged %s", 1)
        """
    )
    function.invoke({})
    (invocation,) = function.invocations
    request_id = invocation.request_id
    start = invocation.logs.index(f"START RequestId: {request_id} Version: $LATEST")
    end = invocation.logs.index(f"END RequestId: {request_id}")
    between = invocation.logs[start + 1 : end]
    assert between[0] == "printed"
    assert re.fullmatch(rf"\[INFO\]\t\S+Z\t{request_id}\tlogged 1", between[1])
    assert invocation.logs[end + 1].startswith(f"REPORT RequestId: {request_id}\tDuration: ")


def test_an_exception_that_is_logged_and_caught_is_no_error(deploy: Deploy) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    function = deploy(
        """
        import logging

        def handler(event, context):
            try:
                {}["page"]
            except KeyError:
                logging.exception("no page")
            return "went on"
        """
    )
    assert function.invoke({}) == "went on"
    (invocation,) = function.invocations
    assert (invocation.response, invocation.error) == ("went on", None)
    assert "KeyError: 'page'" in "\n".join(invocation.logs)


def test_logs_reach_cloudwatch_logs(deploy: Deploy, sls: Environment) -> None:
    function = deploy("def handler(event, context): print('seen'); print()")
    function.invoke({})
    function.expect_log("REPORT")
    events = sls.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function.name}")
    messages = [event["message"] for event in events["events"]]
    assert messages[2:4] == ["seen\n", "\n"]
    assert any(message.startswith("REPORT RequestId:") for message in messages)


@pytest.fixture
def log_group(sls: Environment) -> Iterator[str]:
    """One that somebody else has created."""
    name, client = f"/contract/{secrets.token_hex(4)}", sls.client("logs")
    client.create_log_group(logGroupName=name)
    yield name
    client.delete_log_group(logGroupName=name)


def test_a_function_logs_into_the_group_that_it_is_given(
    deploy: Deploy, sls: Environment, log_group: str
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html"""
    function = deploy(ECHO, logging_config={"LogGroup": log_group})
    function.invoke({})
    function.expect_log("REPORT")
    events = sls.client("logs").filter_log_events(logGroupName=log_group)["events"]
    assert any(event["message"].startswith("REPORT RequestId:") for event in events)


def test_a_log_stream_in_a_group_that_was_given_names_the_function(
    deploy: Deploy, sls: Environment, log_group: str
) -> None:
    function = deploy(ECHO, logging_config={"LogGroup": log_group})
    function.invoke({})
    function.expect_log("REPORT")
    (stream,) = sls.client("logs").describe_log_streams(logGroupName=log_group)["logStreams"]
    assert f"/{function.name}[$LATEST][" in stream["logStreamName"]


def test_functions_that_log_into_the_same_group_have_each_their_own_invocations(
    deploy: Deploy, log_group: str
) -> None:
    one, other = (deploy(ECHO, logging_config={"LogGroup": log_group}) for _ in range(2))
    one.invoke({"n": 1})
    other.invoke({"n": 2})
    assert [each.event for each in one.invocations] == [{"n": 1}]
    assert [each.event for each in other.expect_invoked(times=1)] == [{"n": 2}]


def test_the_tail_of_the_log_comes_with_the_answer(deploy: Deploy, sls: Environment) -> None:
    function = deploy("def handler(event, context): print('seen')")
    answer = sls.client("lambda").invoke(FunctionName=function.name, LogType="Tail")
    assert "seen" in base64.b64decode(answer["LogResult"]).decode()


def test_boto3_reaches_the_cloud_with_a_client_made_at_import(
    deploy: Deploy, sls: Environment
) -> None:
    table = sls.table(key="id")
    function = deploy(
        """
        import os
        import boto3
        table = boto3.resource("dynamodb").Table(os.environ["TABLE"])
        s3 = boto3.client("s3")

        def handler(event, context):
            table.put_item(Item={"id": event["id"]})
            s3.put_object(Bucket=os.environ["BUCKET"], Key="a/b c.json", Body=b"{}")
        """,
        environment={"TABLE": table.name, "BUCKET": (bucket := sls.bucket()).name},
    )
    function.invoke({"id": "1"})
    table.expect_item({"id": "1"})
    bucket.expect_object("a/b c.json", json={})


def test_an_asynchronous_invocation_is_answered_at_once_and_happens(deploy: Deploy) -> None:
    function = deploy(ECHO)
    function.invoke_async({"n": 1})
    function.expect_invoked(times=1)
    assert function.invocations[0].event == {"n": 1}


@pytest.mark.needs_clock
def test_a_failed_asynchronous_invocation_is_retried_twice(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): raise ValueError")
    function.invoke_async({"n": 1})
    function.expect_invoked(times=3)
    assert [each.attempt for each in function.invocations] == [1, 2, 3]
    assert len({each.request_id for each in function.invocations}) == 1


def test_a_function_invokes_another_synchronously_and_asynchronously(
    deploy: Deploy, sls: Environment
) -> None:
    worker = deploy("def handler(event, context): return event['n'] * 2")
    boss = deploy(
        """
        import json, os
        import boto3
        lambda_ = boto3.client("lambda")

        def handler(event, context):
            name = os.environ["WORKER"]
            lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": 1}))
            answer = lambda_.invoke(FunctionName=name, Payload=json.dumps({"n": 21}))
            return json.load(answer["Payload"])
        """,
        environment={"WORKER": worker.name},
    )
    assert boss.invoke({}) == 42
    sls.settle()
    assert sorted(each.event["n"] for each in worker.invocations) == [1, 21]


def test_a_function_invokes_others_from_threads(deploy: Deploy) -> None:
    worker = deploy("def handler(event, context): return event * 2")
    boss = deploy(
        """
        import json, os
        from concurrent.futures import ThreadPoolExecutor
        import boto3
        lambda_ = boto3.client("lambda")

        def call(n):
            answer = lambda_.invoke(FunctionName=os.environ["WORKER"], Payload=json.dumps(n))
            return json.load(answer["Payload"])

        def handler(event, context):
            with ThreadPoolExecutor(8) as pool:
                return list(pool.map(call, range(16)))
        """,
        environment={"WORKER": worker.name},
        timeout=30,
    )
    assert boss.invoke({}) == [n * 2 for n in range(16)]


def test_the_working_directory_is_the_task_root(deploy: Deploy) -> None:
    function = deploy(
        """
        import os
        from pathlib import Path

        def handler(event, context):
            return [Path.cwd() == Path(os.environ["LAMBDA_TASK_ROOT"]).resolve(),
                    Path("app.py").exists()]
        """
    )
    assert function.invoke({}) == [True, True]


def test_temporary_files_last_as_long_as_the_environment(deploy: Deploy) -> None:
    function = deploy(
        """
        import tempfile
        from pathlib import Path

        def handler(event, context):
            notes = Path(tempfile.gettempdir()) / event["notes"]
            notes.write_text((notes.read_text() if notes.exists() else "") + "x")
            return notes.read_text()
        """
    )
    event = {"notes": function.name}  # on some clouds the folder is everybody's
    assert [function.invoke(event), function.invoke(event)] == ["x", "xx"]


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_a_payload_over_the_limit_is_refused(
    deploy: Deploy, sls: Environment, kind: str, limit: int
) -> None:
    function = deploy(ECHO)
    payload = json.dumps("x" * limit).encode()
    with pytest.raises(ClientError, match=f"payload is too large.*limit {limit} bytes"):
        sls.client("lambda").invoke(
            FunctionName=function.name, InvocationType=kind, Payload=payload
        )


def test_a_response_over_the_limit_is_an_error_of_the_function(deploy: Deploy) -> None:
    function = deploy("def handler(event, context): return 'x' * 6_291_600")
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert raised.value.payload["errorType"] == "Function.ResponseSizeTooLarge"
    (invocation,) = function.invocations
    assert (invocation.error or {})["errorType"] == "Function.ResponseSizeTooLarge"
