"""The errors that slstest raises, each worded for the person who reads the test's output."""

from __future__ import annotations

from typing import Any


class SlstestError(Exception):
    """Base of every error that slstest raises on purpose."""


class ConfigurationError(SlstestError):
    """Something the test asked for cannot be: a missing folder, an unknown setting, a name
    used twice. The text names what was asked, where, and what would work."""


class Unavailable(ConfigurationError):
    """The cloud lacks what the test needs, which others have: an AWS service, time that can be
    skipped, faults. pytest counts such a test as skipped, unless ``--sls-strict`` is given."""


class NothingAnswers(ConfigurationError):
    """Nothing is there where a cloud was said to be, not even one that refuses."""


class UnsupportedRuntime(ConfigurationError):
    """The function's runtime cannot be run here; the text says which can."""


class FunctionError(SlstestError):
    """The function under test failed.

    ``payload`` is Lambda's error document (``errorType``, ``errorMessage``, ...); the text
    holds the type, the message and the function's log.
    """

    def __init__(self, message: str, payload: Any) -> None:
        super().__init__(message)
        self.payload = payload


class ExpectationFailed(AssertionError):
    """An expectation did not come true. An :class:`AssertionError`, so that test runners
    count it as a failure and not as an error."""


class NotSettled(SlstestError):
    """Work was still under way when the time for settling was over; the text names it."""


class TeardownError(SlstestError):
    """Resources could not be deleted; the text lists each with its reason."""
