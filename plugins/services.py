"""Which AWS services the collected tests will use, as far as their source tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any

import pytest

from .foresight import functions_of
from .selection import uses_harness

_OF_RESOURCES = {
    "bucket": {"s3"},
    "queue": {"sqs"},
    "stream": {"kinesis"},
    "table": {"dynamodb"},
    "topic": {"sns", "sqs"},
}
"""By the methods of ``sls``, whose markers are called ``sls_`` and the same."""

_OF_EVENTS = {
    "dynamodb_event": {"dynamodb", "dynamodbstreams"},
    "kinesis_event": {"kinesis"},
    "s3_event": {"s3"},
    "sqs_event": {"sqs"},
}
"""By the fixtures, whose markers have the same names."""

_OF_FUNCTIONS = {"lambda", "logs"}
"""Where the cloud runs them."""

_CLIENTS = ("client", "resource")


def services_of(items: Iterable[pytest.Item], *, functions_there: bool) -> set[str]:
    """The services of the tests, as boto3 calls them. A guess: from the markers, the fixtures and
    the names in the code of both and of the tests, but not from what these call."""
    services: set[str] = set()
    for item in items:
        if not uses_harness(item):
            continue
        marked = {mark.name for mark in item.iter_markers()}
        fixtures = set(getattr(item, "fixturenames", ()))
        names, texts = _names(functions_of(item))
        for resource, used in _OF_RESOURCES.items():
            if resource in names or f"sls_{resource}" in marked:
                services |= used
        if {"table", "triggered_by"} <= names:
            services |= {"dynamodbstreams"}
        for event, used in _OF_EVENTS.items():
            if event in marked | fixtures:
                services |= used
        if functions_there and ("function" in names or "sls_function" in fixtures):
            services |= _OF_FUNCTIONS
        if names.intersection(_CLIENTS):
            services |= texts
    return services


def _names(functions: Iterable[Callable[..., Any]]) -> tuple[set[str], set[str]]:
    """The names that the functions' code uses, and the texts in it."""
    names: set[str] = set()
    texts: set[str] = set()
    for function in functions:
        for code in _codes(getattr(function, "__code__", None)):
            names.update(code.co_names)
            texts.update(each for each in code.co_consts if isinstance(each, str))
    return names, texts


def _codes(code: CodeType | None) -> Iterator[CodeType]:
    """A function's code, and that of the functions in it."""
    if code is not None:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from _codes(constant)
