"""Where in the test file a marker stands: a mark itself does not remember its line."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest


def place_of_test(item: pytest.Item) -> str:
    """``file:line`` of a test, relative to the root folder of the run."""
    path, line, _ = item.reportinfo()
    return _place(item, Path(path), (line or 0) + 1)


def place_of_mark(item: pytest.Item, mark: pytest.Mark) -> str:
    """``file:line`` of the marker, or of the test where the marker is not in its source (it
    was added by a hook, or stands inside ``pytest.param``)."""
    for node, candidate in item.iter_markers_with_node(mark.name):
        if candidate is mark:
            found = _line_of_mark(node, mark)
            if found is not None:
                return _place(item, *found)
    return place_of_test(item)


def _place(item: pytest.Item, path: Path, line: int) -> str:
    root = item.config.rootpath
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{shown}:{line}"


def _line_of_mark(node: Any, mark: pytest.Mark) -> tuple[Path, int] | None:
    marked = getattr(node, "obj", None)
    source = _source_file(marked)
    if source is None:
        return None
    tree = ast.parse(source.read_bytes())
    decorators, assigned = _mark_expressions(tree, marked)
    # Decorators are applied from the bottom up; a list is taken as it stands.
    written = [
        *reversed([e for e in decorators if _is_mark(e, mark.name)]),
        *(e for e in assigned if _is_mark(e, mark.name)),
    ]
    own = [own for own in node.own_markers if own.name == mark.name]
    if len(own) != len(written):
        return None
    return next(
        (source, expression.lineno)
        for expression, candidate in zip(written, own, strict=True)
        if candidate is mark
    )


def _source_file(marked: Any) -> Path | None:
    try:
        file = inspect.getsourcefile(inspect.unwrap(marked) if callable(marked) else marked)
    except TypeError:
        return None
    return Path(file) if file and Path(file).is_file() else None


def _mark_expressions(tree: ast.Module, marked: Any) -> tuple[list[ast.expr], list[ast.expr]]:
    """The decorators of what is marked, and the elements of its ``pytestmark``."""
    if inspect.ismodule(marked):
        return [], _pytestmark(tree.body)
    if inspect.isclass(marked):
        for found in ast.walk(tree):
            if isinstance(found, ast.ClassDef) and found.name == marked.__name__:
                return found.decorator_list, _pytestmark(found.body)
    for found in ast.walk(tree):
        if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and _first_line(
            found
        ) == _code_line(marked):
            return found.decorator_list, []
    return [], []


def _pytestmark(body: list[ast.stmt]) -> list[ast.expr]:
    for statement in body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == "pytestmark"
            for target in statement.targets
        ):
            value = statement.value
            return value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    return []


def _first_line(definition: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min(part.lineno for part in (definition, *definition.decorator_list))


def _code_line(marked: Any) -> int | None:
    code = getattr(inspect.unwrap(marked) if callable(marked) else marked, "__code__", None)
    return None if code is None else int(code.co_firstlineno)


def _is_mark(expression: ast.expr, name: str) -> bool:
    called = expression.func if isinstance(expression, ast.Call) else expression
    return isinstance(called, ast.Attribute) and called.attr == name
