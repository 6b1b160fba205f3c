"""Other processes: their memory, limits, priority, signals."""

import ctypes
import fcntl
import os
import resource

for pid in {1, os.getppid() or 1, max(1, os.getpid() - 1)}:
    call("ptrace attach", 101, 117, 16, pid, 0, 0)
    call("ptrace seize", 101, 117, 0x4206, pid, 0, 0)
    page = buffer()
    vector = (ctypes.c_void_p * 2)(ctypes.addressof(page), 64)
    call("process_vm_readv", 310, 270, pid, vector, 1, vector, 1, 0)
    call("process_vm_writev", 311, 271, pid, vector, 1, vector, 1, 0)
    call("kcmp", 312, 272, pid, os.getpid(), 0, 0, 0)
    call("pidfd_open", 434, 434, pid, 0)
    call("pidfd_getfd", 438, 438, 3, 0, 0)
    call("pidfd_send_signal", 424, 424, 3, 9, 0, 0)
    call("rt_sigqueueinfo", 129, 138, pid, 9, buffer())
    call("migrate_pages", 256, 238, pid, 1, buffer(), buffer())
    refused("limits", lambda pid=pid: resource.prlimit(pid, resource.RLIMIT_NPROC, (0, 0)))
    refused("affinity", lambda pid=pid: os.sched_setaffinity(pid, {0}))
    refused("priority", lambda pid=pid: os.setpriority(os.PRIO_PROCESS, pid, 19))
    refused("scheduler", lambda pid=pid: os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0)))
    call("ioprio_set", 251, 30, 1, pid, 7)

refused("own affinity", lambda: os.sched_setaffinity(0, {0}))  # to starve on a busy core, and blame the host
refused("everybody's priority", lambda: os.setpriority(os.PRIO_USER, 0, 19))
reader, writer = os.pipe()
refused("F_SETOWN", lambda: fcntl.fcntl(reader, 8, os.getppid() or 1))
refused("F_SETSIG", lambda: fcntl.fcntl(reader, 10, 9))
refused("F_SETOWN_EX", lambda: fcntl.fcntl(reader, 15, b"\0" * 8))
