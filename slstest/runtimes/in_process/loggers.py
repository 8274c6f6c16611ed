"""The state of the loggers, of which each function has its own.

Loggers are shared, since libraries hold on to them; what is set on them is not: a handler
that one function adds must not write the records of the next.
"""

from __future__ import annotations

import logging
from typing import Any

_KEPT = frozenset({"name", "parent", "manager", "_cache"})
"""What a logger is, in contrast to what is set on it."""

_Settings = dict[str, Any]

_FRESH: _Settings = {
    "level": logging.NOTSET,
    "propagate": True,
    "handlers": [],
    "disabled": False,
    "filters": [],
}


class Loggers:
    """What is set on all loggers, ``root`` on the root logger to begin with."""

    def __init__(self, root: logging.Handler) -> None:
        self._own: dict[str, _Settings] = {
            "": {**_FRESH, "level": logging.WARNING, "handlers": [root]}
        }
        self._own_threshold = logging.NOTSET
        self._others: dict[str, _Settings] = {}
        self._others_threshold = logging.NOTSET

    def put_on(self) -> None:
        self._others = _all_settings()
        self._others_threshold = logging.root.manager.disable
        for name, settings in self._own.items():
            _apply(name, settings)
        _set_threshold(self._own_threshold)

    def take_off(self) -> None:
        present = _all_settings()
        self._own_threshold = logging.root.manager.disable
        self._own = {
            name: present.get(name, _FRESH)
            for name in present.keys() | self._others.keys()
            if present.get(name) != self._others.get(name)
        }
        for name in self._own:
            _apply(name, self._others.get(name, _FRESH))
        _set_threshold(self._others_threshold)


def _all_settings() -> dict[str, _Settings]:
    """The settings of all loggers that have any, by name; the root logger's is empty."""
    found = {"": _settings(logging.root)}
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger):
            state = logger.__dict__
            if (
                state["handlers"]
                or state["level"]
                or state["filters"]
                or state["disabled"]
                or not state["propagate"]
                or len(state) != len(_KEPT) + len(_FRESH)
            ):
                found[name] = _settings(logger)
    return found


def _settings(logger: logging.Logger) -> _Settings:
    settings = {name: value for name, value in logger.__dict__.items() if name not in _KEPT}
    settings["handlers"] = list(logger.handlers)
    settings["filters"] = list(logger.filters)
    return settings


def _apply(name: str, settings: _Settings) -> None:
    logger = logging.getLogger(name) if name else logging.root
    state = logger.__dict__
    for extra in state.keys() - settings.keys() - _KEPT:
        del state[extra]
    level = logger.level
    state.update(settings)
    state["handlers"] = list(settings["handlers"])
    state["filters"] = list(settings["filters"])
    if settings["level"] != level:
        logger.level = level
        logger.setLevel(settings["level"])  # which also drops what was derived from it


def _set_threshold(level: int) -> None:
    if logging.root.manager.disable != level:
        logging.disable(level)
