"""Which room started a sandbox, so that the next can tell what a killed one has left."""

from __future__ import annotations

import os
from pathlib import Path


def this_room() -> str:
    """A name of this process that no other process has, on this host or another."""
    return f"{_namespace()}/{os.getpid()}/{_start_of(os.getpid())}"


def is_gone(room: str) -> bool:
    """Whether the process of that name is known to have ended; of one that we cannot see we know nothing."""
    namespace, _, process = room.partition("/")
    pid, _, start = process.partition("/")
    return namespace == _namespace() and pid.isdigit() and _start_of(int(pid)) != start


def _namespace() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}-{Path('/proc/self/ns/pid').readlink()}"


def _start_of(pid: int) -> str:
    """When a process started, in ticks since the host did; "" if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[19]  # proc(5): field 22
