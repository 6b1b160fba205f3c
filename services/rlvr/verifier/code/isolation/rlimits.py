"""Resource limits of one process and its descendants."""

from __future__ import annotations

import resource

_FIXED_IN_GVISOR = (resource.RLIMIT_SIGPENDING, resource.RLIMIT_MSGQUEUE)


def set_limits(
    *, cpu_s: int, memory_mb: int, reserved_mb: int | None, stack_mb: int, scratch_mb: int, processes: int
) -> None:
    """Lower this process's limits for good; `processes` counts per user and user namespace.

    `memory_mb` counts all that a process maps; or with `reserved_mb`, which is added to it, only what is private and
    can be written to.

    A limit that the host has set lower already stays as it is.
    """
    for limit, value in {
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_AS if reserved_mb is None else resource.RLIMIT_DATA: (memory_mb + (reserved_mb or 0)) * 2**20,
        resource.RLIMIT_FSIZE: scratch_mb * 2**20,
        resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_NOFILE: 256,
        resource.RLIMIT_STACK: stack_mb * 2**20,
        resource.RLIMIT_SIGPENDING: 256,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }.items():
        hard = resource.getrlimit(limit)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(limit, (lowered, lowered))
        except ValueError:
            if limit not in _FIXED_IN_GVISOR:
                raise
