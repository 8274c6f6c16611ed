"""What a coming test will ask its environment for, as far as its markers and its source say.

A resource that is foreseen wrongly costs a creation and a deletion, one that is not foreseen is
made when the test asks for it: nothing depends on foresight but time.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from .markers import ResourceRequest, declared, uses

if TYPE_CHECKING:
    from slstest.ahead import Wanted

_ENVIRONMENT = "sls"

_PLAIN = (ast.Assign, ast.AnnAssign, ast.Expr, ast.Return)
_MAY_NOT_RUN = (
    ast.Lambda,
    ast.IfExp,
    ast.BoolOp,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
"""Expressions of which a part runs never, or more than once."""


def foreseen(item: pytest.Item) -> list[Wanted]:
    """The resources worth creating ahead that a test will ask for."""
    if item.get_closest_marker("skip"):
        return []
    from slstest.ahead import CREATORS, wanted
    from slstest.environment import Environment

    found = []
    for request in [*_of_markers(item), *_of_source(item)]:
        if request.kind in CREATORS and not _has_placeholder(request.arguments):
            method = getattr(Environment, request.kind)
            try:
                found.append(wanted(request.kind, method, request.name, **request.arguments))
            except TypeError:  # the test will hear of it
                continue
    return found


def _of_markers(item: pytest.Item) -> Iterator[ResourceRequest]:
    for marker in declared(item.config).values():
        try:
            found = uses(item, marker)
        except pytest.fail.Exception:  # the test will hear of it
            continue
        # Of an event source's marker the closest counts.
        for use in found if marker.fixture == _ENVIRONMENT else found[-1:]:
            yield from marker.makes(use.value)


def _of_source(item: pytest.Item) -> Iterator[ResourceRequest]:
    for function in functions_of(item):
        yield from _plain_calls(function)


def functions_of(item: pytest.Item) -> Iterator[Callable[..., Any]]:
    """A test's function, and those of its fixtures."""
    function = getattr(item, "function", None)
    if function is None:
        return
    yield function
    # pytest tells only whoever asks inside a test which fixtures it has chosen.
    chosen: Any = getattr(item, "_fixtureinfo", None)
    definitions: dict[str, Sequence[Any]] = chosen.name2fixturedefs
    for name in getattr(item, "fixturenames", ()):
        if definitions.get(name):
            yield definitions[name][-1].func


def _plain_calls(function: Callable[..., Any]) -> Iterator[ResourceRequest]:
    """The calls of ``sls`` in a function that run for certain, with arguments written out."""
    function = inspect.unwrap(function)
    if _ENVIRONMENT not in getattr(getattr(function, "__code__", None), "co_varnames", ()):
        return
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):  # made by code, or part of an expression
        return
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return
    for call in _calls(definition.body):
        target = call.func
        if (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == _ENVIRONMENT
        ):
            request = _request(target.attr, call)
            if request is not None:
                yield request


def _calls(statements: Sequence[ast.stmt]) -> Iterator[ast.Call]:
    for statement in statements:
        if isinstance(statement, ast.With):
            for part in statement.items:
                yield from _calls_in(part.context_expr)
            yield from _calls(statement.body)
        elif isinstance(statement, _PLAIN) and statement.value is not None:
            yield from _calls_in(statement.value)
        if isinstance(statement, ast.Return | ast.Raise):
            return


def _calls_in(expression: ast.expr) -> Iterator[ast.Call]:
    if isinstance(expression, _MAY_NOT_RUN):
        return
    if isinstance(expression, ast.Call):
        yield expression
    for child in ast.iter_child_nodes(expression):
        for part in [child.value] if isinstance(child, ast.keyword) else [child]:
            if isinstance(part, ast.expr):
                yield from _calls_in(part)


def _request(kind: str, call: ast.Call) -> ResourceRequest | None:
    try:
        given = [ast.literal_eval(argument) for argument in call.args]
        named = {
            keyword.arg: ast.literal_eval(keyword.value)
            for keyword in call.keywords
            if keyword.arg is not None
        }
    except ValueError:
        return None
    if len(named) < len(call.keywords) or len(given) > 1:
        return None
    name = given[0] if given else named.pop("name", None)
    return ResourceRequest(kind, name, named)


def _has_placeholder(arguments: dict[str, Any]) -> bool:
    return "{" in "".join(str(value) for value in arguments.values() if isinstance(value, str))
