"""Deployment packages: checked and unpacked as Lambda does, once for each content."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import stat
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from slstest.embedded.lambda_service.errors import invalid_parameter

UNZIPPED_LIMIT = 262_144_000
"""Bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)
"""What zipfile raises for archives that are damaged, encrypted or packed in ways unknown."""


@dataclass(frozen=True)
class Package:
    """An accepted deployment package."""

    content: bytes
    sha256: str
    """Base64, as ``CodeSha256`` gives it."""

    @property
    def size(self) -> int:
        return len(self.content)


class CodeStore:
    """Keeps the unpacked packages under one folder, by content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._unpacked: dict[str, Path] = {}
        self._asked_for: dict[str, float] = {}

    def accept(self, content: bytes) -> Package:
        """Check and unpack a zip. Raises Lambda's errors for one that cannot be used."""
        sha256 = base64.b64encode(hashlib.sha256(content).digest()).decode()
        package = Package(content, sha256)
        if sha256 not in self._unpacked:
            _check_zip(content)
            self.unpacked(package)
        return package

    def unpacked(self, package: Package) -> Path:
        """The folder with the package's files; shared, and not to be written to."""
        with self._lock:
            folder = self._unpacked.get(package.sha256)
            if folder is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                folder = Path(tempfile.mkdtemp(prefix="code-", dir=self._folder))
                try:
                    _unpack(package.content, folder)
                except (*_BROKEN, FileExistsError) as error:
                    shutil.rmtree(folder)
                    raise _not_a_zip() from error
                self._unpacked[package.sha256] = folder
            self._asked_for[package.sha256] = time.monotonic()
            return folder

    def reap(self, idle: float, packages: Set[str], folders: Set[Path]) -> None:
        """Delete what was not asked for within so many real seconds, but for these packages (by
        their ``CodeSha256``) and these folders."""
        until = time.monotonic() - idle
        with self._lock:
            reaped = [
                sha256
                for sha256, folder in self._unpacked.items()
                if self._asked_for[sha256] <= until
                and sha256 not in packages
                and folder not in folders
            ]
            gone = [self._unpacked.pop(sha256) for sha256 in reaped]
            for sha256 in reaped:
                del self._asked_for[sha256]
        for folder in gone:
            shutil.rmtree(folder, ignore_errors=True)

    def sha256_of(self, folder: Path) -> str | None:
        """The ``CodeSha256`` of the package that was unpacked into ``folder``."""
        with self._lock:
            return next((sha for sha, each in self._unpacked.items() if each == folder), None)


def _check_zip(content: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
    except zipfile.BadZipFile as error:
        if content:
            raise _not_a_zip() from error
        members = []
    if not members:
        raise invalid_parameter("Uploaded file must be a non-empty zip")
    if sum(member.file_size for member in members) >= UNZIPPED_LIMIT:
        raise invalid_parameter(f"Unzipped size must be smaller than {UNZIPPED_LIMIT} bytes")
    paths = [PurePosixPath(member.filename) for member in members]
    if any(path.is_absolute() or ".." in path.parts for path in paths):
        raise _not_a_zip()


def _not_a_zip() -> Exception:
    return invalid_parameter(
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


def _unpack(content: bytes, folder: Path) -> None:
    links: list[tuple[Path, str]] = []
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for member in archive.infolist():
            mode = member.external_attr >> 16
            if stat.S_ISLNK(mode):
                links.append((folder / member.filename, os.fsdecode(archive.read(member))))
                continue
            target = Path(archive.extract(member, folder))
            permissions = stat.S_IMODE(mode)
            if permissions and target.is_file():
                target.chmod(permissions | stat.S_IRUSR)
    # Last, so that nothing is written through them.
    for link, to in links:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(to)
