"""A `Runner` that gives each run a process tree of its own, shut in by what the host permits.

Three tiers, the first that is allowed and passes a trial run is used:

- `namespaces` (root): pid, mount, network, ipc and uts namespaces, a private read-only root, a uid that owns
  nothing;
- `user_namespaces` (anyone, where the kernel allows it): the same, entered through a user namespace;
- `process`: limits, and a supervisor that kills every descendant; the network and readable files stay open, so
  it takes a setting to allow it.

None has a system-call filter.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from rlvr.core.telemetry import get_logger
from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, RunResult, Stdio
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.slots import Slots
from rlvr.verifier.code.supervisor import Supervisor

log = get_logger("code")

_SOURCE_ROOT = str(Path(__file__).resolve().parents[3])
_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from rlvr.verifier.code.inside.launcher import main; main()"
_OPTIONS = ["-P", "-s", "-S", "-X", "utf8", "-c", _BOOT, _SOURCE_ROOT]
_FIRST_UID = 60_600  # one per slot, so that limits and signals of concurrent runs do not meet; owns nothing

_SHUT_IN = ["pid_namespace", "mount_namespace", "network_namespace", "ipc_namespace", "private_root"]
_ISOLATION = {
    "namespaces": [*_SHUT_IN, "no_new_privs", "rlimits"],
    "user_namespaces": ["user_namespace", *_SHUT_IN, "no_new_privs", "rlimits"],
    "process": ["no_new_privs", "rlimits"],
}
_ALLOW = (
    "run as root with CAP_SYS_ADMIN or where unprivileged user namespaces are permitted, leave `code` out of "
    "RLVR_VERIFIER__KINDS, or, for candidates that you trust with the network and this user's files, set "
    "RLVR_VERIFIER__CODE__ALLOW_PROCESS_TIER=true"
)


class ProcessRunner:
    """Starts a fresh interpreter per run, at most `settings.concurrency` at a time."""

    def __init__(self, settings: CodeSettings, tier: str | None = None) -> None:
        """`tier` asks for one tier; None takes the best that is allowed and works."""
        self._settings = settings
        self._tiers = [tier] if tier else list(_ISOLATION)
        self._tier: str | None = None
        # Resolved, since a virtual environment's link may point to where the private root shows nothing.
        self._command = [str(Path(settings.python or sys.executable).resolve()), *_OPTIONS]
        self._slots = Slots(settings.concurrency, settings.max_queue)
        self._live: set[Supervisor] = set()

    async def start(self) -> None:
        """Choose the tier by a trial run.

        Raises:
            RuntimeError: no tier that is allowed works here.
        """
        failures = []
        for tier in self._tiers:
            if tier == "namespaces" and os.geteuid() != 0:
                continue
            if tier == "process" and not self._settings.allow_process_tier:
                failures.append(f"process: not allowed; {_ALLOW}")
                continue
            self._tier = tier
            try:
                trial = await self._try()
            except RunnerUnavailable as unavailable:
                failures.append(f"{tier}: {unavailable}")
                continue
            if trial.end is End.EXITED and trial.output.startswith(b"6.28"):
                if tier == "process":
                    log.warning("candidates are NOT isolated: they have the network and can forge verdicts", tier=tier)
                return
            hint = f"can an unprivileged user read {self._command[0]}?"
            failures.append(f"{tier}: a trial program ended with {trial.end} {trial.detail}; {hint}")
        self._tier = None
        raise RuntimeError("this host cannot isolate Python programs. " + "; ".join(failures))

    def describe(self) -> dict[str, Any]:
        """Name, tier and what the tier consists of (nothing before `start`)."""
        isolation = list(_ISOLATION[self._tier]) if self._tier else []
        if self._tier and os.geteuid() == 0:
            isolation.append("own_uid")
        return {"runner": "process", "tier": self._tier, "isolation": isolation}

    def slot(self, timeout_s: float) -> contextlib.AbstractAsyncContextManager[int]:
        """The right to run jobs one after the other (see `Runner.slot`)."""
        return self._slots.take(timeout_s)

    async def run(self, job: Job, limits: Limits, slot: int) -> RunResult:
        """Run one job (see `Runner.run`)."""
        if self._tier is None:
            raise RunnerUnavailable("the runner is not started, or closed")
        async with self._supervisor(job, limits, slot) as supervisor:
            return await supervisor.result()

    async def close(self) -> None:
        """Kill every run; its caller sees `RunnerUnavailable`."""
        self._tier = None
        for supervisor in self._live:
            supervisor.interrupt()
        await self._slots.all_free()

    async def _try(self) -> RunResult:
        """A program that needs a library, run on the tier in question."""
        async with self.slot(self._settings.startup_s) as slot:
            return await self.run(Job("import math; print(math.tau)", Stdio(b"")), Limits(10, 512, 1024), slot)

    @contextlib.asynccontextmanager
    async def _supervisor(self, job: Job, limits: Limits, slot: int) -> AsyncIterator[Supervisor]:
        """A started supervisor that is dead, with all of its run, when the block is left."""
        uid = _FIRST_UID + slot if os.geteuid() == 0 else None
        with contextlib.ExitStack() as stack:
            workspace = stack.enter_context(_workspace(uid)) if self._tier == "process" else None
            config = {"tier": self._tier, "uid": uid, "workspace": workspace} | self._limits(limits)
            supervisor = await Supervisor.spawn(self._command, config, job, limits, self._settings.startup_s)
            self._live.add(supervisor)
            try:
                if self._tier is None:
                    raise RunnerUnavailable("the runner was closed")
                yield supervisor
            finally:
                self._live.discard(supervisor)
                await asyncio.shield(supervisor.kill())

    def _limits(self, limits: Limits) -> dict[str, Any]:
        rlimits = {
            "cpu_s": math.ceil(limits.time_s) + 1,
            "memory_mb": limits.memory_mb,
            "file_mb": self._settings.scratch_mb,
            "processes": self._settings.processes,
        }
        return {"limits": rlimits, "scratch_mb": self._settings.scratch_mb}


@contextlib.contextmanager
def _workspace(uid: int | None) -> Iterator[str]:
    """A directory for one run, removed whatever the candidate did to it."""
    path = tempfile.mkdtemp(prefix="rlvr-code-")
    try:
        if uid is not None:
            os.chown(path, uid, uid)
        yield path
    finally:
        shutil.rmtree(path, onerror=_make_removable)


def _make_removable(remove: Callable[[str], Any], path: str, _: Any) -> None:
    Path(path).parent.chmod(0o700)
    Path(path).chmod(0o700)
    remove(path)
