"""Functions in processes of their own, forked from one that has everything imported."""

from slstest.runtimes.process.runtime import ProcessRuntime

__all__ = ["ProcessRuntime"]
