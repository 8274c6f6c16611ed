"""A line of code knows its room: who may import what, read from the source.

Imports inside functions count as well as those at the top of a module; only for cycles they
do not, because they are how a cycle at import is avoided.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {"slstest": ROOT / "slstest", "slstest.plugins": ROOT / "plugins"}


@dataclass(frozen=True)
class Module:
    name: str
    path: Path

    @property
    def package(self) -> str:
        is_package = self.path.name == "__init__.py"
        return self.name if is_package else self.name.rpartition(".")[0]

    def imports(self, *, at_import: bool = False) -> Iterator[str]:
        """The dotted names that it imports: of ``from a import b`` this is ``a.b``."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"), str(self.path))
        for node in _at_import(tree) if at_import else ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = self._source_of(node)
                yield from (f"{source}.{alias.name}" for alias in node.names)

    def _source_of(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.package.split(".")
        package = ".".join(parts[: len(parts) - node.level + 1])
        return f"{package}.{node.module}" if node.module else package


def _at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _at_import(node)


def modules_in(package: str, folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        inner = path.relative_to(folder).with_suffix("").parts
        if inner[-1] == "__init__":
            inner = inner[:-1]
        yield Module(".".join((package, *inner)), path)


def inside(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


MODULES = [module for name, folder in SOURCES.items() for module in modules_in(name, folder)]


@dataclass(frozen=True)
class Rule:
    says: str
    within: str
    forbidden: tuple[str, ...]
    but_not: tuple[str, ...] = ()

    def broken_by(self, modules: list[Module]) -> list[str]:
        return [
            f"{module.name} imports {imported}"
            for module in modules
            if inside(module.name, self.within) and not inside(module.name, *self.but_not)
            for imported in module.imports()
            if inside(imported, *self.forbidden)
        ]


RULES = [
    Rule("the harness knows no pytest", "slstest", ("pytest", "_pytest"), ("slstest.plugins",)),
    Rule("the pytest face does not talk to AWS", "slstest.plugins", ("boto3", "botocore")),
    Rule("moto stays in the embedded cloud", "slstest", ("moto",), ("slstest.embedded",)),
    Rule(
        "the container stays in the localstack cloud",
        "slstest",
        ("docker", "testcontainers", "localstack_client"),
        ("slstest.clouds.localstack",),
    ),
    Rule("a runtime does not know the cloud", "slstest.runtimes", ("slstest.embedded", "moto")),
]


def test_every_folder_of_source_is_read() -> None:
    assert {"slstest.errors", "slstest.plugins", "slstest.embedded", "slstest.runtimes"} <= {
        module.name for module in MODULES
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says)
def test_layers_are_kept(rule: Rule) -> None:
    assert rule.broken_by(MODULES) == []


@pytest.mark.parametrize(
    "line",
    [
        "import moto",
        "import moto.core.models as models",
        "from moto import mock_aws",
        "from moto.core import models",
        "def late():\n    import moto",
        "if TYPE_CHECKING:\n    from moto.core import models",
    ],
)
def test_a_forbidden_import_is_found_however_it_is_written(tmp_path: Path, line: str) -> None:
    (tmp_path / "expect.py").write_text(line)
    (rule,) = (rule for rule in RULES if "moto" in rule.forbidden and rule.within == "slstest")

    assert len(rule.broken_by(list(modules_in("slstest", tmp_path)))) == 1
    assert rule.broken_by(list(modules_in("slstest.embedded", tmp_path))) == []


def test_a_relative_import_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("from . import base")
    (tmp_path / "zygote.py").write_text("from ..embedded.clock import Clock")
    modules = list(modules_in("slstest.runtimes", tmp_path))

    assert [list(module.imports()) for module in modules] == [
        ["slstest.runtimes.base"],
        ["slstest.embedded.clock.Clock"],
    ]


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    assert circle_among(MODULES) is None


def test_a_circle_is_found_and_one_broken_by_a_late_import_is_none(tmp_path: Path) -> None:
    (tmp_path / "hen.py").write_text("from slstest.egg import lay")
    (tmp_path / "egg.py").write_text("class Egg:\n    from slstest import hen")
    assert circle_among(list(modules_in("slstest", tmp_path))) is not None

    (tmp_path / "egg.py").write_text("def hatch():\n    from slstest import hen")
    assert circle_among(list(modules_in("slstest", tmp_path))) is None


def circle_among(modules: list[Module]) -> list[str] | None:
    names = {module.name for module in modules}
    graph = {
        module.name: {
            target
            for imported in module.imports(at_import=True)
            if (target := _module_of(imported, names)) and target != module.name
        }
        for module in modules
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return None


def _module_of(imported: str, names: set[str]) -> str | None:
    """``a.b`` of ``from a import b`` is a module, or something inside the module ``a``."""
    return next((n for n in (imported, imported.rpartition(".")[0]) if n in names), None)


def test_a_pytest_run_that_needs_nothing_of_slstest_imports_nothing_slow(tmp_path: Path) -> None:
    program = "import sys, slstest.plugins; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.split()

    assert "slstest.plugins" in loaded
    slow = {"awslambdaric", "boto3", "botocore", "docker", "moto", "psutil", "werkzeug"}
    assert slow.isdisjoint(loaded)
