"""The processes below a process, where no namespace holds them together."""

from __future__ import annotations

import os

from rlvr.verifier.code.isolation.kernel import SIGKILL


def descendants(ancestor: int) -> list[int]:
    """Processes below `ancestor`, nearest first, as /proc has them now."""
    children = _by_parent()
    found = list(children.get(ancestor, []))
    for pid in found:
        found += children.get(pid, [])
    return found


def num_threads_of(uid: int) -> int:
    """Threads of all processes of a user, as /proc has them now."""
    threads = 0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.stat(f"/proc/{entry}").st_uid == uid:
                    threads += len(os.listdir(f"/proc/{entry}/task"))
            except (FileNotFoundError, ProcessLookupError, PermissionError):  # it is gone since, or not dumpable
                continue
    return threads


def _by_parent() -> dict[int, list[int]]:
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", errors="replace") as file:
                    stat = file.read()
            except (FileNotFoundError, ProcessLookupError):  # it is gone since
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    return children


def kill_descendants(*, scoped: bool, uid: int | None) -> None:
    """Kill and reap what is below this process, which must be a subreaper, until nothing is.

    Processes that fork faster than they are found can only be ended all at once, as kill(-1) does, which in the
    kernel excludes forking meanwhile. `scoped` says that a Landlock lets this process signal only those below it;
    `uid` is a user that only they have. With neither they are ended one by one, which such processes can outrun.
    """
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        if scoped:
            _kill_all()
        elif uid is not None:
            _kill_all_of(uid)
        else:
            # Only children, whose ids cannot pass to others before they are reaped; theirs become ours then.
            for pid in _children():
                os.kill(pid, SIGKILL)


def _kill_all() -> None:
    try:
        os.kill(-1, SIGKILL)
    except ProcessLookupError:  # those left are dead already
        pass


def _kill_all_of(uid: int) -> None:
    killer = os.fork()
    if killer == 0:
        try:
            os.setresuid(uid, uid, uid)
            _kill_all()
        finally:
            os._exit(0)
    os.waitpid(killer, 0)


def _children() -> list[int]:
    pid = os.getpid()
    try:
        with open(f"/proc/self/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return _by_parent().get(pid, [])
