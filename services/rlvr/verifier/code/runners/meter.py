"""What one run has taken of the host, measured so that it can hide none of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rlvr.verifier.code.isolation.process_tree import descendants
from rlvr.verifier.code.runners.usage import Usage, memory_of, usage_below


class Meter:
    """The processes of one run, all below one zygote."""

    def __init__(self, zygote_pid: int, group_cpu_s: Callable[[], float | None], processes: int) -> None:
        """`group_cpu_s`: CPU time of the zygote's cgroup, None where there is none. `processes`: what the run may have
        at a time."""
        self._zygote_pid = zygote_pid
        self._group_cpu_s = group_cpu_s
        self._cpu_s_before = group_cpu_s() or 0.0
        self._processes = processes
        self._seen: set[int] = set()

    def usage(self) -> Usage | None:
        """CPU time, and time without a core; None if there are no processes any more.

        Processes that nobody waits for leave no trace but in a cgroup, and a program could make itself starve by them.
        Without one, those that have come and gone in great number are taken to have had a core all the time.
        """
        usage = usage_below(self._zygote_pid)
        if usage is None:
            return None
        group_cpu_s = self._group_cpu_s()
        if group_cpu_s is not None:
            return replace(usage, cpu_s=group_cpu_s - self._cpu_s_before)
        return replace(usage, starved_s=0.0) if len(self._seen) > self._processes else usage

    def memory_bytes(self) -> int:
        """Memory of all of them now, what they share counted once; counts them for `usage` too."""
        pids = descendants(self._zygote_pid)
        self._seen.update(pids)
        return memory_of(pids)
