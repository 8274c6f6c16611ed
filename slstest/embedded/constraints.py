"""Checks parameters against the constraints of botocore's service model, in AWS's words.

boto3 checks types and required members before it sends anything; ranges, lengths, patterns
and enumerations are checked by AWS, which answers with a ValidationException.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import OperationModel


def broken_constraints(
    operation: OperationModel, params: Mapping[str, Any], *, skip: frozenset[str] = frozenset()
) -> list[str]:
    """What is wrong with the members that break a constraint of the model.

    ``skip`` names top-level members that the service checks in words of its own.
    """
    shape = operation.input_shape
    if shape is None:
        return []
    problems = [
        problem
        for name, value in params.items()
        if name not in skip
        for problem in _problems(shape.members[name], value, _lower_first(name))
    ]
    missing = [
        f"Value null at '{_lower_first(name)}' failed to satisfy constraint: "
        "Member must not be null"
        for name in shape.required_members
        if name not in params
    ]
    return missing + problems


def detected(problems: Sequence[str]) -> str:
    """The message of the error for broken constraints."""
    noun = "error" if len(problems) == 1 else "errors"
    return f"{len(problems)} validation {noun} detected: {'; '.join(problems)}"


def _problems(shape: Any, value: Any, where: str) -> Iterator[str]:
    shown = "" if shape.metadata.get("sensitive") else f" '{value}'"
    for constraint in _broken(shape, value):
        yield f"Value{shown} at '{where}' failed to satisfy constraint: {constraint}"
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        for name, member in shape.members.items():
            if name in value:
                yield from _problems(member, value[name], f"{where}.{_lower_first(name)}")
    elif kind == "map" and isinstance(value, Mapping):
        for key, item in value.items():
            yield from _problems(shape.value, item, f"{where}.{key}.member")
    elif kind == "list" and isinstance(value, list):
        for index, item in enumerate(value, start=1):
            yield from _problems(shape.member, item, f"{where}.{index}.member")


def _broken(shape: Any, value: Any) -> Iterator[str]:
    """The constraints of a shape that a value itself breaks."""
    rules = shape.metadata
    kind = shape.type_name
    if kind in ("integer", "long"):
        if "min" in rules and value < rules["min"]:
            yield f"Member must have value greater than or equal to {rules['min']}"
        if "max" in rules and value > rules["max"]:
            yield f"Member must have value less than or equal to {rules['max']}"
    if kind in ("string", "list"):
        if "min" in rules and len(value) < rules["min"]:
            yield f"Member must have length greater than or equal to {rules['min']}"
        if "max" in rules and len(value) > rules["max"]:
            yield f"Member must have length less than or equal to {rules['max']}"
    if kind == "string":
        if rules.get("enum") and value not in rules["enum"]:
            yield f"Member must satisfy enum value set: [{', '.join(rules['enum'])}]"
        if "pattern" in rules and not _compiled(rules["pattern"]).fullmatch(value):
            yield f"Member must satisfy regular expression pattern: {rules['pattern']}"
    if kind == "map":
        for key in value:
            broken = list(_broken(shape.key, key))
            if broken:
                yield f"Map keys must satisfy constraint: [{', '.join(broken)}]"
                return


_UNICODE_CLASSES = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s"}
"""Java's classes of letters, numbers and separators, in Python's words."""


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    for java, python in _UNICODE_CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
