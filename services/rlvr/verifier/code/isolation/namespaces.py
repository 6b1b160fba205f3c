"""Leaving the host's namespaces: once for a zygote, and a pid and a mount namespace for each run."""

from __future__ import annotations

import os

from rlvr.verifier.code.isolation.kernel import libc, write

_NEWNS, _NEWUTS, _NEWIPC = 0x00020000, 0x04000000, 0x08000000
_NEWUSER, _NEWPID, _NEWNET = 0x10000000, 0x20000000, 0x40000000

ZYGOTE = 0
"""User id of a zygote in its own user namespace, where there are two to give."""
CANDIDATE = 65534
"""User id of a candidate in its zygote's user namespace."""


def leave_host() -> None:
    """Leave the host's mount, network, ipc and uts namespaces, as only root may; children leave its pid namespace."""
    libc("unshare", _NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWPID)


def enter_user_namespace(uids: dict[int, int]) -> None:
    """Enter a user namespace and a mount namespace that belongs to it; children get a pid namespace.

    `uids` maps user and group ids inside to those outside. Mapping others than one's own takes privileges
    in the namespace that is left, so a child that stays behind writes the map.
    """
    entered, tell = os.pipe()
    scribe = os.fork()
    if scribe == 0:
        try:
            os.close(tell)
            if os.read(entered, 1):
                table = "".join(f"{inside} {outside} 1\n" for inside, outside in uids.items())
                write(f"/proc/{os.getppid()}/gid_map", table)
                write(f"/proc/{os.getppid()}/uid_map", table)
                os._exit(0)
        finally:
            os._exit(1)
    os.close(entered)
    try:
        libc("unshare", _NEWUSER | _NEWNS | _NEWPID)
        os.write(tell, b"1")
    finally:
        os.close(tell)
        status = os.waitpid(scribe, 0)[1]
    if status != 0:
        raise PermissionError("the user namespace's ids cannot be mapped")
    os.setresgid(ZYGOTE, ZYGOTE, ZYGOTE)
    os.setresuid(ZYGOTE, ZYGOTE, ZYGOTE)


def leave_host_unprivileged() -> None:
    """Leave all of the host's namespaces as anyone may; children get a pid namespace."""
    uid, gid = os.geteuid(), os.getegid()
    libc("unshare", _NEWUSER | _NEWNS | _NEWNET | _NEWIPC | _NEWUTS | _NEWPID)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"{CANDIDATE} {uid} 1")
    write("/proc/self/gid_map", f"{CANDIDATE} {gid} 1")


def own_pid_namespace() -> int:
    """A descriptor of this process's pid namespace, for `fork_in_new_pid_namespace`."""
    return os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)


def fork_in_new_pid_namespace(own: int) -> int:
    """As `os.fork`, but the child is pid 1: when it ends, the kernel ends everything that it started.

    A process can be the parent of one pid namespace; going back to its `own` first lets it be of another.
    """
    libc("setns", own, _NEWPID)
    libc("unshare", _NEWPID)
    return os.fork()


def leave_mounts() -> None:
    """Get a mount namespace that is a copy of the one left."""
    libc("unshare", _NEWNS)
