"""Resource-based policies: whether one lets a service do something with the resource.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html. An AWS
service that acts for a bucket or a rule has no identity-based policy, so the resource's own
decides: some statement must allow, and none may deny.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any


class UnreadablePolicy(Exception):
    """A policy that is wrong, or says what cannot be judged here."""


@dataclass(frozen=True)
class Access:
    """A service that wants to do something."""

    service: str
    """The service principal, for example ``s3.amazonaws.com``."""
    action: str
    """For example ``sqs:SendMessage``."""
    resource: str
    """The ARN of what it wants to do it with."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition keys and their values, such as ``aws:SourceArn``."""


def allows(policy: str | Mapping[str, Any], access: Access) -> bool:
    """Whether a policy (JSON, or the object that it is; an empty one has no statement) allows
    an access. Raises :class:`UnreadablePolicy`."""
    effects = {
        statement.get("Effect")
        for statement in _listed(_parsed(policy).get("Statement", []))
        if _covers(statement, access)
    }
    return "Allow" in effects and "Deny" not in effects


def _parsed(policy: str | Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(policy, str):
        document: Any = policy
    elif not policy:
        return {}
    else:
        try:
            document = json.loads(policy)
        except ValueError as error:
            raise UnreadablePolicy(f"the policy is not JSON: {error}") from error
    if not isinstance(document, Mapping):
        raise UnreadablePolicy("the policy is not a JSON object")
    return document


def _covers(statement: Mapping[str, Any], access: Access) -> bool:
    return (
        _has(statement, "Principal", lambda given: _is_principal(given, access.service))
        and _has(statement, "Action", lambda given: _is_action(given, access.action))
        and _has(statement, "Resource", lambda given: _is_resource(given, access.resource))
        and _holds(statement.get("Condition", {}), access.context)
    )


def _has(statement: Mapping[str, Any], element: str, covers: Callable[[Any], bool]) -> bool:
    if element in statement:
        return covers(statement[element])
    negated = f"Not{element}"
    return negated in statement and not covers(statement[negated])


def _is_principal(given: Any, service: str) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"""
    if not isinstance(given, Mapping):
        return bool(given == "*")
    return "*" in _listed(given.get("AWS", [])) or service in _listed(given.get("Service", []))


def _is_action(given: Any, action: str) -> bool:
    return any(_like(each.lower(), action.lower()) for each in _texts(given))


def _is_resource(given: Any, resource: str) -> bool:
    return any(_like(each, resource) for each in _texts(given))


# -- conditions -------------------------------------------------------------------------


def _holds(conditions: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_multi-value-conditions.html:
    every operator and every key must match, by one of its values."""
    lowered = {key.lower(): value for key, value in context.items()}
    return all(
        _matches(operator, lowered.get(key.lower()), _texts(values))
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _matches(operator: str, value: str | None, wanted: list[str]) -> bool:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    name = operator.removesuffix("IfExists")
    if name == "Null":
        return any((value is None) == (each.lower() == "true") for each in wanted)
    positive = name.replace("Not", "", 1)
    compare = _COMPARE.get(positive)
    if compare is None:
        raise UnreadablePolicy(
            f"the embedded cloud cannot judge the condition operator {operator!r} yet"
        )
    if value is None:
        return name != positive or operator != name
    return any(compare(each, value) for each in wanted) == (name == positive)


def _arn_like(pattern: str, arn: str) -> bool:
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


def _same(wanted: str, value: str) -> bool:
    return wanted == value


def _same_but_for_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


def _like(pattern: str, value: str) -> bool:
    return _compiled(pattern).fullmatch(value) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise UnreadablePolicy(
            f"the embedded cloud cannot judge the policy variable in {pattern!r} yet"
        )
    wildcards = {"*": ".*", "?": "."}
    return re.compile("".join(wildcards.get(c) or re.escape(c) for c in pattern), re.DOTALL)


_COMPARE: Mapping[str, Callable[[str, str], bool]] = {
    "StringEquals": _same,
    "StringEqualsIgnoreCase": _same_but_for_case,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": _same_but_for_case,
}
"""How the operators compare a value of the policy with one of the request; each but Bool has a
negation with ``Not`` in its name."""


def _texts(given: Any) -> list[str]:
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in _listed(given)]


def _listed(given: Any) -> list[Any]:
    if isinstance(given, Iterable) and not isinstance(given, str | Mapping):
        return list(given)
    return [given]
