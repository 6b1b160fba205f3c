"""A root of its own for a mount namespace."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from rlvr.verifier.code.isolation.kernel import libc, syscall

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x1000, 0x4000, 1 << 18, 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_SYS_MOUNT_SETATTR = 442
_READ_ONLY = _MS_RDONLY | _MS_NOSUID | _MS_NODEV  # the same bits in mount_setattr(2)

SYSTEM_FOLDERS = ("/usr", "/bin", "/lib", "/lib64", "/lib32")
DEVICES = ("null", "zero", "full", "random", "urandom")
SCRATCH = "/tmp"
"""Where a run may write."""


def shown_folders(prefix: str = sys.base_prefix) -> list[str]:
    """The host's folders that a candidate may read: programs, libraries, the interpreter below `prefix`."""
    own = [] if prefix == "/usr" or prefix.startswith("/usr/") else [prefix]
    return [path for path in SYSTEM_FOLDERS if os.path.exists(path)] + own


def enter_private_root(toolchains: list[str]) -> bool:
    """Change to a new, read-only root that holds the shown folders, five devices, /proc and an empty /tmp.

    It holds folders of `toolchains` as well, where this user can reach them. Needs a mount namespace of one's own;
    False if the host refuses a /proc. Raises OSError.
    """
    shown = shown_folders()
    root = _mount_point([*shown, *toolchains])
    _mount("none", "/", None, _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755,size=1m,nr_inodes=256")
    for path in shown:
        _show(path, root)
    for path in toolchains:
        if os.access(path, os.R_OK | os.X_OK, effective_ids=True):
            _show(path, root)
    os.mkdir(f"{root}/dev")
    for name in DEVICES:
        os.close(os.open(f"{root}/dev/{name}", os.O_CREAT))
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, _MS_BIND)
    for name, target in {"stdin": "0", "stdout": "1", "stderr": "2", "fd": ""}.items():
        os.symlink(f"/proc/self/fd/{target}", f"{root}/dev/{name}")
    os.symlink(SCRATCH, f"{root}/dev/shm")
    os.mkdir(f"{root}/proc")
    os.mkdir(f"{root}{SCRATCH}")
    has_proc = mount_proc(root)
    _mount("none", root, None, _MS_REMOUNT | _READ_ONLY)
    os.chdir(root)
    libc("pivot_root", b".", b".")
    libc("umount2", b".", _MNT_DETACH)
    os.chdir("/")
    return has_proc


def mount_proc(root: str = "") -> bool:
    """Show this pid namespace's processes, and nothing else of the kernel, at /proc; whether that is allowed."""
    flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
    try:
        _mount("proc", f"{root}/proc", "proc", flags)
    except PermissionError:  # the host masks parts of its own /proc; then there is none
        return False
    return True


def mount_scratch(size_mb: int) -> None:
    """Lay an empty tmpfs over /tmp and stand in it; it vanishes with the mount namespace."""
    _mount("tmpfs", SCRATCH, "tmpfs", _MS_NOSUID | _MS_NODEV, f"mode=1777,{_size(size_mb)}")
    os.chdir(SCRATCH)


def resize_scratch(size_mb: int) -> None:
    """Let the tmpfs over /tmp hold more, or less."""
    _mount("none", SCRATCH, None, _MS_REMOUNT | _MS_NOSUID | _MS_NODEV, _size(size_mb))


def _size(size_mb: int) -> str:
    return f"size={size_mb}m,nr_inodes=4096"


def _mount_point(shown: list[str]) -> str:
    """A directory of the host to mount the new root over (in this mount namespace only)."""
    for place in ("/mnt", "/media", "/srv", "/run", "/tmp"):
        if os.path.isdir(place) and not any(path.startswith(place + "/") for path in shown):
            return place
    raise FileNotFoundError("no directory to mount a root on: none of /mnt /media /srv /run /tmp is usable")


def _show(path: str, root: str) -> None:
    """Make one of the host's folders, with what is mounted below it, visible read-only below the new root."""
    here = root + path
    if os.path.islink(path):
        os.symlink(os.readlink(path), here)
        return
    os.makedirs(here)
    _mount(path, here, None, _MS_BIND | _MS_REC)
    try:
        _set_read_only(here)
    except OSError as failure:
        if failure.errno != errno.ENOSYS:
            raise
        _mount("none", here, None, _MS_BIND | _MS_REMOUNT | _READ_ONLY)  # before Linux 5.12: this mount only


def _set_read_only(path: str) -> None:
    """For the mount at `path` and all below it."""
    attributes = (ctypes.c_uint64 * 4)(_READ_ONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    syscall("mount_setattr", _SYS_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, size)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    try:
        libc(
            "mount",
            os.fsencode(source),
            os.fsencode(target),
            kind.encode() if kind else None,
            ctypes.c_ulong(flags),
            options.encode(),
        )
    except OSError as failure:
        raise OSError(failure.errno, f"mount {source} on {target}: {failure.strerror}") from None
