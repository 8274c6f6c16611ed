"""Deployment packages: from a folder, a single file or a ready zip to what CreateFunction takes.

https://docs.aws.amazon.com/lambda/latest/dg/python-package.html
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from slstest.errors import ConfigurationError

LEFT_OUT = (
    "__pycache__",
    "*.pyc",
    "*.pyo",
    ".git",
    ".hg",
    ".svn",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    ".coverage",
    ".coverage.*",
    ".DS_Store",
    ".idea",
    ".vscode",
)
"""Files and folders that are left out of a package wherever they are. A folder that is a
virtual environment (it has a ``pyvenv.cfg``) is left out as well."""

TESTS = ("test_*.py", "*_test.py", "conftest.py", "tests")
"""What is left out at the top of the folder only: the function's tests."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip can hold; the same for every file, so that the same content
makes the same package."""


@dataclass(frozen=True)
class Package:
    """A zip ready for upload."""

    source: Path
    """The folder or the file that it was made from, absolute."""
    content: bytes = field(repr=False)
    sha256: str
    """Base64, as Lambda gives ``CodeSha256``."""
    files: tuple[str, ...] = field(repr=False)
    """The names in the zip."""

    def read(self, name: str) -> bytes:
        """The content of one of its files."""
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return archive.read(name)


@dataclass(frozen=True)
class _File:
    name: str
    path: Path
    size: int
    modified: int
    executable: bool


_packages: dict[Path, tuple[tuple[_File, ...], Package]] = {}
_sources: dict[str, Path] = {}


def find_source(source: str | os.PathLike[str], base_dirs: Sequence[Path]) -> Path:
    """The absolute path of a function's source.

    A relative one is looked up in each of the base folders in turn. Raises
    :class:`slstest.errors.ConfigurationError` that lists the paths that were tried.
    """
    wanted = Path(source).expanduser()
    tried = [base / wanted for base in base_dirs]
    if wanted.is_absolute() or not tried:
        tried = [wanted]
    tried = list(dict.fromkeys(path.resolve() for path in tried))
    for path in tried:
        if path.exists():
            return path
    listed = "\n".join(f"  {path}" for path in tried)
    raise ConfigurationError(
        f"sls.function({os.fspath(source)!r}): there is no such folder, .py file or .zip file. "
        f"Looked for\n{listed}"
    )


def package(source: Path) -> Package:
    """The deployment package of a folder, a ``.py`` file or a ``.zip`` file.

    A folder becomes a zip of all its files but :data:`LEFT_OUT` and :data:`TESTS`; symbolic
    links are followed, permissions to execute are kept. A zip goes as it is. The package is
    made again only when a file has changed (its size, its time of modification).

    Raises :class:`slstest.errors.ConfigurationError` for anything else.
    """
    files = tuple(_source_files(source))
    known = _packages.get(source)
    if known is not None and known[0] == files:
        made = known[1]
    else:
        made = _made(source, files)
        _packages[source] = (files, made)
    if source.suffix != ".zip":
        _sources[made.sha256] = source if source.is_dir() else source.parent
    return made


def source_of_zip(sha256: str) -> Path | None:
    """The folder that a package of this process was made from, by Lambda's ``CodeSha256``;
    None for a zip that was given ready-made. Where two folders have the same content it is
    the one deployed last."""
    return _sources.get(sha256)


def _source_files(source: Path) -> Iterator[_File]:
    if source.is_dir():
        files = sorted(_walk(source, "", (os.path.realpath(source),)), key=lambda f: f.name)
        if not files:
            raise ConfigurationError(f"sls.function: the folder {source} has no files to deploy")
        yield from files
    elif source.suffix in (".py", ".zip"):
        yield _file(source.name, source)
    else:
        raise ConfigurationError(
            f"sls.function: {source} is no folder, no .py file and no .zip file"
        )


def _walk(folder: Path, prefix: str, above: tuple[str, ...]) -> Iterator[_File]:
    patterns = LEFT_OUT if prefix else LEFT_OUT + TESTS
    with os.scandir(folder) as entries:
        for entry in entries:
            if any(fnmatchcase(entry.name, pattern) for pattern in patterns):
                continue
            path, name = Path(entry.path), prefix + entry.name
            if not entry.is_dir():
                yield _file(name, path)
                continue
            real = os.path.realpath(path) if entry.is_symlink() else f"{above[-1]}/{entry.name}"
            if real in above or (path / "pyvenv.cfg").exists():
                continue
            yield from _walk(path, name + "/", (*above, real))


def _file(name: str, path: Path) -> _File:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"sls.function: {path} is a symbolic link to {path.readlink()}, which is missing"
            if path.is_symlink()
            else f"sls.function: {path} vanished while it was packaged"
        ) from error
    executable = bool(status.st_mode & 0o100)
    return _File(name, path, status.st_size, status.st_mtime_ns, executable)


def _made(source: Path, files: tuple[_File, ...]) -> Package:
    if source.suffix == ".zip" and not source.is_dir():
        content = source.read_bytes()
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = tuple(archive.namelist())
        except zipfile.BadZipFile as error:
            raise ConfigurationError(f"sls.function: {source} is not a zip: {error}") from error
    else:
        content = _zipped(files)
        names = tuple(file.name for file in files)
    sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return Package(source, content, sha256, names)


def _zipped(files: tuple[_File, ...]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            info = zipfile.ZipInfo(file.name, _EPOCH)
            info.create_system = 3  # Unix, wherever this runs: the permissions mean something
            info.external_attr = (0o100755 if file.executable else 0o100644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, file.path.read_bytes())
    return buffer.getvalue()
