"""What the image must do before the contract suite is worth running on it."""

from __future__ import annotations

import json
import re

import pytest
from localstack_container import LocalStack

from slstest.waiting import wait_until

from .conftest import Deploy


def test_it_is_the_release_that_its_tag_says(localstack: LocalStack) -> None:
    health = localstack.health()
    assert (health["version"], health["edition"]) == ("4.14.0", "community")


def test_a_function_answers_from_one_process_that_stays_warm(deploy: Deploy) -> None:
    function = deploy(
        """
        count = 0

        def handler(event, context):
            global count
            count += 1
            return [event, count, context.invoked_function_arn]
        """
    )
    assert [function.invoke({"n": 1}).payload, function.invoke({"n": 2}).payload] == [
        [{"n": 1}, 1, function.arn],
        [{"n": 2}, 2, function.arn],
    ]


def test_the_log_of_an_invocation_is_between_its_start_and_its_end(deploy: Deploy) -> None:
    function = deploy(
        """
        print("imported")

        def handler(event, context):
            print(event)
        """
    )
    first, second = function.invoke("one"), function.invoke("two")
    assert [line.split(":")[0] for line in first.log.splitlines()] == [
        "imported",
        "START RequestId",
        "one",
        "END RequestId",
        "REPORT RequestId",
    ]
    assert "two" in second.log
    assert "one" not in second.log


def test_an_exception_is_told_with_its_trace(deploy: Deploy) -> None:
    function = deploy(
        """
        def handler(event, context):
            raise KeyError("page")
        """
    )
    result = function.invoke()
    assert result.failed
    assert result.payload["errorType"] == "KeyError"
    assert "in handler" in result.payload["stackTrace"][0]


def test_a_failing_import_is_told_as_such(deploy: Deploy) -> None:
    function = deploy("import no_such_module")
    answer = function.client.invoke(FunctionName=function.name)
    document = json.load(answer["Payload"])
    assert answer["FunctionError"] == "Unhandled"
    assert document["errorType"] == "Runtime.ImportModuleError"
    assert "no_such_module" in document["errorMessage"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            "import os; os._exit(3)",
            r"RequestId: .* Error: .* exit status 3",
        ),
        ("import os; os.kill(os.getpid(), 9)", r"RequestId: .* Error: .* signal: killed"),
        ("import time; time.sleep(60)", r".* Task timed out after 1\.00 seconds"),
    ],
    ids=["exit", "signal", "timeout"],
)
def test_after_an_end_by_force_the_next_invocation_starts_anew(
    deploy: Deploy, code: str, message: str
) -> None:
    function = deploy(
        f"""
        def handler(event, context):
            if event == "end":
                print("last words")
                {code}
            return "alive"
        """,
        Timeout=1,
    )
    assert function.invoke("live").payload == "alive"
    ended = function.invoke("end")
    assert ended.failed
    assert re.fullmatch(message, ended.payload["errorMessage"])
    assert "last words" in ended.log
    assert function.invoke("live").payload == "alive"


def test_a_response_over_six_megabytes_is_an_error(deploy: Deploy) -> None:
    function = deploy(
        """
        def handler(event, context):
            return event * "x"
        """
    )
    result = function.invoke(7_000_000)
    assert result.failed
    assert result.payload["errorType"] == "Function.ResponseSizeTooLarge"
    assert function.invoke(5).payload == "xxxxx"


def test_a_function_finds_what_lambda_has_and_nothing_of_localstack(deploy: Deploy) -> None:
    function = deploy(
        """
        import importlib.util

        def handler(event, context):
            return [name for name in event if importlib.util.find_spec(name)]
        """
    )
    names = ["app", "awslambdaric", "boto3", "localstack", "moto", "requests"]
    assert function.invoke(names).payload == ["app", "awslambdaric", "boto3"]


def test_another_runtime_is_refused_with_the_reason(deploy: Deploy) -> None:
    function = deploy("", Runtime="nodejs22.x")
    state = function.configuration()
    assert state["State"] == "Failed"
    assert "runs Python only, not nodejs22.x" in state["StateReason"]


def test_a_deleted_function_leaves_no_process(localstack: LocalStack, deploy: Deploy) -> None:
    before = localstack.function_processes()
    function = deploy(
        """
        import subprocess, sys

        def handler(event, context):
            child = [sys.executable, "-c", "import time; time.sleep(600)", "awslambdaric"]
            subprocess.Popen(child)
        """
    )
    function.invoke()
    assert localstack.function_processes() == before + 2
    function.client.delete_function(FunctionName=function.name)
    wait_until("the processes to end", lambda: localstack.function_processes() == before or None)
