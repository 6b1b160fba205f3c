"""What the room does beside its work: figures of the runs, and letting go of watchers when it stops."""

from __future__ import annotations

import asyncio

from rlvr.coordinator.changes import Changes
from rlvr.coordinator.runs import Runs
from rlvr.coordinator.status import STATES
from rlvr.core import metrics
from rlvr.core.streams import LOST
from rlvr.core.telemetry import get_logger

log = get_logger("upkeep")

_FIGURES_EVERY_S = 5.0


class Upkeep:
    """Keeps `rlvr_runs` true."""

    def __init__(self, runs: Runs, changes: Changes) -> None:
        self._runs = runs
        self._changes = changes

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`, then end what waits for changes, the WatchPolicy streams above all."""
        while not stopping.is_set():
            try:
                counts = await self._runs.count_by_state()
                for state in STATES:
                    metrics.RUNS.labels(state).set(counts.get(state, 0))
            except LOST as failure:
                log.warning("no figures of the runs: redis is lost", error=str(failure))
            try:
                async with asyncio.timeout(_FIGURES_EVERY_S):
                    await stopping.wait()
            except TimeoutError:
                continue
        self._changes.close()
