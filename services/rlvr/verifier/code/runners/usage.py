"""What a process tree has had of the host's cores, from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rlvr.verifier.code.isolation.process_tree import descendants

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """What the processes of a run have had so far."""

    cpu_s: float
    """CPU time of all of them, with the children they have reaped."""
    starved_s: float
    """Longest time that one of their threads was ready to run and had no core; 0 where the kernel does not say."""


def usage_below(ancestor: int) -> Usage | None:
    """Usage of all descendants of a process; None if there are none."""
    pids = descendants(ancestor)
    if not pids:
        return None
    return Usage(sum(map(_cpu_s, pids)), max(map(_starved_s, pids)))


def memory_of(pids: list[int]) -> int:
    """Bytes of memory that processes take, what they share counted once."""
    return sum(map(_memory_bytes, pids))


def _memory_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except PermissionError:  # a process can close this file to its own user, but not the next
        return _resident_bytes(pid)
    except (FileNotFoundError, ProcessLookupError):  # it is gone since
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _resident_bytes(pid: int) -> int:
    """What a process has in memory but for files; what it shares with others counts in each."""
    try:
        resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (resident - shared) * _PAGE_BYTES


def _cpu_s(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):  # it is gone since
        return 0.0
    # proc(5): utime, stime, cutime and cstime are fields 14 to 17; field 3 is the first after the name.
    return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / _TICKS_PER_S


def _starved_s(pid: int) -> float:
    # sched-stats.rst of the kernel: the second number is the time spent waiting on a run queue, in nanoseconds.
    longest = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            longest = max(longest, int(path.read_text().split()[1]))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return longest / 1e9
