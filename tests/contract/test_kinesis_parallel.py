"""Batches of one shard that are handled at once:
https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html#kinesis-polling-and-batching"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from contract_columns.columns import Column

from slstest import ConfigurationError, Environment, Function

Deploy = Callable[..., Function]
Delivered = Callable[[Function], list[list[Any]]]

QUIET = "def handler(event, context): pass"

FAIL_ON_POISON = """
    import base64, json

    def handler(event, context):
        for record in event["Records"]:
            if json.loads(base64.b64decode(record["kinesis"]["data"])) == "poison":
                raise ValueError("poison")
    """


def put(stream: Any, key: str, *data: Any) -> None:
    stream.put(*(json.dumps(each) for each in data), partition_key=key)


def test_the_order_of_a_partition_key_is_kept(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    function.triggered_by(stream, parallelization_factor=5, batch_size=3)
    for number in range(40):
        put(stream, f"key-{number % 7}", [number % 7, number])
    sls.settle()
    got: dict[int, list[int]] = {}
    for key, number in [each for batch in delivered(function) for each in batch]:
        got.setdefault(key, []).append(number)
    assert got == {key: list(range(key, 40, 7)) for key in range(7)}


def test_a_partition_key_whose_batch_fails_is_held_up_and_others_go_on(
    deploy: Deploy, sls: Environment, delivered: Delivered, column: Column
) -> None:
    stream, function = sls.stream(), deploy(FAIL_ON_POISON)
    function.triggered_by(stream, parallelization_factor=10, batch_size=1, maximum_retry_attempts=1)
    put(stream, "bad", "poison", "behind")
    for number in range(20):
        put(stream, f"key-{number}", number)
    sls.settle()
    done = [batch[0] for batch in delivered(function)]
    _, again = (place for place, each in enumerate(done) if each == "poison")
    assert again < done.index("behind")
    assert len(done[:again]) > (10 if column.ours else 1)  # elsewhere time does not wait
    assert len(done) == 23


def test_changing_the_number_of_batches_loses_nothing_and_repeats_nothing(
    deploy: Deploy, sls: Environment, delivered: Delivered
) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    mapping = function.triggered_by(
        stream, parallelization_factor=3, maximum_batching_window_in_seconds=5
    )
    for number in range(12):
        put(stream, f"key-{number % 4}", [number % 4, number])
        if number % 3 == 2:
            mapping.update(parallelization_factor=number % 10 + 1)
    sls.settle()
    got = [each for batch in delivered(function) for each in batch]
    assert sorted(number for _, number in got) == list(range(12))
    for key in range(4):
        numbers = [number for of, number in got if of == key]
        assert numbers == sorted(numbers)


def test_a_tumbling_window_admits_one_batch_at_a_time(deploy: Deploy, sls: Environment) -> None:
    stream, function = sls.stream(), deploy(QUIET)
    with pytest.raises(ConfigurationError) as raised:
        function.triggered_by(stream, parallelization_factor=2, tumbling_window_in_seconds=60)
    assert (
        "InvalidParameterValueException: Parallelization factor must be equal to 1 when tumbling "
        "window period is configured"
    ) in str(raised.value)
