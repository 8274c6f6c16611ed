"""A ``/tmp`` of its own for each execution environment, where the kernel lets us.

On AWS ``/tmp`` is the one folder that a function can write to, it holds 512 MB, and it goes
with the environment (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
Here an environment gets a mount namespace in which an overlay lies over ``/tmp``: what the
host has there stays visible, as code and virtual environments may live there, and what the
function writes goes to a memory file system that ends with the namespace. The function's code
is mounted read-only, as it is on AWS, where the file system can. It needs Linux, and root or
unprivileged user namespaces.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_TMP = b"/tmp"
_SIZE = b"512m"

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_MS_RDONLY = 1
_MS_REMOUNT = 32
_MS_BIND = 4096
_MS_REC = 16384
_MS_SLAVE = 1 << 19
_KEPT_FLAGS = 1 | 2 | 4 | 8 | 1024 | 2048  # of a statvfs; in mount() they have the same numbers
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> bool:
    """Make the calling process able to :func:`mount` in its children; False where it cannot.

    The process gets a mount namespace, and where it is not root a user namespace first. What
    the host mounts later still appears in it; what is mounted in it never appears outside.
    """
    if sys.platform != "linux":
        return False
    # A kernel may grant the namespace and refuse the mount, so all of it is tried in a child.
    if not _succeeds_in_child(_enter_and_mount):
        return False
    _enter()
    return True


def mount(code: str | None = None) -> None:
    """Give this process, and what it starts, a ``/tmp`` of its own and read-only ``code``."""
    _call("unshare", _CLONE_NEWNS)
    lower = os.open(_TMP, os.O_PATH | os.O_DIRECTORY)
    _mount(b"tmpfs", _TMP, b"tmpfs", 0, b"mode=1777,size=" + _SIZE)
    for name, mode in (("upper", 0o1777), ("work", 0o700)):
        folder = Path(os.fsdecode(_TMP), name)
        folder.mkdir()
        folder.chmod(mode)
    options = b"lowerdir=/proc/self/fd/%d,upperdir=%s/upper,workdir=%s/work" % (lower, _TMP, _TMP)
    if os.getuid() != 0:
        # Where the overlay cannot mark what it renames, no folder can be renamed.
        options += b",userxattr"
    _mount(b"overlay", _TMP, b"overlay", 0, options)
    os.close(lower)
    if code is not None:
        # Some file systems will not have it; nobody should write there all the same.
        with contextlib.suppress(OSError):
            _mount_read_only(os.fsencode(code))
    if os.getuid() != 0:
        _drop_capabilities()


def _mount_read_only(path: bytes) -> None:
    _mount(path, path, None, _MS_BIND, None)
    # In a user namespace a flag like nosuid, once set, must be set again.
    kept = os.statvfs(path).f_flag & _KEPT_FLAGS
    _mount(None, path, None, _MS_REMOUNT | _MS_BIND | _MS_RDONLY | kept, None)


def _enter() -> None:
    user, group = os.getuid(), os.getgid()
    if user == 0:
        _call("unshare", _CLONE_NEWNS)
    else:
        _call("unshare", _CLONE_NEWUSER | _CLONE_NEWNS)
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    _mount(None, b"/", None, _MS_REC | _MS_SLAVE, None)


def _enter_and_mount() -> None:
    _enter()
    mount()
    Path(os.fsdecode(_TMP), "probe").touch()


def _drop_capabilities() -> None:
    """Give up the powers over the user namespace that mounting took."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    _call("capset", header, nothing)


def _succeeds_in_child(action: object) -> bool:
    assert callable(action)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _mount(
    source: bytes | None, target: bytes, kind: bytes | None, flags: int, data: bytes | None
) -> None:
    _call("mount", source, target, kind, ctypes.c_ulong(flags), data)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
