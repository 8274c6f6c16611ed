"""Starting a module of slstest's in a process of its own, from whatever folder."""

from __future__ import annotations

import json
import sys

_CODE = """
import sys
import os

here = ("", os.getcwd())
sys.path[:] = [each for each in sys.path if each not in here]
module, theirs = sys.argv[1:3]
del sys.argv[1:3]

import json
import runpy

sys.path += [each for each in json.loads(theirs) if each not in sys.path]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def module_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module.

    ``python -m`` looks for modules in the working directory first, where a user's ``queue.py`` may
    be. Here what this process can import comes last, so that nothing there hides the standard
    library's modules; Python 3.10 has no ``-P``.
    """
    path = json.dumps([each for each in sys.path if each])
    return [sys.executable, "-c", _CODE, module, path, *arguments]
