"""Runs functions in the test's own process, for debugging and coverage."""

from slstest.runtimes.in_process.environment import Foreground
from slstest.runtimes.in_process.runtime import InProcessRuntime
from slstest.runtimes.in_process.stage import STAGE
from slstest.runtimes.in_process.watchdog import uninterrupted

__all__ = ["STAGE", "Foreground", "InProcessRuntime", "uninterrupted"]
