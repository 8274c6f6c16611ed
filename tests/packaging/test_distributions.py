"""What lies in the wheel and in the sdist."""

from __future__ import annotations

import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

from .conftest import ROOT, Built


@pytest.fixture(scope="session")
def in_wheel(built: Built) -> set[str]:
    with ZipFile(built.wheel) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="session")
def metadata(built: Built) -> Message:
    with ZipFile(built.wheel) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


@pytest.fixture(scope="session")
def in_sdist(built: Built) -> set[str]:
    with tarfile.open(built.sdist) as sdist:
        return {
            name.partition("/")[2] for name in sdist.getnames() if not name.endswith(".egg-info")
        }


def files_under(*folders: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_every_module_of_the_harness(in_wheel: set[str]) -> None:
    assert files_under("slstest") <= in_wheel
    assert "slstest/py.typed" in in_wheel


def test_the_wheel_has_the_plugin_inside_the_package_only(in_wheel: set[str]) -> None:
    plugin = {f"slstest/{name}" for name in files_under("plugins")}

    assert plugin <= in_wheel
    assert "slstest/plugins/__init__.py" in plugin
    assert {Path(name).parts[0] for name in in_wheel if ".dist-info" not in name} == {"slstest"}


def test_the_wheel_has_nothing_besides(in_wheel: set[str]) -> None:
    expected = files_under("slstest") | {f"slstest/{name}" for name in files_under("plugins")}

    assert {name for name in in_wheel if ".dist-info/" not in name} == expected


def test_the_wheel_names_its_plugin_licence_and_python(metadata: Message, built: Built) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.10"
    with ZipFile(built.wheel) as wheel:
        names = wheel.namelist()
        (entry_points,) = (n for n in names if n.endswith(".dist-info/entry_points.txt"))
        assert wheel.read(entry_points).decode().split("\n") == [
            "[console_scripts]",
            "slstest = slstest.cli:main",
            "",
            "[pytest11]",
            "slstest = slstest.plugins",
            "",
        ]
        assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_an_extra_always_brings_something(metadata: Message) -> None:
    requirements = metadata.get_all("Requires-Dist", [])
    extras = metadata.get_all("Provides-Extra", [])

    assert extras
    for extra in extras:
        assert any(f'extra == "{extra}"' in requirement for requirement in requirements)


def test_the_sdist_can_be_tested(in_sdist: set[str]) -> None:
    folders = files_under("slstest", "plugins", "tests", "sample_functions", "benchmarks")
    files = {"conftest.py", "tox.ini", "pyproject.toml", "LICENSE"}
    documents = {"README.md", "CHANGELOG.md", "CONTRIBUTING.md"}

    assert sorted((folders | files | documents) - in_sdist) == []


def test_the_sdist_has_no_leftovers(in_sdist: set[str]) -> None:
    leftovers = {"__pycache__", ".tox", ".git", ".mypy_cache", ".ruff_cache", "build"}

    assert [name for name in in_sdist if leftovers.intersection(Path(name).parts)] == []
