"""What pyproject.toml names one by one agrees with what is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_folder_of_modules_is_packaged(pyproject: dict[str, Any]) -> None:
    packages = pyproject["tool"]["setuptools"]["packages"]

    assert packages == sorted(
        {
            ".".join((package, *module.parent.relative_to(ROOT / folder).parts))
            for package, folder in (("slstest", "slstest"), ("slstest.plugins", "plugins"))
            for module in (ROOT / folder).rglob("*.py")
        }
    )


def test_every_package_has_an_init_module(pyproject: dict[str, Any]) -> None:
    folders = pyproject["tool"]["setuptools"]["package-dir"]
    without = [
        package
        for package in pyproject["tool"]["setuptools"]["packages"]
        if not (ROOT / folders.get(package, package.replace(".", "/")) / "__init__.py").is_file()
    ]

    assert without == []


def test_the_lowest_versions_tested_are_the_lowest_versions_promised(
    pyproject: dict[str, Any],
) -> None:
    tested = (ROOT / "tests" / "packaging" / "lowest.txt").read_text(encoding="utf-8")

    project = pyproject["project"]
    promised = [*project["dependencies"], *project["optional-dependencies"]["localstack"]]
    assert [line for line in tested.splitlines() if not line.startswith("#")] == [
        f"{requirement.name}=={lower_bound(requirement)}"
        for requirement in sorted(map(Requirement, promised), key=lambda each: each.name)
    ]


def lower_bound(requirement: Requirement) -> str:
    (bound,) = (spec.version for spec in requirement.specifier if spec.operator == ">=")
    return bound
