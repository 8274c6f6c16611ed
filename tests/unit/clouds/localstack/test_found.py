from __future__ import annotations

import sys
from collections.abc import Mapping

import pytest

from slstest.clouds.localstack.found import running_localstack
from slstest.errors import ConfigurationError

VARIABLES = ("AWS_ENDPOINT_URL", "EDGE_PORT", "LOCALSTACK_HOST", "USE_SSL")


def found(monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """localstack-client reads the process's environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return running_localstack(environ)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"LOCALSTACK_HOST": " "}, None),
        ({"LOCALSTACK_HOST": "ls"}, ("http://ls:4566", "LOCALSTACK_HOST")),
        ({"LOCALSTACK_HOST": "ls:4577"}, ("http://ls:4577", "LOCALSTACK_HOST")),
        ({"LOCALSTACK_HOST": "ls", "EDGE_PORT": "4577"}, ("http://ls:4577", "LOCALSTACK_HOST")),
        ({"EDGE_PORT": "4577"}, ("http://localhost:4577", "EDGE_PORT")),
        ({"EDGE_PORT": "4577", "USE_SSL": "1"}, ("https://localhost:4577", "EDGE_PORT")),
        (
            {"AWS_ENDPOINT_URL": "http://here:1", "LOCALSTACK_HOST": "ls"},
            ("http://here:1", "AWS_ENDPOINT_URL"),
        ),
    ],
)
def test_it_is_found_as_localstack_client_finds_it(
    monkeypatch: pytest.MonkeyPatch,
    environ: Mapping[str, str],
    expected: tuple[str, str] | None,
) -> None:
    assert found(monkeypatch, environ) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCALSTACK_HOST", "ls:http"),
        ("EDGE_PORT", "edge"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AWS_ENDPOINT_URL", "https://sts.us-east-1.amazonaws.com"),
    ],
)
def test_a_wrong_value_is_refused_naming_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}={value}: "):
        found(monkeypatch, {name: value})


def test_without_localstack_client_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "localstack_client.config", None)
    with pytest.raises(ConfigurationError, match=r'pip install "slstest\[localstack\]"'):
        found(monkeypatch, {"LOCALSTACK_HOST": "ls"})
