"""A run without namespaces: held together by its zygote, which reaps and kills all that the run starts."""

from __future__ import annotations

import os
from typing import Any

from rlvr.verifier.code.isolation import kernel, landlock, mounts, privileges, seccomp
from rlvr.verifier.code.isolation.process_tree import kill_descendants, num_threads_of
from rlvr.verifier.code.isolation.rlimits import set_limits
from rlvr.verifier.code.zygote.wire import CONTROL


class OpenTree:
    """Resource limits and a user id, if there is one to give; files, network and signals stay open."""

    def __init__(self, config: dict[str, Any]) -> None:
        """`config`: `uid` of the candidates, None to keep this user's; `toolchains`, folders that they may read."""
        self._uid = config["uid"]
        self._scoped = landlock.can_scope_signals()
        privileges.gain_nothing()
        self._become_reaper()
        self._go_on_in_a_child()
        self._become_reaper()
        privileges.keep_capabilities("SETUID", "SETGID", "KILL")
        privileges.set_dumpable(False)

    def _become_reaper(self) -> None:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        if self._scoped:
            landlock.scope_signals()

    def _go_on_in_a_child(self) -> None:
        """Fork; the parent ends what the child has left if that should be killed, and then itself."""
        child = os.fork()
        if child:
            os.dup2(0, CONTROL)  # the socket is the child's alone, so that the room sees it die
            kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)  # when the room dies the child notices, and we have work to do
            os.waitpid(child, 0)
            self._kill_descendants()
            os._exit(0)
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)

    def _kill_descendants(self) -> None:
        kill_descendants(scoped=self._scoped, uid=self._uid)

    def fork(self) -> int:
        """See `House.fork`; the child is the candidate."""
        return os.fork()

    def enter(self) -> None:
        """See `House.enter`; there is nothing to make."""
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)

    def confine(self, config: dict[str, Any]) -> None:
        """See `House.confine`."""
        privileges.become(self._uid)
        privileges.keep_capabilities()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, kernel.SIGKILL)  # which a change of user undoes
        privileges.set_dumpable(True)  # or it could not open its own /dev/stdin
        kernel.write("/proc/self/oom_score_adj", "1000")  # when the host runs short the run goes first
        os.chdir(config["workspace"])
        limits = config["limits"]
        if self._uid is None:  # then the limit counts our own processes too, and those of other runs
            limits = limits | {"processes": limits["processes"] + num_threads_of(os.getuid())}
        set_limits(**limits)

    def bury(self, run: int) -> tuple[int | None, float]:
        """See `House.bury`."""
        _, status, usage = os.wait4(run, 0)
        self._kill_descendants()
        return status, usage.ru_utime + usage.ru_stime


class LandlockTree(OpenTree):
    """As `OpenTree`, but without files, network, signals and all that `syscall_policy` keeps from a candidate."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__(config)
        self._abi = landlock.abi()
        if not self._abi:
            raise OSError("this kernel has no Landlock, or it is not enabled")
        self._folders = mounts.shown_folders()
        self._toolchains = config["toolchains"]
        self._devices = [f"/dev/{name}" for name in mounts.DEVICES]

    def confine(self, config: dict[str, Any]) -> None:
        """See `House.confine`."""
        super().confine(config)
        landlock.restrict(
            self._abi,
            readable=self._folders,
            optional=self._toolchains,
            devices=self._devices,
            writable=config["workspace"],
        )
        # Landlock does not govern chmod: without a user of its own a candidate could close our files to us.
        signal_only = None if self._scoped else os.getpid()
        seccomp.install(seccomp.make_filter(attributes=self._uid is not None, signal_only=signal_only))
