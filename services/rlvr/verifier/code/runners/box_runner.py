"""A `Runner` that gives each run a box of its own, started ahead; who builds them is the tier's (see `box`)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from rlvr.verifier.code.runner import End, Job, Limits, RunnerUnavailable, RunResult, Stdio
from rlvr.verifier.code.runners.box import Box
from rlvr.verifier.code.runners.pool import Pool
from rlvr.verifier.code.runners.watch import Watch
from rlvr.verifier.code.runners.zygote_runner import over_memory, rlimits
from rlvr.verifier.code.settings import CodeSettings
from rlvr.verifier.code.slots import Slots

_TRIAL = "import colorsys, math; print(math.tau)"
_LOOK_EVERY_S = 0.1


class BoxRunner:
    """At most `settings.concurrency` programs at a time, each of whose runs uses up a box."""

    tier: ClassVar[str]
    isolation: ClassVar[tuple[str, ...]]
    """What the tier consists of."""

    def __init__(self, settings: CodeSettings, toolchains: Sequence[str] = ()) -> None:
        """`toolchains`: folders that candidates may read besides the system's, where it is this host that they see."""
        self._settings = settings
        self._toolchains = toolchains
        self._slots = Slots(settings.concurrency, settings.max_queue)
        self._pool: Pool | None = None
        self._running: set[Box] = set()

    async def start(self) -> None:
        """Run a trial program.

        Raises:
            RunnerUnavailable: this tier does not work here; the message says what is missing.
        """
        size = self._settings.concurrency if self._settings.warm_boxes is None else self._settings.warm_boxes
        self._pool = Pool(self._box, size, self._settings.startup_s)
        try:
            async with self.slot(self._settings.startup_s) as slot:
                trial = await self.run(Job(_TRIAL, Stdio(b"")), Limits(10, 512, 1024), slot)
            if trial.end is not End.EXITED or not trial.output.startswith(b"6.28"):
                raise RunnerUnavailable(f"a trial program ended with {trial.end} {trial.detail}")
        except BaseException:
            await self._remove_all()
            raise

    def describe(self) -> dict[str, Any]:
        """Tier, and what it consists of here."""
        return {"tier": self.tier, "isolation": [*self.isolation, "seccomp", "no_new_privs", "rlimits"]}

    def slot(self, timeout_s: float, *, patient: bool = False) -> contextlib.AbstractAsyncContextManager[int]:
        """The right to run jobs one after the other (see `Runner.slot`)."""
        return self._slots.take(timeout_s, patient=patient)

    def beside(self, slot: int) -> int:
        """A second place (see `Runner.beside`); all boxes are alike."""
        return slot + self._settings.concurrency

    async def run(self, job: Job, limits: Limits, slot: int) -> RunResult:
        """Run one job (see `Runner.run`)."""
        pool = self._pool
        if pool is None:
            raise RunnerUnavailable("the runner is not started, or closed")
        box = await pool.take()
        self._running.add(box)
        try:
            if self._pool is not pool:
                raise RunnerUnavailable("the runner is closed")
            result = await self._watched(box, job, limits)
            if result.end is End.KILLED and await box.was_short_of_memory():
                result = RunResult(End.MEMORY_LIMIT, b"", result.time_s, over_memory(limits))
        finally:
            self._running.remove(box)
            removal = pool.give_back(box)
            if not box.run.has_ended:  # then it goes on until it is removed
                await asyncio.shield(removal)
        return result

    async def close(self) -> None:
        """Remove every box; the caller of a run under way sees `RunnerUnavailable`."""
        await self._remove_all()

    async def _remove_all(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            for box in self._running:
                box.lose("the sandbox was closed")
            await self._slots.all_free()
            await pool.close()

    def _box(self) -> Box:
        """A new box of the tier."""
        raise NotImplementedError

    def _prepare(self, box: Box, limits: Limits) -> None:
        """Set what the box itself bounds. Raises RunnerUnavailable."""

    async def _watched(self, box: Box, job: Job, limits: Limits) -> RunResult:
        self._prepare(box, limits)
        output = box.begin(job, rlimits(limits, self._settings), limits.output_bytes)
        watch = Watch(box.run, output, limits, box.usage)
        await watch.started(self._settings.startup_s)
        return await watch.result(partial(self._broken_limit, box, limits), _LOOK_EVERY_S)

    def _broken_limit(self, box: Box, limits: Limits) -> RunResult | None:
        if box.is_full:
            scratch_mb = limits.scratch_mb or self._settings.scratch_mb
            return RunResult(End.FAILED, b"", 0.0, f"over {scratch_mb} MB of files, or too many")
        if box.memory_bytes() > limits.memory_mb * 2**20:
            return RunResult(End.MEMORY_LIMIT, b"", 0.0, over_memory(limits))
        return None
