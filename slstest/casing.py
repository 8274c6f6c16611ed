"""From the arguments of a test, in snake case, to the parameters of an AWS operation."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from slstest.errors import ConfigurationError
from slstest.suggesting import did_you_mean

_members: dict[tuple[str, str, str], dict[str, str]] = {}


class UnknownArgument(ConfigurationError):
    """An argument that there is not. ``known`` are those that the text chose its advice from."""

    def __init__(self, problem: str, argument: str, known: Iterable[str]) -> None:
        self.argument = argument
        self.known = frozenset(known)
        super().__init__(f"{problem}{_advice(argument, self.known)}")


def parameters(
    client: Any,
    operation: str,
    given: Mapping[str, Any],
    *,
    asked: str,
    taken: Mapping[str, str] | None = None,
    own: Iterable[str] = (),
) -> dict[str, Any]:
    """The parameters of ``operation`` (``CreateTable``) for arguments in snake case.

    ``asked`` names the call for the error text, ``taken`` the arguments that the harness sets
    by itself, each with what to write instead, ``own`` those that the call has besides. Raises
    :class:`slstest.errors.ConfigurationError`, an :class:`UnknownArgument` for one that neither
    the operation nor the call has.
    """
    known = _known(client, operation)
    taken = taken or {}
    result = {}
    for argument, value in given.items():
        if argument in taken:
            raise ConfigurationError(f"{asked}: {argument}= cannot be given: {taken[argument]}")
        if argument not in known:
            raise UnknownArgument(
                f"{asked}: {operation} of {_service(client)} has no parameter {argument!r}.",
                argument,
                {*known, *own} - taken.keys(),
            )
        result[known[argument]] = value
    return result


def snake(member: str) -> str:
    """An AWS parameter's name in snake case, as the AWS CLI and boto3 split it, except that
    units stay whole: ``MaxRecordSizeInKiB`` is ``max_record_size_in_kib``."""
    from botocore import xform_name

    return re.sub(r"(?<=_)([kmg])i_b", r"\1ib", xform_name(member))


def _known(client: Any, operation: str) -> dict[str, str]:
    service_model = client.meta.service_model
    key = (service_model.service_name, service_model.api_version, operation)
    if key not in _members:
        shape = service_model.operation_model(operation).input_shape
        _members[key] = {snake(member): member for member in shape.members}
    return _members[key]


def _service(client: Any) -> str:
    return str(client.meta.service_model.metadata.get("serviceId", "AWS"))


def _advice(argument: str, known: Iterable[str]) -> str:
    names = sorted(known)
    return did_you_mean(snake(argument), names, most=3) or f" It takes {', '.join(names)}."


def attributes(
    names: Iterable[str],
    given: Mapping[str, Any],
    *,
    asked: str,
    what: str,
    taken: Mapping[str, str] | None = None,
    beside: Collection[str] = (),
    own: Iterable[str] = (),
) -> tuple[dict[str, str], dict[str, Any]]:
    """The attributes among the arguments of a test, as the texts that AWS takes for them, and
    the arguments that are none.

    ``names`` are the attributes there are, ``what`` has them ("a queue"); ``taken`` and ``own``
    as in :func:`parameters`; ``beside`` are the arguments that are no attributes. Raises
    :class:`slstest.errors.ConfigurationError`, an :class:`UnknownArgument` for any other.
    """
    taken = taken or {}
    known = {snake(name): name for name in names}
    found, others = {}, {}
    for argument, value in given.items():
        if argument in taken:
            raise ConfigurationError(f"{asked}: {argument}= cannot be given: {taken[argument]}")
        if argument in known:
            found[known[argument]] = _text(value)
        elif argument in beside:
            others[argument] = value
        else:
            raise UnknownArgument(
                f"{asked}: {what} has no attribute {argument!r}.",
                argument,
                {*known, *beside, *own} - taken.keys(),
            )
    return found, others


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
