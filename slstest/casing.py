"""From the arguments of a test, in snake case, to the parameters of an AWS operation."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from slstest.errors import ConfigurationError

_members: dict[tuple[str, str, str], dict[str, str]] = {}


def parameters(
    client: Any,
    operation: str,
    given: Mapping[str, Any],
    *,
    asked: str,
    taken: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The parameters of ``operation`` (``CreateTable``) for arguments in snake case.

    ``asked`` names the call for the error text, ``taken`` the arguments that the harness sets
    by itself, each with what to write instead. Raises
    :class:`slstest.errors.ConfigurationError` for an argument that the operation does not have.
    """
    known = _known(client, operation)
    taken = taken or {}
    result = {}
    for argument, value in given.items():
        if argument in taken:
            raise ConfigurationError(f"{asked}: {argument}= cannot be given: {taken[argument]}")
        if argument not in known:
            raise ConfigurationError(
                f"{asked}: {operation} of {_service(client)} has no parameter {argument!r}. "
                + _advice(argument, [name for name in known if name not in taken])
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
    wanted = snake(argument)
    near = difflib.get_close_matches(wanted, names, n=3) or [n for n in names if wanted in n][:3]
    if near:
        return f"Did you mean {' or '.join(near)}?"
    return f"It takes {', '.join(names)}."


def attributes(
    names: Iterable[str],
    given: Mapping[str, Any],
    *,
    asked: str,
    what: str,
    taken: Mapping[str, str] | None = None,
    beside: Collection[str] = (),
) -> tuple[dict[str, str], dict[str, Any]]:
    """The attributes among the arguments of a test, as the texts that AWS takes for them, and
    the arguments that are none.

    ``names`` are the attributes there are, ``what`` has them ("a queue"); ``taken`` as in
    :func:`parameters`; ``beside`` are the arguments that are no attributes. Raises
    :class:`slstest.errors.ConfigurationError` for any other argument.
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
            raise ConfigurationError(
                f"{asked}: {what} has no attribute {argument!r}. "
                + _advice(argument, [name for name in known if name not in taken])
            )
    return found, others


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
