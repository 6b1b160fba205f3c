"""A run in namespaces of its own, on a root of its own, under a system-call filter."""

from __future__ import annotations

import marshal
import os
from typing import Any, NoReturn

from rlvr.verifier.code.isolation import kernel, mounts, namespaces, privileges, seccomp
from rlvr.verifier.code.isolation.rlimits import set_limits
from rlvr.verifier.code.zygote.wire import CONTROL

_WORD_BYTES = 256


class Jail:
    """The zygote lives in namespaces already; each run adds a pid and a mount namespace that end with it.

    Network, ipc and uts namespaces are shared by the runs of one zygote, which come one after the other: the
    filter leaves a candidate no socket to name, no System V or POSIX queue and no privilege to leave anything
    there.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        """`config`: `scratch_mb`, the size of /tmp; `toolchains`, folders to show besides the system's; `uids`, a map
        of user ids inside to outside, or None where a user may map only itself; `uid`, the user to be in that case,
        None to stay the same."""
        self._uid: int | None = None
        self._scratch_mb = config["scratch_mb"]
        if config["uids"] is None:
            privileges.become(config["uid"])
            privileges.set_dumpable(True)  # or it could not write its own id maps
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)  # which a change of user undoes
            namespaces.leave_host_unprivileged()
            _go_on_in_a_child()
            self._has_proc = mounts.enter_private_root(config["toolchains"])
        else:
            namespaces.leave_host()
            _go_on_in_a_child()
            self._has_proc = mounts.enter_private_root(config["toolchains"])
            namespaces.enter_user_namespace(config["uids"])
            kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)  # which a change of user undoes
            _go_on_in_a_child()
            self._uid = namespaces.CANDIDATE
        privileges.gain_nothing()
        privileges.keep_capabilities("SETUID", "SETGID", "SYS_ADMIN")
        privileges.set_dumpable(False)
        self._own_namespace = namespaces.own_pid_namespace()
        self._words, self._tell = os.pipe()
        os.set_blocking(self._words, False)
        self._filter = seccomp.make_filter(attributes=True)

    def fork(self) -> int:
        """See `House.fork`; the child is the run's init."""
        return namespaces.fork_in_new_pid_namespace(self._own_namespace)

    def enter(self) -> None:
        """See `House.enter`; init stays behind."""
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
        namespaces.leave_mounts()
        mounts.mount_scratch(self._scratch_mb)
        if self._has_proc and not mounts.mount_proc():
            raise PermissionError("a /proc of its own is refused to this run, and was not to its zygote")
        candidate = os.fork()
        if candidate != 0:
            self._wait_for(candidate)

    def _wait_for(self, candidate: int) -> NoReturn:
        privileges.keep_capabilities()
        pid = 0
        while pid != candidate:
            pid, status, usage = os.wait4(-1, 0)
        os.write(self._tell, marshal.dumps((status, usage.ru_utime + usage.ru_stime)))
        os._exit(0)

    def confine(self, config: dict[str, Any]) -> None:
        """See `House.confine`."""
        if config["limits"]["scratch_mb"] != self._scratch_mb:
            mounts.resize_scratch(config["limits"]["scratch_mb"])
        privileges.become(self._uid)
        privileges.keep_capabilities()
        privileges.set_dumpable(True)  # or it could not open its own /dev/stdin
        if self._has_proc:
            kernel.write("/proc/self/oom_score_adj", "1000")  # when the host runs short the run goes first
        set_limits(**config["limits"])
        seccomp.install(self._filter)

    def bury(self, run: int) -> tuple[int | None, float]:
        """See `House.bury`. The kernel has ended all of a pid namespace before its init can be reaped."""
        os.waitpid(run, 0)
        try:
            status, cpu_s = marshal.loads(os.read(self._words, _WORD_BYTES))
        except BlockingIOError:
            return None, 0.0
        return status, cpu_s


def _go_on_in_a_child() -> None:
    """Fork; the parent stays only to end as its child does."""
    child = os.fork()
    if child:
        os.dup2(0, CONTROL)  # the socket is the child's alone, so that the room sees it die
        os.waitpid(child, 0)
        os._exit(0)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)
