"""The idempotency test: deliver again what was delivered, and compare what is there.

Lambda delivers at least once, so a function has to leave the same behind when a batch comes
again: https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from slstest.errors import ConfigurationError
from slstest.expect import failure
from slstest.fault import Redelivered
from slstest.faults import faulty
from slstest.matching import show
from slstest.resources.base import HasContents, Resource
from slstest.scope import Scope

Contents = Mapping[str, Any]

_SHOWN = 10
"""Differences that a message lists."""


def check_redelivery(
    scope: Scope, resources: Iterable[Resource], ignore: Collection[str], timeout: float
) -> None:
    """Deliver again every batch and event that the functions have handled with success, and
    compare the resources before and after.

    ``ignore`` names attributes, at any depth, that may differ. Raises
    :class:`slstest.errors.ExpectationFailed` where a resource differs or a function fails,
    and :class:`slstest.errors.ConfigurationError` where there was nothing to deliver again.
    """
    cloud = faulty(scope)
    held = [each for each in resources if isinstance(each, HasContents)]
    scope.cloud.settle(timeout)
    before = [each.contents() for each in held]
    again = cloud.redeliver()
    scope.cloud.settle(timeout)
    if not again:
        raise ConfigurationError(
            "nothing was delivered that could be delivered again: no event source and no "
            "asynchronous invocation has reached a function with success"
        )
    problems = [f"{_in_words(each)} failed: {each.error}" for each in again if each.error]
    for resource, old in zip(held, before, strict=True):
        problems += _differences(str(resource), old, resource.contents(), frozenset(ignore))
    if problems:
        shown = "\n".join(f"  - {problem}" for problem in problems[:_SHOWN])
        more = f"\n  ... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise failure(
            scope,
            f"not idempotent: {_counted(len(again))} repeated, as AWS may repeat any, and then:\n"
            f"{shown}{more}",
        )


def _counted(deliveries: int) -> str:
    return "1 delivery was" if deliveries == 1 else f"{deliveries} deliveries were"


def _in_words(delivery: Redelivered) -> str:
    return f"the repeated delivery to {delivery.function_name}"


def _differences(
    resource: str, before: Contents, after: Contents, ignore: frozenset[str]
) -> list[str]:
    lines = []
    for name in sorted({*before, *after}):
        if name not in after:
            lines.append(f"{resource}: {name} is gone, it was {show(before[name])}")
        elif name not in before:
            lines.append(f"{resource}: {name} is new: {show(after[name])}")
        else:
            old, new = _without(before[name], ignore), _without(after[name], ignore)
            if old != new:
                lines.append(f"{resource}: {name} was {show(old)} and is now {show(new)}")
    return lines


def _without(value: Any, ignore: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {k: _without(each, ignore) for k, each in value.items() if k not in ignore}
    if isinstance(value, list | tuple):
        return [_without(each, ignore) for each in value]
    return value
