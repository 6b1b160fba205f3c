"""Who a process is and what it may do: user, capabilities, and no way to gain any."""

from __future__ import annotations

import ctypes
import os

from rlvr.verifier.code.isolation.kernel import PR_CAPBSET_DROP, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, libc, prctl

_CAPABILITY_VERSION_3 = 0x20080522
_CAPABILITIES = {"KILL": 5, "SETGID": 6, "SETUID": 7, "SYS_ADMIN": 21}  # linux/capability.h
# Made once: ctypes would build either type anew in each process that multiplies, which costs every run.
_Header, _Sets = ctypes.c_uint32 * 2, ctypes.c_uint32 * 6
_LAST_CAPABILITY = 63  # more than there are: dropping one that does not exist is an error we stop at


def gain_nothing() -> None:
    """From here on no program that this process or its children execute gains a privilege.

    Raises:
        OSError: the bounding set cannot be emptied.
    """
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    for capability in range(_LAST_CAPABILITY + 1):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except PermissionError:  # a process without privileges has none to lose
            return
        except OSError:
            if capability == 0:
                raise
            return


def become(uid: int | None) -> None:
    """Change to user and group `uid`, without supplementary groups; None changes nothing."""
    if uid is not None:
        try:
            os.setgroups([])
        except PermissionError:  # where the user namespace denies it there are none to drop
            pass
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def keep_capabilities(*names: str) -> None:
    """Give up every capability but these, of which this process may have none either."""
    header = _Header(_CAPABILITY_VERSION_3, 0)
    held = _Sets()
    libc("capget", header, held)
    kept = sum(1 << _CAPABILITIES[name] for name in names) & held[1]  # effective, permitted and inheritable, 2 words
    libc("capset", header, _Sets(kept, kept, 0, 0, 0, 0))


def set_dumpable(dumpable: bool) -> None:
    """Whether equals may look into this process through /proc and ptrace."""
    prctl(PR_SET_DUMPABLE, int(dumpable))
