"""What is foreseen of a coming test."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from slstest.ahead import Wanted
from slstest.plugins.foresight import foreseen

if TYPE_CHECKING:
    from tests.plugin.conftest import Project

HEAD = """
    import pytest

    @pytest.fixture
    def clicks(sls):
        return sls.table("clicks", key="page")

    def helper(sls):
        return sls.stream()
"""


CASES: list[tuple[str, list[tuple[str, str | None, dict[str, Any]]]]] = [
    ("def test_it(sls): sls.table()", [("table", None, {})]),
    ("def test_it(clicks): pass", [("table", "clicks", {"key": "page"})]),
    (
        "def test_it(sls):\n    a, b = sls.stream(shard_count=2), sls.table(key=('n', 'N'))",
        [("stream", None, {"shard_count": 2}), ("table", None, {"key": ("n", "N")})],
    ),
    (
        "def test_it(sls):\n    sls.function('f').triggered_by(sls.table(stream=True))",
        [("table", None, {"stream": True})],
    ),
    ("def test_it(sls):\n    with open('x'):\n        sls.table()", [("table", None, {})]),
    ("def test_it(sls):\n    return\n    sls.table()", []),
    ("def test_it(sls):\n    if sls.client('s3'):\n        sls.table()", []),
    ("def test_it(sls): [sls.table() for _ in range(3)]", []),
    ("def test_it(sls, tmp_path): sls.table(key=str(tmp_path))", []),
    ("def test_it(sls, tmp_path): sls.table(**{'key': 'page'})", []),
    ("def test_it(sls): helper(sls)", []),
    ("def test_it(sls): sls.queue(); sls.bucket()", []),
    ("def test_it(sls): sls.table(1, 2, 3)", []),
    ("def test_it(tmp_path): sls = tmp_path; sls.table()", [("table", None, {})]),
    (
        "@pytest.mark.sls_table('a', key='page')\n"
        "@pytest.mark.sls_stream('b')\n"
        "@pytest.mark.sls_queue('c')\n"
        "def test_it(sls): pass",
        [("table", "a", {"key": "page"}), ("stream", "b", {"shard_count": 1})],
    ),
    (
        "@pytest.mark.kinesis_event(shard_count=2)\ndef test_it(kinesis_event): pass",
        [("stream", None, {"shard_count": 2})],
    ),
    (
        "@pytest.mark.sls_stream('s')\n"
        "@pytest.mark.kinesis_event(stream='s')\n"
        "def test_it(kinesis_event): pass",
        [("stream", "s", {"shard_count": 1})],
    ),
    (
        "@pytest.mark.dynamodb_event(key='page')\ndef test_it(dynamodb_event): pass",
        [("table", None, {"key": "page", "stream": True})],
    ),
    ("@pytest.mark.sls_table(5)\ndef test_it(sls): pass", []),
    ("@pytest.mark.skip\ndef test_it(sls): sls.table()", []),
]
"""Tests, and the kind, name and arguments of what is foreseen of them, without defaults."""


def test_what_runs_for_certain_with_plain_arguments_is_foreseen(project: Project) -> None:
    tests = [code.replace("test_it(", f"test_{n}(") for n, (code, _) in enumerate(CASES)]
    items = project.pytester.getitems("\n\n".join([textwrap.dedent(HEAD), *tests]))
    found = {
        item.name: [(wish.kind, wish.name, _given(wish)) for wish in foreseen(item)]
        for item in items
    }
    assert found == {f"test_{n}": wishes for n, (_, wishes) in enumerate(CASES)}


def _given(wish: Wanted) -> dict[str, Any]:
    given = {key: value for key, value in wish.arguments.items() if value not in (None, {})}
    return {key: value for key, value in given.items() if (key, value) != ("key", "id")}
