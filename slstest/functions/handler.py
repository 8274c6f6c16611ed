"""Finding mistakes in ``handler=`` before anything is deployed, without importing the code."""

from __future__ import annotations

import ast
import re

from slstest.errors import ConfigurationError
from slstest.functions.package import TESTS, Package
from slstest.matching import listed
from slstest.suggesting import near

_DYNAMIC = frozenset({"exec", "globals", "locals", "setattr", "vars", "__dict__", "modules"})
"""Names whose use in a module means that it may define more than can be read in it."""

_checked: set[tuple[str, str, bool]] = set()


def check_handler(package: Package, handler: str, *, asked: str, layers: bool) -> None:
    """Raise :class:`slstest.errors.ConfigurationError` where a Python handler cannot work:
    it is malformed, the package has no such module, or the module surely no such function.

    Where only running the code can tell (syntax errors, star imports, names made on the fly,
    code in ``layers``) the deployment goes on and Lambda has the say.
    """
    key = (package.sha256, handler, layers)
    if key in _checked:
        return
    module, dot, function = handler.rpartition(".")
    if not (module and dot and function):
        raise ConfigurationError(
            f"{asked}: handler={handler!r} is not of the form 'module.function', as in "
            "'app.handler'"
        )
    file = _module_file(package, module)
    if file is None and not layers:
        raise ConfigurationError(f"{asked}: {_no_module(package, module, handler)}")
    if file is not None and file.endswith(".py"):
        names = _defined_names(package.read(file))
        if names is not None and function not in names:
            where = f"{package.source / file if package.source.is_dir() else package.source}"
            raise ConfigurationError(f"{asked}: {_no_function(where, module, function, names)}")
    _checked.add(key)


def _module_file(package: Package, module: str) -> str | None:
    path = module.replace(".", "/")
    for candidate in (f"{path}/__init__.py", f"{path}.py"):
        if candidate in package.files:
            return candidate
    compiled = re.compile(rf"{re.escape(path)}(/__init__)?(\.[^/]+)?\.(pyc|so|pyd)")
    return next((name for name in package.files if compiled.fullmatch(name)), None)


def _no_module(package: Package, module: str, handler: str) -> str:
    path = module.replace(".", "/")
    there = sorted(name for name in package.files if name.endswith(".py"))
    top = [name for name in there if "/" not in name] or there
    hint = ""
    if package.source.is_dir() and (package.source / f"{path}.py").exists():
        hint = f" {path}.py is left out of the package like all tests ({', '.join(TESTS)})."
    elif top:
        first = top[0].removesuffix(".py").replace("/", ".")
        hint = f" Did you mean handler='{first}.{handler.rpartition('.')[2]}'?"
    return (
        f"handler={handler!r} needs the module {module!r}, but {package.source} has no "
        f"{path}.py. Its Python files: {listed(top)}.{hint}"
    )


def _no_function(where: str, module: str, function: str, names: dict[str, bool]) -> str:
    functions = [name for name, is_function in names.items() if is_function]
    text = f"{where} has no {function!r}. It defines the functions: {listed(functions)}."
    meant = near(function, functions) or (functions if len(functions) == 1 else [])
    return f"{text} Did you mean handler='{module}.{meant[0]}'?" if meant else text


def _defined_names(source: bytes) -> dict[str, bool] | None:
    """Every name that is bound anywhere in a module, with whether it is a function at its
    top; None where reading cannot tell."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    names: dict[str, bool] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.setdefault(node.name, False)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, False)
        elif isinstance(node, ast.alias):
            if node.name == "*":
                return None
            names.setdefault((node.asname or node.name).partition(".")[0], False)
        elif isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
            names.setdefault(node.name, False)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.setdefault(node.rest, False)
        if isinstance(node, ast.Name) and node.id in _DYNAMIC:
            return None
        if isinstance(node, ast.Attribute) and node.attr in _DYNAMIC:
            return None
    if "__getattr__" in names:
        return None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names[node.name] = True
    return names
