from __future__ import annotations

import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import slstest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", [name for name in slstest.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(slstest, name).__name__ == name
    assert name in dir(slstest)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Enviroment'"):
        slstest.Enviroment  # noqa: B018


def test_the_version_is_that_of_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: f"1.2.3 of {name}")
    monkeypatch.delitem(vars(slstest), "__version__", raising=False)
    assert slstest.__version__ == "1.2.3 of slstest"
    del vars(slstest)["__version__"]

    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("importlib.metadata.version", missing)
    with pytest.raises(PackageNotFoundError):
        slstest.__version__  # noqa: B018


@pytest.mark.parametrize("code", ["import slstest", "from slstest import Environment"])
def test_importing_the_harness_imports_nothing_heavy(code: str) -> None:
    program = f"import sys; {code}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = {"boto3", "botocore", "moto", "werkzeug", "psutil", "pytest", "awslambdaric"}
    assert heavy.isdisjoint(loaded)
