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


def kill_descendants() -> None:
    """Kill and reap what is below this process, which must be a subreaper, until nothing is.

    Only children are killed, whose ids cannot pass to others before they are reaped; theirs become ours then.
    It must be quick, to catch a process that goes on by forking and leaving.
    """
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for pid in _children():
            os.kill(pid, SIGKILL)


def _children() -> list[int]:
    pid = os.getpid()
    try:
        with open(f"/proc/self/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:  # a kernel without CONFIG_PROC_CHILDREN
        return _by_parent().get(pid, [])
