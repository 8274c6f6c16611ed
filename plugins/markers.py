"""How a marker is declared, validated and read; for the markers of slstest and of third parties.

A marker is validated by calling a plain function with its arguments: the function's signature
says which there are, its docstring is what ``pytest --markers`` prints, it raises
:class:`slstest.errors.ConfigurationError` for a value that cannot be, and what it returns is
what the fixture works with. An event source is a module with such a function, one
:class:`Marker` and a fixture of the same name, announced under the entry point group
``slstest.plugins``::

    def read_pigeon_event(*letters: str, strict: bool = False) -> Pigeons:
        \"\"\"Send letters to the function under test by pigeon.\"\"\"
        return Pigeons(letters, check_type("strict", strict, bool))

    PIGEON_EVENT = Marker("pigeon_event", read_pigeon_event, example="pigeon_event('hello')")

    def pytest_configure(config):
        declare(config, PIGEON_EVENT)

    @pytest.fixture
    def pigeon_event(request, sls, sls_function):
        use = required(request.node, PIGEON_EVENT)
        with use.blamed():
            ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

import pytest

from slstest.casing import UnknownArgument
from slstest.errors import ConfigurationError, SlstestError, Unavailable
from slstest.suggesting import did_you_mean, near

from .places import place_of_mark, place_of_test

T = TypeVar("T")


@dataclass(frozen=True)
class ResourceRequest:
    """A resource that a marker asks for."""

    kind: str
    """The name of the method of ``sls`` that makes it."""
    name: str | None
    """The name by which the test knows it."""
    arguments: dict[str, Any]


def makes_nothing(_: object) -> Sequence[ResourceRequest]:
    """The resources of a marker that makes none."""
    return ()


@dataclass(frozen=True)
class Marker(Generic[T]):
    """A marker of the harness."""

    name: str
    read: Callable[..., T]
    """Called with the marker's arguments; returns what they mean or raises
    :class:`slstest.errors.ConfigurationError`. Must not touch the cloud."""
    example: str
    """How a person would write it, without ``@pytest.mark.``; shown where it is missing."""
    fixture: str = ""
    """The fixture that gives the marker its effect, set up also where the test does not
    ask for it; by default the one of the marker's own name."""
    makes: Callable[[T], Sequence[ResourceRequest]] = makes_nothing
    """The throwaway resources that it will ask for, so that a slow cloud can begin before the
    test does. Called with what ``read`` returned."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fixture", self.fixture or self.name)


@dataclass(frozen=True)
class Use(Generic[T]):
    """One place where a test uses a marker."""

    marker: Marker[T]
    item: pytest.Item
    mark: pytest.Mark
    value: T
    """What the marker's function made of its arguments."""

    @property
    def place(self) -> str:
        """``file:line`` of the marker."""
        return place_of_mark(self.item, self.mark)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Within, a :class:`slstest.errors.SlstestError` fails the test with a text that names
        this marker and its line, unless the cloud only lacks what the test needs."""
        try:
            yield
        except Unavailable:
            raise  # no fault of the marker's
        except UnknownArgument as error:
            fail_at(self.place, self.marker.name, f"{error}{self._own_instead_of(error)}")
        except SlstestError as error:
            fail_at(self.place, self.marker.name, error)

    def _own_instead_of(self, error: UnknownArgument) -> str:
        own = [name for name in _named(self.marker.read) if name not in error.known]
        if meant := did_you_mean(error.argument, own, lambda name: f"the marker's own {name!r}"):
            return meant
        return f" The marker's own are {', '.join(own)}." if own else ""


_DECLARED = pytest.StashKey[dict[str, Marker[Any]]]()


def declare(config: pytest.Config, marker: Marker[Any]) -> None:
    """Make a marker known: to ``pytest --markers``, to validation at the start of a test's
    setup, and to the rule that a marker alone brings its fixture."""
    parameters = ", ".join(_parameters(marker.read))
    doc = " ".join((marker.read.__doc__ or "").split())
    config.addinivalue_line("markers", f"{marker.name}({parameters}): {doc}")
    config.stash.setdefault(_DECLARED, {})[marker.name] = marker


def declared(config: pytest.Config) -> dict[str, Marker[Any]]:
    """Every declared marker by name."""
    return config.stash.setdefault(_DECLARED, {})


def uses(item: pytest.Item, marker: Marker[T]) -> list[Use[T]]:
    """Every use of a marker that holds for a test, outermost (the module's) first.

    Fails the test where arguments are wrong.
    """
    found = [_use(item, marker, mark) for mark in item.iter_markers(marker.name)]
    return found[::-1]


def closest(item: pytest.Item, marker: Marker[T]) -> Use[T] | None:
    """The use of a marker that is closest to the test, or None."""
    mark = item.get_closest_marker(marker.name)
    return None if mark is None else _use(item, marker, mark)


def required(item: pytest.Item, marker: Marker[T]) -> Use[T]:
    """The use of a marker that is closest to the test; fails the test where there is none."""
    use = closest(item, marker)
    if use is None:
        pytest.fail(
            f"{place_of_test(item)}: {item.name} uses the fixture {marker.fixture}, "
            f"but has no marker {marker.name}. Put it above the test, its class, or the "
            f"module, for example:\n\n    @pytest.mark.{marker.example}\n",
            pytrace=False,
        )
    return use


def validate(item: pytest.Item) -> None:
    """Fail the test if any of its declared markers has wrong arguments."""
    known = declared(item.config)
    for mark in item.iter_markers():
        if mark.name in known:
            _use(item, known[mark.name], mark)


def fail_at(place: str, marker_name: str, problem: object) -> NoReturn:
    """Fail the test with a text instead of a traceback."""
    text = f"{place}: @pytest.mark.{marker_name}: {problem}"
    raise pytest.fail.Exception(text, pytrace=False) from None


def check_type(argument: str, value: T, *types: type) -> T:
    """Return the value of a marker's argument, or refuse it if it is of none of the types.

    A bool is no int here, as it is none for AWS.
    """
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        wanted = " or ".join("None" if t is type(None) else t.__name__ for t in types)
        raise ConfigurationError(
            f"argument {argument!r} takes {wanted}, not {type(value).__name__} ({value!r})"
        )
    return value


def nearest(wrong: str, valid: list[str]) -> str:
    """Words for the end of a refusal: what may have been meant, and what there is."""
    meant = f"did you mean {close[0]!r}? " if (close := near(wrong, valid)) else ""
    return f"{meant}There are: {', '.join(valid)}"


def _use(item: pytest.Item, marker: Marker[T], mark: pytest.Mark) -> Use[T]:
    try:
        return Use(marker, item, mark, _read(marker, mark))
    except ConfigurationError as error:
        fail_at(place_of_mark(item, mark), marker.name, error)


def _read(marker: Marker[T], mark: pytest.Mark) -> T:
    signature = inspect.signature(marker.read)
    kinds = {p.name: p.kind for p in signature.parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds.values():
        named = _named(marker.read)
        for argument in mark.kwargs:
            if argument not in named:
                raise ConfigurationError(
                    f"unknown argument {argument!r}; {nearest(argument, named)}"
                )
    try:
        signature.bind(*mark.args, **mark.kwargs)
    except TypeError as error:
        raise ConfigurationError(
            f"{error}; it is written {marker.name}({', '.join(_parameters(marker.read))})"
        ) from error
    return marker.read(*mark.args, **mark.kwargs)


def _named(function: Callable[..., Any]) -> list[str]:
    """The arguments that can be given by name."""
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in several]


def _parameters(function: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [str(p.replace(annotation=inspect.Parameter.empty)) for p in parameters]
