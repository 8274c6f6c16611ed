"""One injected fault, as the harness asks for it and the embedded cloud carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["throttle", "kill", "deliver twice", "deliver out of order", "fail", "delay"]


@dataclass
class Fault:
    """Something that goes wrong, as often as it was asked to."""

    kind: Kind
    target: str
    """The name of a function or, for ``deliver out of order``, of a queue."""
    times: int | None = 1
    """How often it strikes; None for as long as it is not cleared."""
    operation: str = ""
    """The AWS operation that fails or takes longer: ``dynamodb:PutItem``."""
    skip: int = 0
    """Calls of the operation that pass before it strikes."""
    seconds: float = 0
    """How much longer the call takes."""
    status: int = 0
    code: str = ""
    message: str = ""
    struck: int = 0
    """How often it has struck."""

    @property
    def over(self) -> bool:
        """Whether it will not strike again."""
        return self.times is not None and self.struck >= self.times

    def __str__(self) -> str:
        on = f"{self.operation} of {self.target}" if self.operation else self.target
        often = "from now on" if self.times is None else f"{self.times} times"
        return f"{self.kind} {on}, {often} (struck {self.struck} times)"


@dataclass(frozen=True)
class Redelivered:
    """One delivery that was repeated."""

    function_name: str
    """As the cloud has it."""
    error: str = ""
    """Why it failed; empty where it did not."""


class FaultyCloud(Protocol):
    """A cloud in which faults can be injected."""

    def inject(self, fault: Fault) -> None:
        """From now on. Its ``struck`` is counted."""

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""

    def redeliver(self) -> Sequence[Redelivered]:
        """Deliver again, in the old order and waiting for each, every batch and event that
        functions of this environment have handled with success."""
