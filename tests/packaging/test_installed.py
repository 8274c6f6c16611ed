"""The wheel in an empty virtual environment, out of the checkout's sight."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from .conftest import ROOT, EmptyEnvironment


def test_the_folder_plugins_is_no_package_of_its_own(installed: EmptyEnvironment) -> None:
    done = installed.run("-c", "import plugins")

    assert done.returncode == 1
    assert "No module named 'plugins'" in done.stderr


def test_the_plugin_is_imported_as_part_of_slstest(installed: EmptyEnvironment) -> None:
    done = installed.run("-c", "import slstest.plugins; print(slstest.plugins.__file__)")

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(installed.python.parents[1])


def test_pip_finds_nothing_missing(installed: EmptyEnvironment) -> None:
    done = installed.run("-m", "pip", "check")

    assert done.returncode == 0, done.stdout


def test_pytest_finds_the_options_and_the_markers(installed: EmptyEnvironment) -> None:
    assert "--sls-cloud" in installed.run("-m", "pytest", "--help").stdout
    assert "sls_function" in installed.run("-m", "pytest", "--markers").stdout


def test_the_command_is_there(installed: EmptyEnvironment) -> None:
    command = installed.python.with_name("slstest")

    done = subprocess.run([command, "serve", "--help"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "--skip-time" in done.stdout


def test_the_samples_pass(installed: EmptyEnvironment) -> None:
    shutil.copytree(
        ROOT / "sample_functions",
        installed.folder / "sample_functions",
        ignore=shutil.ignore_patterns("__pycache__"),
    )

    done = installed.run("-m", "pytest", "--sls", "-ra", "sample_functions")

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    assert " skipped" not in done.stdout
