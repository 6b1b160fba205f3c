"""The kernel calls a run makes to shut itself in: namespaces, a private root, capabilities, limits."""

from __future__ import annotations

import ctypes
import os
import resource
import sys

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x1000, 0x4000, 1 << 18, 2
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38
SIGINT, SIGKILL, SIG_DFL = 2, 9, 0
NOBODY = 65534

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, call: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process."""
    _check(_libc.prctl(option, value, 0, 0, 0), f"prctl({option})")


def reset_interrupt() -> None:
    """Undo the interpreter's SIGINT handler: an init that handles nothing cannot be signalled from within."""
    _libc.signal(SIGINT, SIG_DFL)


def write(path: str, text: str) -> None:
    """Write to a file of /proc."""
    with open(path, "w") as file:
        file.write(text)


def unshare(*, user: bool) -> None:
    """Leave the host's pid (for children), mount, network, ipc and uts namespaces.

    With `user` also its user namespace, which is what an unprivileged process may leave them from.
    """
    outer_uid, outer_gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    _check(_libc.unshare(flags | (CLONE_NEWUSER if user else 0)), "unshare")
    if user:
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"{NOBODY} {outer_uid} 1")
        write("/proc/self/gid_map", f"{NOBODY} {outer_gid} 1")


def _mount(source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encoded_kind = kind.encode() if kind else None
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), encoded_kind, ctypes.c_ulong(flags), options.encode()
    )
    _check(result, f"mount {source} on {target}")


def enter_private_root(scratch_mb: int) -> None:
    """Make a root of its own for this mount namespace and stand in its /tmp.

    It holds, read-only, the system's programs and libraries and the interpreter's; a few devices; this pid
    namespace's /proc; and one small writable tmpfs, /tmp, that vanishes with the namespace.
    """
    shown = ["/usr", "/bin", "/lib", "/lib64", "/lib32"]
    if not sys.base_prefix.startswith("/usr/") and sys.base_prefix != "/usr":
        shown.append(sys.base_prefix)
    root = _mount_point(shown)
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m,nr_inodes=256")
    for path in shown:
        _show(path, root)
    os.mkdir(f"{root}/dev")
    for name in ("null", "zero", "full", "random", "urandom"):
        os.close(os.open(f"{root}/dev/{name}", os.O_CREAT))
        _mount(f"/dev/{name}", f"{root}/dev/{name}", None, MS_BIND)
    for name, target in {"stdin": "0", "stdout": "1", "stderr": "2", "fd": ""}.items():
        os.symlink(f"/proc/self/fd/{target}", f"{root}/dev/{name}")
    os.symlink("/tmp", f"{root}/dev/shm")
    os.mkdir(f"{root}/proc")
    try:
        _mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except PermissionError:  # the host masks parts of its own /proc; then there is none
        pass
    os.mkdir(f"{root}/tmp")
    scratch = f"mode=1777,size={scratch_mb}m,nr_inodes=4096"
    _mount("tmpfs", f"{root}/tmp", "tmpfs", MS_NOSUID | MS_NODEV, scratch)
    _mount("none", root, None, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount2")
    os.chdir("/tmp")


def _mount_point(shown: list[str]) -> str:
    """A directory of the host to mount the new root over (in this mount namespace only)."""
    for place in ("/mnt", "/media", "/srv", "/run", "/tmp"):
        if os.path.isdir(place) and not any(path.startswith(place + "/") for path in shown):
            return place
    raise FileNotFoundError("no directory to mount a root on: none of /mnt /media /srv /run /tmp is usable")


def _show(path: str, root: str) -> None:
    """Make one of the host's directories visible, read-only, below the new root."""
    here = root + path
    if os.path.islink(path):
        os.symlink(os.readlink(path), here)
    elif os.path.isdir(path):
        os.makedirs(here)
        _mount(path, here, None, MS_BIND)
        _mount("none", here, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def become(uid: int | None) -> None:
    """Change to user and group `uid`, without supplementary groups; None changes nothing."""
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    prctl(PR_SET_DUMPABLE, 1)  # which a change of user clears, and with it access to one's own /proc/self


def drop_capabilities() -> None:
    """Give up every capability and every way to gain one."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 1)  # init gave it up


def set_limits(*, cpu_s: int, memory_mb: int, file_mb: int, processes: int) -> None:
    """Resource limits of this process and its descendants; `processes` counts per uid."""
    for limit, value in {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_AS: memory_mb * 2**20,
        resource.RLIMIT_FSIZE: file_mb * 2**20,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }.items():
        hard = resource.getrlimit(limit)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (lowered, lowered))
