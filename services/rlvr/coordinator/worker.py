"""The stream side: reads verdicts, assembles groups from them and settles those that are complete."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rlvr.coordinator import decide
from rlvr.coordinator.changes import Changes
from rlvr.coordinator.groups import Groups, Settled, ToSettle
from rlvr.coordinator.runs import Runs
from rlvr.coordinator.settings import CoordinatorSettings
from rlvr.coordinator.status import RunRecord
from rlvr.core import metrics
from rlvr.core.errors import Conflict
from rlvr.core.settings import StreamSettings
from rlvr.core.streams import LOST, Consumer, Entry, feed, keys
from rlvr.core.telemetry import get_logger
from rlvr.v1 import trace_pb2

log = get_logger("verdicts")


@dataclass(frozen=True, slots=True)
class _Pending:
    """A group that is to be settled: complete, or given up."""

    run_id: str
    group_id: str
    traceparent: str
    """Of the entry that decided it."""
    verdicts: Sequence[trace_pb2.VerdictEntry] = ()
    given_up: decide.Settlement | None = None

    def settlement(self, run: RunRecord) -> decide.Settlement:
        if self.given_up is not None:
            return self.given_up
        return decide.settle_complete(self.verdicts, run.spec.group_size, run.step, run.spec.training.max_staleness)


@dataclass
class _Batch:
    """A batch of entries by what they are."""

    verdicts: list[tuple[Entry, trace_pb2.VerdictEntry]] = field(default_factory=list)
    given_up: list[_Pending] = field(default_factory=list)
    done: list[Entry] = field(default_factory=list)
    """To be acknowledged once the others have had their effect."""
    to_bury: list[tuple[Entry, str]] = field(default_factory=list)

    def give_up(self, entry: Entry, run_id: str, group_id: str, settlement: decide.Settlement) -> None:
        self.given_up.append(_Pending(run_id, group_id, entry.traceparent, given_up=settlement))


class VerdictWorker:
    """Works on batches of verdicts. Every effect is idempotent and a batch is acknowledged last, so one that was
    cut off by a kill is simply worked on again."""

    def __init__(
        self,
        consumer: Consumer,
        runs: Runs,
        groups: Groups,
        changes: Changes,
        *,
        settings: CoordinatorSettings,
        streams: StreamSettings,
    ) -> None:
        self._consumer = consumer
        self._runs = runs
        self._groups = groups
        self._changes = changes
        self._settings = settings
        self._streams = streams
        self._next_round = 0.0
        self._next_stats = 0.0

    async def run(self, stopping: asyncio.Event) -> None:
        """Work until `stopping`; a batch in hand is finished."""
        async for entries in feed(self._consumer, self._streams, stopping, self._paced):
            pause = 0.1
            while True:
                try:
                    await self.process(entries)
                    break
                except LOST as failure:
                    log.warning("redis is lost; trying again", error=str(failure), pause_s=pause)
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, 2.0)

    async def _paced(self) -> int:
        """Keep rounds apart, so that verdicts gather into batches; then there is room for one batch."""
        now = time.monotonic()
        await asyncio.sleep(max(0.0, self._next_round - now))
        self._next_round = max(now, self._next_round) + self._settings.pace_s
        if now >= self._next_stats:
            self._next_stats = now + self._streams.heartbeat_s
            try:
                await self._consumer.stats()
            except LOST as failure:
                log.warning("no figures of the backlog: redis is lost", error=str(failure))
        return self._settings.batch

    async def process(self, entries: Sequence[Entry]) -> None:
        """Give entries their effect, then acknowledge them."""
        batch = self._sort(entries)
        pending = {group.group_id: group for group in await self._complete(batch.verdicts)}
        for group in batch.given_up:
            pending.setdefault(group.group_id, group)
        if pending:
            await self._settle(list(pending.values()))
        for entry, why in batch.to_bury:
            await self._consumer.bury(entry, why, [])
        await self._consumer.discard(batch.done)
        metrics.STREAM_ENTRIES.labels(keys.VERDICTS, "finished").inc(len(batch.done))

    def _sort(self, entries: Sequence[Entry]) -> _Batch:
        batch = _Batch()
        for entry in entries:
            try:
                message = decide.read_verdict(entry.payload)
                if entry.deliveries > self._streams.max_deliveries:
                    raise decide.Malformed(f"delivered {entry.deliveries} times without effect", message)
            except decide.Malformed as failure:
                log.error("verdict given up", entry=entry.id, group=failure.group_id, error=str(failure))
                batch.to_bury.append((entry, str(failure)))
                if failure.group_id:
                    # Without this verdict its group would wait for ever.
                    batch.give_up(entry, failure.run_id, failure.group_id, decide.lost(str(failure)))
                continue
            batch.done.append(entry)
            if message.HasField("drop"):
                batch.give_up(entry, message.run_id, message.group_id, decide.settle_drop(message.drop))
            else:
                batch.verdicts.append((entry, message))
        return batch

    async def _complete(self, verdicts: Sequence[tuple[Entry, trace_pb2.VerdictEntry]]) -> list[_Pending]:
        """Put verdicts in their groups; the groups that are complete now."""
        if not verdicts:
            return []
        replies = await self._groups.assemble([(message, entry.payload) for entry, message in verdicts])
        return [
            _Pending(message.run_id, message.group_id, entry.traceparent, verdicts=members)
            for (entry, message), members in zip(verdicts, replies, strict=True)
            if members
        ]

    async def _settle(self, pending: Sequence[_Pending]) -> None:
        runs = await self._runs.records({group.run_id for group in pending})
        decided = [
            ToSettle(runs[group.run_id], group.group_id, group.settlement(runs[group.run_id]), group.traceparent)
            for group in pending
            if group.run_id in runs
        ]
        for group, settled in zip(decided, await self._groups.settle(decided), strict=True):
            if settled.fate != "late":
                await self._follow_up(group, settled)
        # Also when all were late: the call that settled them may have lost its connection before its reply.
        self._changes.announce()

    async def _follow_up(self, group: ToSettle, settled: Settled) -> None:
        """Say what became of a group, and fail its run when nothing can be scored or trained on any more."""
        settlement, run = group.settlement, group.run
        if settlement.members:
            metrics.GROUP_SECONDS.observe(max(0.0, time.time() - settled.admitted_at))
        if settled.fate == "ready":
            return
        metrics.GROUPS.labels(settled.fate).inc()
        log.info("group dropped", group=group.group_id, reason=settled.fate, detail=settlement.detail)
        if why := decide.why_run_fails(run.spec, settlement, settled.lost_in_a_row):
            log.error("run fails", run=run.run_id, why=why)
            try:
                await self._runs.fail(run.run_id, why)
            except Conflict as failure:
                log.info("the run had ended", run=run.run_id, error=failure.detail)
