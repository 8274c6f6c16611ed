from __future__ import annotations

import base64
import io
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from slstest import (
    ConfigurationError,
    Environment,
    ExpectationFailed,
    Function,
    FunctionError,
    Invocation,
    NotSettled,
    SlstestError,
)
from slstest.functions.package import package

ERROR = {"errorType": "KeyError", "errorMessage": "'page'", "stackTrace": ["  at app.py:5\n"]}


@pytest.fixture
def function(world: Environment, folder: Path) -> Function:
    return world.function(folder)


def configuration(world: Environment, function: Function) -> dict[str, Any]:
    client = world.client("lambda")
    return dict(client.get_function_configuration(FunctionName=function.name))


def answer(payload: Any, **more: Any) -> dict[str, Any]:
    return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(payload).encode()), **more}


def requests_to(cloud: Any, operation: str) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []
    events = cloud.client("lambda").meta.events
    events.register(
        f"provide-client-params.lambda.{operation}", lambda params, **_: asked.append(params)
    )
    return asked


def invocation(**settings: Any) -> Invocation:
    return Invocation(
        **{"request_id": "r", "event": {}, "response": None, "error": None, **settings}
    )


# -- deploying --------------------------------------------------------------------------


def test_a_folder_is_deployed_with_what_aws_needs(
    world: Environment, folder: Path, cloud: Any
) -> None:
    function = world.function("click_processor")
    made = configuration(world, function)
    assert made["Runtime"] == f"python{sys.version_info.major}.{sys.version_info.minor}"
    assert made["Handler"] == "app.handler"
    assert made["Role"] == "arn:aws:iam::123456789012:role/slstest"
    assert made["CodeSha256"] == package(folder).sha256
    assert function.arn == made["FunctionArn"]
    assert "click-processor" in function.name


def test_settings_of_lambda_are_passed_on(world: Environment, folder: Path, cloud: Any) -> None:
    asked = requests_to(cloud, "CreateFunction")
    function = world.function(
        folder,
        runtime="python3.12",
        environment={"TABLE": "clicks"},
        timeout=7,
        memory_size=512,
        description="counts",
        dead_letter_config={"TargetArn": "arn"},
    )
    made = configuration(world, function)
    assert (made["Runtime"], made["Timeout"], made["MemorySize"]) == ("python3.12", 7, 512)
    assert made["Environment"] == {"Variables": {"TABLE": "clicks"}}
    assert made["Description"] == "counts"
    assert asked[0]["DeadLetterConfig"] == {"TargetArn": "arn"}


def test_what_is_not_said_is_left_to_lambda(world: Environment, folder: Path, cloud: Any) -> None:
    asked = requests_to(cloud, "CreateFunction")
    world.function(folder)
    assert set(asked[0]) == {"FunctionName", "Runtime", "Role", "Handler", "Code"}


def test_the_handler_of_a_single_file_is_in_it(world: Environment, tmp_path: Path) -> None:
    (tmp_path / "counter.py").write_text("def handler(event, context): pass")
    function = world.function("counter.py")
    assert configuration(world, function)["Handler"] == "counter.handler"


def test_a_function_is_waited_for_until_it_is_active(
    world: Environment, folder: Path, cloud: Any
) -> None:
    cloud.edit("CreateFunction", lambda made: made.update(State="Pending"))
    cloud.edit("GetFunctionConfiguration", lambda made: made.update(State="Pending"))
    world.function(folder)
    assert cloud.calls == ["CreateFunction", *["GetFunctionConfiguration"] * 2]


def test_a_function_that_cannot_become_active_says_why(
    world: Environment, folder: Path, cloud: Any
) -> None:
    cloud.edit("CreateFunction", lambda made: made.update(State="Pending"))
    failed = {"State": "Failed", "StateReason": "The image is gone"}
    cloud.edit("GetFunctionConfiguration", lambda made: made.update(failed))
    with pytest.raises(SlstestError, match="cannot become active: The image is gone"):
        world.function(folder)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"handler": "app"}, "is not of the form"),
        ({"handler": "main.handler"}, "needs the module 'main'"),
        ({"handler": "app.main"}, "has no 'main'. It defines the functions: handler"),
        ({"function_name": "x"}, "function_name= cannot be given: the name is a throwaway one"),
        ({"code": {}}, "code= cannot be given: it is the first argument"),
        ({"reserved_concurrent_executions": 1}, "call function.reserve_concurrency(...)"),
        ({"memory": 5}, "no parameter 'memory'. Did you mean memory_size"),
        ({"timeout": "5"}, "Invalid type for parameter Timeout"),
        ({"environment": {"LIMIT": 5}}, 'LIMIT is 5, which is of type int; .*: LIMIT="5"'),
        ({"environment": {"A": None}}, "A is None, which is of type NoneType"),
        ({"environment": {5: "x"}}, "environment variable 5 is 'x'"),
    ],
)
def test_what_a_function_cannot_be_is_refused_and_leaves_nothing(
    world: Environment, folder: Path, cloud: Any, arguments: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        world.function(folder, **arguments)
    assert str(raised.value).startswith(f"sls.function('{folder}'): ")
    assert "CreateFunction" not in cloud.calls or "Invalid type" in problem
    cloud.calls.clear()
    world.close()
    assert cloud.calls == []


def test_a_resource_as_a_variable_is_answered_with_its_name(
    world: Environment, folder: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"TABLE is the table 'clicks' itself; give its"):
        world.function(folder, environment={"TABLE": world.table("clicks")})  # type: ignore[dict-item]


def test_a_refusal_by_lambda_is_told_with_code_message_and_cure(
    world: Environment, folder: Path, cloud: Any
) -> None:
    message = "the environment variables you have provided exceeded the 4KB limit."
    cloud.answer("CreateFunction", (400, "InvalidParameterValueException", message))
    with pytest.raises(ConfigurationError) as raised:
        world.function(folder, environment={"A": "x" * 5000})
    assert str(raised.value) == (
        f"sls.function('{folder}'): CreateFunction was refused: InvalidParameterValueException: "
        f"{message} Make the values in environment= shorter, or keep them where the function can "
        "read them (a parameter, a secret, an object)."
    )


def test_a_failure_of_the_cloud_is_no_mistake_of_the_test_and_is_cleaned_up(
    world: Environment, folder: Path, cloud: Any
) -> None:
    cloud.answer("CreateFunction", (500, "ServiceException", "try again"))
    with pytest.raises(SlstestError, match="CreateFunction failed: ServiceException") as raised:
        world.function(folder)
    assert not isinstance(raised.value, ConfigurationError)
    world.close()
    assert cloud.calls[-1] == "DeleteFunction"


def test_throttling_is_no_mistake_of_the_test(function: Function, cloud: Any) -> None:
    # botocore's own retries come after this hook, so one answer is enough
    cloud.answer("Invoke", (429, "TooManyRequestsException", "Rate Exceeded."))
    with pytest.raises(SlstestError, match="Invoke failed: TooManyRequestsException") as raised:
        function.invoke({})
    assert not isinstance(raised.value, ConfigurationError)


def test_other_languages_are_left_to_the_cloud(
    world: Environment, tmp_path: Path, cloud: Any
) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "index.mjs").write_text("export const handler = async () => {}")
    function = world.function("web", handler="index.handler", runtime="nodejs22.x")
    assert configuration(world, function)["Handler"] == "index.handler"


# -- invoking ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ({"a": 1}, b'{"a": 1}'),
        ([1], b"[1]"),
        ("text", b'"text"'),
        (5, b"5"),
        (False, b"false"),
        (b"\xffraw", b"\xffraw"),
    ],
)
def test_a_payload_goes_as_json_and_bytes_as_they_are(
    function: Function, cloud: Any, payload: Any, sent: bytes
) -> None:
    asked = requests_to(cloud, "Invoke")
    cloud.answer("Invoke", answer({"ok": True}))
    assert function.invoke(payload) == {"ok": True}
    assert asked[0]["Payload"] == sent
    assert asked[0]["InvocationType"] == "RequestResponse"


def test_no_payload_is_none(function: Function, cloud: Any) -> None:
    asked = requests_to(cloud, "Invoke")
    cloud.answer("Invoke", answer(None))
    assert function.invoke() is None
    assert "Payload" not in asked[0]


def test_qualifier_and_client_context_are_passed_on(function: Function, cloud: Any) -> None:
    asked = requests_to(cloud, "Invoke")
    cloud.answer("Invoke", answer(None))
    function.invoke({}, qualifier="live", client_context={"custom": {"a": 1}})
    assert asked[0]["Qualifier"] == "live"
    assert json.loads(base64.b64decode(asked[0]["ClientContext"])) == {"custom": {"a": 1}}


def test_a_payload_that_is_no_json_is_refused(function: Function) -> None:
    with pytest.raises(ConfigurationError, match=r"\.invoke: the data is not JSON: .*type set"):
        function.invoke({1, 2})


def test_a_failed_function_raises_with_type_message_and_log(function: Function, cloud: Any) -> None:
    log = base64.b64encode(b"START\nhello\nEND").decode()
    cloud.answer("Invoke", answer(ERROR, FunctionError="Unhandled", LogResult=log))
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert raised.value.payload == ERROR
    assert str(raised.value) == (
        "function 'click_processor' failed: KeyError: 'page'\n  at app.py:5\n"
        "log of this invocation:\nSTART\nhello\nEND"
    )


def test_the_whole_log_is_shown_where_the_cloud_knows_it(function: Function, cloud: Any) -> None:
    logs = ["START", "Traceback (most recent call last):\n  app.py"]
    cloud.finished[function.name] += [
        invocation(request_id="request-1", logs=logs),
        invocation(request_id="another", logs=["wrong"]),
    ]
    cloud.answer("Invoke", answer(ERROR, FunctionError="Unhandled"))
    with pytest.raises(FunctionError) as raised:
        function.invoke({})
    assert str(raised.value) == (
        "function 'click_processor' failed: KeyError: 'page'\nlog of this invocation:\n"
        + "\n".join(logs)
    )


def test_an_error_that_is_no_document_is_shown_as_it_is(function: Function, cloud: Any) -> None:
    cloud.answer("Invoke", answer("gone", FunctionError="Unhandled"))
    with pytest.raises(FunctionError, match="failed: 'gone'") as raised:
        function.invoke({})
    assert raised.value.payload == "gone"


def test_a_payload_over_the_limit_is_told_with_its_size_and_the_limits(
    function: Function, cloud: Any
) -> None:
    message = "7000000 byte payload is too large for the RequestResponse invocation type"
    cloud.answer("Invoke", (413, "RequestEntityTooLargeException", message))
    with pytest.raises(ConfigurationError) as raised:
        function.invoke(b"x" * 7_000_000)
    assert str(raised.value) == (
        "function 'click_processor'.invoke with a payload of 7,000,000 bytes: Invoke was refused: "
        f"RequestEntityTooLargeException: {message}. Lambda takes 6 MB in a synchronous and 1 MB "
        "in an asynchronous invocation; put the data where the function can read it, and send "
        "where that is."
    )


def test_an_asynchronous_invocation_answers_with_its_id(function: Function, cloud: Any) -> None:
    asked = requests_to(cloud, "Invoke")
    cloud.answer("Invoke", {"StatusCode": 202})
    assert function.invoke_async({"a": 1}) == "request-1"
    assert asked[0]["InvocationType"] == "Event"


# -- what was invoked -------------------------------------------------------------------


def test_invocations_wait_for_what_is_running(function: Function, cloud: Any) -> None:
    finished = cloud.finished[function.name]
    cloud.between_looks.append(lambda: finished.append(invocation(logs=["a", "b"])))
    assert [i.request_id for i in function.invocations] == ["r"]
    assert function.logs == ["a", "b"]


def test_an_invocation_is_waited_for(function: Function, cloud: Any) -> None:
    finished = cloud.finished[function.name]
    cloud.between_looks.extend([lambda: None, lambda: finished.append(invocation())])
    assert len(function.expect_invoked()) == 1
    assert cloud.settled == []


def test_so_many_invocations_are_exactly_so_many(function: Function, cloud: Any) -> None:
    finished = cloud.finished[function.name]
    cloud.between_looks.extend([lambda: finished.append(invocation())] * 3)
    with pytest.raises(ExpectationFailed, match="to be invoked twice, but was 3 times"):
        function.expect_invoked(times=2)
    assert len(function.expect_invoked(times=3)) == 3


def test_too_few_invocations_are_told(function: Function) -> None:
    with pytest.raises(ExpectationFailed) as raised:
        function.expect_invoked()
    assert str(raised.value) == (
        "function 'click_processor' was to be invoked at least once, but was never.\n"
        "Nothing is under way any more that could change this.\n\n"
        "click_processor: never invoked"
    )


def test_never_invoked_settles_first(function: Function, cloud: Any) -> None:
    assert function.expect_invoked(times=0) == []
    cloud.between_looks.append(lambda: cloud.finished[function.name].append(invocation()))
    with pytest.raises(ExpectationFailed, match="to be invoked never, but was once"):
        function.expect_invoked(times=0)


def test_a_log_line_is_waited_for_and_returned(function: Function, cloud: Any) -> None:
    finished = cloud.finished[function.name]
    cloud.between_looks.append(lambda: finished.append(invocation(logs=["a=1", "b=22"])))
    assert function.expect_log(r"b=\d+") == "b=22"
    assert function.expect_log(re.compile("^A", re.IGNORECASE)) == "a=1"


def test_a_missing_log_line_shows_the_log(function: Function, cloud: Any) -> None:
    cloud.finished[function.name].append(invocation(logs=["hello"]))
    with pytest.raises(ExpectationFailed) as raised:
        function.expect_log("world")
    assert "has logged nothing in which 'world' is found" in str(raised.value)
    assert str(raised.value).endswith("log of click_processor:\n  hello")


def test_a_pattern_that_is_none_is_refused(function: Function) -> None:
    with pytest.raises(ConfigurationError, match=r"expect_log\('\('\): not a regular expression"):
        function.expect_log("(")


def test_no_errors_are_expected_only_after_settling(function: Function, cloud: Any) -> None:
    function.expect_no_errors()
    cloud.between_looks.append(
        lambda: cloud.finished[function.name].append(invocation(error=ERROR))
    )
    with pytest.raises(ExpectationFailed, match=r"but failed once\. The first error:\n  KeyError"):
        function.expect_no_errors()
    cloud.under_way.append("a retry")
    with pytest.raises(NotSettled):
        function.expect_no_errors()


def test_a_failed_expectation_tells_what_the_functions_did(
    world: Environment, function: Function, cloud: Any
) -> None:
    cloud.finished[function.name].append(invocation(error=ERROR, logs=["the log"]))
    with pytest.raises(ExpectationFailed) as raised:
        world.table("clicks").expect_item({"id": "a"})
    text = str(raised.value)
    assert "click_processor: 1 invocation, 1 failed" in text
    assert "error:    KeyError: 'page'" in text
    assert "log of click_processor:\n  the log" in text


def test_each_look_for_invocations_reads_them_once(
    world: Environment, folder: Path, cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = world.function(folder)
    reads: list[str] = []

    def invocations(name: str) -> list[Invocation]:
        reads.append(name)
        return cloud.finished[name]  # type: ignore[no-any-return]

    monkeypatch.setattr(cloud, "invocations", invocations)
    finish = partial(cloud.finished[function.name].append, Invocation("r", {}, None, None))
    cloud.between_looks.extend([lambda: None, finish])
    assert len(function.expect_invoked()) == 1
    assert len(reads) == 3
