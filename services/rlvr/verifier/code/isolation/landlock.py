"""Landlock: an unprivileged process takes most of the file system and the network from itself, for good.

Constants are those of linux/landlock.h. What Landlock does not govern (chmod, sockets before ABI 4, signals
before ABI 6) is left to `seccomp`; what neither governs is that `stat` tells whether a path exists.
"""

from __future__ import annotations

import ctypes
import os
import struct

from rlvr.verifier.code.isolation.kernel import syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _PATH_BENEATH = 1, 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK, _IOCTL_DEV = 1 << 6, 1 << 9, 1 << 11, 1 << 15
_TCP = 0b11  # bind and connect
_SCOPED_SIGNALS, _SCOPED = 0b10, 0b11  # the latter with abstract unix sockets
_FILE_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""How many rights over files each ABI knows; they are the lowest bits."""
_RIGHTS_OF_A_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | _IOCTL_DEV

_OF_ITSELF = "auxv cmdline comm environ fd fdinfo limits maps mem smaps stat statm status"
"""Of a process's folder in /proc; the rest of it is about the host."""

_SCOPES = 6
"""First ABI in which a restricted process can be kept from signalling others."""


def abi() -> int:
    """Version of Landlock that this kernel speaks; 0 if none."""
    try:
        return syscall("landlock_create_ruleset", _CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
    except OSError:
        return 0


def can_scope_signals() -> bool:
    """Whether this kernel can keep a process from signalling others."""
    return abi() >= _SCOPES


def scope_signals() -> None:
    """From here on this process and what it starts can signal only each other. Raises OSError."""
    ruleset = _create(struct.pack("=QQQ", 0, 0, _SCOPED_SIGNALS))
    try:
        syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def restrict(version: int, *, readable: list[str], optional: list[str], devices: list[str], writable: str) -> None:
    """Leave this process and what it starts only these, and no TCP; needs no_new_privs.

    `readable`: folders whose files may be read and executed; `optional`: the same, where this user can reach them;
    `devices`: files to read and write; `writable`: a folder to use as one likes, except for sockets and device files.
    Of /proc a process sees what is about itself, and its children see their parent's; the rest of its folder is about
    the host: its network, its mounts.

    Raises:
        OSError: Landlock is not available, or a path is not there.
    """
    every_file_right = (1 << _FILE_RIGHTS_BY_ABI.get(version, 16)) - 1
    attributes = struct.pack("=QQQ", every_file_right, _TCP, _SCOPED)
    ruleset = _create(attributes[: 24 if version >= _SCOPES else 16 if version >= 4 else 8])
    try:
        of_itself = (f"/proc/{os.getpid()}/{name}" for name in _OF_ITSELF.split())
        for path in [*readable, *filter(os.path.exists, of_itself)]:
            _allow(ruleset, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for path in optional:
            if os.access(path, os.R_OK | os.X_OK):
                _allow(ruleset, path, _EXECUTE | _READ_FILE | _READ_DIR)
        for path in devices:
            _allow(ruleset, path, (_READ_FILE | _WRITE_FILE) & every_file_right)
        _allow(ruleset, writable, every_file_right & ~(_MAKE_CHAR | _MAKE_SOCK | _MAKE_BLOCK | _IOCTL_DEV))
        syscall("landlock_restrict_self", _RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _create(attributes: bytes) -> int:
    return syscall("landlock_create_ruleset", _CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)


def _allow(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= _RIGHTS_OF_A_FILE
        rule = struct.pack("=Qi", rights, beneath)
        syscall("landlock_add_rule", _ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(beneath)
