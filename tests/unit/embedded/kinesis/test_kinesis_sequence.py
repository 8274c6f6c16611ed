"""Sequence numbers: https://docs.aws.amazon.com/streams/latest/dev/key-concepts.html"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slstest.embedded.kinesis import sequence

SECONDS = st.integers(1_000_000_000, 3_000_000_000)
RECORDS = st.integers(0, sequence.LAST_RECORD)
SHARDS = st.integers(0, 2**31 - 1)


def test_a_number_of_the_documentation_is_of_this_form() -> None:
    """The first example event of https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html,
    of December 2018."""
    parsed = sequence.parse("49590338271490256608559692538361571095921575989136588898")
    assert parsed.shard == 6
    assert parsed.created < parsed.second == 1545084650


@given(SECONDS, SHARDS, RECORDS, SECONDS)
def test_a_number_says_what_it_was_made_of(
    created: int, shard: int, record: int, second: int
) -> None:
    text = str(sequence.compose(created, shard, record, second))
    assert len(text) == 56
    assert sequence.parse(text) == (created, shard, record, second)


@given(SECONDS, SHARDS, RECORDS, RECORDS, SECONDS, SECONDS)
def test_numbers_of_a_shard_grow_with_its_records_whatever_the_clock_says(
    created: int, shard: int, one: int, other: int, second: int, another: int
) -> None:
    first = sequence.compose(created, shard, one, second)
    then = sequence.compose(created, shard, other, another)
    if one != other:
        assert (first < then) == (one < other)


@given(SECONDS, SHARDS, SHARDS, RECORDS, RECORDS)
def test_every_number_of_a_later_shard_is_greater(
    created: int, shard: int, other: int, one: int, another: int
) -> None:
    assert sequence.compose(created, shard, one, created) < sequence.compose(
        created + 1, other, another, created
    )


@pytest.mark.parametrize("text", ["0", "5", "12345678901234567890", str(2**190), str(1 << 185)])
def test_other_numbers_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="not a sequence number"):
        sequence.parse(text)
