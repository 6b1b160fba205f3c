"""Kernel calls that Python does not offer."""

from __future__ import annotations

import ctypes
import os

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 4, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SIGKILL = 9

_libc = ctypes.CDLL(None, use_errno=True)


def libc(name: str, *args: object) -> int:
    """Call a function of the C library that says -1 when it fails.

    Raises:
        OSError: it did.
    """
    result: int = getattr(_libc, name)(*args)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def syscall(name: str, number: int, *args: object) -> int:
    """Make a system call that the C library has no function for.

    Raises:
        OSError: it failed.
    """
    result = _libc.syscall(ctypes.c_long(number), *args)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return int(result)


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process."""
    libc("prctl", option, ctypes.c_ulong(value), 0, 0, 0)


def write(path: str, text: str) -> None:
    """Write to a file of /proc or of a cgroup."""
    with open(path, "w") as file:
        file.write(text)
