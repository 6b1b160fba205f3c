"""Which system calls a candidate may make. Everything else does not exist for it.

Three answers to a call that is not allowed, none of which kills: a library that merely asks what the kernel
offers goes on without it, and an allow-list is no looser for answering.

- ENOSYS for what is not listed here, so that the C library falls back (`clone3`, whose flags a filter cannot
  see, to `clone`; `openat2` to `openat`) and new calls of new kernels stay closed;
- EPERM for what needs privileges, so that a program is told what it would be told anyway;
- EACCES for the network: to name, find or open a socket, whatever its family.

`clone`, `ioctl`, `fcntl` and the like are allowed for some values of one argument.
"""

from __future__ import annotations

from typing import NamedTuple


class Condition(NamedTuple):
    """One argument, an int to the kernel, must have one of some values in the bits of a mask."""

    argument: int
    mask: int
    values: tuple[int, ...]


_FILES = """
    read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 open openat creat close close_range
    lseek dup dup2 dup3 flock fsync fdatasync truncate ftruncate fallocate fadvise64 readahead copy_file_range
    sendfile splice tee stat fstat lstat newfstatat statx access faccessat faccessat2 readlink readlinkat getdents
    getdents64 getcwd chdir fchdir mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink
    symlinkat umask statfs fstatfs getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
"""
_EVENTS = """
    pipe pipe2 select pselect6 poll ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait
    epoll_pwait2 eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime
    recvfrom recvmsg sendto sendmsg shutdown getsockname getpeername
    getsockopt
"""
_MEMORY = """
    mmap munmap mprotect mremap madvise brk msync mincore mlock munlock mlockall munlockall pkey_alloc pkey_free
    pkey_mprotect membarrier
"""
_PROCESSES = """
    fork vfork execve execveat wait4 waitid exit exit_group getpid getppid gettid getpgid getpgrp getsid setsid setpgid
    set_tid_address set_robust_list get_robust_list futex rseq sched_yield sched_getaffinity sched_getparam
    sched_getscheduler sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority
    getcpu arch_prctl restart_syscall getrusage times sysinfo uname getrlimit setrlimit getrandom getuid geteuid
    getgid getegid getgroups getresuid getresgid capget
"""
_SIGNALS_AND_TIME = """
    rt_sigaction rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigpending rt_sigtimedwait sigaltstack pause alarm
    setitimer getitimer timer_create timer_settime timer_gettime timer_getoverrun timer_delete nanosleep clock_nanosleep
    clock_gettime clock_getres gettimeofday time
"""
_ATTRIBUTES = "chmod fchmod fchmodat chown fchown lchown fchownat utime utimes futimesat utimensat"
"""Harmless where the candidate owns nothing of the host's. Landlock does not govern them."""

_PRIVILEGED = """
    mount umount2 mount_setattr move_mount open_tree fsopen fsmount fsconfig fspick pivot_root chroot unshare setns
    ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd pidfd_send_signal bpf perf_event_open userfaultfd keyctl
    add_key request_key init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff
    sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex quotactl acct syslog open_by_handle_at
    name_to_handle_at setuid setgid setreuid setregid setresuid setresgid setgroups setfsuid setfsgid capset
    setpriority ioprio_set sched_setaffinity sched_setscheduler sched_setparam sched_setattr migrate_pages move_pages
    vhangup rt_sigqueueinfo rt_tgsigqueueinfo seccomp iopl ioperm fanotify_init setxattr lsetxattr fsetxattr removexattr
    lremovexattr fremovexattr io_uring_setup io_uring_enter io_uring_register
"""
_NETWORK = "socket bind connect listen accept accept4 setsockopt"

_SHARED_BY_CLONE = 0x7E020000  # every CLONE_NEW* that clone(2) takes
_AF_UNIX, _SOCK_STREAM = 1, 1
_PRCTL = (1, 2, 3, 4, 15, 16, 21, 23, 38, 39, 41, 42, 0x53564D41)
"""PDEATHSIG, DUMPABLE, NAME, get SECCOMP, CAPBSET_READ, NO_NEW_PRIVS, THP and names of memory areas."""
_FCNTL = (0, 1, 2, 3, 4, 5, 6, 7, 9, 36, 37, 38, 1030, 1031, 1032, 1033, 1034)
"""Duplicates, flags, locks, size of a pipe, seals. Not F_SETOWN and F_SETSIG, which send signals to others."""
_IOCTL = (0x5401, 0x802C542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS and TCGETS2 (isatty), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_FILE_TYPE, _NO_DEVICES = 0o170000, (0, 0o100000, 0o010000)
_ALL = 0xFFFFFFFF

ALLOWED_IF: dict[str, list[Condition]] = {
    "clone": [Condition(0, _SHARED_BY_CLONE, (0,))],
    "fcntl": [Condition(1, _ALL, _FCNTL)],
    "ioctl": [Condition(1, _ALL, _IOCTL)],
    "prctl": [Condition(0, _ALL, _PRCTL)],
    "prlimit64": [Condition(0, _ALL, (0,))],
    # Files and pipes: not every kernel, gVisor's for one, keeps devices for those with a capability.
    "mknod": [Condition(1, _FILE_TYPE, _NO_DEVICES)],
    "mknodat": [Condition(2, _FILE_TYPE, _NO_DEVICES)],
    "personality": [Condition(0, _ALL, (0, _ALL))],
    # Only connected pairs of streams: a datagram socket can send to any socket of the host that it can name.
    "socketpair": [Condition(0, _ALL, (_AF_UNIX,)), Condition(1, 0xF, (_SOCK_STREAM,))],
}
"""Every condition must hold; else the answer is EPERM."""

ALLOWED = frozenset((_FILES + _EVENTS + _MEMORY + _PROCESSES + _SIGNALS_AND_TIME).split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
SIGNALLING = ("kill", "tgkill", "tkill")
"""Harmless in a pid namespace, or under a Landlock that scopes signals."""
PRIVILEGED = frozenset(_PRIVILEGED.split())
NETWORK = frozenset(_NETWORK.split())
