"""What every poller tells its mapping, and the mapping every poller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from slstest.calls import told
from slstest.embedded.lambda_service.errors import LambdaApiError
from slstest.errors import SlstestError
from slstest.runtimes.base import InvocationOutcome


class InvokeBatch(Protocol):
    """Invokes a mapping's function."""

    def __call__(
        self, event: bytes, attempt: int, request_id: str | None = None
    ) -> InvocationOutcome:
        """Invoke with an event, for the ``attempt``-th time, and wait for the end.

        Raises :class:`Throttled` or :class:`NotInvoked` where the function did not see the
        event.
        """


class Mapped(Protocol):
    """A mapping, as far as records that are given up are told of it."""

    @property
    def uuid(self) -> str: ...

    @property
    def function_arn(self) -> str: ...


def name_in(function_arn: str) -> str:
    """The name of the function with this ARN."""
    return function_arn.split(":")[6]


class Throttled(Exception):
    """The function, or the account, has no concurrency left:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""


class NotInvoked(Exception):
    """The function cannot be invoked at all, for example because it was deleted; the text says
    why."""


def named(task: Callable[[], None], function: Callable[[], str], source: str) -> Callable[[], None]:
    """A task of a poller, of which whoever waits for it hears for which function of this name it
    reads what, where the cloud refuses something or does not answer.

    The task then raises what :func:`slstest.calls.told` does, or
    :class:`slstest.errors.SlstestError`.
    """

    def run() -> None:
        from botocore.exceptions import BotoCoreError

        asked = f"function '{function()}', reading {source}"
        with told(asked):
            try:
                task()
            except BotoCoreError as error:
                raise SlstestError(f"{asked}: {error}") from error

    return run


class Settings(Protocol):
    """The settings of a mapping; each kind of source has its own."""

    @property
    def transition_reason(self) -> str:
        """How AWS words that a user has changed the mapping's state."""

    @property
    def tells_last_result(self) -> bool:
        """Whether the document has a ``LastProcessingResult``."""

    @property
    def report_batch_item_failures(self) -> bool:
        """Whether the function may report which records of a batch have failed."""

    def document(self) -> dict[str, Any]:
        """Their fields of EventSourceMappingConfiguration."""


class Poller(Protocol):
    """Reads one source for one function."""

    lost: bool
    """Whether the source is gone; nothing is read any more."""

    @property
    def last_result(self) -> str:
        """``LastProcessingResult`` of the mapping's document."""

    def enable(self) -> None: ...

    def disable(self) -> None: ...

    def lose(self) -> None:
        """The source does not exist any more."""

    def wake(self, places: Iterable[str] | None = None) -> None:
        """Something may have come: into these parts of the source, or into any."""

    def look(self) -> None:
        """See whether something has come, as nobody tells. Whoever reads or handles something
        now does not need to be told: they look when they are done."""

    def update(self, settings: Any) -> None:
        """Go on with other settings, from the next batch."""


class Source(Protocol):
    """One kind of event source, as event source mappings are made of it."""

    parameters: frozenset[str]
    """The parameters of CreateEventSourceMapping that do what they say."""

    def settings(self, current: Any, params: Mapping[str, Any], source_arn: str) -> Any:
        """The settings that a request leaves, of a new mapping (``current`` is None) or one
        that has some. Raises Lambda's errors."""

    def check(self, source_arn: str, function_timeout: int) -> None:
        """Raise Lambda's errors for a source that cannot be mapped to such a function."""

    def poller(
        self,
        source_arn: str,
        settings: Any,
        invoke: InvokeBatch,
        role_arn: Callable[[], str],
        mapped: Mapped,
    ) -> Poller:
        """The poller of a mapping, not enabled yet."""

    def enable(self, source_arn: str, poller: Poller) -> None:
        """Begin to read, or go on. Raises Lambda's errors."""

    def duplicate(self, source_arn: str, function_name: str, uuid: str) -> LambdaApiError:
        """The error for a second mapping between the same source and function."""
