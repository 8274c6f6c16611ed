from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from slstest import ConfigurationError
from slstest.functions.package import find_source, package, source_of_zip


def names_in(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}")


def test_a_folder_becomes_a_zip_of_its_files(folder: Path) -> None:
    write(folder, "lib/inner/data.json", "lib/__init__.py", ".env")
    made = package(folder)
    assert names_in(made.content) == [".env", "app.py", "lib/__init__.py", "lib/inner/data.json"]
    assert made.files == tuple(names_in(made.content))
    assert made.read("app.py").startswith(b"def handler")


def test_the_sha_is_the_one_that_lambda_gives(folder: Path) -> None:
    made = package(folder)
    assert made.sha256 == base64.b64encode(hashlib.sha256(made.content).digest()).decode()


def test_caches_tests_and_tools_are_left_out(folder: Path) -> None:
    write(
        folder,
        "__pycache__/app.cpython-311.pyc",
        "lib/__pycache__/x.pyc",
        ".git/HEAD",
        ".venv/pyvenv.cfg",
        ".venv/lib/x.py",
        "env/pyvenv.cfg",
        "test_app.py",
        "app_test.py",
        "conftest.py",
        "tests/test_more.py",
        ".DS_Store",
        "lib/test_support.py",
        "lib/tests/__init__.py",
    )
    assert package(folder).files == ("app.py", "lib/test_support.py", "lib/tests/__init__.py")


def test_the_same_content_makes_the_same_zip_anywhere(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, "app.py", "lib/x.py")
        os.utime(tmp_path / name / "app.py", ns=(0, hash(name) % 10**9))
    assert package(tmp_path / "a").content == package(tmp_path / "b").content


def test_executable_files_stay_executable(folder: Path) -> None:
    (folder / "bootstrap").write_text("#!/bin/sh\n")
    (folder / "bootstrap").chmod(0o755)
    with zipfile.ZipFile(io.BytesIO(package(folder).content)) as archive:
        modes = {i.filename: oct(i.external_attr >> 16) for i in archive.infolist()}
    assert modes == {"app.py": "0o100644", "bootstrap": "0o100755"}


def test_an_unchanged_folder_is_not_zipped_again(folder: Path) -> None:
    assert package(folder) is package(folder)


def test_a_changed_file_makes_a_new_zip(folder: Path) -> None:
    first = package(folder)
    (folder / "app.py").write_text("def handler(event, context): return 2")
    assert package(folder).content != first.content


def test_a_change_of_the_tests_makes_no_new_zip(folder: Path) -> None:
    first = package(folder)
    write(folder, "test_app.py")
    assert package(folder) is first


def test_symbolic_links_are_followed(folder: Path, tmp_path: Path) -> None:
    write(tmp_path / "shared", "util.py")
    (folder / "shared").symlink_to(tmp_path / "shared")
    (folder / "copy.py").symlink_to(folder / "app.py")
    assert package(folder).files == ("app.py", "copy.py", "shared/util.py")
    assert package(folder).read("copy.py") == (folder / "app.py").read_bytes()


def test_a_link_to_a_folder_above_does_not_go_round_in_circles(folder: Path) -> None:
    (folder / "lib").mkdir()
    write(folder, "lib/x.py")
    (folder / "lib" / "up").symlink_to(folder)
    assert package(folder).files == ("app.py", "lib/x.py")


def test_a_broken_link_is_named(folder: Path) -> None:
    (folder / "data.json").symlink_to("nowhere.json")
    with pytest.raises(ConfigurationError, match=r"data\.json is a symbolic link to nowhere\.json"):
        package(folder)


def test_one_file_can_be_a_function(tmp_path: Path) -> None:
    write(tmp_path, "counter.py", "other.py")
    assert package(tmp_path / "counter.py").files == ("counter.py",)


def test_a_zip_goes_as_it_is(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "function.zip"
    path.write_bytes(package(folder).content)
    made = package(path)
    assert made.content == path.read_bytes()
    assert made.files == ("app.py",)


def test_what_is_called_zip_and_is_none_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "function.zip")
    with pytest.raises(ConfigurationError, match=r"function\.zip is not a zip"):
        package(tmp_path / "function.zip")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigurationError, match="has no files to deploy"):
        package(tmp_path / "empty")


def test_any_other_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "app.js")
    with pytest.raises(ConfigurationError, match=r"no folder, no \.py file and no \.zip file"):
        package(tmp_path / "app.js")


def test_the_unpacked_code_leads_back_to_its_source(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, "counter.py")
    assert source_of_zip(package(folder).sha256) == folder
    assert source_of_zip(package(tmp_path / "counter.py").sha256) == tmp_path
    assert source_of_zip("unknown") is None


def test_of_two_folders_alike_the_one_deployed_last_counts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, "same.py")
    package(tmp_path / "a")
    sha256 = package(tmp_path / "b").sha256
    assert source_of_zip(sha256) == tmp_path / "b"
    package(tmp_path / "a")
    assert source_of_zip(sha256) == tmp_path / "a"


def test_a_source_is_looked_up_in_each_base_folder(tmp_path: Path) -> None:
    write(tmp_path / "second" / "f", "app.py")
    bases = [tmp_path / "first", tmp_path / "second"]
    assert find_source("f", bases) == tmp_path / "second" / "f"
    assert find_source(tmp_path / "second" / "f", []) == tmp_path / "second" / "f"


def test_a_missing_source_lists_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_source("functions/f", [tmp_path / "a", tmp_path / "b", tmp_path / "a"])
    assert str(raised.value) == (
        "sls.function('functions/f'): there is no such folder, .py file or .zip file. Looked "
        f"for\n  {tmp_path}/a/functions/f\n  {tmp_path}/b/functions/f"
    )
