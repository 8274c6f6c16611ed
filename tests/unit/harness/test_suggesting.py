from __future__ import annotations

import pytest

from slstest.suggesting import did_you_mean

NAMES = ("delay_seconds", "maximum_message_size", "sort_key", "key", "kms_master_key_id")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("sort_kye", " Did you mean sort_key?"),
        ("delay", " Did you mean delay_seconds?"),
        ("master_key", " Did you mean kms_master_key_id?"),
        ("size", " Did you mean maximum_message_size?"),
        ("x", ""),  # a letter of maximum_message_size
        ("im", ""),
        ("essage", ""),
        ("", ""),
        ("colour", ""),
    ],
)
def test_only_what_is_near_is_suggested(wrong: str, meant: str) -> None:
    assert did_you_mean(wrong, NAMES) == meant


def test_several_may_be_meant() -> None:
    assert did_you_mean("sort_keys", ["sort_key", "sort_kex"], repr, most=3) == (
        " Did you mean 'sort_key' or 'sort_kex'?"
    )
