"""The run's groups in hand: what the stream gave, what was trained on and may be needed again, the journal.

A group's entry stays unacknowledged until every checkpoint holds what it taught:

    stream --read, take_over--> waiting --trained--> kept --covered by the checkpoints--> acknowledged
                                   '------------dropped----------------------------------> acknowledged

So a trainer that dies gets back exactly the groups that its checkpoint does not know, and the journal says in
which batches it had put them. What the journal names has no time to live: its record and its samples are deleted
once the checkpoints cover it, however long that takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from redis.asyncio import Redis

from rlvr.core.policy import PolicySpan
from rlvr.core.streams import Consumer, Entry, keys
from rlvr.core.telemetry import get_logger
from rlvr.trainer.wire import spans
from rlvr.v1 import trace_pb2

log = get_logger("inbox")

_ALL = 1_000_000
"""More than a run can have in flight."""


@dataclass(frozen=True, slots=True)
class HeldGroup:
    """A complete group and the stream entry that it came in."""

    entry: Entry
    message: trace_pb2.GroupEntry


class Inbox:
    """One run's groups. For the holder of the run's lease only: nobody else reads its stream."""

    def __init__(self, redis: Redis, run_id: str, consumer: str) -> None:
        self.waiting: dict[str, HeldGroup] = {}
        """By group id: to be trained on."""
        self.kept: dict[str, HeldGroup] = {}
        """By group id: trained on, and not in every checkpoint yet."""
        self._redis = redis
        self._run_id = run_id
        self._consumer = Consumer(redis, keys.groups(run_id), consumer)

    async def take_over(self, step: int) -> None:
        """Take all that was handed out before, to whomever, and put it where it belongs when every checkpoint holds
        the first `step` steps."""
        await self._consumer.ensure_group()
        held = await self._parse(await self._consumer.claim(_ALL, min_idle_ms=0))
        pipe = self._redis.pipeline(transaction=False)
        for group_id in held:
            pipe.hmget(keys.group(group_id), "state", "step")
        records: list[Any] = await pipe.execute() if held else []
        done: dict[str, HeldGroup] = {}
        for (group_id, group), (state, trained_in) in zip(held.items(), records, strict=True):
            if state == b"ready":
                self.waiting[group_id] = group
            elif state == b"trained" and int(trained_in) >= step:
                self.kept[group_id] = group
            else:
                done[group_id] = group
        await self._let_go(done)

    async def read(self, wait_ms: int) -> None:
        """Take new groups, waiting for the first."""
        self.waiting |= await self._parse(await self._consumer.read(_ALL, wait_ms))

    def spans(self) -> dict[str, Sequence[PolicySpan]]:
        """Group id -> spans of its traces, of the groups that wait."""
        return {group_id: spans(group.message) for group_id, group in self.waiting.items()}

    def find(self, group_ids: Iterable[str]) -> list[trace_pb2.GroupEntry] | None:
        """These groups in this order, waiting or kept; None unless all are in hand."""
        held = [self.waiting.get(group_id) or self.kept.get(group_id) for group_id in group_ids]
        found = [group.message for group in held if group is not None]
        return found if len(found) == len(held) else None

    async def sampled(self, group_ids: Sequence[str]) -> dict[str, trace_pb2.SampledGroup]:
        """What was sampled for these groups; what is gone or cannot be read is left out."""
        values: Any = await self._redis.mget([keys.sampled(group_id) for group_id in group_ids])
        found = {}
        for group_id, value in zip(group_ids, values, strict=True):
            if value is None:
                log.error("the samples of a group are gone", group=group_id)
                continue
            try:
                found[group_id] = trace_pb2.SampledGroup.FromString(value)
            except DecodeError as failure:
                log.error("the samples of a group cannot be read", group=group_id, error=str(failure))
        return found

    def mark_trained(self, group_ids: Iterable[str]) -> None:
        """Keep groups that are in the weights by now."""
        for group_id in group_ids:
            if group_id in self.waiting:
                self.kept[group_id] = self.waiting.pop(group_id)

    async def release(self, group_ids: Iterable[str]) -> None:
        """Acknowledge groups that were dropped or that the checkpoints cover, and delete what is left of them."""
        await self._let_go({i: self.waiting.pop(i, None) or self.kept.pop(i, None) for i in group_ids})

    async def _let_go(self, groups: Mapping[str, HeldGroup | None]) -> None:
        if groups:
            await self._consumer.discard([group.entry for group in groups.values() if group is not None])
            await self._redis.unlink(*(key for i in groups for key in (keys.sampled(i), keys.group(i))))

    async def journalled(self, step: int) -> list[str] | None:
        """The group ids of a step's batch, if it was chosen before."""
        value: Any = await self._redis.hget(keys.journal(self._run_id), str(step))
        return None if value is None else json.loads(value)

    async def journal(self, step: int, group_ids: Sequence[str]) -> None:
        """Write down a step's batch before it is trained on; from now on it does not expire."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(keys.journal(self._run_id), str(step), json.dumps(list(group_ids)))
        for group_id in group_ids:
            pipe.persist(keys.sampled(group_id))
        await pipe.execute()

    async def forget(self, covered: int) -> None:
        """Let go of the steps before `covered`: their groups first, so that a kill in between is made up for."""
        journal: Any = await self._redis.hgetall(keys.journal(self._run_id))
        steps = [step for step in journal if int(step) < covered]
        await self.release(group_id for step in steps for group_id in json.loads(journal[step]))
        if steps:
            await self._redis.hdel(keys.journal(self._run_id), *steps)

    async def _parse(self, entries: Sequence[Entry]) -> dict[str, HeldGroup]:
        """Entries by group id. One that cannot be read is nobody's work: it goes to the dead letters."""
        held = {}
        for entry in entries:
            try:
                message = trace_pb2.GroupEntry.FromString(entry.payload)
                spans(message)
            except (DecodeError, ValueError) as failure:
                log.error("group entry cannot be read", entry=entry.id, error=str(failure))
                await self._consumer.bury(entry, f"cannot be read: {failure}", [])
                continue
            held[message.group_id] = HeldGroup(entry, message)
        return held
