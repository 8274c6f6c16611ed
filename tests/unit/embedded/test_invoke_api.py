"""Invoke through boto3: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""

from __future__ import annotations

import base64
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws, Gate

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def fail(event: Any) -> Any:
    raise ValueError("no such page")


def test_a_synchronous_invocation_answers_what_the_handler_returns(aws: Aws) -> None:
    aws.runtime.handler = lambda event: {"doubled": event["number"] * 2}
    answer = aws.lambda_.invoke(FunctionName=aws.function(), Payload=b'{"number": 21}')
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert json.loads(answer["Payload"].read()) == {"doubled": 42}
    assert not {"FunctionError", "LogResult"} & set(answer)


def test_the_request_id_of_the_answer_is_the_one_of_the_invocation(aws: Aws) -> None:
    name = aws.function()
    for kind in ("RequestResponse", "Event"):
        answer = aws.lambda_.invoke(FunctionName=name, InvocationType=kind)
        aws.settle()
        request = aws.runtime.calls[-1].request
        assert answer["ResponseMetadata"]["RequestId"] == request.request_id


def test_a_function_is_told_its_arn_and_a_trace(aws: Aws) -> None:
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name)
    request = aws.runtime.calls[-1].request
    assert request.invoked_function_arn == ARN + name
    assert request.trace_id.startswith(f"Root=1-{int(aws.now()):08x}"[:-2])


def test_no_payload_is_an_empty_object(aws: Aws) -> None:
    aws.lambda_.invoke(FunctionName=aws.function())
    assert aws.runtime.calls[-1].event == {}


def test_a_payload_may_be_a_file(aws: Aws) -> None:
    import io

    aws.lambda_.invoke(FunctionName=aws.function(), Payload=io.BytesIO(b'["from a file"]'))
    assert aws.runtime.calls[-1].event == ["from a file"]


def test_a_failed_invocation_answers_200_and_the_error_document(aws: Aws) -> None:
    aws.runtime.handler = fail
    answer = aws.lambda_.invoke(FunctionName=aws.function())
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read()) == {
        "errorMessage": "no such page",
        "errorType": "ValueError",
    }


def test_the_tail_of_the_log_comes_along_on_request(aws: Aws) -> None:
    aws.runtime.handler = fail
    answer = aws.lambda_.invoke(FunctionName=aws.function(), LogType="Tail")
    request_id = aws.runtime.calls[-1].request.request_id
    assert base64.b64decode(answer["LogResult"]).decode().splitlines() == [
        f"START RequestId: {request_id} Version: $LATEST",
        "[ERROR] ValueError: no such page",
        f"END RequestId: {request_id}",
    ]


def test_the_tail_is_four_kilobytes_at_most(aws: Aws) -> None:
    def fail_at_length(event: Any) -> Any:
        raise ValueError("x" * 5000)

    aws.runtime.handler = fail_at_length
    answer = aws.lambda_.invoke(FunctionName=aws.function(), LogType="Tail")
    assert len(base64.b64decode(answer["LogResult"])) == 4096


def test_a_dry_run_invokes_nothing(aws: Aws) -> None:
    answer = aws.lambda_.invoke(FunctionName=aws.function(), InvocationType="DryRun")
    aws.settle()
    assert answer["StatusCode"] == 204
    assert aws.runtime.calls == []


def test_the_unpublished_version_can_be_asked_for(aws: Aws) -> None:
    answer = aws.lambda_.invoke(FunctionName=aws.function(), Qualifier="$LATEST")
    assert answer["StatusCode"] == 200


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
def test_unknown_functions_and_versions_are_not_found(aws: Aws, kind: str) -> None:
    name = aws.function()
    for params, missing in (
        ({"FunctionName": "nobody"}, "nobody"),
        ({"FunctionName": name, "Qualifier": "1"}, f"{name}:1"),
    ):
        with pytest.raises(aws.lambda_.exceptions.ResourceNotFoundException) as error:
            aws.lambda_.invoke(InvocationType=kind, **params)
        assert aws.refused(error) == (
            404,
            "ResourceNotFoundException",
            f"Function not found: {ARN}{missing}",
        )


def test_client_context_reaches_synchronous_invocations_alone(aws: Aws) -> None:
    name = aws.function()
    context = base64.b64encode(b'{"custom": {"user": "x"}}').decode()
    for kind in ("RequestResponse", "Event"):
        aws.lambda_.invoke(FunctionName=name, InvocationType=kind, ClientContext=context)
        aws.settle()
    assert [call.request.client_context for call in aws.runtime.calls] == [
        '{"custom": {"user": "x"}}',
        None,
    ]


@pytest.mark.parametrize("text", ["no base64", base64.b64encode(b"no json").decode(), "NDI="])
def test_a_client_context_that_is_no_json_object_is_refused(aws: Aws, text: str) -> None:
    with pytest.raises(aws.lambda_.exceptions.InvalidRequestContentException) as error:
        aws.lambda_.invoke(FunctionName=aws.function(), ClientContext=text)
    assert aws.refused(error) == (
        400,
        "InvalidRequestContentException",
        "Client context must be a valid Base64-encoded JSON object.",
    )


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
@pytest.mark.parametrize("payload", [b"{", b"\xff", b"NaN", b"hello"])
def test_a_payload_that_is_no_json_is_refused(aws: Aws, kind: str, payload: bytes) -> None:
    with pytest.raises(aws.lambda_.exceptions.InvalidRequestContentException) as error:
        aws.lambda_.invoke(FunctionName=aws.function(), InvocationType=kind, Payload=payload)
    status, _, message = aws.refused(error)
    assert status == 400
    assert message.startswith(
        "Could not parse request body into json: Could not parse payload into json: "
    )


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_a_payload_may_reach_its_limit_and_not_exceed_it(aws: Aws, kind: str, limit: int) -> None:
    name = aws.function()
    aws.runtime.handler = len
    largest = b'"' + b"x" * (limit - 2) + b'"'
    aws.lambda_.invoke(FunctionName=name, InvocationType=kind, Payload=largest)
    with pytest.raises(ClientError) as error:
        aws.lambda_.invoke(FunctionName=name, InvocationType=kind, Payload=largest + b" ")
    assert aws.refused(error) == (
        413,
        "RequestEntityTooLargeException",
        f"{limit + 1} byte payload is too large for the {kind} invocation type "
        f"(limit {limit} bytes)",
    )


def test_an_asynchronous_invocation_is_accepted_before_it_runs(aws: Aws, gate: Gate) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    answer = aws.lambda_.invoke(FunctionName=aws.function(), InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert "ExecutedVersion" not in answer
    assert gate.entered.wait(60)
    gate.open()
    aws.settle()


def test_an_asynchronous_invocation_that_fails_is_tried_after_one_and_after_two_minutes(
    aws: Aws,
) -> None:
    aws.runtime.handler = fail
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=b'"once"')
    aws.quiesce()
    aws.advance(59)
    assert len(aws.runtime.calls) == 1
    aws.settle()
    moments = [call.moment for call in aws.runtime.calls]
    assert [round(moment - moments[0]) for moment in moments] == [0, 60, 180]
    assert [call.event for call in aws.runtime.calls] == ["once"] * 3
    assert len({call.request.request_id for call in aws.runtime.calls}) == 1
    invocations = aws.cloud.invocations(name)
    assert [invocation.attempt for invocation in invocations] == [1, 2, 3]
    assert invocations[0].error == {"errorMessage": "no such page", "errorType": "ValueError"}


def test_an_asynchronous_invocation_that_succeeds_at_last_is_not_tried_again(aws: Aws) -> None:
    results = iter([ValueError("not yet"), "done"])

    def handler(event: Any) -> Any:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    aws.runtime.handler = handler
    aws.lambda_.invoke(FunctionName=aws.function(), InvocationType="Event")
    aws.settle()
    assert len(aws.runtime.calls) == 2


def test_a_synchronous_invocation_is_never_tried_again(aws: Aws) -> None:
    aws.runtime.handler = fail
    aws.lambda_.invoke(FunctionName=aws.function())
    aws.settle()
    assert len(aws.runtime.calls) == 1


def test_an_event_of_a_deleted_function_is_dropped(aws: Aws) -> None:
    aws.runtime.handler = fail
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name, InvocationType="Event")
    aws.quiesce()
    aws.lambda_.delete_function(FunctionName=name)
    aws.settle()
    assert len(aws.runtime.calls) == 1


def test_many_asynchronous_invocations_each_run_once(aws: Aws) -> None:
    name = aws.function()
    for number in range(100):
        aws.lambda_.invoke(FunctionName=name, InvocationType="Event", Payload=str(number).encode())
    aws.settle()
    assert sorted(call.event for call in aws.runtime.calls) == list(range(100))


def test_an_environment_is_reused_while_it_is_idle(aws: Aws) -> None:
    name = aws.function()
    for _ in range(3):
        aws.lambda_.invoke(FunctionName=name)
    assert len(aws.runtime.environments) == 1


def test_invocations_at_the_same_time_have_an_environment_each(aws: Aws) -> None:
    together = threading.Barrier(3)
    aws.runtime.handler = lambda event: together.wait(60) >= 0
    name = aws.function()
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: aws.lambda_.invoke(FunctionName=name), range(3)))
    assert len(aws.runtime.environments) == 3
    assert not any(environment.closed for environment in aws.runtime.environments)


def test_an_environment_that_did_not_survive_is_replaced(aws: Aws) -> None:
    name = aws.function()
    aws.runtime.environments[-1].alive = False
    aws.lambda_.invoke(FunctionName=name)
    assert aws.runtime.environments[0].closed
    aws.lambda_.invoke(FunctionName=name)
    assert len(aws.runtime.environments) == 2
    assert not aws.runtime.environments[1].closed


def test_an_environment_busy_during_an_update_is_not_used_again(aws: Aws, gate: Gate) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name, InvocationType="Event")
    assert gate.entered.wait(60)
    aws.lambda_.update_function_configuration(FunctionName=name, Timeout=9)
    old = aws.runtime.calls[0].spec
    gate.open()
    aws.settle()
    aws.lambda_.invoke(FunctionName=name)
    assert (old.timeout, aws.runtime.calls[-1].spec.timeout) == (3, 9)
    assert [each.closed for each in aws.runtime.environments] == [True, False]


def test_no_environment_outlives_its_function(aws: Aws, gate: Gate) -> None:
    aws.runtime.handler = lambda event: gate.wait()
    name = aws.function()
    aws.lambda_.invoke(FunctionName=name, InvocationType="Event")
    assert gate.entered.wait(60)
    aws.lambda_.delete_function(FunctionName=name)
    gate.open()
    aws.settle()
    assert all(environment.closed for environment in aws.runtime.environments)


def test_invocations_are_recorded_oldest_first(aws: Aws) -> None:
    name = aws.function()
    for number in (1, 2):
        aws.lambda_.invoke(FunctionName=name, Payload=str(number).encode())
    first, second = aws.cloud.invocations(name)
    assert (first.event, first.response, first.error, first.attempt) == (1, 1, None, 1)
    assert second.event == 2
    assert first.logs == [
        f"START RequestId: {first.request_id} Version: $LATEST",
        f"END RequestId: {first.request_id}",
    ]
