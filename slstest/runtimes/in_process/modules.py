"""The modules of a function: loaded from its own folder, seen by nobody else."""

from __future__ import annotations

import functools
import linecache
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, ModuleSpec
from pathlib import Path
from typing import Any

# What Lambda's Python runtime brings along, and the in-process cloud answers.
_LIBRARIES_OF_THE_RUNTIME = frozenset(
    {
        "awslambdaric",
        "boto3",
        "botocore",
        "dateutil",
        "jmespath",
        "s3transfer",
        "simplejson",
        "six",
        "snapshot_restore_py",
        "urllib3",
    }
)


class OwnModules:
    """The part of ``sys.modules`` that belongs to one function.

    Own are the modules that lie in one of ``folders``; they are put away when the function
    leaves the stage and come back with it. Modules of other places stay and are shared. So
    do compiled libraries that the function brought along: they load once per process.

    A module of the surroundings that would hide one in the first folder (``utils`` of the
    tests, say) is hidden itself.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        roots = {str(path) for folder in folders for path in (folder, folder.resolve())}
        self._roots = tuple(root + os.sep for root in roots)
        self._names = _top_level_names(folders[0])
        self._hiding = self._names - _LIBRARIES_OF_THE_RUNTIME - _installed_into(folders[0])
        self._own: dict[str, Any] = {}
        self._others: dict[str, Any] = {}
        self._before: set[str] = set()
        for root in roots:
            forget_folder(root)

    def put_on(self) -> None:
        modules = sys.modules
        for name in self._hiding & modules.keys():
            if self._is_hidden(name):
                within = f"{name}."
                for full in [name, *(each for each in list(modules) if each.startswith(within))]:
                    self._others[full] = modules.pop(full)
        modules.update(self._own)
        self._before = set(modules)

    def take_off(self) -> None:
        modules = sys.modules
        new = modules.keys() - self._before
        if new:
            compiled = {_top(name) for name in new if _is_compiled(modules.get(name))}
            new = {name for name in new if _top(name) not in compiled and self._is_own(name)}
        self._own = {name: modules.pop(name) for name in [*self._own, *new] if name in modules}
        modules.update(self._others)
        self._others = {}

    def reload(self) -> None:
        """Start again without any module; call it on stage."""
        self.take_off()
        self._own = {}
        self.put_on()

    def forget(self) -> None:
        """Let go of the modules and of what the interpreter remembers of their files."""
        self._own = {}
        for root in self._roots:
            forget_folder(root.removesuffix(os.sep))

    def defines(self, cls: type) -> bool:
        """Whether a class comes from one of the function's modules; ask on stage."""
        if cls.__module__ in sys.modules:
            return self._is_own(cls.__module__)
        return _top(cls.__module__) in self._names  # of a module whose import failed

    def _is_own(self, name: str) -> bool:
        spec: ModuleSpec | None = getattr(sys.modules.get(name), "__dict__", {}).get("__spec__")
        if spec is None:
            return _top(name) in self._names
        if spec.has_location and spec.origin is not None:
            return spec.origin.startswith(self._roots)
        places = spec.submodule_search_locations or ()
        return any((place + os.sep).startswith(self._roots) for place in places)

    def _is_hidden(self, name: str) -> bool:
        if name in sys.builtin_module_names:
            return False
        if name in sys.stdlib_module_names:
            # On Lambda, too, what the runtime itself has loaded wins over the function's.
            return name not in _loaded_by_the_runtime()
        return not any(
            _is_compiled(module) for each, module in list(sys.modules.items()) if _top(each) == name
        )


def forget_folder(root: str) -> None:
    """Drop the import system's and the traceback's memory of the files in a folder."""
    within = root + os.sep
    for path in [path for path in sys.path_importer_cache if (path + os.sep).startswith(within)]:
        sys.path_importer_cache.pop(path, None)
    for path in [path for path in linecache.cache if path.startswith(within)]:
        linecache.cache.pop(path, None)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _top_level_names(folder: Path) -> frozenset[str]:
    """What ``import`` could find in a folder."""
    names = (
        path.name.partition(".")[0]
        for path in folder.iterdir()
        if path.name.endswith((".py", ".pyc", *EXTENSION_SUFFIXES)) or path.is_dir()
    )
    return frozenset(name for name in names if name.isidentifier())


def _installed_into(folder: Path) -> frozenset[str]:
    """The top-level names of the libraries that pip put into a deployment package."""
    return frozenset(
        line.partition(",")[0].partition("/")[0].removesuffix(".py")
        for record in folder.glob("*.dist-info/RECORD")
        for line in record.read_text(encoding="utf-8").splitlines()
    )


def _is_compiled(module: object) -> bool:
    spec = getattr(module, "__dict__", {}).get("__spec__")
    return isinstance(getattr(spec, "loader", None), ExtensionFileLoader)


@functools.cache
def _loaded_by_the_runtime() -> frozenset[str]:
    """The modules that Lambda's runtime has loaded before it imports the handler."""
    import awslambdaric

    program = "import sys; sys.path += sys.argv[1:]; import awslambdaric.bootstrap"
    libraries = Path(awslambdaric.__file__).parent.parent
    run = subprocess.run(
        [sys.executable, "-I", "-c", f"{program}; print(*sys.modules)", libraries],
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(map(_top, run.stdout.split()))
