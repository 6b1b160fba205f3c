"""Keeps the flow of every running run full: admits as many groups as the staleness bound has room for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rlvr.coordinator.changes import Changes
from rlvr.coordinator.decide import groups_to_admit, prompt_entry
from rlvr.coordinator.groups import Groups
from rlvr.coordinator.runs import Runs
from rlvr.coordinator.settings import CoordinatorSettings
from rlvr.coordinator.sources import Source, open_source
from rlvr.coordinator.status import RunRecord
from rlvr.core import metrics
from rlvr.core.errors import Conflict, InvalidRequest, NotFound
from rlvr.core.run_spec import ProblemSource, RunSpec, from_proto
from rlvr.core.streams import LOST
from rlvr.core.telemetry import get_logger, log_context
from rlvr.v1 import trace_pb2

log = get_logger("admission")

OpenSource = Callable[[ProblemSource], Source]


class Sources:
    """The opened sources of the runs that go on here. Opening and reading happen in threads."""

    def __init__(self, open_one: OpenSource = open_source) -> None:
        self._open_one = open_one
        self._opened: dict[str, Source] = {}

    async def check(self, spec: RunSpec) -> Source:
        """Open the source of a run to be.

        Raises:
            InvalidRequest: it cannot be opened, or its first problem is not one.
        """
        return await asyncio.to_thread(self._open_one, spec.problems)

    def keep(self, run_id: str, source: Source) -> None:
        self._opened[run_id] = source

    def keep_only(self, run_ids: set[str]) -> None:
        """Close the sources of runs that have halted."""
        for run_id in self._opened.keys() - run_ids:
            del self._opened[run_id]

    async def prompts(self, run: RunRecord, count: int) -> list[trace_pb2.PromptEntry]:
        """The prompts of a run's next `count` groups.

        Raises:
            InvalidRequest: the source cannot be opened or a problem cannot be read.
        """
        try:
            if run.run_id not in self._opened:
                self.keep(run.run_id, await self.check(from_proto(run.spec)))
            return await asyncio.to_thread(_read, self._opened[run.run_id], run, count)
        except InvalidRequest:
            raise
        except Exception as failure:
            # Foreign code on foreign data may raise anything, and it is its own run's trouble, no other's.
            log.exception("a problem source broke")
            raise InvalidRequest(f"the problem source broke: {type(failure).__name__}: {failure}") from failure


def _read(source: Source, run: RunRecord, count: int) -> list[trace_pb2.PromptEntry]:
    return [
        prompt_entry(run.run_id, run.spec, run.policy, run.step, seq, source.problem(seq % len(source)))
        for seq in range(run.next_seq, run.next_seq + count)
    ]


class Admission:
    """One task for each running run, so that a slow source holds up its own run only."""

    def __init__(
        self, runs: Runs, groups: Groups, sources: Sources, changes: Changes, settings: CoordinatorSettings
    ) -> None:
        self._runs = runs
        self._groups = groups
        self._sources = sources
        self._changes = changes
        self._settings = settings

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`."""
        followed: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while not stopping.is_set():
                ticket = self._changes.ticket()
                followed = {run_id: task for run_id, task in followed.items() if not task.done()}
                try:
                    for run_id in await self._runs.in_state("running"):
                        if run_id not in followed:
                            followed[run_id] = tasks.create_task(self._follow(run_id, stopping))
                    await self._measure(list(followed))
                    self._sources.keep_only(set(await self._runs.live()))
                except LOST as failure:
                    log.warning("redis is lost; trying again", error=str(failure))
                    await asyncio.sleep(self._settings.poll_s)
                await self._pause(ticket)

    async def _follow(self, run_id: str, stopping: asyncio.Event) -> None:
        """Fill a run's flow, at every change, until it runs no more."""
        with log_context(run=run_id):
            while not stopping.is_set():
                ticket = self._changes.ticket()
                try:
                    run = await self._runs.record(run_id)
                    if run.state != "running":
                        return
                    if await self._fill(run):
                        continue
                except LOST as failure:
                    log.warning("redis is lost; trying again", error=str(failure))
                    await asyncio.sleep(self._settings.poll_s)
                except InvalidRequest as failure:
                    await self._fail(run_id, failure.detail)
                    return
                await self._pause(ticket)

    async def _fill(self, run: RunRecord) -> bool:
        """Admit a batch; True when there may be room for more. None is admitted when the run has moved on in the
        meantime, and that change wakes us."""
        in_flight = await self._runs.in_flight(run.run_id)
        room = groups_to_admit(run.spec, run.step, in_flight)
        if room == 0:
            return False
        prompts = await self._sources.prompts(run, min(room, self._settings.batch))
        return await self._groups.admit(run, prompts) > 0

    async def _fail(self, run_id: str, why: str) -> None:
        log.error("run fails", why=why)
        try:
            await self._runs.fail(run_id, why)
        except (Conflict, NotFound):
            log.info("the run had ended")
        except LOST as failure:
            log.warning("redis is lost; the next look fails the run", error=str(failure))

    async def _measure(self, run_ids: list[str]) -> None:
        metrics.GROUPS_IN_FLIGHT.set(sum([await self._runs.in_flight(run_id) for run_id in run_ids]))

    async def _pause(self, ticket: asyncio.Event) -> None:
        await asyncio.sleep(self._settings.pace_s)
        await self._changes.wait(ticket, self._settings.poll_s)
