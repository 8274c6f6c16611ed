"""What every resource has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from slstest.scope import Scope


@runtime_checkable
class HasContents(Protocol):
    """A resource whose contents can be compared."""

    def contents(self) -> Mapping[str, Any]:
        """Everything that it holds, each thing under a name that tells it in a message."""


class Resource:
    """A throwaway AWS resource of one environment."""

    kind: ClassVar[str]
    """As the ledger and messages name it."""
    placeholders: ClassVar[tuple[str, ...]] = ("name", "arn")
    """The attributes that ``Environment.format`` puts in for ``{clicks.name}``."""

    def __init__(self, scope: Scope, label: str, name: str, arn: str) -> None:
        self._scope = scope
        self._label = label
        self._name = name
        self._arn = arn

    @property
    def name(self) -> str:
        """Its name on the cloud."""
        return self._name

    @property
    def arn(self) -> str:
        """Its Amazon Resource Name."""
        return self._arn

    @property
    def label(self) -> str:
        """What the test, and every message, calls it."""
        return self._label

    def call(self, label: str) -> None:
        """Have the test, and every message, call it so from now on."""
        self._label = label

    def _client(self, service: str) -> Any:
        return self._scope.cloud.client(service)

    def __str__(self) -> str:
        return f"{self.kind} {self._label!r}"

    def __repr__(self) -> str:
        return f"<{self.kind} {self._label!r} {self._arn}>"
