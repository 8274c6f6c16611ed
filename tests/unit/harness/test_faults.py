from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from slstest import ConfigurationError, Environment, Unavailable
from slstest.faults import Faults


@pytest.fixture
def faults(world: Environment) -> Faults:
    return world.faults


class Named:
    name = "a-function"

    def __str__(self) -> str:
        return "function 'app'"


FUNCTION: Any = Named()


@pytest.mark.parametrize(
    "inject",
    [
        lambda faults: faults.throttle(FUNCTION),
        lambda faults: faults.kill(FUNCTION),
        lambda faults: faults.deliver_twice(FUNCTION),
        lambda faults: faults.fail(FUNCTION, "s3:PutObject", "SlowDown"),
        lambda faults: faults.delay(FUNCTION, "s3:PutObject", 1),
        lambda faults: faults.clear(),
    ],
    ids=["throttle", "kill", "deliver_twice", "fail", "delay", "clear"],
)
def test_other_clouds_have_no_faults(inject: Callable[[Faults], object], faults: Faults) -> None:
    with pytest.raises(Unavailable, match="those of the cloud 'scripted' do not"):
        inject(faults)


@pytest.mark.parametrize(
    ("operation", "said"),
    [
        ("PutItem", "service:Operation"),
        ("dynamo:PutItem", "Did you mean dynamodb:PutItem"),
        ("dynamodb.PutItem", "Did you mean dynamodb:PutItem"),
        ("dynamodb:Putitem", "dynamodb has no operation Putitem. Did you mean dynamodb:PutItem"),
    ],
)
def test_an_operation_that_aws_has_not_is_refused(
    operation: str, said: str, faults: Faults
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        faults.fail(FUNCTION, operation, "SlowDown")


@pytest.mark.parametrize("times", [0, -1, True, "2", 1.5])
def test_a_count_is_a_number_from_one_on(times: Any, faults: Faults) -> None:
    with pytest.raises(ConfigurationError, match="times is a whole number from 1 on"):
        faults.kill(FUNCTION, times)


@pytest.mark.parametrize("seconds", [0, -1, True, "2"])
def test_a_delay_is_a_number_of_seconds(seconds: Any, faults: Faults) -> None:
    with pytest.raises(ConfigurationError, match="greater than 0"):
        faults.delay(FUNCTION, "s3:PutObject", seconds)


def test_a_failure_needs_a_code(faults: Faults) -> None:
    with pytest.raises(ConfigurationError, match="give the error code"):
        faults.fail(FUNCTION, "s3:PutObject", "")
