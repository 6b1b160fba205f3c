"""A `Runner` that keeps a warm zygote per slot; what its zygotes shut in, and how, is the tier's."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, RunResult, Stdio
from rlvr.verifier.code.runners.cgroups import Cgroup
from rlvr.verifier.code.runners.exchange import exchange
from rlvr.verifier.code.runners.meter import Meter
from rlvr.verifier.code.runners.users import Users, may_change_user
from rlvr.verifier.code.runners.watch import Watch
from rlvr.verifier.code.runners.zygote import Zygote
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.slots import Slots

_OWN_PROCESSES = 8
"""Processes of a cgroup that are not the candidate's: the zygote, what waits for it, a run's init."""
_OWN_MEMORY_MB = 64
"""Memory of a cgroup that is not the candidate's: the interpreter and the kernel's part."""
_TRIAL = "import colorsys, math; print(math.tau)"
"""Needs a library that no zygote has imported already."""
_LOOK_EVERY_S = 0.1


class ZygoteRunner:
    """At most `settings.concurrency` runs at a time, each forked from its slot's zygote."""

    tier: ClassVar[str]
    isolation: ClassVar[tuple[str, ...]]
    """What the tier consists of."""

    def __init__(self, settings: CodeSettings, toolchains: Sequence[str] = ()) -> None:
        """`toolchains`: folders that candidates may read besides the system's."""
        self._settings = settings
        self._toolchains = list(toolchains)
        # Resolved, since a virtual environment's link may point to where the private root shows nothing.
        self._python = str(Path(settings.python or sys.executable).resolve())
        self._slots = Slots(settings.concurrency, settings.max_queue)
        self._zygotes: dict[int, Zygote] = {}
        self._ending: dict[int, asyncio.Task[None]] = {}
        self._started = False
        self._has_cgroups = False
        self._users = Users() if may_change_user() else None

    async def start(self) -> None:
        """Run a trial program.

        Raises:
            RuntimeError: this tier does not work here.
        """
        self._started = True
        try:
            async with self.slot(self._settings.startup_s) as slot:
                trial = await self.run(Job(_TRIAL, Stdio(b"")), Limits(10, 512, 1024), slot)
                self._has_cgroups = self._zygotes[slot].cgroup is not None
            if trial.end is not End.EXITED or not trial.output.startswith(b"6.28"):
                hint = f"can an unprivileged user read {self._python}?"
                raise RunnerUnavailable(f"a trial program ended with {trial.end} {trial.detail}; {hint}")
        except RunnerUnavailable:
            await self.close()
            raise

    def describe(self) -> dict[str, Any]:
        """Tier, and what it consists of here."""
        isolation = [*self.isolation, "no_new_privs", "no_capabilities", "rlimits"]
        isolation += ["own_uid"] if self._owner(0) is not None else []
        isolation += ["cgroup"] if self._has_cgroups else []
        return {"tier": self.tier, "isolation": isolation}

    def slot(self, timeout_s: float, *, patient: bool = False) -> contextlib.AbstractAsyncContextManager[int]:
        """The right to run jobs one after the other (see `Runner.slot`)."""
        return self._slots.take(timeout_s, patient=patient)

    def beside(self, slot: int) -> int:
        """A second place (see `Runner.beside`): a zygote of its own, started when it is first needed."""
        return slot + self._settings.concurrency

    async def run(self, job: Job, limits: Limits, slot: int) -> RunResult:
        """Run one job (see `Runner.run`)."""
        if not self._started:
            raise RunnerUnavailable("the runner is not started, or closed")
        zygote = await self._warm(slot)
        owner = self._owner(slot)
        oom_kills = self._prepare_cgroup(zygote, limits)
        async with self._place(slot) as place, exchange(job, limits.output_bytes, owner) as passed:
            bounds = rlimits(limits, self._settings)
            run = zygote.begin({"limits": bounds} | place, passed.inside)
            passed.close_inside()
            try:
                meter = Meter(zygote.pid, zygote.cpu_s, bounds["processes"])
                watch = Watch(run, passed.output, limits, meter.usage)
                await watch.started(self._settings.startup_s)
                look = partial(self._broken_limit, zygote, meter, limits, place)
                result = await watch.result(look, _LOOK_EVERY_S)
            finally:
                self._ending[slot] = asyncio.create_task(zygote.end(run))
                await asyncio.shield(self._ending[slot])
        if result.end is End.KILLED and zygote.cgroup is not None and zygote.cgroup.num_oom_kills() > oom_kills:
            return RunResult(End.MEMORY_LIMIT, b"", result.time_s, over_memory(limits))
        return result

    async def close(self) -> None:
        """Kill every zygote; the caller of a run under way sees `RunnerUnavailable`."""
        self._started = False
        await asyncio.gather(*(zygote.close() for zygote in self._zygotes.values()))
        await self._slots.all_free()
        self._zygotes.clear()
        if self._users is not None:
            self._users.release()

    def _config(self, slot: int) -> dict[str, Any]:
        """What the slot's zygote has to know."""
        return {"toolchains": self._toolchains}

    def _owner(self, slot: int) -> int | None:
        """User of the slot's candidates; None if they have to be this user."""
        return self._users.of(slot) if self._users is not None else None

    @contextlib.asynccontextmanager
    async def _place(self, slot: int) -> AsyncIterator[dict[str, Any]]:
        """What a run of this tier needs around it, as a part of its config."""
        yield {}

    def _look(self, place: dict[str, Any], scratch_mb: int) -> RunResult | None:
        """A limit that a run has broken which only a look from outside can tell."""
        return None

    async def _warm(self, slot: int) -> Zygote:
        """The slot's zygote: a new one if there is none, or none alive."""
        if slot in self._ending:
            await asyncio.shield(self._ending.pop(slot))  # only one that was cancelled twice has not ended
        zygote = self._zygotes.get(slot)
        if zygote is None or not zygote.alive:
            if zygote is not None:
                await zygote.close()
            cgroup = Cgroup.create(f"{id(self):x}-{slot}")
            settings = self._settings
            zygote = await Zygote.spawn(self._python, self.tier, self._config(slot), cgroup, settings.startup_s)
            self._zygotes[slot] = zygote
        return zygote

    def _prepare_cgroup(self, zygote: Zygote, limits: Limits) -> int:
        """Set the bound of this run; how many were killed for memory before it."""
        if zygote.cgroup is None:
            return 0
        try:
            granted = rlimits(limits, self._settings)
            zygote.cgroup.set_processes(granted["processes"] + _OWN_PROCESSES)
            zygote.cgroup.set_memory((limits.memory_mb + granted["scratch_mb"] + _OWN_MEMORY_MB) * 2**20)
            return zygote.cgroup.num_oom_kills()
        except OSError as failure:
            raise RunnerUnavailable(f"the sandbox's cgroup: {failure}") from failure

    def _broken_limit(self, zygote: Zygote, meter: Meter, limits: Limits, place: dict[str, Any]) -> RunResult | None:
        if zygote.cgroup is None and meter.memory_bytes() > limits.memory_mb * 2**20:
            return RunResult(End.MEMORY_LIMIT, b"", 0.0, over_memory(limits))
        return self._look(place, rlimits(limits, self._settings)["scratch_mb"])


def rlimits(limits: Limits, settings: CodeSettings) -> dict[str, Any]:
    """Resource limits of a run's processes (see `isolation.rlimits`)."""
    return {
        "cpu_s": math.ceil(limits.time_s) + 1,
        "memory_mb": limits.memory_mb,
        "reserved_mb": limits.reserved_mb,
        "stack_mb": limits.stack_mb,
        "scratch_mb": limits.scratch_mb or settings.scratch_mb,
        "processes": limits.processes or settings.processes,
    }


def over_memory(limits: Limits) -> str:
    """Detail of a run whose processes have taken more than they may."""
    return f"all processes together: over {limits.memory_mb} MB"
