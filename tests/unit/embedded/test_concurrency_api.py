"""Concurrency: https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from slstest.embedded.event_sources.base import Throttled
from slstest.embedded.lambda_service.concurrency import Concurrency
from slstest.embedded.lambda_service.functions import Function, FunctionStore

if TYPE_CHECKING:
    from tests.unit.embedded.conftest import Aws

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"


def test_a_reservation_is_answered_read_and_deleted(aws: Aws) -> None:
    name, client = aws.function(), aws.lambda_
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    for count in (1, 0):
        put = client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=count)
        assert put["ReservedConcurrentExecutions"] == count
        read = client.get_function_concurrency(FunctionName=name)
        assert read["ReservedConcurrentExecutions"] == count
    deleted = client.delete_function_concurrency(FunctionName=name)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName=name)
    assert "Concurrency" not in client.get_function(FunctionName=name)


def test_the_account_tells_its_limits_and_what_it_uses(aws: Aws) -> None:
    names = [aws.function(), aws.function()]
    aws.lambda_.put_function_concurrency(FunctionName=names[0], ReservedConcurrentExecutions=30)
    settings = aws.lambda_.get_account_settings()
    assert settings["AccountLimit"] == {
        "TotalCodeSize": 80_530_636_800,
        "CodeSizeUnzipped": 262_144_000,
        "CodeSizeZipped": 52_428_800,
        "ConcurrentExecutions": 1000,
        "UnreservedConcurrentExecutions": 970,
    }
    sizes = [aws.lambda_.get_function_configuration(FunctionName=n)["CodeSize"] for n in names]
    assert settings["AccountUsage"] == {"TotalCodeSize": sum(sizes), "FunctionCount": 2}


@pytest.mark.parametrize("method", ["put", "get", "delete"])
def test_a_function_that_does_not_exist_is_told(aws: Aws, method: str) -> None:
    params = {"ReservedConcurrentExecutions": 1} if method == "put" else {}
    with pytest.raises(ClientError) as error:
        getattr(aws.lambda_, f"{method}_function_concurrency")(FunctionName="missing", **params)
    assert aws.refused(error) == (
        404,
        "ResourceNotFoundException",
        f"Function not found: {ARN}missing:$LATEST",
    )


def test_a_version_has_no_reservation_of_its_own(aws: Aws) -> None:
    with pytest.raises(ClientError) as error:
        aws.lambda_.put_function_concurrency(
            FunctionName=f"{ARN}{aws.function()}:$LATEST", ReservedConcurrentExecutions=1
        )
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "This operation is permitted on Lambda functions only. Aliases and versions do not "
        "support this operation. Please specify either a function name or an unqualified "
        "function ARN.",
    )


def test_a_hundred_executions_stay_unreserved(aws: Aws) -> None:
    first, second = aws.function(), aws.function()
    put = aws.lambda_.put_function_concurrency
    put(FunctionName=first, ReservedConcurrentExecutions=900)
    put(FunctionName=first, ReservedConcurrentExecutions=500)
    put(FunctionName=second, ReservedConcurrentExecutions=400)
    put(FunctionName=second, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError) as error:
        put(FunctionName=second, ReservedConcurrentExecutions=401)
    assert aws.refused(error) == (
        400,
        "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    )


# -- who is admitted ------------------------------------------------------------------------


def functions(*reserved: int | None) -> tuple[Concurrency, list[Function]]:
    """An account of five concurrent executions, and functions with these reservations."""
    store = FunctionStore("aws", "us-east-1", "123456789012")
    made = []
    for number, count in enumerate(reserved):
        function = Function(str(number), store.arn(str(number)), None, {}, {}, 0.0)  # type: ignore[arg-type]
        function.reserved_concurrency = count
        store.add(function)
        made.append(function)
    return Concurrency(store, account_limit=5), made


def test_functions_without_a_reservation_share_what_is_not_reserved() -> None:
    concurrency, (reserved, first, second) = functions(3, None, None)
    with ExitStack() as running:
        running.enter_context(concurrency.admitted(first))
        running.enter_context(concurrency.admitted(second))
        for function in (first, second):
            with pytest.raises(Throttled, match=r"^ConcurrentInvocationLimitExceeded$"):
                running.enter_context(concurrency.admitted(function))
        for _ in range(3):
            running.enter_context(concurrency.admitted(reserved))
    with concurrency.admitted(second):
        pass


def test_a_reservation_is_a_limit_as_well() -> None:
    concurrency, (reserved, _) = functions(1, None)
    with (
        concurrency.admitted(reserved),
        pytest.raises(Throttled, match=r"^ReservedFunctionConcurrentInvocationLimitExceeded$"),
        concurrency.admitted(reserved),
    ):
        pass


def test_a_reservation_that_grows_admits_more() -> None:
    concurrency, (function,) = functions(1)
    with concurrency.admitted(function):
        function.reserved_concurrency = 2
        with concurrency.admitted(function):
            pass
